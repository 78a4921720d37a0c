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
#include "absl/types/span.h"
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

// What any key must keep to.
absl::Status CheckDefined(absl::Span<const AttributeDefinition> definitions,
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
  return absl::OkStatus();
}

// What a key of a table or of a local index must keep to by itself.
absl::Status CheckElements(absl::Span<const AttributeDefinition> definitions,
                           absl::Span<const KeySchemaElement> elements) {
  RETURN_IF_ERROR(CheckDefined(definitions, elements));
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

// The same of a global index.
absl::Status CheckGlobalElements(
    absl::Span<const AttributeDefinition> definitions,
    absl::Span<const KeySchemaElement> elements) {
  RETURN_IF_ERROR(CheckDefined(definitions, elements));
  absl::flat_hash_set<absl::string_view> names;
  for (const KeySchemaElement& element : elements) {
    if (names.insert(element.name).second) continue;
    return ValidationError(
        elements.size() == 2
            ? "Both the Hash Key and the Range Key element in the KeySchema "
              "have the same name"
            : "The KeySchema contains multiple key attributes with the same "
              "name");
  }
  if (elements[0].role != KeyRole::kHash) {
    return ValidationError(
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  const auto is_hash = [](const auto& each) {
    return each.role == KeyRole::kHash;
  };
  const auto hashes = static_cast<size_t>(absl::c_count_if(elements, is_hash));
  if (!std::all_of(elements.begin(), elements.begin() + hashes, is_hash)) {
    return Invalid(
        "All HASH key attributes must precede RANGE key attributes in the "
        "KeySchema");
  }
  constexpr absl::string_view kTooMany =
      "The KeySchema exceeds the maximum allowed number of ";
  if (hashes > kMaxIndexPartitionAttributes) {
    return Invalid(absl::StrCat(kTooMany, "HASH key attributes"));
  }
  if (elements.size() - hashes > kMaxIndexSortAttributes) {
    return Invalid(absl::StrCat(kTooMany, "RANGE key attributes"));
  }
  return absl::OkStatus();
}

// REQUIRES: it is defined.
KeyAttribute AttributeOf(absl::Span<const AttributeDefinition> definitions,
                         const KeySchemaElement& element) {
  return {element.name, FindDefinition(definitions, element.name)->type};
}

// REQUIRES: CheckElements took them.
KeySchema MakeKeySchema(absl::Span<const AttributeDefinition> definitions,
                        absl::Span<const KeySchemaElement> elements) {
  KeySchema schema;
  schema.partition = AttributeOf(definitions, elements[0]);
  if (elements.size() == 2) schema.sort = AttributeOf(definitions, elements[1]);
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

absl::StatusOr<Projection> MakeProjection(const IndexDefinition& index) {
  if (!index.projection.has_value()) {
    return Invalid("Unknown ProjectionType: null");
  }
  const bool include = *index.projection == ProjectionKind::kInclude;
  if (include == index.non_key_attributes.empty()) {
    return Invalid(absl::StrCat("ProjectionType is ", NameOf(*index.projection),
                                ", but NonKeyAttributes is ",
                                include ? "not " : "", "specified"));
  }
  absl::flat_hash_set<absl::string_view> names;
  for (const std::string& name : index.non_key_attributes) {
    if (names.insert(name).second) continue;
    return Invalid(
        absl::StrCat("Duplicate element in NonKeyAttributes: ", name));
  }
  return Projection{*index.projection, index.non_key_attributes};
}

absl::StatusOr<LocalIndex> MakeLocalIndex(
    absl::Span<const AttributeDefinition> definitions,
    const KeySchema& table_key, const IndexDefinition& index) {
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

absl::StatusOr<GlobalIndex> MakeGlobalIndex(
    absl::Span<const AttributeDefinition> definitions,
    const KeySchema& table_key, const IndexDefinition& index) {
  RETURN_IF_ERROR(CheckGlobalElements(definitions, index.key));
  ASSIGN_OR_RETURN(Projection projection, MakeProjection(index));
  IndexKeySchema key;
  for (const KeySchemaElement& each : index.key) {
    auto& part = each.role == KeyRole::kHash ? key.partition : key.sort;
    part.push_back(AttributeOf(definitions, each));
  }
  return GlobalIndex(index.name, std::move(key), table_key,
                     std::move(projection));
}

absl::Status AddLocalIndexes(const TableSchemaDefinition& definition,
                             TableSchema* schema) {
  if (definition.local_indexes.empty()) return absl::OkStatus();
  if (!schema->key.sort.has_value()) {
    return Invalid(
        "Table KeySchema does not have a range key, which is required when "
        "specifying a LocalSecondaryIndex");
  }
  for (const IndexDefinition& each : definition.local_indexes) {
    ASSIGN_OR_RETURN(LocalIndex index,
                     MakeLocalIndex(definition.attributes, schema->key, each));
    schema->local_indexes.push_back(std::move(index));
  }
  if (schema->local_indexes.size() <= kMaxLocalIndexes) return absl::OkStatus();
  return Invalid(
      absl::StrCat("Number of LocalSecondaryIndexes exceeds per-table limit "
                   "of ",
                   kMaxLocalIndexes));
}

absl::Status AddGlobalIndexes(const TableSchemaDefinition& definition,
                              TableSchema* schema) {
  for (const IndexDefinition& each : definition.global_indexes) {
    ASSIGN_OR_RETURN(GlobalIndex index,
                     MakeGlobalIndex(definition.attributes, schema->key, each));
    schema->global_indexes.push_back(std::move(index));
  }
  if (schema->global_indexes.size() <= definition.max_global_indexes) {
    return absl::OkStatus();
  }
  return Invalid(
      absl::StrCat("GlobalSecondaryIndex count exceeds the per-table limit "
                   "of ",
                   definition.max_global_indexes));
}

// What holds for all indexes together.
absl::Status CheckIndexes(const TableSchemaDefinition& definition) {
  absl::flat_hash_set<absl::string_view> names;
  size_t projected = 0;
  for (const auto* indexes :
       {&definition.local_indexes, &definition.global_indexes}) {
    for (const IndexDefinition& each : *indexes) {
      if (!names.insert(each.name).second) {
        return Invalid(absl::StrCat("Duplicate index name: ", each.name));
      }
      projected += each.non_key_attributes.size();
    }
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
  for (const GlobalIndex& index : schema.global_indexes) {
    for (const KeyAttribute& each : index.key().partition) use(each);
    for (const KeyAttribute& each : index.key().sort) use(each);
  }
  if (used.size() == definitions.size()) return absl::OkStatus();
  if (schema.local_indexes.empty() && schema.global_indexes.empty()) {
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
    const TableSchemaDefinition& definition) {
  RETURN_IF_ERROR(CheckDefinitions(definition.attributes));
  RETURN_IF_ERROR(CheckElements(definition.attributes, definition.key));
  TableSchema schema;
  schema.key = MakeKeySchema(definition.attributes, definition.key);
  RETURN_IF_ERROR(AddLocalIndexes(definition, &schema));
  RETURN_IF_ERROR(AddGlobalIndexes(definition, &schema));
  RETURN_IF_ERROR(CheckIndexes(definition));
  RETURN_IF_ERROR(CheckAllUsed(definition.attributes, schema));
  return schema;
}

}  // namespace pallet::model
