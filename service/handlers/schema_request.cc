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

// Of a table or of a local index.
constexpr int kMaxElements = 2;

void CheckKeySchema(const KeyElements& elements, int max_elements,
                    const std::string& path, Constraints* constraints) {
  if (elements.empty()) {
    constraints->Violated("[]", path, "have length greater than or equal to 1");
  } else if (max_elements > 0 && elements.size() > max_elements) {
    constraints->Violated(
        absl::StrCat("[", NamesOf(elements), "]"), path,
        absl::StrCat("have length less than or equal to ", max_elements));
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

// The catalog's enums have the same numbers (table_description.cc).
model::ScalarType TypeOf(int type) {
  switch (type) {
    case v1::SCALAR_ATTRIBUTE_TYPE_N:
      return model::ScalarType::kNumber;
    case v1::SCALAR_ATTRIBUTE_TYPE_B:
      return model::ScalarType::kBinary;
    default:
      return model::ScalarType::kString;
  }
}

model::KeyRole RoleOf(int type) {
  return type == v1::KEY_TYPE_HASH ? model::KeyRole::kHash
                                   : model::KeyRole::kRange;
}

std::optional<model::ProjectionKind> KindOf(int type) {
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

std::vector<model::KeySchemaElement> ElementsOf(const KeyElements& elements) {
  std::vector<model::KeySchemaElement> out;
  for (const v1::KeySchemaElement& each : elements) {
    out.push_back({each.attribute_name(), RoleOf(each.key_type())});
  }
  return out;
}

std::vector<model::KeySchemaElement> ElementsOf(
    const RepeatedPtrField<storage::v1::KeyElementRecord>& elements) {
  std::vector<model::KeySchemaElement> out;
  for (const auto& each : elements) {
    out.push_back({each.name(), RoleOf(each.role())});
  }
  return out;
}

model::IndexDefinition DefinitionOf(const IndexMembers& index) {
  return {*index.name,
          ElementsOf(*index.key),
          KindOf(index.projection->projection_type()),
          {index.projection->non_key_attributes().begin(),
           index.projection->non_key_attributes().end()}};
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

void CheckIndexName(const std::string* name, const std::string& path,
                    Constraints* constraints) {
  CheckPresent(name != nullptr, path + "indexName", constraints);
  if (name != nullptr) CheckName(*name, path + "indexName", constraints);
}

void CheckIndexMembers(const IndexMembers& index, int max_key_elements,
                       const std::string& path, Constraints* constraints) {
  CheckIndexName(index.name, path, constraints);
  CheckKeySchema(*index.key, max_key_elements, path + "keySchema", constraints);
  CheckPresent(index.projection != nullptr, path + "projection", constraints);
  if (index.projection == nullptr) return;
  CheckProjection(*index.projection, path + "projection", constraints);
}

void CheckSchemaMembers(const v1::CreateTableRequest& request,
                        Constraints* constraints) {
  CheckAttributeDefinitions(request.attribute_definitions(), constraints);
  CheckKeySchema(request.key_schema(), kMaxElements, "keySchema", constraints);
  const auto& indexes = request.local_secondary_indexes();
  for (int i = 0; i < indexes.size(); ++i) {
    CheckIndexMembers(MembersOf(indexes[i]), kMaxElements,
                      "localSecondaryIndexes" + Step(i), constraints);
  }
}

model::TableSchemaDefinition DefinitionOf(
    const v1::CreateTableRequest& request) {
  model::TableSchemaDefinition definition;
  for (const auto& each : request.attribute_definitions()) {
    definition.attributes.push_back(
        {each.attribute_name(), TypeOf(each.attribute_type())});
  }
  definition.key = ElementsOf(request.key_schema());
  for (const auto& each : request.local_secondary_indexes()) {
    definition.local_indexes.push_back(DefinitionOf(MembersOf(each)));
  }
  for (const auto& each : request.global_secondary_indexes()) {
    definition.global_indexes.push_back(DefinitionOf(MembersOf(each)));
  }
  return definition;
}

model::TableSchemaDefinition DefinitionOf(
    const storage::v1::TableRecord& record) {
  model::TableSchemaDefinition definition;
  for (const auto& each : record.attribute_definitions()) {
    definition.attributes.push_back({each.name(), TypeOf(each.type())});
  }
  definition.key = ElementsOf(record.key_schema());
  for (const auto& each : record.local_indexes()) {
    definition.local_indexes.push_back(
        {each.name(),
         {definition.key[0], {each.sort_attribute(), model::KeyRole::kRange}},
         KindOf(each.projection()),
         {each.non_key_attributes().begin(), each.non_key_attributes().end()}});
  }
  for (const auto& each : record.global_indexes()) {
    definition.global_indexes.push_back(
        {each.name(),
         ElementsOf(each.key_schema()),
         KindOf(each.projection()),
         {each.non_key_attributes().begin(), each.non_key_attributes().end()}});
  }
  return definition;
}

storage::v1::GlobalIndexRecord RecordOf(const IndexMembers& index) {
  storage::v1::GlobalIndexRecord record;
  record.set_name(*index.name);
  for (const v1::KeySchemaElement& each : *index.key) {
    auto* element = record.add_key_schema();
    element->set_name(each.attribute_name());
    element->set_role(static_cast<storage::v1::KeyRole>(each.key_type()));
  }
  record.set_projection(static_cast<storage::v1::IndexProjection>(
      index.projection->projection_type()));
  *record.mutable_non_key_attributes() = index.projection->non_key_attributes();
  return record;
}

}  // namespace pallet::service
