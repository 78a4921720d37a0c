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

#include <cstddef>
#include <iterator>
#include <optional>

#include "absl/strings/string_view.h"

namespace pallet::model {

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
  explicit ValueView(absl::string_view encoded);

  ValueKind kind() const { return kind_; }
  absl::string_view encoded() const { return encoded_; }

  // kString: UTF-8; kNumber: canonical decimal text; kBinary: raw bytes.
  absl::string_view scalar() const;
  bool boolean() const;   // kBool
  ItemView map() const;   // kMap
  ListView list() const;  // kList
  SetView set() const;    // the three sets; members in canonical order

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
  std::optional<ValueView> Find(absl::string_view name) const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = AttributeView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = AttributeView;

    explicit Iterator(absl::string_view rest) : rest_(rest) {}
    AttributeView operator*() const;
    Iterator& operator++();
    // The bytes of the whole entry that stands here, tag included.
    absl::string_view encoded_entry() const;
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

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = ValueView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = ValueView;

    explicit Iterator(absl::string_view rest) : rest_(rest) {}
    ValueView operator*() const;
    Iterator& operator++();
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
    absl::string_view operator*() const;
    Iterator& operator++();
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

// The item's size by DynamoDB's rule (SEMANTICS 3.1), in bytes.
size_t SizeOf(ItemView item);
size_t SizeOf(ValueView value);

}  // namespace pallet::model
