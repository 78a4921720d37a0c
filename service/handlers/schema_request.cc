// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/schema_request.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using google::protobuf::RepeatedPtrField;
using model::Constraints;

using KeyElements = RepeatedPtrField<v1::KeySchemaElement>;

// "1.member.": how a path goes on into a list.
std::string Step(int i) { return absl::StrCat(".", i + 1, ".member."); }

void CheckAttributeName(bool present, absl::string_view name,
                        const std::string& path, Constraints* constraints) {
  CheckPresent(present, path, constraints);
  if (!present) return;
  constraints->CheckLength(name, path, 1, model::kMaxKeyAttributeNameBytes);
}

std::string NamesOf(const KeyElements& elements) {
  return absl::StrJoin(elements, ", ", [](std::string* out, const auto& each) {
    absl::StrAppend(out, each.attribute_name());
  });
}

void CheckKeySchema(const KeyElements& elements, const std::string& path,
                    Constraints* constraints) {
  constexpr int kMaxElements = 2;
  if (elements.empty()) {
    constraints->Violated("[]", path, "have length greater than or equal to 1");
  } else if (elements.size() > kMaxElements) {
    constraints->Violated(absl::StrCat("[", NamesOf(elements), "]"), path,
                          "have length less than or equal to 2");
  }
  for (int i = 0; i < elements.size(); ++i) {
    const std::string element = path + Step(i);
    CheckAttributeName(elements[i].has_attribute_name(),
                       elements[i].attribute_name(), element + "attributeName",
                       constraints);
    CheckRequiredEnum(EnumRule::kKeyType, elements[i].key_type(),
                      element + "keyType", constraints);
  }
}

void CheckProjection(const v1::Projection& projection, const std::string& path,
                     Constraints* constraints) {
  CheckEnum(EnumRule::kProjectionType, projection.projection_type(),
            path + ".projectionType", constraints);
  const auto& names = projection.non_key_attributes();
  const std::string list = path + ".nonKeyAttributes";
  if (names.size() > int{model::kMaxNonKeyAttributes}) {
    constraints->Violated(absl::StrCat("[", absl::StrJoin(names, ", "), "]"),
                          list,
                          absl::StrCat("have length less than or equal to ",
                                       model::kMaxNonKeyAttributes));
  }
  for (int i = 0; i < names.size(); ++i) {
    constraints->CheckLength(names[i],
                             absl::StrCat(list, ".", i + 1, ".member"), 1,
                             model::kMaxKeyAttributeNameBytes);
  }
}

void CheckLocalIndex(const v1::LocalSecondaryIndex& index,
                     const std::string& path, Constraints* constraints) {
  CheckPresent(index.has_index_name(), path + "indexName", constraints);
  if (index.has_index_name()) {
    CheckName(index.index_name(), path + "indexName", constraints);
  }
  CheckKeySchema(index.key_schema(), path + "keySchema", constraints);
  CheckPresent(index.has_projection(), path + "projection", constraints);
  CheckProjection(index.projection(), path + "projection", constraints);
}

model::ScalarType TypeOf(v1::ScalarAttributeType type) {
  switch (type) {
    case v1::SCALAR_ATTRIBUTE_TYPE_N:
      return model::ScalarType::kNumber;
    case v1::SCALAR_ATTRIBUTE_TYPE_B:
      return model::ScalarType::kBinary;
    default:
      return model::ScalarType::kString;
  }
}

std::vector<model::KeySchemaElement> ElementsOf(const KeyElements& elements) {
  std::vector<model::KeySchemaElement> out;
  for (const v1::KeySchemaElement& each : elements) {
    out.push_back({each.attribute_name(), each.key_type() == v1::KEY_TYPE_HASH
                                              ? model::KeyRole::kHash
                                              : model::KeyRole::kRange});
  }
  return out;
}

std::optional<model::ProjectionKind> KindOf(v1::ProjectionType type) {
  switch (type) {
    case v1::PROJECTION_TYPE_ALL:
      return model::ProjectionKind::kAll;
    case v1::PROJECTION_TYPE_KEYS_ONLY:
      return model::ProjectionKind::kKeysOnly;
    case v1::PROJECTION_TYPE_INCLUDE:
      return model::ProjectionKind::kInclude;
    default:
      return std::nullopt;
  }
}

model::LocalIndexDefinition DefinitionOf(const v1::LocalSecondaryIndex& index) {
  const v1::Projection& projection = index.projection();
  model::LocalIndexDefinition definition;
  definition.name = index.index_name();
  definition.key = ElementsOf(index.key_schema());
  definition.projection = KindOf(projection.projection_type());
  definition.non_key_attributes.assign(projection.non_key_attributes().begin(),
                                       projection.non_key_attributes().end());
  return definition;
}

}  // namespace

void CheckAttributeDefinitions(
    const RepeatedPtrField<v1::AttributeDefinition>& definitions,
    Constraints* constraints) {
  for (int i = 0; i < definitions.size(); ++i) {
    const std::string path = "attributeDefinitions" + Step(i);
    CheckAttributeName(definitions[i].has_attribute_name(),
                       definitions[i].attribute_name(), path + "attributeName",
                       constraints);
    CheckRequiredEnum(EnumRule::kAttributeType, definitions[i].attribute_type(),
                      path + "attributeType", constraints);
  }
}

void CheckSchemaMembers(const v1::CreateTableRequest& request,
                        Constraints* constraints) {
  CheckAttributeDefinitions(request.attribute_definitions(), constraints);
  CheckKeySchema(request.key_schema(), "keySchema", constraints);
  const auto& indexes = request.local_secondary_indexes();
  for (int i = 0; i < indexes.size(); ++i) {
    CheckLocalIndex(indexes[i], "localSecondaryIndexes" + Step(i), constraints);
  }
}

absl::StatusOr<model::TableSchema> SchemaOf(
    const v1::CreateTableRequest& request) {
  std::vector<model::AttributeDefinition> definitions;
  for (const auto& each : request.attribute_definitions()) {
    definitions.push_back(
        {each.attribute_name(), TypeOf(each.attribute_type())});
  }
  std::vector<model::LocalIndexDefinition> indexes;
  for (const auto& each : request.local_secondary_indexes()) {
    indexes.push_back(DefinitionOf(each));
  }
  return model::MakeTableSchema(definitions, ElementsOf(request.key_schema()),
                                indexes);
}

}  // namespace pallet::service
