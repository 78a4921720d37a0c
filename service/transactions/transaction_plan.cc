// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/transaction_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"
#include "service/operation.h"

namespace pallet::service {
namespace {

using wire::v1::CancellationReason;

constexpr char kNone[] = "None";

// Whether a repeat of the transaction may fare better.
bool PassesByItself(const CancellationReason& reason) {
  return reason.code() == kNone || reason.code() == "TransactionConflict" ||
         reason.code() == "ThrottlingError" ||
         reason.code() == "ProvisionedThroughputExceeded";
}

}  // namespace

absl::Status Cancelled(Refusals refusals) {
  wire::v1::TransactionCancellation detail;
  for (CancellationReason& reason : refusals) {
    if (reason.code().empty()) reason.set_code(kNone);
    *detail.add_cancellation_reasons() = std::move(reason);
  }
  const auto& reasons = detail.cancellation_reasons();
  const absl::Status plain = model::MakeError(
      model::Reason::kTransactionCanceled,
      absl::StrCat(
          "Transaction cancelled, please refer cancellation reasons for "
          "specific reasons [",
          absl::StrJoin(reasons, ", ",
                        [](std::string* out, const CancellationReason& reason) {
                          absl::StrAppend(out, reason.code());
                        }),
          "]"));
  const bool may_pass =
      std::all_of(reasons.begin(), reasons.end(), PassesByItself);
  absl::Status status =
      model::WithCode(plain, may_pass ? absl::StatusCode::kAborted
                                      : absl::StatusCode::kFailedPrecondition);
  status.SetPayload(
      absl::StrCat(kDetailPrefix, "pallet.v1.TransactionCancellation"),
      absl::Cord(detail.SerializeAsString()));
  return status;
}

absl::string_view CancellationCode(const absl::Status& status) {
  switch (model::ReasonOf(status)) {
    case model::Reason::kConditionalCheckFailed:
      return "ConditionalCheckFailed";
    case model::Reason::kTransactionConflict:
      return "TransactionConflict";
    case model::Reason::kValidation:
      return "ValidationError";
    case model::Reason::kItemCollectionSizeLimitExceeded:
      return "ItemCollectionSizeLimitExceeded";
    case model::Reason::kProvisionedThroughputExceeded:
      return "ProvisionedThroughputExceeded";
    case model::Reason::kThrottling:
      return "ThrottlingError";
    default:
      return "";
  }
}

void DoubleTableUnits(UnitsByArm* units) { units->table *= 2; }

}  // namespace pallet::service
