// SPDX-License-Identifier: Apache-2.0
#include "model/global_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

absl::Status TypeMismatch(const GlobalIndex& index,
                          const KeyAttribute& attribute, ValueView value,
                          IndexKeyUse use) {
  if (use == IndexKeyUse::kUpdate) {
    return ValidationError(
        "The update expression attempted to update the secondary index key to "
        "unsupported type");
  }
  return ValidationError(absl::StrCat(
      "One or more parameter values were invalid: Type mismatch for Index Key ",
      attribute.name, " Expected: ", NameOf(attribute.type),
      " Actual: ", NameOf(value.kind()), " IndexName: ", index.name()));
}

absl::Status Empty(const GlobalIndex& index, const KeyAttribute& attribute,
                   IndexKeyUse use) {
  return ValidationError(absl::StrCat(
      "One or more parameter values are not valid. ",
      use == IndexKeyUse::kUpdate
          ? "The update expression attempted to update a secondary index key "
            "to a value that is not supported. "
          : "A value specified for a secondary index key is not supported. ",
      "The AttributeValue for a key attribute cannot contain an empty ",
      attribute.type == ScalarType::kBinary ? "binary" : "string",
      " value. IndexName: ", index.name(), ", IndexKey: ", attribute.name));
}

size_t LimitOf(bool is_partition) {
  return is_partition ? kMaxPartitionKeyBytes : kMaxSortKeyBytes;
}

// The value as one of that attribute in a key; nullopt if it cannot be one.
std::optional<KeyValue> FitValue(const KeyAttribute& attribute,
                                 bool is_partition, ItemView item) {
  const std::optional<ValueView> value = item.Find(attribute.name);
  if (!value.has_value()) return std::nullopt;
  std::optional<KeyValue> scalar = ScalarOf(*value);
  if (!scalar.has_value() || scalar->type != attribute.type ||
      scalar->bytes.empty() || scalar->bytes.size() > LimitOf(is_partition)) {
    return std::nullopt;
  }
  return scalar;
}

bool FitValues(const std::vector<KeyAttribute>& attributes, bool is_partition,
               ItemView item, std::vector<KeyValue>* values) {
  values->reserve(attributes.size());
  for (const KeyAttribute& attribute : attributes) {
    std::optional<KeyValue> value = FitValue(attribute, is_partition, item);
    if (!value.has_value()) return false;
    values->push_back(*std::move(value));
  }
  return true;
}

absl::Status CheckValue(const GlobalIndex& index, const KeyAttribute& attribute,
                        bool is_partition, ItemView item, IndexKeyUse use) {
  const std::optional<ValueView> value = item.Find(attribute.name);
  if (!value.has_value()) return absl::OkStatus();
  const std::optional<KeyValue> scalar = ScalarOf(*value);
  if (!scalar.has_value() || scalar->type != attribute.type) {
    return TypeMismatch(index, attribute, *value, use);
  }
  if (scalar->bytes.empty()) return Empty(index, attribute, use);
  return is_partition ? CheckPartitionValue(attribute, *scalar)
                      : CheckSortValue(attribute, *scalar);
}

void SortUnique(std::vector<std::string>* names) {
  std::sort(names->begin(), names->end());
  names->erase(std::unique(names->begin(), names->end()), names->end());
}

}  // namespace

GlobalIndex::GlobalIndex(std::string name, IndexKeySchema key,
                         KeySchema table_key, Projection projection)
    : name_(std::move(name)),
      key_(std::move(key)),
      table_key_(std::move(table_key)),
      projection_(std::move(projection)) {
  CHECK(!key_.partition.empty() &&
        key_.partition.size() <= kMaxIndexPartitionAttributes &&
        key_.sort.size() <= kMaxIndexSortAttributes);
  for (const KeyAttribute& each : key_.partition) {
    key_attributes_.push_back(each.name);
  }
  for (const KeyAttribute& each : key_.sort) {
    key_attributes_.push_back(each.name);
  }
  SortUnique(&key_attributes_);
  if (projection_.kind == ProjectionKind::kAll) return;
  kept_ = key_attributes_;
  if (projection_.kind == ProjectionKind::kInclude) {
    kept_.insert(kept_.end(), projection_.attributes.begin(),
                 projection_.attributes.end());
  }
  kept_.push_back(table_key_.partition.name);
  if (table_key_.sort.has_value()) kept_.push_back(table_key_.sort->name);
  SortUnique(&kept_);
}

bool GlobalIndex::Projects(absl::string_view attribute) const {
  return projection_.kind == ProjectionKind::kAll ||
         std::binary_search(kept_.begin(), kept_.end(), attribute);
}

std::optional<IndexKey> GlobalIndex::KeyOf(ItemView item) const {
  IndexKey key;
  if (!FitValues(key_.partition, true, item, &key.partition) ||
      !FitValues(key_.sort, false, item, &key.sort)) {
    return std::nullopt;
  }
  return key;
}

GlobalIndex::Entry GlobalIndex::EntryOf(absl::string_view item,
                                        size_t item_size,
                                        std::string* storage) const {
  if (projection_.kind == ProjectionKind::kAll) return {item, item_size};
  storage->clear();
  Entry entry;
  entry.size = KeepAttributes(ItemView(item), kept_, storage);
  entry.bytes = *storage;
  return entry;
}

absl::Status CheckIndexKey(const GlobalIndex& index, ItemView item,
                           IndexKeyUse use) {
  for (const KeyAttribute& each : index.key().partition) {
    RETURN_IF_ERROR(CheckValue(index, each, true, item, use));
  }
  for (const KeyAttribute& each : index.key().sort) {
    RETURN_IF_ERROR(CheckValue(index, each, false, item, use));
  }
  return absl::OkStatus();
}

}  // namespace pallet::model
