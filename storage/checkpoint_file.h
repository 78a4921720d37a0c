// SPDX-License-Identifier: Apache-2.0
//
// The checkpoint file's bytes (what they are for: checkpoint.h).
//
//   file  := magic "PALLETCP" | format u32 = 1 | image uuid 16 | number u64 |
//            image bytes u64 | page size u32 | meta page | meta page |
//            log frame u64 | count u32 | group* | checksum u64 (XXH3-64 of all before it)
//   group := partition u64 | applied index u64 | applied term u64 | term u64 |
//            vote u64 | commit u64 | truncated index u64 | truncated term u64 |
//            change seq u64 | count u32 | member u64*
//
// Big endian; nothing follows. Pure functions. On disk since format 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/ids.h"
#include "storage/lmdb.h"

namespace pallet::storage {

inline constexpr size_t kImageUuidBytes = 16;

// A partition's replication state at the checkpoint. One copy uses `partition`,
// `applied_index` and `change_seq`.
struct CheckpointGroup {
  PartitionId partition = {};
  uint64_t applied_index = 0, applied_term = 0;
  uint64_t term = 0, vote = 0, commit = 0;
  uint64_t truncated_index = 0, truncated_term = 0;
  ChangeSeq change_seq = {};
  std::vector<uint64_t> members = {};

  friend bool operator==(const CheckpointGroup&,
                         const CheckpointGroup&) = default;
};

// What the store says of the state it pins.
struct CheckpointContents {
  uint64_t log_frame = 0;  // the last frame whose effects the image has
  std::vector<CheckpointGroup> groups = {};

  friend bool operator==(const CheckpointContents&,
                         const CheckpointContents&) = default;
};

struct CheckpointFile {
  std::string image_uuid;    // kImageUuidBytes
  uint64_t number = 0;       // counts up from 0 in one store
  uint64_t image_bytes = 0;  // the data file has at least so many
  lmdb::MetaPages meta_pages;
  CheckpointContents contents;
};

std::string EncodeCheckpoint(const CheckpointFile& file);

// kFailedPrecondition for a newer format; kDataLoss for anything else that
// EncodeCheckpoint did not make.
absl::StatusOr<CheckpointFile> DecodeCheckpoint(absl::string_view bytes);

}  // namespace pallet::storage
