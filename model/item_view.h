// SPDX-License-Identifier: Apache-2.0
//
// Views over the canonical bytes of an item: what is read without being parsed.
//
//   Item bytes := (0x0A length entry)*           entries sorted by name
//   entry      := 0x0A length name  0x12 length value
//   value      := the one set field of AttributeValue (value.proto)
//
// Canonical bytes come only from CanonicalizeItem (item_codec.h); a view over
// anything else is a bug above and meets a CHECK, so what comes from the disk
// is checked by its checksum first. Views borrow the bytes. Thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"

namespace pallet::model {

namespace internal {

// A view met bytes that are not canonical: crashes.
[[noreturn]] void NotCanonical();

inline void RequireCanonical(bool condition) {
  if (ABSL_PREDICT_FALSE(!condition)) NotCanonical();
}

// Consumes tag, length and what they announce from the front of `bytes`.
inline absl::string_view ReadField(char tag, absl::string_view* bytes) {
  RequireCanonical(bytes->size() >= 2 && (*bytes)[0] == tag);
  size_t length = static_cast<uint8_t>((*bytes)[1]);
  size_t at = 2;
  if (ABSL_PREDICT_FALSE(length >= 0x80)) {
    length &= 0x7F;
    for (int shift = 7;; shift += 7) {
      RequireCanonical(at < bytes->size() && shift <= 28);
      const uint8_t byte = static_cast<uint8_t>((*bytes)[at++]);
      length |= static_cast<size_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
  }
  RequireCanonical(length <= bytes->size() - at);
  const absl::string_view field(bytes->data() + at, length);
  bytes->remove_prefix(at + length);
  return field;
}

inline constexpr char kRepeatedTag = 0x0A;  // field 1: entries, values, members
inline constexpr char kNameTag = 0x0A;      // field 1 of an entry
inline constexpr char kValueTag = 0x12;     // field 2 of an entry

struct Entry {
  absl::string_view name;
  absl::string_view value;
};

inline Entry ReadEntry(absl::string_view* bytes) {
  absl::string_view entry = ReadField(kRepeatedTag, bytes);
  const absl::string_view name = ReadField(kNameTag, &entry);
  const absl::string_view value = ReadField(kValueTag, &entry);
  RequireCanonical(entry.empty());
  return {name, value};
}

// How a sorts against b, by unsigned bytes: below 0, 0 or above.
inline int CompareBytes(absl::string_view a, absl::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
  if (order != 0) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

}  // namespace internal

// The kinds of AttributeValue; the number is the field number in value.proto.
enum class ValueKind {
  kString = 1,
  kNumber = 2,
  kBinary = 3,
  kStringSet = 4,
  kNumberSet = 5,
  kBinarySet = 6,
  kMap = 7,
  kList = 8,
  kNull = 9,
  kBool = 10,
};

// DynamoDB's short name: "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL",
// "BOOL".
absl::string_view NameOf(ValueKind kind);

class ItemView;
class ListView;
class SetView;

// One value. Accessors REQUIRE the matching kind.
class ValueView {
 public:
  // `encoded` is the canonical encoding of an AttributeValue.
  explicit ValueView(absl::string_view encoded) : encoded_(encoded) {
    internal::RequireCanonical(encoded.size() >= 2);
    const int tag = static_cast<uint8_t>(encoded[0]);
    kind_ = static_cast<ValueKind>(tag >> 3);
    if (kind_ >= ValueKind::kNull) {
      internal::RequireCanonical(kind_ <= ValueKind::kBool && (tag & 7) == 0 &&
                                 encoded.size() == 2);
      payload_ = encoded.substr(1);
    } else {
      internal::RequireCanonical(tag >= 8 && (tag & 7) == 2);
      payload_ = internal::ReadField(static_cast<char>(tag), &encoded);
      internal::RequireCanonical(encoded.empty());
    }
  }

  ValueKind kind() const { return kind_; }
  absl::string_view encoded() const { return encoded_; }

  // kString: UTF-8; kNumber: canonical decimal text; kBinary: raw bytes.
  absl::string_view scalar() const {
    internal::RequireCanonical(kind_ <= ValueKind::kBinary);
    return payload_;
  }
  inline bool boolean() const;   // kBool
  inline ItemView map() const;   // kMap
  inline ListView list() const;  // kList
  inline SetView set() const;    // the three sets; members in canonical order

 private:
  absl::string_view encoded_;
  absl::string_view payload_;  // what follows the tag (and length, if any)
  ValueKind kind_;
};

struct AttributeView {
  absl::string_view name;
  ValueView value;
};

// Attributes by name: an Item or a MapValue (their grammar is the same).
class ItemView {
 public:
  explicit ItemView(absl::string_view encoded) : encoded_(encoded) {}

  absl::string_view encoded() const { return encoded_; }
  bool empty() const { return encoded_.empty(); }

  // Stops at the first name that sorts after `name`.
  std::optional<ValueView> Find(absl::string_view name) const {
    absl::string_view rest = encoded_;
    while (!rest.empty()) {
      const internal::Entry entry = internal::ReadEntry(&rest);
      const int order = internal::CompareBytes(entry.name, name);
      if (order == 0) return ValueView(entry.value);
      if (order > 0) break;
    }
    return std::nullopt;
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = AttributeView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = AttributeView;

    explicit Iterator(absl::string_view rest) : rest_(rest) {}
    AttributeView operator*() const {
      absl::string_view rest = rest_;
      const internal::Entry entry = internal::ReadEntry(&rest);
      return {entry.name, ValueView(entry.value)};
    }
    Iterator& operator++() {
      internal::ReadField(internal::kRepeatedTag, &rest_);
      return *this;
    }
    // The bytes of the whole entry that stands here, tag included.
    absl::string_view encoded_entry() const {
      absl::string_view rest = rest_;
      internal::ReadField(internal::kRepeatedTag, &rest);
      return rest_.substr(0, rest_.size() - rest.size());
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    absl::string_view rest_;
  };
  Iterator begin() const { return Iterator(encoded_); }
  Iterator end() const { return Iterator(encoded_.substr(encoded_.size())); }

 private:
  absl::string_view encoded_;
};

// The values of a list, in order.
class ListView {
 public:
  explicit ListView(absl::string_view encoded) : encoded_(encoded) {}

  // The fields of the elements in a row: two lists' are their concatenation's.
  absl::string_view encoded() const { return encoded_; }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = ValueView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = ValueView;

    explicit Iterator(absl::string_view rest) : rest_(rest) {}
    ValueView operator*() const {
      absl::string_view rest = rest_;
      return ValueView(internal::ReadField(internal::kRepeatedTag, &rest));
    }
    Iterator& operator++() {
      internal::ReadField(internal::kRepeatedTag, &rest_);
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    absl::string_view rest_;
  };
  Iterator begin() const { return Iterator(encoded_); }
  Iterator end() const { return Iterator(encoded_.substr(encoded_.size())); }

 private:
  absl::string_view encoded_;
};

// The members of a set: text (SS, NS) or raw bytes (BS).
class SetView {
 public:
  explicit SetView(absl::string_view encoded) : encoded_(encoded) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = absl::string_view;

    explicit Iterator(absl::string_view rest) : rest_(rest) {}
    absl::string_view operator*() const {
      absl::string_view rest = rest_;
      return internal::ReadField(internal::kRepeatedTag, &rest);
    }
    Iterator& operator++() {
      internal::ReadField(internal::kRepeatedTag, &rest_);
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    absl::string_view rest_;
  };
  Iterator begin() const { return Iterator(encoded_); }
  Iterator end() const { return Iterator(encoded_.substr(encoded_.size())); }

 private:
  absl::string_view encoded_;
};

inline bool ValueView::boolean() const {
  internal::RequireCanonical(kind_ == ValueKind::kBool);
  return payload_[0] != 0;
}

inline ItemView ValueView::map() const {
  internal::RequireCanonical(kind_ == ValueKind::kMap);
  return ItemView(payload_);
}

inline ListView ValueView::list() const {
  internal::RequireCanonical(kind_ == ValueKind::kList);
  return ListView(payload_);
}

inline SetView ValueView::set() const {
  internal::RequireCanonical(kind_ >= ValueKind::kStringSet &&
                             kind_ <= ValueKind::kBinarySet);
  return SetView(payload_);
}

// The size by DynamoDB's rule, in bytes: a name counts its UTF-8 bytes; S and B
// their bytes; N as Number::size_in_item; NULL and BOOL 1; a set the sum of its
// members; L and M 3, and 1 for each element beside the element itself.
size_t SizeOf(ItemView item);
size_t SizeOf(ValueView value);

}  // namespace pallet::model
