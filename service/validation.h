// SPDX-License-Identifier: Apache-2.0
//
// Rules that many operations share, with DynamoDB's messages. Handlers call
// them in DynamoDB's order:
//
//   1. the message's own form, then unbuilt fields (operation.h)
//   2. the table name, reported alone
//   3. constraints of all members, collected (model/constraints.h)
//   4. rules of the operation     5. values, item size
//   6. does the table exist       7. does the key fit its schema
//   8. what depends on the data
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints.h"

namespace pallet::service {

// Step 2. The table that a request names, by name or ARN; `name` is null if it
// names none. Item operations and table operations have words of their own.
absl::StatusOr<std::string> TableOfItemRequest(const std::string* name);
absl::StatusOr<std::string> TableOfTableRequest(const std::string* name);

// For step 2: the value of an optional field, or null.
#define PALLET_OPTIONAL(request, field) \
  ((request).has_##field() ? &(request).field() : nullptr)

// Step 3. An enum that has values beyond those of this contract. The values
// are told in the order DynamoDB has for them.
enum class EnumRule {
  kAttributeType,
  kBillingMode,
  kKeyType,
  kProjectionType,
  kReturnItemCollectionMetrics,
  kReturnConsumedCapacity,
  kReturnValues,
  kReturnValuesOnConditionCheckFailure,
  kSelect,
  kShardFilterType,
  kShardIteratorType,
  kSseType,
  kStreamViewType,
  kTableClass,
};
void CheckEnum(EnumRule rule, int value, absl::string_view path,
               model::Constraints* constraints);

// As CheckEnum, for a member that must be there.
void CheckRequiredEnum(EnumRule rule, int value, absl::string_view path,
                       model::Constraints* constraints);

// Step 3. A table's or index's name, where it is not the request's own table.
void CheckName(absl::string_view name, absl::string_view path,
               model::Constraints* constraints);

// Step 3. "Member must not be null".
void CheckPresent(bool present, absl::string_view path,
                  model::Constraints* constraints);

// Step 3. A number within [minimum, maximum].
void CheckRange(int64_t value, int64_t minimum, int64_t maximum,
                absl::string_view path, model::Constraints* constraints);

// Step 5. For whole items that are put.
absl::Status CheckItemSize(size_t size);

}  // namespace pallet::service
