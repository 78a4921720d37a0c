// SPDX-License-Identifier: Apache-2.0
#include "model/local_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

absl::Status TypeMismatch(const LocalIndex& index, ValueView value,
                          IndexKeyUse use) {
  if (use == IndexKeyUse::kUpdate) {
    return ValidationError(
        "The update expression attempted to update the secondary index key to "
        "unsupported type");
  }
  const KeyAttribute& attribute = *index.key().sort;
  return ValidationError(absl::StrCat(
      "One or more parameter values were invalid: Type mismatch for Index Key ",
      attribute.name, " Expected: ", NameOf(attribute.type),
      " Actual: ", NameOf(value.kind()), " IndexName: ", index.name()));
}

absl::Status Empty(const LocalIndex& index, const KeyValue& value,
                   IndexKeyUse use) {
  return ValidationError(absl::StrCat(
      "One or more parameter values are not valid. ",
      use == IndexKeyUse::kUpdate
          ? "The update expression attempted to update a secondary index key "
            "to a value that is not supported. "
          : "A value specified for a secondary index key is not supported. ",
      "The AttributeValue for a key attribute cannot contain an empty ",
      value.type == ScalarType::kBinary ? "binary" : "string",
      " value. IndexName: ", index.name(),
      ", IndexKey: ", index.key().sort->name));
}

KeyValue ValueOf(const KeyAttribute& attribute, ItemView item) {
  const std::optional<ValueView> value = item.Find(attribute.name);
  CHECK(value.has_value()) << attribute.name;
  std::optional<KeyValue> scalar = ScalarOf(*value);
  CHECK(scalar.has_value() && scalar->type == attribute.type) << attribute.name;
  return *std::move(scalar);
}

}  // namespace

size_t KeepAttributes(ItemView item, const std::vector<std::string>& names,
                      std::string* out) {
  size_t size = 0;
  auto name = names.begin();
  for (auto at = item.begin(); at != item.end() && name != names.end(); ++at) {
    const AttributeView attribute = *at;
    while (name != names.end() &&
           internal::CompareBytes(*name, attribute.name) < 0) {
      ++name;
    }
    if (name == names.end() || attribute.name != *name) continue;
    const absl::string_view encoded = at.encoded_entry();
    out->append(encoded.data(), encoded.size());
    size += attribute.name.size() + SizeOf(attribute.value);
  }
  return size;
}

LocalIndex::LocalIndex(std::string name, KeySchema key, KeySchema table_key,
                       Projection projection)
    : name_(std::move(name)),
      key_(std::move(key)),
      table_key_(std::move(table_key)),
      projection_(std::move(projection)) {
  CHECK(key_.sort.has_value() && table_key_.sort.has_value());
  CHECK(key_.partition == table_key_.partition);
  if (projection_.kind == ProjectionKind::kAll) return;
  if (projection_.kind == ProjectionKind::kInclude) {
    kept_ = projection_.attributes;
  }
  kept_.push_back(key_.partition.name);
  kept_.push_back(key_.sort->name);
  kept_.push_back(table_key_.sort->name);
  std::sort(kept_.begin(), kept_.end());
  kept_.erase(std::unique(kept_.begin(), kept_.end()), kept_.end());
}

bool LocalIndex::Projects(absl::string_view attribute) const {
  return projection_.kind == ProjectionKind::kAll ||
         std::binary_search(kept_.begin(), kept_.end(), attribute);
}

std::optional<LocalIndex::Entry> LocalIndex::EntryOf(
    absl::string_view item, size_t item_size, std::string* storage) const {
  const ItemView view(item);
  const std::optional<ValueView> sort = view.Find(key_.sort->name);
  if (!sort.has_value()) return std::nullopt;
  Entry entry;
  entry.sort = ValueOf(*key_.sort, view);
  if (projection_.kind == ProjectionKind::kAll) {
    entry.bytes = item;
    entry.size = item_size;
    return entry;
  }
  storage->clear();
  entry.size = KeepAttributes(view, kept_, storage);
  entry.bytes = *storage;
  return entry;
}

absl::Status CheckIndexKey(const LocalIndex& index, ItemView item,
                           IndexKeyUse use) {
  const KeyAttribute& attribute = *index.key().sort;
  const std::optional<ValueView> value = item.Find(attribute.name);
  if (!value.has_value()) return absl::OkStatus();
  const std::optional<KeyValue> scalar = ScalarOf(*value);
  if (!scalar.has_value() || scalar->type != attribute.type) {
    return TypeMismatch(index, *value, use);
  }
  if (scalar->bytes.empty()) return Empty(index, *scalar, use);
  return CheckSortValue(attribute, *scalar);
}

}  // namespace pallet::model
