// SPDX-License-Identifier: Apache-2.0
//
// Items of tests as text protos: what is sent, what is stored, what is read.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "model/item_codec.h"
#include "pallet/v1/value.pb.h"

namespace pallet::testing {

// The bytes a client may send for
//   attributes { key: "a" value { s: "x" } }
inline std::string ItemWire(absl::string_view text) {
  v1::Item item;
  CHECK(google::protobuf::TextFormat::ParseFromString(std::string(text), &item))
      << text;
  return item.SerializeAsString();
}

// The same for one AttributeValue: s: "x"
inline std::string ValueWire(absl::string_view text) {
  v1::AttributeValue value;
  CHECK(
      google::protobuf::TextFormat::ParseFromString(std::string(text), &value))
      << text;
  return value.SerializeAsString();
}

inline std::string CanonicalItemBytes(absl::string_view text) {
  absl::StatusOr<model::CanonicalItem> item =
      model::CanonicalizeItem(ItemWire(text));
  CHECK(item.ok()) << text << ": " << item.status();
  return item->bytes;
}

inline std::string CanonicalValueBytes(absl::string_view text) {
  absl::StatusOr<std::string> value = model::CanonicalizeValue(ValueWire(text));
  CHECK(value.ok()) << text << ": " << value.status();
  return *value;
}

// One line: the message that these bytes encode.
inline std::string ItemText(absl::string_view bytes) {
  v1::Item item;
  CHECK(item.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return item.ShortDebugString();
}

}  // namespace pallet::testing
