// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <algorithm>
#include <vector>

#include "absl/algorithm/container.h"
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

template <typename Named>
void CheckAttributeNames(absl::Span<const Named> named, absl::string_view path,
                         Constraints* constraints) {
  for (size_t i = 0; i < named.size(); ++i) {
    constraints->CheckLength(
        named[i].name, absl::StrCat(path, ".", i + 1, ".member.attributeName"),
        1, kMaxKeyAttributeNameBytes);
  }
}

const AttributeDefinition* FindDefinition(
    absl::Span<const AttributeDefinition> definitions, absl::string_view name) {
  const auto found = absl::c_find_if(
      definitions, [&](const auto& each) { return each.name == name; });
  return found == definitions.end() ? nullptr : &*found;
}

absl::Status CheckElements(absl::Span<const AttributeDefinition> definitions,
                           absl::Span<const KeySchemaElement> elements) {
  if (elements.size() > definitions.size()) {
    return ValidationError(
        "Invalid KeySchema: Some index key attribute have no definition");
  }
  for (const KeySchemaElement& element : elements) {
    if (FindDefinition(definitions, element.name) != nullptr) continue;
    return ValidationError(absl::StrCat(
        kInvalid,
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
  if (elements.size() != definitions.size()) {
    return ValidationError(absl::StrCat(
        kInvalid,
        "Number of attributes in KeySchema does not exactly match number of "
        "attributes defined in AttributeDefinitions"));
  }
  return absl::OkStatus();
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

absl::StatusOr<KeySchema> MakeKeySchema(
    absl::Span<const AttributeDefinition> definitions,
    absl::Span<const KeySchemaElement> elements) {
  Constraints constraints;
  CheckAttributeNames(definitions, "attributeDefinitions", &constraints);
  if (elements.empty()) {
    constraints.Violated("[]", "keySchema",
                         "have length greater than or equal to 1");
  } else if (elements.size() > 2) {
    constraints.Violated(absl::StrCat("[", JoinNames(elements), "]"),
                         "keySchema", "have length less than or equal to 2");
  }
  CheckAttributeNames(elements, "keySchema", &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  RETURN_IF_ERROR(CheckElements(definitions, elements));

  const auto attribute = [&](const KeySchemaElement& element) {
    return KeyAttribute{element.name,
                        FindDefinition(definitions, element.name)->type};
  };
  KeySchema schema;
  schema.partition = attribute(elements[0]);
  if (elements.size() == 2) schema.sort = attribute(elements[1]);
  return schema;
}

}  // namespace pallet::model
