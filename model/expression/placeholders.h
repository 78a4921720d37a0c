// SPDX-License-Identifier: Apache-2.0
//
// Placeholders: a request's ExpressionAttributeNames and
// ExpressionAttributeValues, shared by all expressions of that request. Checked
// when made; each parser looks its placeholders up here; what no expression
// used is an error at the end.
//
//   ASSIGN_OR_RETURN(auto placeholders,
//                    Placeholders::Create(request.expression_attribute_names(),
//                                         request.expression_attribute_values()));
//   ... parse every expression of the request ...
//   RETURN_IF_ERROR(placeholders.CheckAllUsed());
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pallet::model::expression {

inline constexpr size_t kMaxPlaceholderBytes = 255;       // with its # or :
inline constexpr size_t kMaxPlaceholdersBytes = 2 << 20;  // both maps together

class Placeholders {
 public:
  struct Entry {
    absl::string_view placeholder;
    absl::string_view content;
  };

  // From any two maps of string to string: placeholder to attribute name, and
  // placeholder to the wire bytes of an AttributeValue.
  template <typename Names, typename Values>
  static absl::StatusOr<Placeholders> Create(const Names& names,
                                             const Values& values) {
    return Create(EntriesOf(names), EntriesOf(values));
  }
  static absl::StatusOr<Placeholders> Create(std::vector<Entry> names,
                                             std::vector<Entry> values);

  bool has_names() const { return !names_.empty(); }
  bool has_values() const { return !values_.empty(); }

  // The names and their placeholders, so that equal bytes mean equal names and
  // no two followed by a text are the same.
  void AppendNames(std::string* out) const;
  size_t name_bytes() const { return name_bytes_; }

  // The attribute name, or null. Marks it used.
  std::shared_ptr<const std::string> FindName(absl::string_view placeholder);

  // The canonical AttributeValue, or null. Marks it used.
  std::shared_ptr<const std::string> FindValue(absl::string_view placeholder);

  // "Value provided in ExpressionAttributeNames unused in expressions: ...".
  absl::Status CheckAllUsed() const;

 private:
  struct Slot {
    std::string placeholder;
    std::shared_ptr<const std::string> content;
    bool used = false;
  };

  Placeholders() = default;

  template <typename Map>
  static std::vector<Entry> EntriesOf(const Map& map) {
    std::vector<Entry> entries;
    entries.reserve(map.size());
    for (const auto& [placeholder, content] : map) {
      entries.push_back({placeholder, content});
    }
    return entries;
  }

  static Slot* Find(std::vector<Slot>& slots, absl::string_view placeholder);

  std::vector<Slot> names_;   // sorted by placeholder
  size_t name_bytes_ = 0;     // with their placeholders
  std::vector<Slot> values_;  // sorted by placeholder
};

}  // namespace pallet::model::expression
