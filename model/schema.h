// SPDX-License-Identifier: Apache-2.0
//
// What CreateTable says of a table's name and key, and whether it may: plain
// structs, DynamoDB's rules and messages. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/global_index.h"
#include "model/key.h"
#include "model/local_index.h"

namespace pallet::model {

inline constexpr size_t kMinTableNameBytes = 3;
inline constexpr size_t kMaxTableNameBytes = 255;
inline constexpr size_t kMaxTableArnBytes = 1024;
inline constexpr size_t kMaxKeyAttributeNameBytes = 255;
inline constexpr size_t kMaxLocalIndexes = 5;
inline constexpr size_t kMaxGlobalIndexes = 25;         // unless told otherwise
inline constexpr size_t kMaxNonKeyAttributes = 20;      // of one index
inline constexpr size_t kMaxProjectedAttributes = 100;  // of all together

struct AttributeDefinition {
  std::string name;
  ScalarType type = ScalarType::kString;
};

enum class KeyRole { kHash, kRange };

struct KeySchemaElement {
  std::string name;
  KeyRole role = KeyRole::kHash;
};

// A name that CreateTable may give: 3..255 of a-z, A-Z, 0-9, '_', '.', '-'.
absl::Status CheckNewTableName(absl::string_view name);

// The name in DescribeTable, UpdateTable and DeleteTable; the message differs.
absl::Status CheckTableName(absl::string_view name);

// The table that an item operation names, by name or by ARN
// (arn:aws:dynamodb:<region>:<account>:table/<name>; any region and account).
// A name that no table can have is let through: there is no such table.
absl::StatusOr<std::string> TableNameOf(absl::string_view name_or_arn);

// An index as CreateTable or UpdateTable asks for it.
struct IndexDefinition {
  std::string name;
  std::vector<KeySchemaElement> key;
  std::optional<ProjectionKind> projection;
  std::vector<std::string> non_key_attributes;
};

struct TableSchema {
  KeySchema key;
  std::vector<LocalIndex> local_indexes;
  std::vector<GlobalIndex> global_indexes;
};

// A table as it is asked for.
struct TableSchemaDefinition {
  std::vector<AttributeDefinition> attributes;
  std::vector<KeySchemaElement> key;
  std::vector<IndexDefinition> local_indexes = {};
  std::vector<IndexDefinition> global_indexes = {};
  size_t max_global_indexes = kMaxGlobalIndexes;
};

// A table's key is a HASH and at most one RANGE element; that of a local index
// is the table's HASH and a RANGE of its own; that of a global index 1..4 HASH
// and then 0..4 RANGE elements. What keys name is defined, and nothing else is.
// REQUIRES: names have their lengths and characters, keys one element at least,
// and those of table and local indexes two at most.
absl::StatusOr<TableSchema> MakeTableSchema(
    const TableSchemaDefinition& definition);

}  // namespace pallet::model
