// SPDX-License-Identifier: Apache-2.0
#include "service/message_bytes.h"

#include <utility>

#include "model/errors.h"

namespace pallet::service {
namespace {

// Below this a copy is cheaper than handing the string over, which takes two
// more pieces of memory.
constexpr size_t kCopyBytes = 4096;

grpc::Slice WrapSlice(std::string bytes) {
  if (bytes.size() < kCopyBytes) return grpc::Slice(bytes);
  auto* owned = new std::string(std::move(bytes));
  return grpc::Slice(
      owned->data(), owned->size(),
      [](void* user) { delete static_cast<std::string*>(user); }, owned);
}

}  // namespace

absl::StatusOr<MessageBytes> MessageBytes::Of(const grpc::ByteBuffer& buffer) {
  MessageBytes bytes;
  if (!buffer.Valid()) return bytes;  // an empty message
  if (buffer.TrySingleSlice(&bytes.slice_).ok()) return bytes;
  if (buffer.DumpToSingleSlice(&bytes.slice_).ok()) return bytes;
  return model::ValidationError("The message could not be read");
}

grpc::ByteBuffer WrapMessage(std::string bytes) {
  const grpc::Slice slice = WrapSlice(std::move(bytes));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace pallet::service
