// SPDX-License-Identifier: Apache-2.0
//
// TextWriter: JSON text in the making. Escapes what JSON must have escaped,
// writes binary as base 64 and numbers as DynamoDB does. What it is given as
// text is UTF-8. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace pallet::service::json {

class TextWriter {
 public:
  // `expected` bytes fit without growing.
  explicit TextWriter(size_t expected) { text_.resize(expected); }

  // As it is: punctuation and names that need no escape.
  void Raw(absl::string_view text) {
    char* p = Room(text.size());
    std::memcpy(p, text.data(), text.size());
    size_ += text.size();
  }
  void Raw(char c) {
    *Room(1) = c;
    ++size_;
  }

  // A string with its quotes.
  void String(absl::string_view text);
  // The base 64 of `bytes`, with quotes.
  void Binary(absl::string_view bytes);

  void Integer(int64_t value);
  // The shortest text that reads back as `value`; whole numbers get ".0".
  void Double(double value);
  // Seconds with as many decimals as there are.
  void Seconds(int64_t seconds, int32_t nanos);
  void Bool(bool value) { Raw(value ? "true" : "false"); }

  size_t size() const { return size_; }
  // REQUIRES: size() > 0.
  char last() const { return text_[size_ - 1]; }

  std::string Finish() && {
    text_.resize(size_);
    return std::move(text_);
  }

 private:
  // Where the next byte goes; `count` bytes may be written there.
  char* Room(size_t count) {
    if (text_.size() - size_ < count) {
      text_.resize(std::max(2 * text_.size(), size_ + count));
    }
    return text_.data() + size_;
  }

  std::string text_;  // size_ of them written
  size_t size_ = 0;
};

}  // namespace pallet::service::json
