// SPDX-License-Identifier: Apache-2.0
//
// Watch: follows a table that has a stream, as fast as its reader reads.
//
// A table is copied lineage by lineage, chunk by chunk, while it changes. One
// read transaction tells the records behind the place, and only when there are
// none left the next chunk of items: so the items that have been told are always
// told as they were at `after`. A record of an item that is still to be told is
// passed over: the item will be told with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cluster/partition_host.h"
#include "model/expression/ast.h"
#include "service/operation.h"
#include "service/streams/stream_names.h"
#include "service/streams/watch_hub.h"
#include "service/streams/watch_token.h"

namespace pallet::service {

struct WatchOptions {
  cluster::PartitionHost* host = nullptr;
  WatchHub* hub = nullptr;
  Clock* clock = Clock::Real();
  TableStreamRef stream = {};
  std::optional<model::expression::Expression> filter = {};
  // What the row keys that are wanted begin with; empty: all.
  std::string prefix = {};
  absl::Duration heartbeat = absl::Seconds(10);
  WatchToken token = {};  // where it begins
  CallContext context = {};
};

// kLimitExceeded while the hub has no seat free.
absl::StatusOr<std::unique_ptr<PageSource>> OpenWatch(WatchOptions options);

}  // namespace pallet::service
