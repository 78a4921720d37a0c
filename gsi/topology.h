// SPDX-License-Identifier: Apache-2.0
//
// What the propagator needs to know of a table: the partitions that change, and
// the indexes with the partitions that follow. A snapshot; immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "model/global_index.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace pallet::gsi {

// A partition of an index.
struct Target {
  storage::PartitionId id;
  storage::HashRange range;
  storage::Store* store = nullptr;  // borrowed; outlives the propagator
};

// For operators, and for people who test: what an index waits for.
struct IndexSwitch {
  bool paused = false;        // takes neither changes nor backfill
  absl::Duration delay = {};  // changes wait until they are so old

  friend bool operator==(const IndexSwitch&, const IndexSwitch&) = default;
};

struct IndexTopology {
  uint64_t id = 0;  // never used again
  std::shared_ptr<const model::GlobalIndex> schema;
  storage::KeyspaceId keyspace;
  // Attached in partitions whose schema version is not lower.
  uint64_t schema_version = 0;
  bool active = false;  // false: it is to be filled
  IndexSwitch propagation = {};
  std::vector<Target> targets;  // in the order of their ranges

  // Which target holds the entries at that hash.
  size_t TargetOf(uint64_t hash) const;
};

// A partition of the table: one lineage.
struct Source {
  storage::PartitionId id;
  storage::KeyspaceId keyspace;
  storage::HashRange range;
  storage::Store* store = nullptr;  // borrowed; outlives the propagator
};

struct TableTopology {
  uint64_t table = 0;
  std::string name;
  uint64_t schema_version = 0;
  uint64_t hash_seed = 0;
  std::vector<Source> sources;
  std::vector<IndexTopology> indexes;
};

using TopologyPtr = std::shared_ptr<const TableTopology>;

}  // namespace pallet::gsi
