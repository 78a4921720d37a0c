// SPDX-License-Identifier: Apache-2.0
//
// Watching a table: what happens to its items, as it happens; the items first,
// if asked for. The table's stream must be enabled.
//
//   auto watch = client.Watch({.table = "orders", .snapshot = true});
//   while (true) {
//     absl::StatusOr<WatchBatch> batch = watch->Read();
//     if (!batch.ok()) return batch.status();
//     for (const Change& change : batch->changes) Apply(change);
//     Keep(batch->resume_token);  // goes on behind it, in another process too
//   }
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "client/requests.h"
#include "client/value.h"

namespace pallet {

struct WatchRequest {
  std::string table = {};
  // Only changes whose new item (or old one, if there is no new) meets it.
  std::string filter = {};
  Names names = {};
  Item values = {};
  // Only items with this partition key: its one attribute. Empty: all.
  Item partition_key = {};
  // The present items first, as inserts.
  bool snapshot = false;
  // Of an earlier watch of the same table, filter and key: goes on behind it,
  // with nothing lost and nothing twice.
  std::string resume_token = {};
  // Begins behind these writes (`position` of their responses) in their
  // partitions, and elsewhere now. Of several in one partition the first counts;
  // one must be of what is watched. At most 100. TRIMMED_DATA_ACCESS if what came
  // behind one is not kept. Excludes snapshot and resume_token.
  std::vector<std::string> positions = {};
  // A batch at least this often, if only with a token. nullopt: 10 seconds.
  std::optional<absl::Duration> heartbeat = {};
};

enum class ChangeKind { kInsert, kModify, kRemove };

struct Change {
  ChangeKind kind = ChangeKind::kInsert;
  Item key = {};
  // As far as the stream's view type keeps them.
  std::optional<Item> old_item = {};
  std::optional<Item> new_item = {};
  std::string sequence_number = {};
  bool by_service = false;  // not by a user: it has expired
};

struct WatchBatch {
  std::vector<Change> changes = {};  // in order per item; empty: a heartbeat
  std::string resume_token = {};     // names the place behind them
  bool snapshot_complete = false;    // all items have been told
};

// Batches, one after the other. A stream that breaks is opened again with the
// token of its last batch, after backoff. Destroying it cancels what is under
// way, whose callback may then never be called. Used by one thread at a time.
// A node has room for so many: one more fails with LIMIT_EXCEEDED, behind the
// attempts of RetryOptions. The end of the table's stream, behind its last change,
// is RESOURCE_NOT_FOUND.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  // The batch after the last one. After an error: the same error again.
  // REQUIRES: the callback of the call before was called.
  virtual void Next(Callback<WatchBatch> done) = 0;

  // The same, and waits for it.
  absl::StatusOr<WatchBatch> Read();
};

}  // namespace pallet
