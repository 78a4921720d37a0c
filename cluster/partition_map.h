// SPDX-License-Identifier: Apache-2.0
//
// PartitionMap: which tables there are, and which partition and store hold a
// row. A snapshot: whoever has it sees one state for as long as he likes. The
// partition host makes a new one for each change of a table.
//
// What holds for every table in it: its partitions stand in the order of their
// ranges, and the ranges cover each hash once. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/strong_id.h"
#include "cluster/throughput_meter.h"
#include "model/global_index.h"
#include "model/key.h"
#include "model/local_index.h"
#include "storage/ids.h"

namespace pallet::storage::v1 {
class TableRecord;
}

namespace pallet::cluster {

struct TableIdTag;
using TableId = StrongId<TableIdTag, uint64_t>;

// The number of a store of this node, from 0.
struct StoreIdTag;
using StoreId = StrongId<StoreIdTag, uint32_t>;

struct TablePartition {
  storage::PartitionId id;
  storage::HashRange range;
  uint64_t epoch = 0;
  StoreId store;

  friend bool operator==(const TablePartition&,
                         const TablePartition&) = default;
};

struct IndexIdTag;
using IndexId = StrongId<IndexIdTag, uint64_t>;

enum class IndexState {
  kCreating,  // takes changes, is being filled; not to be read
  kActive,
};

// A global secondary index of a table.
struct GlobalIndex {
  IndexId id;
  storage::KeyspaceId keyspace;
  // Shared with the tables of other snapshots.
  std::shared_ptr<const model::GlobalIndex> schema;
  // The table's, when the index came. A partition of the table keeps changes
  // for the index when its own schema version is not lower.
  uint64_t schema_version = 0;
  IndexState state = IndexState::kCreating;
  // What its propagation waits for (gsi/topology.h).
  bool paused = false;
  absl::Duration delay = {};
  std::vector<TablePartition> partitions = {};
  // As Table::meter, of the index alone.
  std::shared_ptr<ThroughputMeter> meter = nullptr;

  const TablePartition& PartitionOf(uint64_t hash) const;
};

// A stream that changes of a table go to, or went to not long ago.
struct TableStream {
  uint64_t id = 0;  // the table's schema version when it was opened
  // When it was closed.
  uint64_t closed_version = UINT64_MAX;
  bool keeps_old_image = false;
  bool keeps_new_image = false;
};

// Which attribute tells when items of a table expire.
struct TimeToLive {
  uint64_t id = 0;  // the table's schema version when it began
  std::string attribute = {};
  bool hides_expired = false;  // from reads, before they are deleted
};

// The schema version of the partitions of a deleted table.
inline constexpr uint64_t kGoneSchemaVersion = UINT64_MAX;

struct Table {
  TableId id;
  std::string name;
  storage::KeyspaceId keyspace;
  model::KeySchema key;
  // At most storage::kMaxLocalIndexes.
  std::vector<model::LocalIndex> local_indexes = {};
  // Its partitions know how large its item collections are.
  bool keeps_collection_sizes = false;
  // In the order they were made.
  std::vector<GlobalIndex> global_indexes = {};
  // The attributes in the keys of all of them, sorted.
  std::vector<std::string> index_key_attributes = {};
  // In the order they were opened.
  std::vector<TableStream> streams = {};
  std::optional<TimeToLive> time_to_live = {};
  // Grows with each change of the global indexes and with each opening and
  // closing of a stream, each beginning and end of a time to live; 0: never had any.
  uint64_t schema_version = 0;
  std::vector<TablePartition> partitions;
  // What else the catalog says of it (pallet/storage/v1/catalog.proto). Shared
  // with the tables of other snapshots.
  std::shared_ptr<const storage::v1::TableRecord> record;
  // Null unless the table asks to be held to a throughput. Shared with the
  // tables of other snapshots.
  std::shared_ptr<ThroughputMeter> meter = nullptr;
  bool meters_global_indexes = false;  // one of them at least

  const TablePartition& PartitionOf(uint64_t hash) const;

  // Null if there is no such global index.
  const GlobalIndex* FindGlobalIndex(absl::string_view index) const;
  const GlobalIndex* FindGlobalIndex(IndexId index) const;
  // Null if there is no local index of that name.
  const model::LocalIndex* FindLocalIndex(absl::string_view index) const;
  // That which a partition with this schema version keeps records for; null:
  // none.
  const TableStream* StreamAt(uint64_t schema_version) const {
    if (streams.empty()) return nullptr;
    return FindStreamAt(schema_version);
  }
  // Of the entries of local_indexes[number].
  storage::KeyspaceId KeyspaceOfLocalIndex(size_t number) const;

 private:
  const TableStream* FindStreamAt(uint64_t schema_version) const;
};

// A table of the service's own; no user can name it.
inline bool IsSystemTable(absl::string_view name) {
  return !name.empty() && name.front() == '~';
}

// Shared because requests hold on to a table while the map moves on.
using TablePtr = std::shared_ptr<const Table>;

class PartitionMap {
 public:
  // REQUIRES: `tables` have different names and partitions as said above.
  PartitionMap(std::vector<TablePtr> tables, uint64_t version,
               std::vector<TablePtr> gone = {});

  // Null if there is no such table.
  TablePtr Find(absl::string_view name) const;

  // Sorted by name.
  const std::vector<TablePtr>& tables() const { return tables_; }

  // Deleted tables whose streams are kept; names may come more than once.
  const std::vector<TablePtr>& gone() const { return gone_; }

  // Grows with each change while the process lives.
  uint64_t version() const { return version_; }

  // The map after a table came or changed, or (null) went.
  std::shared_ptr<const PartitionMap> With(absl::string_view name,
                                           TablePtr table) const;
  // The map after the table was deleted; it is kept as `gone` unless null.
  std::shared_ptr<const PartitionMap> WithGone(absl::string_view name,
                                               TablePtr gone) const;
  // The map after nothing is kept of a deleted table any more.
  std::shared_ptr<const PartitionMap> WithoutGone(TableId id) const;

 private:
  std::vector<TablePtr> tables_;
  std::vector<TablePtr> gone_;
  absl::flat_hash_map<absl::string_view, size_t> by_name_;  // into tables_
  uint64_t version_;
};

// `count` ranges of almost equal width that cover each hash once.
// REQUIRES: count > 0.
std::vector<storage::HashRange> EvenRanges(uint32_t count);

}  // namespace pallet::cluster
