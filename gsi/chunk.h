// SPDX-License-Identifier: Apache-2.0
//
// Chunk: a stretch of a table's partition on its way into the indexes that are
// being filled. Its rows are read once for all of them, what each puts is
// gathered target by target, sorted, and sent in key order (ADR 25).
//
// What always holds: no row is read before the head was looked up, and while
// the chunk lives no cursor of its channels moves. So each change behind a state
// that was read is still to come, however long the chunk takes (ADR 18).
//
// Used inside a backfill; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gsi/channel.h"
#include "gsi/entry_run.h"
#include "gsi/records.h"
#include "gsi/topology.h"
#include "storage/byte_arena.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace pallet::gsi {

// An index to fill, and its channels, target by target.
struct FillJob {
  const IndexTopology* index = nullptr;
  std::vector<Channel*> channels = {};
};

struct ChunkLimits {
  // Of rows, in one read transaction.
  uint64_t read_rows = 500;
  uint64_t read_bytes = uint64_t{1} << 20;
  // Gathered in memory; the more, the more entries share a page.
  uint64_t bytes = uint64_t{64} << 20;
  // Sent at once, to all targets together.
  uint64_t wave_entries = 8000;
  uint64_t wave_bytes = uint64_t{4} << 20;
};

class Chunk {
 public:
  // Of one target.
  struct Run {
    Channel* channel = nullptr;
    EntryRun entries = {};
    EarlyAfter early_after = {};
  };
  // Of one index.
  struct Part {
    uint64_t index = 0;
    BackfillState state = {};  // as it is to become
    std::vector<Run> runs = {};
  };

  // From the row key `from` (empty: the first) up to `until` (empty: the end).
  Chunk(storage::ChangeSeq head, std::string from, std::string until)
      : head_(head), next_row_key_(std::move(from)), until_(std::move(until)) {}
  Chunk(const Chunk&) = delete;

  void AddPart(const FillJob& job, const BackfillState& state);
  // Whether the jobs go on with all its parts.
  bool IsAmong(absl::Span<const FillJob> jobs) const;
  bool Has(uint64_t index) const;

  // The row's entries. REQUIRES: IsAmong(jobs); not sealed.
  void Add(uint64_t hash_seed, absl::Span<const FillJob> jobs,
           absl::string_view row_key, const storage::RowView& row);
  // The next row to be read.
  void GoOnAt(std::string row_key) { next_row_key_ = std::move(row_key); }
  // Everything is read: the rows behind it begin at `next_row_key` (empty: there
  // are none).
  void Seal(std::string next_row_key);

  // The next entries of all targets, some of each.
  std::vector<Shipment> NextWave(storage::PartitionId lineage,
                                 const ChunkLimits& limits);
  // What became of them: those that were taken are done with. The first error,
  // if there was one.
  absl::Status Conclude(const std::vector<Shipment>& wave);

  bool sealed() const { return sealed_; }
  bool IsSent() const;
  const std::string& next_row_key() const { return next_row_key_; }
  const std::string& until() const { return until_; }
  const std::vector<Part>& parts() const { return parts_; }
  // What it holds in memory, about.
  uint64_t bytes() const { return arena_.used_bytes() + bytes_beside_; }

 private:
  void RememberEarly();

  const storage::ChangeSeq head_;
  std::string next_row_key_;
  const std::string until_;
  bool sealed_ = false;
  std::vector<Part> parts_;
  storage::ByteArena arena_;  // keys and bytes of all runs' entries
  uint64_t bytes_beside_ = 0;
  // Of the wave under way, in the order of its shipments.
  std::vector<std::pair<Run*, size_t>> under_way_;
};

}  // namespace pallet::gsi
