// SPDX-License-Identifier: Apache-2.0
#include "service/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "service/version.h"

namespace pallet::service {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

// A metric of `family` with the given labels, to be filled in.
ClientMetric& Add(MetricFamily* family,
                  std::vector<ClientMetric::Label> labels) {
  family->metric.emplace_back();
  family->metric.back().label = std::move(labels);
  return family->metric.back();
}

void AddValue(MetricFamily* family, std::vector<ClientMetric::Label> labels,
              double value) {
  ClientMetric& metric = Add(family, std::move(labels));
  if (family->type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

// One line per column of storage::StoreMetrics.
struct StoreColumn {
  const char* name;
  const char* help;
  MetricType type;
  double (*value)(const storage::StoreMetrics&);
};

#define COLUMN(field) \
  [](const storage::StoreMetrics& m) { return static_cast<double>(m.field); }

constexpr StoreColumn kStoreColumns[] = {
    {"pallet_store_batches_total", "Batches made durable.", MetricType::Counter,
     COLUMN(batches)},
    {"pallet_store_writes_total",
     "Writes decided; divided by batches: writes per batch.",
     MetricType::Counter, COLUMN(writes)},
    {"pallet_store_syncs_total", "Syncs of the log.", MetricType::Counter,
     COLUMN(syncs)},
    {"pallet_store_log_bytes_total", "Bytes appended to the log.",
     MetricType::Counter, COLUMN(log_bytes)},
    {"pallet_store_log_segments", "Log segments on disk.", MetricType::Gauge,
     COLUMN(log_segments)},
    {"pallet_store_memtable_bytes",
     "Durable rows in memory that the image does not have yet.",
     MetricType::Gauge, COLUMN(memtable_bytes)},
    {"pallet_store_image_bytes", "Size of the image file.", MetricType::Gauge,
     COLUMN(image_bytes)},
    {"pallet_store_checkpoints_total", "Checkpoints taken.",
     MetricType::Counter, COLUMN(checkpoints)},
    {"pallet_store_inbox_writes", "Writes waiting.", MetricType::Gauge,
     COLUMN(inbox_writes)},
    {"pallet_store_inbox_bytes", "Bytes of writes waiting.", MetricType::Gauge,
     COLUMN(inbox_bytes)},
    {"pallet_store_replayed_frames", "Log frames replayed at the last start.",
     MetricType::Gauge, COLUMN(replayed_frames)},
    {"pallet_store_torn_tails", "Torn log tails cut off at the last start.",
     MetricType::Gauge, COLUMN(torn_tails)},
    {"pallet_store_fenced", "1 if the store refuses writes.", MetricType::Gauge,
     COLUMN(fenced)},
};

#undef COLUMN

void CollectStores(const std::vector<StoreSample>& samples,
                   std::vector<MetricFamily>* out) {
  for (const StoreColumn& column : kStoreColumns) {
    MetricFamily family = Family(column.name, column.help, column.type);
    for (const StoreSample& sample : samples) {
      AddValue(&family, {{"store", sample.name}}, column.value(sample.metrics));
    }
    out->push_back(std::move(family));
  }
}

struct IndexColumn {
  const char* name;
  const char* help;
  double (*value)(const IndexSample&);
};

constexpr IndexColumn kIndexColumns[] = {
    {"pallet_index_active", "1 if the index may be read, 0 while it is filled.",
     [](const IndexSample& s) { return s.active ? 1.0 : 0.0; }},
    {"pallet_index_entries", "Entries in the index.",
     [](const IndexSample& s) { return static_cast<double>(s.entries); }},
    {"pallet_index_bytes", "Bytes of its entries, by DynamoDB's measure.",
     [](const IndexSample& s) { return static_cast<double>(s.bytes); }},
    {"pallet_index_changes_behind",
     "Changes of the table that the index has not taken yet.",
     [](const IndexSample& s) {
       return static_cast<double>(s.changes_behind);
     }},
    {"pallet_index_seconds_behind", "Age of the oldest of them.",
     [](const IndexSample& s) { return s.seconds_behind; }},
};

void CollectIndexes(const std::vector<IndexSample>& samples,
                    std::vector<MetricFamily>* out) {
  if (samples.empty()) return;
  for (const IndexColumn& column : kIndexColumns) {
    MetricFamily family = Family(column.name, column.help, MetricType::Gauge);
    for (const IndexSample& sample : samples) {
      AddValue(&family, {{"table", sample.table}, {"index", sample.index}},
               column.value(sample));
    }
    out->push_back(std::move(family));
  }
}

// A family with one value.
void AddOne(const char* name, const char* help, MetricType type, double value,
            std::vector<MetricFamily>* out) {
  out->push_back(Family(name, help, type));
  AddValue(&out->back(), {}, value);
}

// A gauge with a value for each table.
template <typename Table>
void AddTables(const char* name, const char* help,
               const std::vector<Table>& tables,
               double (*value)(const Table& table),
               std::vector<MetricFamily>* out) {
  if (tables.empty()) return;
  MetricFamily family = Family(name, help, MetricType::Gauge);
  for (const Table& table : tables) {
    AddValue(&family, {{"table", table.table}}, value(table));
  }
  out->push_back(std::move(family));
}

void CollectExpiry(const ExpirySample& sample, std::vector<MetricFamily>* out) {
  using Table = ExpirySample::Table;
  AddOne("pallet_expiry_items_total",
         "Items deleted because their time to live was over.",
         MetricType::Counter, static_cast<double>(sample.items), out);
  AddOne("pallet_expiry_late_seconds_total",
         "How long behind its time each was deleted; divided by items: how "
         "late on average.",
         MetricType::Counter, sample.seconds_late, out);
  AddOne("pallet_expiry_clock_in_doubt",
         "1 while nothing expires because the clock was set.",
         MetricType::Gauge, sample.clock_in_doubt ? 1 : 0, out);
  AddTables<Table>(
      "pallet_expiry_due_items",
      "Items that have expired and are still there, counted to 10000 in a "
      "partition.",
      sample.tables,
      [](const Table& table) { return static_cast<double>(table.due_items); },
      out);
  AddTables<Table>(
      "pallet_expiry_due_seconds", "How late the oldest of them is.",
      sample.tables, [](const Table& table) { return table.due_seconds; }, out);
}

void CollectFeeds(const FeedSample& sample, std::vector<MetricFamily>* out) {
  using Table = FeedSample::Table;
  AddOne("pallet_stream_records_trimmed_total",
         "Stream records deleted because they were older than the retention.",
         MetricType::Counter, static_cast<double>(sample.records_trimmed), out);
  AddOne("pallet_watches_open", "Watches open now.", MetricType::Gauge,
         static_cast<double>(sample.watches), out);
  AddOne("pallet_watches_limit", "Watches that may be open.", MetricType::Gauge,
         static_cast<double>(sample.watches_limit), out);
  AddTables<Table>(
      "pallet_stream_records",
      "Stream records kept, at most: writes that changed nothing are counted "
      "too.",
      sample.tables,
      [](const Table& table) { return static_cast<double>(table.records); },
      out);
  AddTables<Table>(
      "pallet_stream_oldest_seconds", "Age of the oldest of them.",
      sample.tables, [](const Table& table) { return table.oldest_seconds; },
      out);
}

void CollectCluster(const ClusterSample& sample,
                    std::vector<MetricFamily>* out) {
  const auto gauge = [out](const char* name, const char* help, double value) {
    AddOne(name, help, MetricType::Gauge, value, out);
  };
  const auto count = [out](const char* name, const char* help, uint64_t value) {
    AddOne(name, help, MetricType::Counter, static_cast<double>(value), out);
  };
  MetricFamily members = Family("pallet_cluster_members",
                                "Nodes with copies, as etcd has heard of them.",
                                MetricType::Gauge);
  AddValue(&members, {{"state", "alive"}},
           static_cast<double>(sample.members_alive));
  AddValue(&members, {{"state", "lost"}},
           static_cast<double>(sample.members_lost));
  out->push_back(std::move(members));
  gauge("pallet_cluster_has_leader", "1 if this node knows one that leads.",
        sample.has_leader ? 1 : 0);
  gauge("pallet_cluster_leads", "1 if this node runs the requests.",
        sample.leads ? 1 : 0);
  count("pallet_cluster_sessions_total",
        "How often this node has begun to run the requests.", sample.sessions);
  gauge("pallet_cluster_calls_waiting", "Calls that wait for a leader.",
        static_cast<double>(sample.calls_waiting));
  gauge("pallet_cluster_etcd_silent_seconds",
        "For how long etcd has not answered this node.",
        sample.etcd_silent_seconds);
  MetricFamily replicas =
      Family("pallet_replicas", "Replicas on this node.", MetricType::Gauge);
  AddValue(&replicas, {{"role", "leader"}},
           static_cast<double>(sample.leaders));
  AddValue(&replicas, {{"role", "follower"}},
           static_cast<double>(sample.followers));
  AddValue(&replicas, {{"role", "candidate"}},
           static_cast<double>(sample.candidates));
  out->push_back(std::move(replicas));
  gauge("pallet_replicas_not_serving",
        "Replicas on this node whose copies are not whole yet.",
        static_cast<double>(sample.not_serving));
  MetricFamily applied = Family(
      "pallet_replica_applied_entries",
      "Entries that this node's replicas have applied; the greatest among the "
      "nodes less this is how far they are behind.",
      MetricType::Counter);
  for (const ClusterSample::Table& table : sample.tables) {
    AddValue(&applied, {{"table", table.table}, {"index", table.index}},
             static_cast<double>(table.applied));
  }
  if (!sample.tables.empty()) out->push_back(std::move(applied));
  count("pallet_peer_frames_total", "Messages sent to other nodes.",
        sample.frames_sent);
  count("pallet_peer_packets_total", "Raft packets in them.",
        sample.packets_sent);
  count("pallet_peer_packets_dropped_total",
        "Packets dropped because a node took none for too long.",
        sample.packets_dropped);
}

// Resident bytes of this process, 0 where /proc does not tell.
double ResidentBytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) *
         static_cast<double>(sysconf(_SC_PAGESIZE));
}

void CollectProcess(absl::Time start, std::vector<MetricFamily>* out) {
  MetricFamily memory =
      Family("process_resident_memory_bytes", "Resident memory size in bytes.",
             MetricType::Gauge);
  AddValue(&memory, {}, ResidentBytes());
  MetricFamily started =
      Family("process_start_time_seconds",
             "Start time of the process since unix epoch in seconds.",
             MetricType::Gauge);
  AddValue(&started, {}, absl::ToDoubleSeconds(start - absl::UnixEpoch()));
  MetricFamily info =
      Family("pallet_info", "The build that runs.", MetricType::Gauge);
  AddValue(&info, {{"version", kVersion}}, 1);
  out->push_back(std::move(memory));
  out->push_back(std::move(started));
  out->push_back(std::move(info));
}

}  // namespace

const std::array<double, kLatencyBounds>& LatencyBounds() {
  static constexpr std::array<double, kLatencyBounds> kBounds = {
      50e-6, 100e-6, 200e-6, 300e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3,
      20e-3, 50e-3,  100e-3, 200e-3, 500e-3, 1.0,  2.0,  5.0,  10.0};
  return kBounds;
}

namespace {

// LatencyBounds in nanoseconds: integers are found faster.
const std::array<int64_t, kLatencyBounds>& LatencyBoundsNs() {
  static const std::array<int64_t, kLatencyBounds> bounds = [] {
    std::array<int64_t, kLatencyBounds> made;
    for (size_t i = 0; i < kLatencyBounds; ++i) {
      made[i] = std::llround(LatencyBounds()[i] * 1e9);
    }
    return made;
  }();
  return bounds;
}

}  // namespace

void OperationMetrics::Finished(absl::StatusCode code, absl::Duration latency) {
  const auto& bounds = LatencyBoundsNs();
  const int64_t ns = absl::ToInt64Nanoseconds(latency);
  const size_t bucket =
      std::lower_bound(bounds.begin(), bounds.end(), ns) - bounds.begin();
  const size_t index = std::min(static_cast<size_t>(code), kStatusCodes - 1);
  answers_[index].fetch_add(1, std::memory_order_relaxed);
  latencies_[bucket].fetch_add(1, std::memory_order_relaxed);
  latency_sum_ns_.fetch_add(static_cast<uint64_t>(ns),
                            std::memory_order_relaxed);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
}

uint64_t OperationMetrics::answers(absl::StatusCode code) const {
  return answers_[static_cast<size_t>(code)].load(std::memory_order_relaxed);
}

// Turns the counters of all operations into metric families.
class OperationCollector {
 public:
  explicit OperationCollector(std::vector<MetricFamily>* out) : out_(out) {}

  ~OperationCollector() {
    out_->push_back(std::move(answers_));
    out_->push_back(std::move(seconds_));
    out_->push_back(std::move(in_flight_));
  }

  void Collect(const OperationMetrics& operation) {
    for (size_t code = 0; code < kStatusCodes; ++code) {
      const uint64_t count =
          operation.answers_[code].load(std::memory_order_relaxed);
      if (count == 0) continue;
      AddValue(&answers_,
               {{"operation", operation.name()},
                {"code", absl::StatusCodeToString(
                             static_cast<absl::StatusCode>(code))}},
               static_cast<double>(count));
    }
    AddValue(&in_flight_, {{"operation", operation.name()}},
             static_cast<double>(operation.in_flight()));
    CollectLatency(operation);
  }

 private:
  void CollectLatency(const OperationMetrics& operation) {
    auto& histogram =
        Add(&seconds_, {{"operation", operation.name()}}).histogram;
    for (size_t i = 0; i <= kLatencyBounds; ++i) {
      histogram.sample_count +=
          operation.latencies_[i].load(std::memory_order_relaxed);
      histogram.bucket.push_back(
          {histogram.sample_count,
           i < kLatencyBounds
               ? LatencyBounds()[i]
               : absl::ToDoubleSeconds(absl::InfiniteDuration())});
    }
    histogram.sample_sum = static_cast<double>(operation.latency_sum_ns_.load(
                               std::memory_order_relaxed)) /
                           1e9;
  }

  std::vector<MetricFamily>* const out_;
  MetricFamily answers_ =
      Family("pallet_operations_total", "Answers by operation and gRPC code.",
             MetricType::Counter);
  MetricFamily seconds_ =
      Family("pallet_operation_seconds", "Time from request to answer.",
             MetricType::Histogram);
  MetricFamily in_flight_ =
      Family("pallet_operations_in_flight", "Operations being worked on.",
             MetricType::Gauge);
};

struct Metrics::Impl {
  absl::Time start;
  mutable absl::Mutex mutex;
  std::vector<std::unique_ptr<OperationMetrics>> operations
      ABSL_GUARDED_BY(mutex);
  std::vector<std::unique_ptr<StreamMetrics>> streams ABSL_GUARDED_BY(mutex);
  // Held while it is asked, so that a source that was replaced is not in use.
  mutable absl::Mutex source_mutex;
  std::function<std::vector<StoreSample>()> stores
      ABSL_GUARDED_BY(source_mutex);
  std::function<std::vector<IndexSample>()> indexes
      ABSL_GUARDED_BY(source_mutex);
  std::function<ExpirySample()> expiry ABSL_GUARDED_BY(source_mutex);
  std::function<FeedSample()> feeds ABSL_GUARDED_BY(source_mutex);
  std::function<ClusterSample()> cluster ABSL_GUARDED_BY(source_mutex);
  std::function<uint64_t()> connections ABSL_GUARDED_BY(source_mutex);

  void CollectOperations(std::vector<MetricFamily>* out) const {
    absl::MutexLock lock(&mutex);
    OperationCollector collector(out);
    for (const auto& operation : operations) collector.Collect(*operation);
  }

  void CollectStreams(std::vector<MetricFamily>* out) const {
    MetricFamily open =
        Family("pallet_streams_open", "Streams open now.", MetricType::Gauge);
    MetricFamily frames =
        Family("pallet_frames_total", "Messages on streams, by direction.",
               MetricType::Counter);
    absl::MutexLock lock(&mutex);
    for (const auto& stream : streams) {
      AddValue(&open, {{"method", stream->method}},
               static_cast<double>(stream->open.load()));
      AddValue(&frames, {{"method", stream->method}, {"direction", "in"}},
               static_cast<double>(stream->frames_in.load()));
      AddValue(&frames, {{"method", stream->method}, {"direction", "out"}},
               static_cast<double>(stream->frames_out.load()));
    }
    out->push_back(std::move(open));
    out->push_back(std::move(frames));
  }
};

Metrics::Metrics(Clock* clock) : impl_(std::make_unique<Impl>()) {
  impl_->start = clock->Now();
}

Metrics::~Metrics() = default;

OperationMetrics* Metrics::Operation(absl::string_view operation) {
  absl::MutexLock lock(&impl_->mutex);
  for (const auto& known : impl_->operations) {
    if (known->name() == operation) return known.get();
  }
  impl_->operations.push_back(
      std::make_unique<OperationMetrics>(std::string(operation)));
  return impl_->operations.back().get();
}

StreamMetrics* Metrics::Stream(absl::string_view method) {
  absl::MutexLock lock(&impl_->mutex);
  for (const auto& known : impl_->streams) {
    if (known->method == method) return known.get();
  }
  impl_->streams.push_back(std::make_unique<StreamMetrics>());
  impl_->streams.back()->method = std::string(method);
  return impl_->streams.back().get();
}

void Metrics::SetStoreSource(std::function<std::vector<StoreSample>()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->stores = std::move(source);
}

void Metrics::SetIndexSource(std::function<std::vector<IndexSample>()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->indexes = std::move(source);
}

void Metrics::SetExpirySource(std::function<ExpirySample()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->expiry = std::move(source);
}

void Metrics::SetFeedSource(std::function<FeedSample()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->feeds = std::move(source);
}

void Metrics::SetClusterSource(std::function<ClusterSample()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->cluster = std::move(source);
}

void Metrics::SetConnectionSource(std::function<uint64_t()> source) {
  absl::MutexLock lock(&impl_->source_mutex);
  impl_->connections = std::move(source);
}

std::string Metrics::Text() const {
  std::vector<MetricFamily> families;
  impl_->CollectOperations(&families);
  impl_->CollectStreams(&families);
  {
    absl::MutexLock lock(&impl_->source_mutex);
    if (impl_->stores) CollectStores(impl_->stores(), &families);
    if (impl_->indexes) CollectIndexes(impl_->indexes(), &families);
    if (impl_->expiry) CollectExpiry(impl_->expiry(), &families);
    if (impl_->feeds) CollectFeeds(impl_->feeds(), &families);
    if (impl_->cluster) CollectCluster(impl_->cluster(), &families);
    if (impl_->connections) {
      AddOne("pallet_json_connections",
             "Connections to the DynamoDB JSON port.", MetricType::Gauge,
             static_cast<double>(impl_->connections()), &families);
    }
  }
  CollectProcess(impl_->start, &families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace pallet::service
