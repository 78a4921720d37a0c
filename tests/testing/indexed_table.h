// SPDX-License-Identifier: Apache-2.0
//
// IndexedTable: a table in two stores with global indexes and their propagator,
// without catalog or service: for tests that write, crash, add indexes, and
// compare.
//
// Items have pk (S) and attributes a (S), b (N), c (S) that indexes are made
// of, and v. Writes are as the service makes them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"
#include "gsi/index_checker.h"
#include "gsi/propagator.h"
#include "gsi/topology.h"
#include "model/key.h"
#include "storage/store.h"

namespace pallet::testing {

struct TestItem {
  std::string pk;
  std::optional<std::string> a = {};
  std::optional<int64_t> b = {};
  std::optional<std::string> c = {};
  // Of the wrong type for indexes: c is a number.
  bool c_is_number = false;
  std::string v = {};
};

struct IndexedTableOptions {
  // A propagator that reads so few changes at once is often behind its rows.
  uint64_t round_changes = 1000;
  uint64_t round_growth = 16;
  // Small ones make many waves and many chunks of few rows.
  gsi::ChunkLimits chunk = {};
  gsi::StepObserver observer = nullptr;
  // Of each store; they outlive the table.
  std::array<FileSystem*, 2> file_systems = {FileSystem::Real(),
                                             FileSystem::Real()};
};

class IndexedTable {
 public:
  // In `directory`; what is there is opened. `indexes` are those it has.
  explicit IndexedTable(std::string directory,
                        const std::vector<uint64_t>& indexes = {},
                        IndexedTableOptions options = {});
  ~IndexedTable();

  // Ends propagator and stores, and starts them again.
  void Restart();

  // Indexes 1 by-a (a; ALL), 2 by-ab (a | b; KEYS_ONLY), 3 by-c (c, b; v), and so
  // on. Ids grow, and none is used again.
  void AddIndex(uint64_t id);
  void DropIndex(uint64_t id);
  bool HasIndex(uint64_t id) const;
  // Once it is filled.
  void AwaitActive(uint64_t id);

  // Durable on return. The position it got: source partition and seq.
  struct Position {
    storage::PartitionId lineage;
    storage::ChangeSeq seq;
  };
  absl::Status Put(const TestItem& item, Position* position = nullptr);
  absl::Status Delete(const std::string& pk);

  // Waits until all indexes have all that was written before.
  void AwaitAll();
  gsi::IndexCheck Check();
  // The stores' own check of themselves.
  absl::Status Verify();

  // Items that are under two keys in one partition of an index at this moment.
  uint64_t CountDoubles(uint64_t index);
  // Rows of changes that are kept.
  uint64_t CountChanges();

  gsi::Propagator& propagator() { return *propagator_; }
  gsi::TopologyPtr topology() const;
  storage::Store& store(size_t i) { return *stores_[i]; }
  storage::PartitionId SourceOf(const std::string& pk) const;

 private:
  void Open();
  void MakePartitions(uint64_t index);
  std::vector<uint64_t> KnownIds() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Close();
  void Publish() ABSL_LOCKS_EXCLUDED(publish_, mutex_);
  void OnFilled(const std::vector<uint64_t>& indexes);
  gsi::IndexTopology MakeIndex(uint64_t id, uint64_t version) const;
  absl::Status Write(const std::string& pk, const std::string& item,
                     Position* position);

  const std::string directory_;
  const IndexedTableOptions options_;
  std::array<std::unique_ptr<storage::Store>, 2> stores_;
  std::unique_ptr<gsi::Propagator> propagator_;

  // One state of the table after the other.
  absl::Mutex publish_;

  mutable absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(publish_);
  // What a catalog would know.
  struct Known {
    uint64_t id = 0;
    uint64_t version = 0;
    bool active = false;
  };
  std::vector<Known> known_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  gsi::TopologyPtr topology_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::testing
