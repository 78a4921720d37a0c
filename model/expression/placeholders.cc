// SPDX-License-Identifier: Apache-2.0
#include "model/expression/placeholders.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_codec.h"

namespace pallet::model::expression {
namespace {

constexpr absl::string_view kNames = "ExpressionAttributeNames";
constexpr absl::string_view kValues = "ExpressionAttributeValues";

bool IsWordPart(char c) { return absl::ascii_isalnum(c) || c == '_'; }

absl::Status CheckPlaceholder(absl::string_view map, char sigil,
                              absl::string_view placeholder) {
  if (placeholder.size() > kMaxPlaceholderBytes) {
    return EnvelopedValidationError(absl::StrCat(
        map,
        " contains invalid key: The expression attribute map contains a key "
        "that is too long; size of key: ",
        placeholder.size()));
  }
  if (placeholder.size() < 2 || placeholder[0] != sigil ||
      !std::all_of(placeholder.begin() + 1, placeholder.end(), IsWordPart)) {
    return EnvelopedValidationError(
        absl::StrCat(map, " contains invalid key: Syntax error; key: \"",
                     placeholder, "\""));
  }
  return absl::OkStatus();
}

absl::Status InvalidContent(absl::string_view map,
                            absl::string_view placeholder,
                            absl::string_view reason) {
  return EnvelopedValidationError(absl::StrCat(
      map, " contains invalid value: ", reason, " for key ", placeholder));
}

absl::StatusOr<std::string> CheckedName(const Placeholders::Entry& entry) {
  RETURN_IF_ERROR(CheckPlaceholder(kNames, '#', entry.placeholder));
  if (entry.content.empty()) {
    return InvalidContent(kNames, entry.placeholder, "Empty attribute name");
  }
  if (entry.content.size() > kMaxAttributeNameBytes) {
    return InvalidContent(kNames, entry.placeholder,
                          "Attribute name is too long");
  }
  return std::string(entry.content);
}

absl::StatusOr<std::string> CheckedValue(const Placeholders::Entry& entry) {
  RETURN_IF_ERROR(CheckPlaceholder(kValues, ':', entry.placeholder));
  absl::StatusOr<std::string> value = CanonicalizeValue(entry.content);
  if (value.ok()) return value;
  return WithMessage(value.status(),
                     absl::StrCat(kValues, " contains invalid value: ",
                                  absl::string_view(value.status().message()),
                                  " for key ", entry.placeholder));
}

size_t TotalBytes(const std::vector<Placeholders::Entry>& entries) {
  size_t total = 0;
  for (const auto& entry : entries) {
    total += entry.placeholder.size() + entry.content.size();
  }
  return total;
}

// Sorted, so that of several errors always the same one is told.
void Sort(std::vector<Placeholders::Entry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.placeholder < b.placeholder;
  });
}

}  // namespace

absl::StatusOr<Placeholders> Placeholders::Create(std::vector<Entry> names,
                                                  std::vector<Entry> values) {
  if (TotalBytes(names) + TotalBytes(values) > kMaxPlaceholdersBytes) {
    return EnvelopedValidationError(
        absl::StrCat(kNames, " and ", kValues,
                     " together have exceeded the maximum allowed size of ",
                     kMaxPlaceholdersBytes, " bytes"));
  }
  Placeholders result;
  result.name_bytes_ = TotalBytes(names);
  const auto fill = [](std::vector<Entry>& entries, auto check,
                       std::vector<Slot>& slots) -> absl::Status {
    Sort(entries);
    slots.reserve(entries.size());
    for (const Entry& entry : entries) {
      ASSIGN_OR_RETURN(std::string content, check(entry));
      slots.push_back({std::string(entry.placeholder),
                       std::make_shared<std::string>(std::move(content))});
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(fill(names, CheckedName, result.names_));
  RETURN_IF_ERROR(fill(values, CheckedValue, result.values_));
  return result;
}

void Placeholders::AppendNames(std::string* out) const {
  AppendVarint(out, names_.size());
  for (const Slot& name : names_) {
    AppendBytes(out, name.placeholder);
    AppendBytes(out, *name.content);
  }
}

Placeholders::Slot* Placeholders::Find(std::vector<Slot>& slots,
                                       absl::string_view placeholder) {
  const auto slot = std::lower_bound(
      slots.begin(), slots.end(), placeholder,
      [](const Slot& a, absl::string_view b) { return a.placeholder < b; });
  if (slot == slots.end() || slot->placeholder != placeholder) return nullptr;
  slot->used = true;
  return &*slot;
}

std::shared_ptr<const std::string> Placeholders::FindName(
    absl::string_view placeholder) {
  const Slot* slot = Find(names_, placeholder);
  return slot == nullptr ? nullptr : slot->content;
}

std::shared_ptr<const std::string> Placeholders::FindValue(
    absl::string_view placeholder) {
  const Slot* slot = Find(values_, placeholder);
  return slot == nullptr ? nullptr : slot->content;
}

absl::Status Placeholders::CheckAllUsed() const {
  const auto check = [](absl::string_view map, const std::vector<Slot>& slots) {
    std::vector<absl::string_view> unused;
    for (const Slot& slot : slots) {
      if (!slot.used) unused.push_back(slot.placeholder);
    }
    if (unused.empty()) return absl::OkStatus();
    return EnvelopedValidationError(absl::StrCat(
        "Value provided in ", map, " unused in expressions: keys: {",
        absl::StrJoin(unused, ", "), "}"));
  };
  RETURN_IF_ERROR(check(kNames, names_));
  return check(kValues, values_);
}

}  // namespace pallet::model::expression
