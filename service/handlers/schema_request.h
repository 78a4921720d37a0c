// SPDX-License-Identifier: Apache-2.0
//
// What requests say of keys and indexes: constraints of the members, and their
// translation into the model's words. Pure functions.
#pragma once

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "model/constraints.h"
#include "model/schema.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service {

void CheckAttributeDefinitions(const google::protobuf::RepeatedPtrField<
                                   v1::AttributeDefinition>& definitions,
                               model::Constraints* constraints);

// Attribute definitions, key schema and local indexes.
void CheckSchemaMembers(const v1::CreateTableRequest& request,
                        model::Constraints* constraints);

// REQUIRES: CheckSchemaMembers found nothing.
absl::StatusOr<model::TableSchema> SchemaOf(
    const v1::CreateTableRequest& request);

}  // namespace pallet::service
