// SPDX-License-Identifier: Apache-2.0
#include "model/index_place.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

absl::Status InvalidStartKey() {
  return ValidationError("The provided starting key is invalid");
}

std::vector<NamedKeyValue> AttributesOf(const IndexKeys& keys,
                                        const IndexPlace& place) {
  std::vector<NamedKeyValue> attributes;
  const auto add = [&](absl::Span<const KeyAttribute> names,
                       const std::vector<KeyValue>& values) {
    CHECK_EQ(names.size(), values.size());
    for (size_t i = 0; i < names.size(); ++i) {
      attributes.push_back({&names[i], &values[i]});
    }
  };
  add(keys.index.partition, place.key.partition);
  add(keys.index.sort, place.key.sort);
  attributes.push_back({&keys.table->partition, &place.table_key.partition});
  if (keys.table->sort.has_value()) {
    attributes.push_back({&*keys.table->sort, &*place.table_key.sort});
  }
  return attributes;
}

// How many attributes both keys have together.
size_t CountOf(const IndexKeys& keys) {
  size_t count = keys.index.size();
  if (!keys.index.Contains(keys.table->partition.name)) ++count;
  if (keys.table->sort.has_value() &&
      !keys.index.Contains(keys.table->sort->name)) {
    ++count;
  }
  return count;
}

absl::StatusOr<IndexPlace> PlaceOf(const IndexKeys& keys, ItemView item) {
  IndexPlace place;
  ASSIGN_OR_RETURN(place.table_key, KeyOfItem(*keys.table, item));
  ASSIGN_OR_RETURN(place.key, IndexKeyOfItem(keys.index, item));
  return place;
}

}  // namespace

IndexPlace PlaceOfItem(const IndexKeys& keys, ItemView item) {
  absl::StatusOr<IndexPlace> place = PlaceOf(keys, item);
  CHECK(place.ok()) << place.status();
  return *std::move(place);
}

std::string EncodePlace(const IndexKeys& keys, const IndexPlace& place) {
  return EncodeKeyItem(AttributesOf(keys, place));
}

absl::StatusOr<IndexPlace> PlaceOfStartKey(const IndexKeys& keys,
                                           ItemView start_key) {
  size_t attributes = 0;
  for (auto at = start_key.begin(); at != start_key.end(); ++at) ++attributes;
  if (attributes != CountOf(keys)) return InvalidStartKey();
  return PlaceOf(keys, start_key);
}

absl::StatusOr<IndexPlace> QueryStartPlace(const IndexKeys& keys,
                                           const KeyCondition& condition,
                                           ItemView start_key) {
  absl::StatusOr<IndexPlace> place = PlaceOfStartKey(keys, start_key);
  if (!place.ok()) return InvalidStartKey();
  if (absl::MakeConstSpan(place->key.partition) !=
      absl::MakeConstSpan(condition.partition)) {
    return ValidationError(
        "The provided starting key is outside query boundaries based on "
        "provided conditions");
  }
  if (!MatchesSort(condition, place->key.sort)) {
    return ValidationError(
        "The provided starting key does not match the range key predicate");
  }
  return place;
}

}  // namespace pallet::model
