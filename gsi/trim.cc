// SPDX-License-Identifier: Apache-2.0
#include "gsi/trim.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "storage/side_rows.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

class TrimWrite final : public storage::RowWrite {
 public:
  TrimWrite(storage::PartitionId source, std::vector<std::string> keys,
            absl::Status* status, absl::Notification* done)
      : source_(source), keys_(std::move(keys)), status_(status), done_(done) {}

  storage::PartitionId partition() const override { return source_; }
  size_t byte_size() const override { return keys_.size() * 64; }

  absl::Status Decide(storage::WriteContext& context) override {
    for (const std::string& key : keys_) context.DeleteSideRow(key);
    return absl::OkStatus();
  }

  void Done(const absl::Status& status) override {
    *status_ = status;
    done_->Notify();
  }

 private:
  const storage::PartitionId source_;
  const std::vector<std::string> keys_;
  absl::Status* const status_;
  absl::Notification* const done_;
};

}  // namespace

absl::StatusOr<ChangeSeq> TrimChanges(const Source& source, ChangeSeq through) {
  const std::string begin = storage::ChangesOf(source.id).begin;
  const std::string end =
      storage::ChangeKey(source.id, ChangeSeq(through.value() + 1));
  std::vector<std::string> keys;
  bool more = false;
  RETURN_IF_ERROR(
      source.store->Read([&](storage::ReadTransaction& read) -> absl::Status {
        const auto cursor = read.Cursor(begin, end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
        while (cursor->Valid()) {
          more = keys.size() >= kTrimmedAtOnce;
          if (more) break;
          keys.emplace_back(cursor->key());
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      }));
  if (keys.empty()) return through;
  const ChangeSeq last = storage::SeqOfChangeKey(keys.back());
  absl::Status status;
  absl::Notification done;
  RETURN_IF_ERROR(source.store->Submit(
      std::make_unique<TrimWrite>(source.id, std::move(keys), &status, &done)));
  done.WaitForNotification();
  RETURN_IF_ERROR(status);
  return more ? last : through;
}

}  // namespace pallet::gsi
