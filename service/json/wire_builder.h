// SPDX-License-Identifier: Apache-2.0
//
// WireBuilder: an encoded message in the making, whose lengths are filled in
// afterwards. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/bytes.h"

namespace pallet::service::json {

class WireBuilder {
 public:
  // `expected` bytes fit without growing.
  explicit WireBuilder(size_t expected) { bytes_.resize(expected); }

  void Varint(uint32_t number, uint64_t value) {
    char* p = StoreVarint(Room(kMostHeader), uint64_t{number} << 3);
    Advance(StoreVarint(p, value));
  }

  void Bytes(uint32_t number, absl::string_view payload) {
    char* p = Room(kMostHeader + payload.size());
    p = StoreVarint(p, uint64_t{number} << 3 | 2);
    p = StoreVarint(p, payload.size());
    if (!payload.empty()) std::memcpy(p, payload.data(), payload.size());
    Advance(p + payload.size());
  }

  // A field whose payload is written between Begin and End. It costs least if
  // the length is about as long to write as the expected one.
  struct Open {
    size_t length_at;
    size_t length_width;
  };
  Open Begin(uint32_t number, size_t expected_length) {
    Advance(StoreVarint(Room(kMostHeader), uint64_t{number} << 3 | 2));
    const Open open{size_, VarintBytes(expected_length)};
    size_ += open.length_width;
    return open;
  }
  void End(Open open) {
    const size_t begin = open.length_at + open.length_width;
    const size_t length = size_ - begin;
    const size_t width = VarintBytes(length);
    if (width != open.length_width) {
      Room(kMostHeader);
      std::memmove(bytes_.data() + open.length_at + width,
                   bytes_.data() + begin, length);
      size_ = open.length_at + width + length;
    }
    StoreVarint(bytes_.data() + open.length_at, length);
  }

  std::string Finish() && {
    bytes_.resize(size_);
    return std::move(bytes_);
  }

 private:
  static constexpr size_t kMostHeader = 2 * kMaxVarintBytes;

  void Advance(const char* end) { size_ = end - bytes_.data(); }

  // Where the next byte goes; `count` bytes may be written there.
  char* Room(size_t count) {
    if (bytes_.size() - size_ < count) {
      bytes_.resize(std::max(2 * bytes_.size(), size_ + count));
    }
    return bytes_.data() + size_;
  }

  std::string bytes_;  // size_ of them written
  size_t size_ = 0;
};

}  // namespace pallet::service::json
