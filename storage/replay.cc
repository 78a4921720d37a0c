// SPDX-License-Identifier: Apache-2.0
#include "storage/replay.h"

#include <utility>

#include "base/status_macros.h"

namespace pallet::storage {
namespace {

// Large enough that pages are copied once for many rows, small enough that
// LMDB keeps the changed pages in memory.
constexpr uint64_t kWriteBytes = uint64_t{16} << 20;
constexpr uint64_t kBytesPerRecord = 256;  // what a record costs beside these

}  // namespace

absl::StatusOr<Replay> Replay::Begin(Image* image) {
  Replay replay(image);
  ASSIGN_OR_RETURN(ImageRead read, image->Read());
  ASSIGN_OR_RETURN(ImageCursor cursor,
                   read.OpenCursor(DatabaseId::kPartitions, "", ""));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(""));
  while (cursor.Valid()) {
    ASSIGN_OR_RETURN(const PartitionId id, DecodePartitionKey(cursor.key()));
    ASSIGN_OR_RETURN(replay.partitions_[id],
                     DecodePartitionState(id, cursor.value()));
    RETURN_IF_ERROR(cursor.Next());
  }
  return replay;
}

absl::Status Replay::Deliver(const FrameView& frame) {
  if (frame.records.empty()) return absl::OkStatus();
  ++frames_;
  if (!write_.has_value()) {
    ASSIGN_OR_RETURN(ImageWrite write, image_->Write());
    write_.emplace(std::move(write));
  }
  for (const RecordView& record : frame.records) {
    RETURN_IF_ERROR(ApplyRecord(record, partitions_, *write_));
    bytes_in_write_ += record.payload.size() + kBytesPerRecord;
  }
  return bytes_in_write_ < kWriteBytes ? absl::OkStatus() : Finish();
}

absl::Status Replay::Finish() {
  if (!write_.has_value()) return absl::OkStatus();
  const absl::Status committed = write_->Commit();
  write_.reset();
  bytes_in_write_ = 0;
  return committed;
}

std::vector<PartitionState> Replay::partitions() const {
  std::vector<PartitionState> list;
  list.reserve(partitions_.size());
  for (const auto& [id, state] : partitions_) list.push_back(state);
  return list;
}

}  // namespace pallet::storage
