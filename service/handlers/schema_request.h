// SPDX-License-Identifier: Apache-2.0
//
// What requests say of keys and indexes: constraints of the members, and their
// translation into the model's words. Pure functions.
#pragma once

#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "model/constraints.h"
#include "model/schema.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service {

void CheckAttributeDefinitions(const google::protobuf::RepeatedPtrField<
                                   v1::AttributeDefinition>& definitions,
                               model::Constraints* constraints);

// What an index of a CreateTable or UpdateTable request has, whatever kind it
// is. Borrows from the request.
struct IndexMembers {
  const std::string* name = nullptr;  // null: not given
  const google::protobuf::RepeatedPtrField<v1::KeySchemaElement>* key = nullptr;
  const v1::Projection* projection = nullptr;  // null: not given
};

template <typename Index>
IndexMembers MembersOf(const Index& index) {
  return {index.has_index_name() ? &index.index_name() : nullptr,
          &index.key_schema(),
          index.has_projection() ? &index.projection() : nullptr};
}

// `path` ends before "indexName". Null: not given.
void CheckIndexName(const std::string* name, const std::string& path,
                    model::Constraints* constraints);
// The key may have `max_key_elements`; 0: the schema will see to it.
void CheckIndexMembers(const IndexMembers& index, int max_key_elements,
                       const std::string& path,
                       model::Constraints* constraints);

// Attribute definitions, key schema and local indexes.
void CheckSchemaMembers(const v1::CreateTableRequest& request,
                        model::Constraints* constraints);

// What the request asks for. REQUIRES: nothing was found in its members.
model::TableSchemaDefinition DefinitionOf(
    const v1::CreateTableRequest& request);
// The same of a record. REQUIRES: what is new in it was checked.
model::TableSchemaDefinition DefinitionOf(
    const storage::v1::TableRecord& record);

// The record of a global index of the request.
storage::v1::GlobalIndexRecord RecordOf(const IndexMembers& index);

}  // namespace pallet::service
