// SPDX-License-Identifier: Apache-2.0
//
// The rules of tags, for CreateTable and the three operations on tags. Pure
// functions.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table.pb.h"

namespace pallet::service {

// Keys of 1..128 and values of 0..256 characters, of the kinds a tag may have;
// no key twice.
absl::Status CheckTags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags);

// Adds or overwrites. Refused beyond 50. REQUIRES: CheckTags took them.
absl::Status AddTags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags,
                     storage::v1::TableRecord* record);

}  // namespace pallet::service
