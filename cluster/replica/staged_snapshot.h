// SPDX-License-Identifier: Apache-2.0
//
// StagedSnapshots: snapshots that come in, each in a file beside the state, until
// they are whole and the log says so. The state they become is made from the
// file: by the store, or by its next start if a crash came between.
//
//   <store>/staging/<partition>            coming in; wiped at a start
//   <store>/staging/<partition>-<index>    whole and synced, named by its end
//
//   file := (length u32 | checksum u64 (XXH3-64) | chunk){n}   -- big endian
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "cluster/replica/state_snapshot.h"
#include "storage/ids.h"

namespace pallet::cluster {

class StagedSnapshots {
 public:
  // `directory` is made if it is not there.
  StagedSnapshots(FileSystem* file_system, std::string directory)
      : file_system_(file_system), directory_(std::move(directory)) {}

  // Removes what was coming in.
  absl::Status Open();

  // Forgets what came before. Errors are kept until Seal.
  void Begin(storage::PartitionId partition);
  void Add(storage::PartitionId partition, absl::string_view chunk);
  // It is whole, and gets its name. Durable once Sync(partition, index) is OK,
  // which any thread may call.
  absl::Status Seal(storage::PartitionId partition, uint64_t index);
  absl::Status Sync(storage::PartitionId partition, uint64_t index) const;

  // Calls `body` for each chunk, in order. kDataLoss if it is not there whole.
  absl::Status Read(
      storage::PartitionId partition, uint64_t index,
      absl::FunctionRef<absl::Status(const SnapshotChunk&)> body) const;

  // No start will need those with an end up to the index.
  absl::Status Remove(storage::PartitionId partition, uint64_t index);

 private:
  struct Incoming {
    std::unique_ptr<File> file;
    uint64_t bytes = 0;
    absl::Status status;
  };

  std::string PathOf(storage::PartitionId partition) const;
  std::string PathOf(storage::PartitionId partition, uint64_t index) const;

  FileSystem* const file_system_;
  const std::string directory_;
  std::map<storage::PartitionId, Incoming> incoming_;
};

}  // namespace pallet::cluster
