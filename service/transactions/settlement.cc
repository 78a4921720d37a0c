// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/settlement.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/transactions/function_write.h"

namespace pallet::service {
namespace {

// Nothing was done, and it will be possible again while the node runs.
bool IsWorthAnotherTry(const absl::Status& status) {
  const model::Reason reason = model::ReasonOf(status);
  return reason == model::Reason::kThrottling ||
         reason == model::Reason::kStorageFull;
}

}  // namespace

void Settlement::Start(cluster::PartitionHost* host, RunLater run_later,
                       std::vector<LockedPart> parts, LockOwner owner,
                       Verdict verdict, Done done) {
  CHECK(!parts.empty());
  const size_t count = parts.size();
  const std::shared_ptr<Settlement> settlement(
      new Settlement(host, std::move(run_later), std::move(parts),
                     std::move(owner), verdict, std::move(done)));
  for (size_t i = 0; i < count; ++i) settlement->Submit(i);
}

Settlement::Settlement(cluster::PartitionHost* host, RunLater run_later,
                       std::vector<LockedPart> parts, LockOwner owner,
                       Verdict verdict, Done done)
    : host_(host),
      run_later_(std::move(run_later)),
      parts_(std::move(parts)),
      owner_(std::move(owner)),
      verdict_(verdict),
      open_(parts_.size()),
      ends_(parts_.size()),
      done_(std::move(done)) {}

void Settlement::Submit(size_t part) {
  const cluster::TablePartition& partition = *parts_[part].partition;
  const absl::Status status = host_->Submit(
      partition,
      std::make_unique<FunctionWrite>(
          partition.id, parts_[part].bytes,
          [self = shared_from_this(), part](storage::WriteContext& context) {
            return self->Decide(part, context);
          },
          [self = shared_from_this(), part](const absl::Status& decided) {
            self->OnDecided(part, decided);
          }));
  if (!status.ok()) OnDecided(part, status);
}

absl::Status Settlement::Decide(size_t part, storage::WriteContext& context) {
  const LockedPart& locked = parts_[part];
  const storage::PartitionId partition = locked.partition->id;
  if (verdict_ == Verdict::kRelease) {
    return ReleaseLocks(partition, locked.row_keys, owner_, context);
  }
  ASSIGN_OR_RETURN(ends_[part].units,
                   ApplyLocks(*host_, locked.table, partition, locked.row_keys,
                              owner_, context));
  ends_[part].change_seq = storage::ChangeSeq(context.change_seq().value() - 1);
  return absl::OkStatus();
}

void Settlement::OnDecided(size_t part, const absl::Status& status) {
  if (!status.ok() && IsWorthAnotherTry(status)) {
    return run_later_(
        [self = shared_from_this(), part, status](bool is_stopping) {
          if (is_stopping) return self->OnEnd(part, false, status);
          self->Submit(part);
        });
  }
  // A partition that is gone has no items any more, nor locks.
  OnEnd(part,
        status.ok() ||
            model::ReasonOf(status) == model::Reason::kResourceNotFound,
        status);
}

void Settlement::OnEnd(size_t part, bool settled, const absl::Status& status) {
  if (settled) {
    for (const std::string& row_key : parts_[part].row_keys) {
      host_->locks().Remove(row_key);
    }
  }
  End end;
  {
    absl::MutexLock lock(&mutex_);
    if (!settled) status_.Update(status);
    if (--open_ > 0) return;
    end.status = status_;
  }
  // Nobody else is left.
  end.parts = std::move(ends_);
  done_(std::move(end));
}

}  // namespace pallet::service
