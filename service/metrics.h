// SPDX-License-Identifier: Apache-2.0
//
// Metrics: what /metrics says. Counting is a few relaxed atomic additions on
// objects found once at start; text is made only when somebody asks.
//
//   pallet_operations_total{operation,code}       answers
//   pallet_operation_seconds{operation}           histogram, start to answer
//   pallet_operations_in_flight{operation}
//   pallet_streams_open{method}, pallet_frames_total{direction}
//   pallet_json_connections                       open now
//   pallet_store_*{store}                         see StoreSample
//   pallet_index_*{table,index}                   see IndexSample
//   pallet_expiry_*, pallet_expiry_due_*{table}   see ExpirySample
//   pallet_stream_*{table}, pallet_watches_*      see FeedSample
//   pallet_cluster_*, pallet_replicas*, pallet_replica_applied_entries{table,
//   index}, pallet_peer_*                         see ClusterSample
//   process_resident_memory_bytes, process_start_time_seconds, pallet_info
//
// Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "storage/store.h"

namespace pallet::service {

inline constexpr size_t kStatusCodes = 17;  // OK to UNAUTHENTICATED
inline constexpr size_t kLatencyBounds = 18;

// Upper bounds of the latency histogram, seconds.
const std::array<double, kLatencyBounds>& LatencyBounds();

// The counters of one operation.
class OperationMetrics {
 public:
  explicit OperationMetrics(std::string name) : name_(std::move(name)) {}
  OperationMetrics(const OperationMetrics&) = delete;
  OperationMetrics& operator=(const OperationMetrics&) = delete;

  void Started() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void Finished(absl::StatusCode code, absl::Duration latency);

  const std::string& name() const { return name_; }
  int64_t in_flight() const {
    return in_flight_.load(std::memory_order_relaxed);
  }
  uint64_t answers(absl::StatusCode code) const;

 private:
  friend class OperationCollector;

  const std::string name_;
  std::atomic<int64_t> in_flight_{0};
  std::array<std::atomic<uint64_t>, kStatusCodes> answers_{};
  std::array<std::atomic<uint64_t>, kLatencyBounds + 1> latencies_{};
  std::atomic<uint64_t> latency_sum_ns_{0};
};

// One kind of stream: StreamQuery, StreamScan, Pipeline.
struct StreamMetrics {
  std::string method;
  std::atomic<int64_t> open{0};
  std::atomic<uint64_t> frames_in{0};
  std::atomic<uint64_t> frames_out{0};
};

struct StoreSample {
  std::string name;  // "0", "1", ...
  storage::StoreMetrics metrics;
};

// A global index at the time of a scrape.
struct IndexSample {
  std::string table, index;
  bool active = false;
  uint64_t entries = 0, bytes = 0;
  uint64_t changes_behind = 0;
  double seconds_behind = 0;
};

// Times to live at the time of a scrape.
struct ExpirySample {
  uint64_t items = 0;           // deleted since the start
  double seconds_late = 0;      // of all of them together
  bool clock_in_doubt = false;  // nothing expires
  struct Table {
    std::string table;
    uint64_t due_items = 0;  // counted to 10,000 in a partition
    double due_seconds = 0;  // how late the oldest of them is
  };
  std::vector<Table> tables = {};
};

// Streams of tables, and who follows them, at the time of a scrape.
struct FeedSample {
  uint64_t records_trimmed = 0;  // since the start
  uint64_t watches = 0, watches_limit = 0;
  struct Table {
    std::string table;
    uint64_t records = 0;  // kept, at most
    double oldest_seconds = 0;
  };
  std::vector<Table> tables = {};
};

// A cluster as one of its nodes sees it, at the time of a scrape.
struct ClusterSample {
  uint64_t members_alive = 0, members_lost = 0;  // nodes with copies
  bool has_leader = false;                       // one that is known here
  bool leads = false;                            // this node, and it serves
  uint64_t sessions = 0;                         // begun here since the start
  uint64_t calls_waiting = 0;                    // for a leader
  double etcd_silent_seconds = 0;
  uint64_t leaders = 0, followers = 0, candidates = 0;  // replicas here
  uint64_t not_serving = 0;  // of these; their copies are not whole yet
  uint64_t frames_sent = 0, packets_sent = 0, packets_dropped = 0;
  struct Table {
    std::string table, index;  // no index: the table's own partitions
    uint64_t applied = 0;      // entries of all its partitions, from the first
  };
  std::vector<Table> tables = {};
};

class Metrics {
 public:
  explicit Metrics(Clock* clock);
  ~Metrics();

  // The counters of `operation`, made on first use; they live as long as this.
  // Takes a lock: for start, not for each request.
  OperationMetrics* Operation(absl::string_view operation);
  StreamMetrics* Stream(absl::string_view method);

  // Asked at each scrape, until it is replaced by nullptr.
  void SetStoreSource(std::function<std::vector<StoreSample>()> source);

  // As SetStoreSource.
  void SetIndexSource(std::function<std::vector<IndexSample>()> source);

  // As SetStoreSource.
  void SetExpirySource(std::function<ExpirySample()> source);
  void SetFeedSource(std::function<FeedSample()> source);
  void SetClusterSource(std::function<ClusterSample()> source);

  // Asked at each scrape: connections of the DynamoDB JSON port open now.
  void SetConnectionSource(std::function<uint64_t()> source);

  // Prometheus text format 0.0.4.
  std::string Text() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::service
