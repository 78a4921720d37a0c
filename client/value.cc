// SPDX-License-Identifier: Apache-2.0
#include "client/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "client/json.h"
#include "model/number.h"

namespace pallet {
namespace {

auto Position(std::vector<Attribute>& attributes, absl::string_view name) {
  return std::lower_bound(attributes.begin(), attributes.end(), name,
                          [](const Attribute& a, absl::string_view name) {
                            return absl::string_view(a.name) < name;
                          });
}

}  // namespace

Number::Number(double value) {
  // Plain digits of any double: up to 309 before the point, or 324 after it.
  std::array<char, 400> buffer;
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    std::chars_format::fixed);
  CHECK(error == std::errc());
  text_.assign(buffer.data(), end);
  if (value == 0) text_ = "0";  // never "-0"
}

absl::StatusOr<Number> Number::Parse(absl::string_view text) {
  ASSIGN_OR_RETURN(const model::Number number, model::Number::Parse(text));
  return Number(Canonical(), number.ToString());
}

std::optional<int64_t> Number::ToInt64() const {
  int64_t value;
  if (!absl::SimpleAtoi(text_, &value)) return std::nullopt;
  return value;
}

double Number::ToDouble() const {
  double value = NAN;
  (void)absl::SimpleAtod(text_, &value);
  return value;
}

Item::Item() = default;
Item::Item(const Item&) = default;
Item::Item(Item&&) noexcept = default;
Item& Item::operator=(const Item&) = default;
Item& Item::operator=(Item&&) noexcept = default;
Item::~Item() = default;

Item::Item(std::initializer_list<Attribute> attributes) {
  attributes_.reserve(attributes.size());
  for (const Attribute& attribute : attributes) {
    Set(attribute.name, attribute.value);
  }
}

Item& Item::Set(absl::string_view name, Value value) {
  // Few items have less than a handful: the first ones need not move.
  if (attributes_.size() == attributes_.capacity()) {
    attributes_.reserve(std::max<size_t>(4, 2 * attributes_.size()));
  }
  if (attributes_.empty() ||
      absl::string_view(attributes_.back().name) < name) {
    attributes_.push_back({std::string(name), std::move(value)});
    return *this;
  }
  auto position = Position(attributes_, name);
  if (position != attributes_.end() && position->name == name) {
    position->value = std::move(value);
  } else {
    attributes_.insert(position, {std::string(name), std::move(value)});
  }
  return *this;
}

bool Item::Erase(absl::string_view name) {
  auto position = Position(attributes_, name);
  if (position == attributes_.end() || position->name != name) return false;
  attributes_.erase(position);
  return true;
}

const Value* Item::Find(absl::string_view name) const {
  auto position = Position(const_cast<Item*>(this)->attributes_, name);
  if (position == attributes_.end() || position->name != name) return nullptr;
  return &position->value;
}

const Value& Item::at(absl::string_view name) const {
  const Value* value = Find(name);
  CHECK(value != nullptr) << "no attribute " << name;
  return *value;
}

size_t Item::size() const { return attributes_.size(); }

std::vector<Attribute>::const_iterator Item::begin() const {
  return attributes_.begin();
}

std::vector<Attribute>::const_iterator Item::end() const {
  return attributes_.end();
}

bool operator==(const Item& a, const Item& b) {
  return a.attributes_ == b.attributes_;
}

std::ostream& operator<<(std::ostream& out, const Item& item) {
  return out << ToJson(item, JsonStyle::kPlain);
}

std::ostream& operator<<(std::ostream& out, const Value& value) {
  return out << ToJson(value, JsonStyle::kPlain);
}

ValueKind Value::kind() const {
  // In the order of the variant's alternatives.
  static constexpr std::array kKinds = {
      ValueKind::kNull,      ValueKind::kBool,      ValueKind::kString,
      ValueKind::kNumber,    ValueKind::kBinary,    ValueKind::kStringSet,
      ValueKind::kNumberSet, ValueKind::kBinarySet, ValueKind::kList,
      ValueKind::kMap};
  static_assert(kKinds.size() == std::variant_size_v<decltype(data_)>);
  return kKinds[data_.index()];
}

std::optional<bool> Value::AsBool() const {
  const bool* value = std::get_if<bool>(&data_);
  if (value == nullptr) return std::nullopt;
  return *value;
}

}  // namespace pallet
