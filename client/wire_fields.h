// SPDX-License-Identifier: Apache-2.0
//
// Walks the fields of an encoded protobuf message without making objects, and
// writes fields, for the messages that are too frequent or too large to parse:
// frames of the pipeline, pages of items, error details.
//
//   for (WireFields fields(bytes); fields.Next();) {
//     if (fields.number() == 1) Use(fields.bytes());
//   }
//
// A malformed message ends the walk early and makes ok() false. Borrows the
// bytes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/bytes.h"

namespace pallet::internal {

class WireFields {
 public:
  explicit WireFields(absl::string_view message) : rest_(message) {}

  // Moves to the next field; false at the end or at malformed bytes.
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    uint64_t tag;
    ok_ = ConsumeVarint(&rest_, &tag) && tag >> 3 != 0 && ReadValue(tag & 7);
    number_ = static_cast<int>(tag >> 3);
    return ok_;
  }

  int number() const { return number_; }
  // The payload of a length-delimited field; empty for others.
  absl::string_view bytes() const { return bytes_; }
  // The value of a varint field; 0 for others.
  uint64_t varint() const { return varint_; }
  bool ok() const { return ok_; }

 private:
  bool ReadValue(int wire_type) {
    bytes_ = {};
    varint_ = 0;
    switch (wire_type) {
      case 0:
        return ConsumeVarint(&rest_, &varint_);
      case 1:
        return Skip(8);
      case 2:
        return ConsumeBytes(&rest_, &bytes_);
      case 5:
        return Skip(4);
      default:
        return false;
    }
  }
  bool Skip(size_t size) {
    if (rest_.size() < size) return false;
    rest_.remove_prefix(size);
    return true;
  }

  absl::string_view rest_;
  absl::string_view bytes_;
  uint64_t varint_ = 0;
  int number_ = 0;
  bool ok_ = true;
};

inline void AppendVarintField(int number, uint64_t value, std::string* out) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3);
  AppendVarint(out, value);
}

inline void AppendBytesField(int number, absl::string_view bytes,
                             std::string* out) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3 | 2);
  AppendBytes(out, bytes);
}

}  // namespace pallet::internal
