// SPDX-License-Identifier: Apache-2.0
//
// Writing response messages by hand where they hold items: a message may be
// put together from its encoded fields, in any order, so stored item bytes are
// spliced in as they are and the rest is serialized behind them.
//
//   AppendField(1, item_bytes, &reply);      // repeated Item items = 1
//   AppendMessage(rest, &reply);             // every other field
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "base/check.h"
#include "google/protobuf/message_lite.h"

namespace pallet {

namespace wire::v1 {}

namespace service {

namespace wire = ::pallet::wire::v1;  // items as bytes
// The public contract is pallet::v1; table requests have no items and no twin.

// A length-delimited field: bytes, string or message.
inline void AppendField(uint32_t number, absl::string_view bytes,
                        std::string* out) {
  AppendVarint(out, number << 3 | 2);
  AppendBytes(out, bytes);
}

// How many bytes AppendField takes.
inline size_t FieldBytes(uint32_t number, size_t size) {
  return VarintBytes(number << 3) + VarintBytes(size) + size;
}

// An entry of a map<string, some message>.
inline void AppendMapEntry(uint32_t number, absl::string_view key,
                           absl::string_view message, std::string* out) {
  AppendVarint(out, number << 3 | 2);
  AppendVarint(out, FieldBytes(1, key.size()) + FieldBytes(2, message.size()));
  AppendField(1, key, out);
  AppendField(2, message, out);
}

inline void AppendMessage(const google::protobuf::MessageLite& message,
                          std::string* out) {
  CHECK(message.AppendToString(out));
}

}  // namespace service
}  // namespace pallet
