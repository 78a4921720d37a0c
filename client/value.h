// SPDX-License-Identifier: Apache-2.0
//
// Items and values as a C++ program holds them: plain values, made by literals.
//
//   Item berlin{{"country", "DE"},
//               {"name", "Berlin"},
//               {"population", 3'769'000},
//               {"area", 891.7},
//               {"tags", StringSet{{"capital", "river"}}},
//               {"mayors", List{"Kai", Item{{"since", 2023}}, nullptr}}};
//   if (const Number* n = berlin.at("population").AsNumber()) ...
//
// (1) An item keeps its attributes sorted by name, each name once.
// (2) Encode() gives the canonical wire bytes of pallet.v1.Item, and
//     Decode(Encode(item)) == item.
// (3) A number is exact decimal text in normal form; no digit is ever lost.
// What the service refuses (an empty set, a name too long) can be built here:
// the service's answer says what is wrong with it.
//
// Values; safe from any thread as std::string is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/item_view.h"

namespace pallet {

using model::ValueKind;

class Value;
struct Attribute;

template <typename T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool> &&
                  !std::is_same_v<T, char>;

// An exact decimal number: up to 38 significant digits, magnitude 1E-130 to
// 9.99..E+125, or 0.
class Number {
 public:
  Number() : text_("0") {}
  template <Integer T>
  Number(T value) : text_(std::to_string(value)) {}  // NOLINT: a literal
  // The shortest decimal that reads back as `value`. NaN, infinities and what
  // is out of range stay as they are: the service refuses them.
  Number(double value);  // NOLINT: a literal

  // Any decimal text, with or without an exponent. kValidation if it is no
  // number, has more than 38 digits or is out of range.
  static absl::StatusOr<Number> Parse(absl::string_view text);

  // Normal form: plain decimal without an exponent or needless zeros.
  const std::string& text() const { return text_; }
  // nullopt if the number has a fraction or does not fit.
  std::optional<int64_t> ToInt64() const;
  // The nearest double.
  double ToDouble() const;

  friend bool operator==(const Number&, const Number&) = default;

 private:
  friend class ValueDecoder;
  struct Canonical {};
  Number(Canonical, absl::string_view text) : text_(text) {}

  std::string text_;
};

struct Null {
  friend bool operator==(Null, Null) = default;
};

// Raw bytes, as distinct from text.
struct Binary {
  std::string bytes;
  friend bool operator==(const Binary&, const Binary&) = default;
};

// Sets have no order; here they keep the order given until they are encoded,
// and come back in canonical order. The members of a set are distinct.
struct StringSet {
  std::vector<std::string> members;
  friend bool operator==(const StringSet&, const StringSet&) = default;
};
struct NumberSet {
  std::vector<Number> members;
  friend bool operator==(const NumberSet&, const NumberSet&) = default;
};
struct BinarySet {
  std::vector<std::string> members;
  friend bool operator==(const BinarySet&, const BinarySet&) = default;
};

using List = std::vector<Value>;

// Attributes by name: a whole item, a key, or a map inside an item.
class Item {
 public:
  Item();
  Item(std::initializer_list<Attribute> attributes);
  Item(const Item&);
  Item(Item&&) noexcept;
  Item& operator=(const Item&);
  Item& operator=(Item&&) noexcept;
  ~Item();

  // Adds or replaces. Returns *this, so that calls chain.
  Item& Set(absl::string_view name, Value value);
  bool Erase(absl::string_view name);

  // Null pointer if there is no such attribute.
  const Value* Find(absl::string_view name) const;
  // REQUIRES: there is such an attribute.
  const Value& at(absl::string_view name) const;
  bool contains(absl::string_view name) const { return Find(name) != nullptr; }

  size_t size() const;
  bool empty() const { return size() == 0; }
  std::vector<Attribute>::const_iterator begin() const;
  std::vector<Attribute>::const_iterator end() const;

  // The canonical bytes of pallet.v1.Item.
  std::string Encode() const;
  // kDataLoss if `bytes` are not canonical.
  static absl::StatusOr<Item> Decode(absl::string_view bytes);

  friend bool operator==(const Item& a, const Item& b);
  // Plain JSON (client/json.h).
  friend std::ostream& operator<<(std::ostream& out, const Item& item);

 private:
  friend class ValueDecoder;
  std::vector<Attribute> attributes_;
};

// One value of any of the ten kinds.
class Value {
 public:
  Value() = default;                                           // null
  Value(std::nullptr_t) {}                                     // NOLINT
  Value(Null) {}                                               // NOLINT
  Value(const char* text) : data_(std::string(text)) {}        // NOLINT
  Value(std::string text) : data_(std::move(text)) {}          // NOLINT
  Value(absl::string_view text) : data_(std::string(text)) {}  // NOLINT
  template <typename T>
  requires std::is_same_v<T, bool> Value(T value) : data_(value) {}  // NOLINT
  template <typename T>
  requires(Integer<T> || std::is_floating_point_v<T>) Value(T value)
      : data_(Number(value)) {}                        // NOLINT
  Value(Number value) : data_(std::move(value)) {}     // NOLINT
  Value(Binary value) : data_(std::move(value)) {}     // NOLINT
  Value(StringSet value) : data_(std::move(value)) {}  // NOLINT
  Value(NumberSet value) : data_(std::move(value)) {}  // NOLINT
  Value(BinarySet value) : data_(std::move(value)) {}  // NOLINT
  Value(List value) : data_(std::move(value)) {}       // NOLINT
  Value(Item value) : data_(std::move(value)) {}       // NOLINT

  ValueKind kind() const;
  bool is_null() const { return std::holds_alternative<Null>(data_); }

  // Each gives null (nullopt) if the value is of another kind.
  std::optional<bool> AsBool() const;
  const std::string* AsString() const {
    return std::get_if<std::string>(&data_);
  }
  const Number* AsNumber() const { return std::get_if<Number>(&data_); }
  const Binary* AsBinary() const { return std::get_if<Binary>(&data_); }
  const StringSet* AsStringSet() const {
    return std::get_if<StringSet>(&data_);
  }
  const NumberSet* AsNumberSet() const {
    return std::get_if<NumberSet>(&data_);
  }
  const BinarySet* AsBinarySet() const {
    return std::get_if<BinarySet>(&data_);
  }
  const List* AsList() const { return std::get_if<List>(&data_); }
  const Item* AsMap() const { return std::get_if<Item>(&data_); }

  // The canonical bytes of pallet.v1.AttributeValue.
  std::string Encode() const;

  friend bool operator==(const Value&, const Value&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Value& value);

 private:
  std::variant<Null, bool, std::string, Number, Binary, StringSet, NumberSet,
               BinarySet, List, Item>
      data_;
};

struct Attribute {
  std::string name;
  Value value;

  friend bool operator==(const Attribute&, const Attribute&) = default;
};

}  // namespace pallet
