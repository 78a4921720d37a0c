// SPDX-License-Identifier: Apache-2.0
#include "service/validation.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "model/schema.h"

namespace pallet::service {
namespace {

struct EnumRow {
  EnumRule rule;
  int last;  // largest number of the proto enum
  const char* values;
};

constexpr EnumRow kEnums[] = {
    {EnumRule::kAttributeType, 3, "[B, N, S]"},
    {EnumRule::kBillingMode, 2, "[PROVISIONED, PAY_PER_REQUEST]"},
    {EnumRule::kKeyType, 2, "[HASH, RANGE]"},
    {EnumRule::kProjectionType, 3, "[ALL, INCLUDE, KEYS_ONLY]"},
    {EnumRule::kReturnItemCollectionMetrics, 2, "[SIZE, NONE]"},
    {EnumRule::kReturnConsumedCapacity, 3, "[INDEXES, TOTAL, NONE]"},
    {EnumRule::kReturnValues, 5,
     "[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"},
    {EnumRule::kReturnValuesOnConditionCheckFailure, 2, "[ALL_OLD, NONE]"},
    {EnumRule::kSelect, 4,
     "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"},
    {EnumRule::kShardFilterType, 1, "[CHILD_SHARDS]"},
    {EnumRule::kShardIteratorType, 4,
     "[AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"},
    {EnumRule::kSseType, 2, "[AES256, KMS]"},
    {EnumRule::kStreamViewType, 4,
     "[NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]"},
    {EnumRule::kTableClass, 2, "[STANDARD, STANDARD_INFREQUENT_ACCESS]"},
};

}  // namespace

absl::StatusOr<std::string> TableOfItemRequest(const std::string* name) {
  if (name == nullptr) {
    model::Constraints constraints;
    CheckPresent(false, "tableName", &constraints);
    return constraints.ToStatus();
  }
  return model::TableNameOf(*name);
}

absl::StatusOr<std::string> TableOfTableRequest(const std::string* name) {
  if (name != nullptr && absl::StartsWith(*name, "arn:")) {
    return model::TableNameOf(*name);
  }
  RETURN_IF_ERROR(model::CheckTableName(name == nullptr ? "" : *name));
  return *name;
}

void CheckEnum(EnumRule rule, int value, absl::string_view path,
               model::Constraints* constraints) {
  const EnumRow& row = kEnums[static_cast<int>(rule)];
  CHECK(row.rule == rule);
  if (value >= 0 && value <= row.last) return;
  constraints->Violated(absl::StrCat(value), path,
                        absl::StrCat("satisfy enum value set: ", row.values));
}

void CheckRequiredEnum(EnumRule rule, int value, absl::string_view path,
                       model::Constraints* constraints) {
  CheckPresent(value != 0, path, constraints);
  CheckEnum(rule, value, path, constraints);
}

void CheckName(absl::string_view name, absl::string_view path,
               model::Constraints* constraints) {
  constexpr char kCharacters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  if (name.find_first_not_of(kCharacters) != name.npos) {
    constraints->Violated(
        name, path, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
  }
  constraints->CheckLength(name, path, model::kMinTableNameBytes,
                           model::kMaxTableNameBytes);
}

void CheckPresent(bool present, absl::string_view path,
                  model::Constraints* constraints) {
  if (!present) constraints->Violated({}, path, "not be null");
}

void CheckRange(int64_t value, int64_t minimum, int64_t maximum,
                absl::string_view path, model::Constraints* constraints) {
  if (value < minimum) {
    constraints->Violated(
        absl::StrCat(value), path,
        absl::StrCat("have value greater than or equal to ", minimum));
  } else if (value > maximum) {
    constraints->Violated(
        absl::StrCat(value), path,
        absl::StrCat("have value less than or equal to ", maximum));
  }
}

absl::Status CheckItemSize(size_t size) {
  if (size <= model::kMaxItemBytes) return absl::OkStatus();
  return model::ValidationError(
      "Item size has exceeded the maximum allowed size");
}

}  // namespace pallet::service
