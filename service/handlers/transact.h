// SPDX-License-Identifier: Apache-2.0
//
// What TransactWriteItems and TransactGetItems share.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "google/protobuf/repeated_field.h"
#include "model/constraints.h"
#include "model/item_view.h"
#include "model/key.h"
#include "pallet/wire/v1/item_types.pb.h"
#include "service/capacity.h"

namespace pallet::service {

inline constexpr int kMaxTransactActions = 100;
// Of what the request holds: items, keys, expressions and their values.
inline constexpr size_t kMaxTransactBytes = size_t{4} << 20;

// Between one and a hundred.
absl::Status CheckTransactCount(int actions);

absl::Status CheckTransactBytes(size_t bytes);

absl::Status SameItemTwice();

// Whether the attributes that a key needs are there and of their types; of a
// key item also whether there are no others. What their values are is another
// question.
bool FitsKeySchema(const model::KeySchema& schema, model::ItemView item,
                   bool is_key_item);

enum class TransactKind { kRead, kWrite };

// By the tables' names, as the request has them.
void FillTransactCapacity(
    wire::v1::ReturnConsumedCapacity mode, TransactKind kind,
    const std::map<std::string, UnitsByArm>& units,
    google::protobuf::RepeatedPtrField<wire::v1::ConsumedCapacity>* reports);

// Of what a request asks for: the same for equal messages, whatever the order of
// the entries in their maps.
std::string FingerprintOf(const google::protobuf::MessageLite& request);

}  // namespace pallet::service
