// SPDX-License-Identifier: Apache-2.0
//
// What CreateTable says of a table's name and key, and whether it may: plain
// structs, DynamoDB's rules and messages. Pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/key.h"

namespace pallet::model {

inline constexpr size_t kMinTableNameBytes = 3;
inline constexpr size_t kMaxTableNameBytes = 255;
inline constexpr size_t kMaxTableArnBytes = 1024;
inline constexpr size_t kMaxKeyAttributeNameBytes = 255;

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

// The key of a table without indexes: a HASH and at most one RANGE element,
// each defined, and nothing else defined.
absl::StatusOr<KeySchema> MakeKeySchema(
    absl::Span<const AttributeDefinition> definitions,
    absl::Span<const KeySchemaElement> elements);

}  // namespace pallet::model
