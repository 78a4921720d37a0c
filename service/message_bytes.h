// SPDX-License-Identifier: Apache-2.0
//
// Between gRPC's ByteBuffer and our bytes, without a copy where there is none
// to make.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pallet::service {

// The bytes of a received message in one piece; holds on to them.
class MessageBytes {
 public:
  MessageBytes() = default;

  // Copies only a message that came in several pieces.
  static absl::StatusOr<MessageBytes> Of(const grpc::ByteBuffer& buffer);

  absl::string_view view() const {
    return absl::string_view(reinterpret_cast<const char*>(slice_.begin()),
                             slice_.size());
  }

 private:
  grpc::Slice slice_;
};

// The message that consists of `bytes`. A ByteBuffer has no move assignment:
// to give it to one that exists, swap.
grpc::ByteBuffer WrapMessage(std::string bytes);

}  // namespace pallet::service
