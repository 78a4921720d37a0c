// SPDX-License-Identifier: Apache-2.0
//
// The little of protobuf's wire format that items need: a reader for bytes
// that anybody may have sent, and a writer that fills in lengths afterwards.
//
// Every tag in an item is one byte (fields 1..10), every nested message is
// length-delimited. One thread at a time; readers borrow the bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace pallet::model {

// Tags of field `number`: a varint, or length and bytes.
constexpr char VarintTag(int number) { return static_cast<char>(number << 3); }
constexpr char BytesTag(int number) {
  return static_cast<char>(number << 3 | 2);
}

constexpr size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Each Read returns false, and leaves nothing to rely on, if the bytes are
// malformed: cut short, a varint of more than 64 bits, a length past the end.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes)
      : p_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool AtEnd() const { return p_ == end_; }

  bool ReadVarint(uint64_t* value) {
    if (p_ != end_ && static_cast<uint8_t>(*p_) < 0x80) {
      *value = static_cast<uint8_t>(*p_++);
      return true;
    }
    uint64_t read = 0;
    for (int shift = 0; shift < 64 && p_ != end_; shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(*p_++);
      if (shift == 63 && byte > 1) return false;
      read |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = read;
        return true;
      }
    }
    return false;
  }

  bool ReadTag(uint32_t* tag) {
    uint64_t value;
    if (!ReadVarint(&value) || value > UINT32_MAX || value < 8) return false;
    *tag = static_cast<uint32_t>(value);
    return true;
  }

  bool ReadBytes(absl::string_view* bytes) {
    uint64_t length;
    if (!ReadVarint(&length)) return false;
    if (length > static_cast<uint64_t>(end_ - p_)) return false;
    *bytes = absl::string_view(p_, length);
    p_ += length;
    return true;
  }

 private:
  const char* p_;
  const char* end_;
};

class WireWriter {
 public:
  // `expected` bytes fit without growing.
  explicit WireWriter(size_t expected) { bytes_.resize(expected); }

  // tag length payload
  void Field(char tag, absl::string_view payload) {
    char* p = Room(kMaxHeader + payload.size());
    *p++ = tag;
    p = PutVarint(p, payload.size());
    if (!payload.empty()) std::memcpy(p, payload.data(), payload.size());
    size_ = p + payload.size() - bytes_.data();
  }

  // tag byte
  void ByteField(char tag, char byte) {
    char* p = Room(2);
    p[0] = tag;
    p[1] = byte;
    size_ += 2;
  }

  // Bytes that are fields already.
  void Raw(absl::string_view fields) {
    if (fields.empty()) return;
    std::memcpy(Room(fields.size()), fields.data(), fields.size());
    size_ += fields.size();
  }

  // What was written so far; Rewind forgets all behind it. REQUIRES: no Open of
  // what is forgotten is ended.
  size_t size() const { return size_; }
  void Rewind(size_t size) { size_ = size; }

  // A field whose payload is written between Begin and End.
  struct Open {
    size_t length_at;
    size_t length_width;
  };
  Open Begin(char tag, size_t expected_length) {
    char* p = Room(kMaxHeader);
    *p = tag;
    const Open open{size_ + 1, VarintSize(expected_length)};
    size_ += 1 + open.length_width;
    return open;
  }
  void End(Open open) {
    const size_t begin = open.length_at + open.length_width;
    const size_t length = size_ - begin;
    const size_t width = VarintSize(length);
    if (width != open.length_width) {
      Room(kMaxHeader);
      std::memmove(bytes_.data() + open.length_at + width,
                   bytes_.data() + begin, length);
      size_ = open.length_at + width + length;
    }
    PutVarint(bytes_.data() + open.length_at, length);
  }

  std::string Finish() && {
    bytes_.resize(size_);
    return std::move(bytes_);
  }

 private:
  static constexpr size_t kMaxHeader = 11;  // tag, and a varint of 64 bits

  static char* PutVarint(char* p, uint64_t value) {
    while (value >= 0x80) {
      *p++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *p++ = static_cast<char>(value);
    return p;
  }

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

}  // namespace pallet::model
