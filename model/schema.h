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
#include "absl/types/span.h"
#include "model/key.h"
#include "model/local_index.h"

namespace pallet::model {

inline constexpr size_t kMinTableNameBytes = 3;
inline constexpr size_t kMaxTableNameBytes = 255;
inline constexpr size_t kMaxTableArnBytes = 1024;
inline constexpr size_t kMaxKeyAttributeNameBytes = 255;
inline constexpr size_t kMaxLocalIndexes = 5;
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

// A local index as CreateTable asks for it.
struct LocalIndexDefinition {
  std::string name;
  std::vector<KeySchemaElement> key;
  std::optional<ProjectionKind> projection;
  std::vector<std::string> non_key_attributes;
};

struct TableSchema {
  KeySchema key;
  std::vector<LocalIndex> local_indexes;
};

// A table's key is a HASH and at most one RANGE element; that of a local index
// is the table's HASH and a RANGE of its own. What keys name is defined, and
// nothing else is. REQUIRES: names have their lengths and characters, and keys
// one or two elements.
absl::StatusOr<TableSchema> MakeTableSchema(
    absl::Span<const AttributeDefinition> definitions,
    absl::Span<const KeySchemaElement> key,
    absl::Span<const LocalIndexDefinition> local_indexes);

}  // namespace pallet::model
