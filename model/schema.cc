// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "model/constraints.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

constexpr absl::string_view kInvalid =
    "One or more parameter values were invalid: ";

bool HasNameCharacters(absl::string_view name) {
  return absl::c_all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '.' || c == '-';
  });
}

void CheckNamePattern(absl::string_view name, Constraints* constraints) {
  if (HasNameCharacters(name) && !name.empty()) return;
  constraints->Violated(name, "tableName",
                        "satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
}

absl::Status NameIsMissing() {
  return ValidationError(
      "The parameter 'TableName' is required but was not present in the "
      "request");
}

template <typename Named>
std::string JoinNames(absl::Span<const Named> named) {
  return absl::StrJoin(named, ", ", [](std::string* out, const Named& each) {
    absl::StrAppend(out, each.name);
  });
}

const AttributeDefinition* FindDefinition(
    absl::Span<const AttributeDefinition> definitions, absl::string_view name) {
  const auto found = absl::c_find_if(
      definitions, [&](const auto& each) { return each.name == name; });
  return found == definitions.end() ? nullptr : &*found;
}

absl::Status Invalid(absl::string_view what) {
  return ValidationError(absl::StrCat(kInvalid, what));
}

absl::Status CheckDefinitions(
    absl::Span<const AttributeDefinition> definitions) {
  absl::flat_hash_set<absl::string_view> seen;
  for (const AttributeDefinition& each : definitions) {
    if (seen.insert(each.name).second) continue;
    return ValidationError(
        absl::StrCat("Attribute Name is duplicated: ", each.name));
  }
  return absl::OkStatus();
}

// What a key of a table or of an index must keep to by itself.
absl::Status CheckElements(absl::Span<const AttributeDefinition> definitions,
                           absl::Span<const KeySchemaElement> elements) {
  if (elements.size() > definitions.size()) {
    return ValidationError(
        "Invalid KeySchema: Some index key attribute have no definition");
  }
  for (const KeySchemaElement& element : elements) {
    if (FindDefinition(definitions, element.name) != nullptr) continue;
    return Invalid(absl::StrCat(
        "Some index key attributes are not defined in AttributeDefinitions. "
        "Keys: [",
        JoinNames(elements), "], AttributeDefinitions: [",
        JoinNames(definitions), "]"));
  }
  if (elements.size() == 2 && elements[0].name == elements[1].name) {
    return ValidationError(
        "Both the Hash Key and the Range Key element in the KeySchema have the "
        "same name");
  }
  if (elements[0].role != KeyRole::kHash) {
    return ValidationError(
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  if (elements.size() == 2 && elements[1].role != KeyRole::kRange) {
    return ValidationError(
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key "
        "type");
  }
  return absl::OkStatus();
}

// REQUIRES: CheckElements took them.
KeySchema MakeKeySchema(absl::Span<const AttributeDefinition> definitions,
                        absl::Span<const KeySchemaElement> elements) {
  const auto attribute = [&](const KeySchemaElement& element) {
    return KeyAttribute{element.name,
                        FindDefinition(definitions, element.name)->type};
  };
  KeySchema schema;
  schema.partition = attribute(elements[0]);
  if (elements.size() == 2) schema.sort = attribute(elements[1]);
  return schema;
}

absl::string_view NameOf(ProjectionKind kind) {
  switch (kind) {
    case ProjectionKind::kAll:
      return "ALL";
    case ProjectionKind::kKeysOnly:
      return "KEYS_ONLY";
    case ProjectionKind::kInclude:
      return "INCLUDE";
  }
  return "";
}

absl::StatusOr<Projection> MakeProjection(const LocalIndexDefinition& index) {
  if (!index.projection.has_value()) {
    return Invalid("Unknown ProjectionType: null");
  }
  const bool include = *index.projection == ProjectionKind::kInclude;
  if (include == index.non_key_attributes.empty()) {
    return Invalid(absl::StrCat("ProjectionType is ", NameOf(*index.projection),
                                ", but NonKeyAttributes is ",
                                include ? "not " : "", "specified"));
  }
  return Projection{*index.projection, index.non_key_attributes};
}

absl::StatusOr<LocalIndex> MakeLocalIndex(
    absl::Span<const AttributeDefinition> definitions,
    const KeySchema& table_key, const LocalIndexDefinition& index) {
  RETURN_IF_ERROR(CheckElements(definitions, index.key));
  if (index.key.size() != 2) {
    return Invalid(absl::StrCat(
        "Index KeySchema does not have a range key for index: ", index.name));
  }
  if (index.key[0].name != table_key.partition.name) {
    return Invalid(absl::StrCat(
        "Index KeySchema does not have the same leading hash key as table "
        "KeySchema for index: ",
        index.name, ". index hash key: ", index.key[0].name,
        ", table hash key: ", table_key.partition.name));
  }
  ASSIGN_OR_RETURN(Projection projection, MakeProjection(index));
  return LocalIndex(index.name, MakeKeySchema(definitions, index.key),
                    table_key, std::move(projection));
}

absl::Status AddLocalIndexes(absl::Span<const AttributeDefinition> definitions,
                             absl::Span<const LocalIndexDefinition> indexes,
                             TableSchema* schema) {
  if (indexes.empty()) return absl::OkStatus();
  if (!schema->key.sort.has_value()) {
    return Invalid(
        "Table KeySchema does not have a range key, which is required when "
        "specifying a LocalSecondaryIndex");
  }
  absl::flat_hash_set<absl::string_view> names;
  size_t projected = 0;
  for (const LocalIndexDefinition& each : indexes) {
    ASSIGN_OR_RETURN(LocalIndex index,
                     MakeLocalIndex(definitions, schema->key, each));
    if (!names.insert(each.name).second) {
      return Invalid(absl::StrCat("Duplicate index name: ", each.name));
    }
    projected += each.non_key_attributes.size();
    schema->local_indexes.push_back(std::move(index));
  }
  if (indexes.size() > kMaxLocalIndexes) {
    return Invalid(
        absl::StrCat("Number of LocalSecondaryIndexes exceeds per-table limit "
                     "of ",
                     kMaxLocalIndexes));
  }
  if (projected <= kMaxProjectedAttributes) return absl::OkStatus();
  return Invalid(
      absl::StrCat("Number of NonKeyAttributes of all indexes exceeds "
                   "per-table limit of ",
                   kMaxProjectedAttributes));
}

// Nothing is defined that no key names. REQUIRES: what keys name is defined.
absl::Status CheckAllUsed(absl::Span<const AttributeDefinition> definitions,
                          const TableSchema& schema) {
  std::vector<absl::string_view> used = {schema.key.partition.name};
  const auto use = [&](const KeyAttribute& attribute) {
    if (!absl::c_linear_search(used, attribute.name)) {
      used.push_back(attribute.name);
    }
  };
  if (schema.key.sort.has_value()) use(*schema.key.sort);
  for (const LocalIndex& index : schema.local_indexes) use(*index.key().sort);
  if (used.size() == definitions.size()) return absl::OkStatus();
  if (schema.local_indexes.empty()) {
    return Invalid(
        "Number of attributes in KeySchema does not exactly match number of "
        "attributes defined in AttributeDefinitions");
  }
  return Invalid(absl::StrCat(
      "Some AttributeDefinitions are not used. AttributeDefinitions: [",
      JoinNames(definitions), "], keys used: [", absl::StrJoin(used, ", "),
      "]"));
}

}  // namespace

absl::Status CheckNewTableName(absl::string_view name) {
  if (name.empty()) return NameIsMissing();
  Constraints constraints;
  CheckNamePattern(name, &constraints);
  constraints.CheckLength(name, "tableName", kMinTableNameBytes,
                          kMaxTableNameBytes);
  return constraints.ToStatus();
}

absl::Status CheckTableName(absl::string_view name) {
  if (name.empty()) return NameIsMissing();
  if (name.size() < kMinTableNameBytes || name.size() > kMaxTableNameBytes) {
    return ValidationError(
        "TableName must be at least 3 characters long and at most 255 "
        "characters long");
  }
  Constraints constraints;
  CheckNamePattern(name, &constraints);
  return constraints.ToStatus();
}

absl::StatusOr<std::string> TableNameOf(absl::string_view name_or_arn) {
  Constraints constraints;
  constraints.CheckLength(name_or_arn, "tableName", 1, kMaxTableArnBytes);
  RETURN_IF_ERROR(constraints.ToStatus());
  if (!absl::StartsWith(name_or_arn, "arn:")) {
    CheckNamePattern(name_or_arn, &constraints);
    RETURN_IF_ERROR(constraints.ToStatus());
    return std::string(name_or_arn);
  }
  // arn : aws : dynamodb : region : account : table/name
  const std::vector<absl::string_view> parts = absl::StrSplit(name_or_arn, ':');
  constexpr absl::string_view kTable = "table/";
  if (parts.size() == 6 && absl::StartsWith(parts[1], "aws") &&
      parts[2] == "dynamodb" && absl::StartsWith(parts[5], kTable)) {
    const absl::string_view name = parts[5].substr(kTable.size());
    if (CheckNewTableName(name).ok()) return std::string(name);
  }
  return ValidationError(absl::StrCat(
      "Invalid TableArn: Invalid ResourceArn provided as input ", name_or_arn));
}

absl::StatusOr<TableSchema> MakeTableSchema(
    absl::Span<const AttributeDefinition> definitions,
    absl::Span<const KeySchemaElement> key,
    absl::Span<const LocalIndexDefinition> local_indexes) {
  RETURN_IF_ERROR(CheckDefinitions(definitions));
  RETURN_IF_ERROR(CheckElements(definitions, key));
  TableSchema schema;
  schema.key = MakeKeySchema(definitions, key);
  RETURN_IF_ERROR(AddLocalIndexes(definitions, local_indexes, &schema));
  RETURN_IF_ERROR(CheckAllUsed(definitions, schema));
  return schema;
}

}  // namespace pallet::model
