// SPDX-License-Identifier: Apache-2.0
//
// A replica's state on its way to another: chunks of rows.
//
//   chunk := format u8 = 1 | flags u8 | state bytes?  -- of the first: the row
//            of the partition (storage/partition_state.h), as of the snapshot
//            | rows varint | (row key bytes | row bytes){rows}
//            | newer through u64?                     -- of the last
//   flags := 1 first | 2 last
//
// Rows are read in short transactions while the state goes on changing, so they
// may be newer than the first chunk says, up to what the last one says: the
// receiver applies the log up to there before anybody reads. What is deleted
// meanwhile is missing, what is put behind the walk comes with the log.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/raft/replica_doors.h"
#include "storage/partition_state.h"
#include "storage/store.h"

namespace pallet::cluster {

inline constexpr size_t kSnapshotChunkBytes = size_t{1} << 20;

struct SnapshotChunk {
  bool first = false, last = false;
  absl::string_view state = {};  // of the first; borrowed
  std::vector<std::pair<absl::string_view, absl::string_view>> rows = {};
  uint64_t newer_through = 0;  // of the last
};
absl::StatusOr<SnapshotChunk> DecodeSnapshotChunk(absl::string_view bytes);

// One thread.
class StateSnapshotReader final : public SnapshotReader {
 public:
  struct Source {
    // A read transaction of the store.
    std::function<absl::Status(
        absl::FunctionRef<absl::Status(storage::ReadTransaction&)>)>
        read;
    // The last index that is applied, or serves_from if that is higher.
    std::function<uint64_t()> newer_through;
    // Told of an error; the snapshot never ends then.
    std::function<void(const absl::Status&)> on_error;
  };
  StateSnapshotReader(Source source, const storage::PartitionState& state);

  std::string Next(bool* last) override;

 private:
  absl::Status AddRows(storage::ReadTransaction& read, std::string* rows,
                       uint64_t* count);

  const Source source_;
  const storage::PartitionState state_;
  std::vector<std::pair<std::string, std::string>> ranges_;  // begin, end
  size_t range_ = 0;
  std::string from_;  // in ranges_[range_]
  bool begun_ = false;
  bool failed_ = false;
};

// All ranges of rows that are the partition's.
std::vector<std::pair<std::string, std::string>> RowRangesOf(
    const storage::PartitionInfo& partition);

}  // namespace pallet::cluster
