// SPDX-License-Identifier: Apache-2.0
//
// A table as PartitionHost::CreateTable takes it: a string partition key "pk"
// and, if asked for, a string sort key "sk" and local indexes "index-<n>" by
// strings "by<n>". Global indexes are put to it afterwards.
#pragma once

#include <string>
#include <vector>

#include "pallet/storage/v1/catalog.pb.h"

namespace pallet::testing {

inline storage::v1::TableRecord TableDefinition(const std::string& name,
                                                bool with_sort_key = true,
                                                int local_indexes = 0) {
  storage::v1::TableRecord table;
  table.set_name(name);
  const auto add = [&table](const char* attribute, storage::v1::KeyRole role) {
    auto* definition = table.add_attribute_definitions();
    definition->set_name(attribute);
    definition->set_type(storage::v1::SCALAR_TYPE_STRING);
    auto* element = table.add_key_schema();
    element->set_name(attribute);
    element->set_role(role);
  };
  add("pk", storage::v1::KEY_ROLE_PARTITION);
  if (with_sort_key) add("sk", storage::v1::KEY_ROLE_SORT);
  for (int i = 0; i < local_indexes; ++i) {
    const std::string attribute = "by" + std::to_string(i);
    auto* definition = table.add_attribute_definitions();
    definition->set_name(attribute);
    definition->set_type(storage::v1::SCALAR_TYPE_STRING);
    auto* index = table.add_local_indexes();
    index->set_name("index-" + std::to_string(i));
    index->set_sort_attribute(attribute);
    index->set_projection(storage::v1::INDEX_PROJECTION_ALL);
  }
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  return table;
}

// A global index of strings: by the first attribute, sorted by the others. With
// KEYS_ONLY.
inline void AddGlobalIndex(const std::string& name,
                           const std::vector<std::string>& attributes,
                           storage::v1::TableRecord* table) {
  auto* index = table->add_global_indexes();
  index->set_name(name);
  index->set_projection(storage::v1::INDEX_PROJECTION_KEYS_ONLY);
  for (const std::string& attribute : attributes) {
    auto* element = index->add_key_schema();
    element->set_name(attribute);
    element->set_role(index->key_schema_size() == 1
                          ? storage::v1::KEY_ROLE_PARTITION
                          : storage::v1::KEY_ROLE_SORT);
    bool known = false;
    for (const auto& definition : table->attribute_definitions()) {
      known = known || definition.name() == attribute;
    }
    if (known) continue;
    auto* definition = table->add_attribute_definitions();
    definition->set_name(attribute);
    definition->set_type(storage::v1::SCALAR_TYPE_STRING);
  }
}

inline void DropGlobalIndex(const std::string& name,
                            storage::v1::TableRecord* table) {
  auto& indexes = *table->mutable_global_indexes();
  for (int i = 0; i < indexes.size(); ++i) {
    if (indexes[i].name() == name) return indexes.DeleteSubrange(i, 1);
  }
}

}  // namespace pallet::testing
