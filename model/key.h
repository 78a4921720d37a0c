// SPDX-License-Identifier: Apache-2.0
//
// Keys: the scalar values an item is reached by, and the schema that names
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/item_view.h"

namespace pallet::model {

enum class ScalarType { kString, kNumber, kBinary };

// "S", "N" or "B".
absl::string_view NameOf(ScalarType type);

struct KeyAttribute {
  std::string name;  // 1..255 bytes
  ScalarType type = ScalarType::kString;

  friend bool operator==(const KeyAttribute&, const KeyAttribute&) = default;
};

// A table's primary key: one partition attribute, at most one sort attribute.
struct KeySchema {
  KeyAttribute partition;
  std::optional<KeyAttribute> sort = {};

  friend bool operator==(const KeySchema&, const KeySchema&) = default;
};

// A key value: UTF-8 (kString), canonical decimal text (kNumber) or raw bytes.
struct KeyValue {
  ScalarType type = ScalarType::kString;
  std::string bytes;

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

struct Key {
  KeyValue partition;
  std::optional<KeyValue> sort;

  friend bool operator==(const Key&, const Key&) = default;
};

inline constexpr size_t kMaxIndexPartitionAttributes = 4;
inline constexpr size_t kMaxIndexSortAttributes = 4;

// The key of a global index.
struct IndexKeySchema {
  std::vector<KeyAttribute> partition;  // 1..4
  std::vector<KeyAttribute> sort = {};  // 0..4

  friend bool operator==(const IndexKeySchema&,
                         const IndexKeySchema&) = default;
};

// Values of the attributes of an index's key, in its order.
struct IndexKey {
  std::vector<KeyValue> partition;
  std::vector<KeyValue> sort = {};

  friend bool operator==(const IndexKey&, const IndexKey&) = default;
};

// The attributes of a key of either kind. Borrows the schema.
struct KeyAttributes {
  absl::Span<const KeyAttribute> partition;
  absl::Span<const KeyAttribute> sort;

  // Implicit: each schema has them.
  KeyAttributes(const KeySchema& schema)  // NOLINT
      : partition(&schema.partition, 1) {
    if (schema.sort.has_value()) sort = {&*schema.sort, 1};
  }
  KeyAttributes(const IndexKeySchema& schema)  // NOLINT
      : partition(schema.partition), sort(schema.sort) {}

  size_t size() const { return partition.size() + sort.size(); }
  bool Contains(absl::string_view attribute) const;
};

inline constexpr size_t kMaxPartitionKeyBytes = 2048;
inline constexpr size_t kMaxSortKeyBytes = 1024;

// The value as a key value; nullopt if it is no string, number or binary.
std::optional<KeyValue> ScalarOf(ValueView value);

// What a key attribute's value must keep to beside its type: not empty, within
// the limits above. KeyOfItem and KeyOfKeyItem check it too; this is for values
// of conditions.
absl::Status CheckPartitionValue(const KeyAttribute& attribute,
                                 const KeyValue& value);
absl::Status CheckSortValue(const KeyAttribute& attribute,
                            const KeyValue& value);

// The key of a canonical item that is about to be written: present, of the
// schema's types, not empty, within the limits above. Messages as DynamoDB's
// for PutItem ("Missing the key <k> in the item", "Type mismatch for key ...").
absl::StatusOr<Key> KeyOfItem(const KeySchema& schema, ItemView item);

// The same of the key of an index, for an item that must have all of it.
absl::StatusOr<IndexKey> IndexKeyOfItem(const KeyAttributes& key,
                                        ItemView item);

// The key in a request's Key member: exactly the schema's attributes. Messages
// as DynamoDB's for GetItem ("The provided key element does not match the
// schema").
absl::StatusOr<Key> KeyOfKeyItem(const KeySchema& schema, ItemView key_item);

// The key as a canonical Item (for LastEvaluatedKey and for messages).
std::string EncodeKeyItem(const KeySchema& schema, const Key& key);

// A canonical Item of attributes in any order; the same one may come twice.
struct NamedKeyValue {
  const KeyAttribute* attribute = nullptr;
  const KeyValue* value = nullptr;
};
std::string EncodeKeyItem(std::vector<NamedKeyValue> attributes);

// -1, 0 or 1 as a sorts before, with or after b: strings and binary by
// unsigned bytes, numbers by value. REQUIRES: a.type == b.type.
int Compare(const KeyValue& a, const KeyValue& b);

}  // namespace pallet::model
