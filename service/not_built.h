// SPDX-License-Identifier: Apache-2.0
//
// What requests may not say yet. A field of a request that is set but not in
// the table of built fields, or that this version does not know at all, is
// refused with kNotBuilt by its path, and nothing is done: nothing is ever
// silently ignored. A new field of the contract is refused until somebody adds
// it to the table in not_built.cc.
//
// Thread-safe.
#pragma once

#include <bitset>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace pallet::service {

// The built fields of one request message and of the messages within it.
class BuiltFields {
 public:
  // Looks `message` up in the table, by its name without the package.
  // CHECK-fails for a name the table does not have: every request is listed,
  // an unbuilt one by not being registered at all.
  explicit BuiltFields(const google::protobuf::Descriptor* message);
  ~BuiltFields();

  // OK, or kNotBuilt naming the first field that is set and not built.
  absl::Status Check(const google::protobuf::Message& request) const;
  // The same, mostly without looking at the message: `encoded` are the bytes
  // it was parsed from.
  absl::Status Check(absl::string_view encoded,
                     const google::protobuf::Message& request) const;

 private:
  struct Node;

  // True if `encoded` has only fields that are built and hold no messages.
  bool HasOnlyPlain(absl::string_view encoded) const;

  const std::unique_ptr<const Node> root_;
  // By tag, as far as a tag is one byte.
  std::bitset<0x80> plain_;
};

}  // namespace pallet::service
