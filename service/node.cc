// SPDX-License-Identifier: Apache-2.0
#include "service/node.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "service/expiry/expiry_backlog.h"
#include "service/handlers/handlers.h"
#include "service/streams/stream_usage.h"

namespace pallet::service {
namespace {

constexpr absl::Duration kHealthInterval = absl::Milliseconds(500);
constexpr size_t kControlQueue = 256;
constexpr uint32_t kMostStores = 4;

uint32_t Cores() { return std::max(1u, std::thread::hardware_concurrency()); }

cluster::PartitionHostOptions HostOptions(const NodeOptions& options) {
  const ServerConfig& config = options.config;
  cluster::PartitionHostOptions host;
  host.data_directory = config.data_dir;
  host.open_store = options.open_store;
  host.store_count =
      config.stores != 0 ? config.stores : std::min(kMostStores, Cores());
  host.store.map_size = config.store.map_size;
  host.store.segment_bytes = config.store.segment_bytes;
  host.store.inbox_bytes = config.store.inbox_bytes;
  host.store.inbox_writes = config.store.inbox_writes;
  host.store.memtable_bytes = config.store.memtable_bytes;
  host.store.checkpoint_bytes = config.store.checkpoint_bytes;
  host.store.free_disk_reserve = config.store.free_disk_reserve;
  host.file_system = options.file_system;
  host.clock = options.clock;
  host.logger = options.logger;
  return host;
}

ExecutorOptions ReadPoolOptions(const ReadConfig& config) {
  ExecutorOptions options;
  options.name = "read";
  options.threads =
      config.threads != 0 ? config.threads : std::max(2u, Cores());
  options.queue_limit = config.queue;
  return options;
}

ExecutorOptions ControlOptions() {
  ExecutorOptions options;
  options.name = "control";
  options.queue_limit = kControlQueue;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Open(NodeOptions options) {
  RETURN_IF_ERROR(Validate(options.config));
  std::unique_ptr<Node> node(new Node(std::move(options)));
  RETURN_IF_ERROR(node->Start());
  return node;
}

Node::Node(NodeOptions options)
    : options_(std::move(options)), metrics_(options_.clock) {}

Node::~Node() {
  Shutdown(absl::ZeroDuration());
  for (uint32_t i = 0; watches_ != nullptr && i < host_->store_count(); ++i) {
    host_->store(cluster::StoreId(i)).SetStreamListener(nullptr);
  }
}

absl::Status Node::Start() {
  const absl::Duration start = options_.clock->Monotonic();
  ASSIGN_OR_RETURN(host_, cluster::PartitionHost::Open(HostOptions(options_)));
  metrics_.SetStoreSource([this] { return SampleStores(); });
  indexing_ = std::make_unique<Indexing>(
      IndexingOptions{host_.get(), options_.clock, options_.logger,
                      options_.config.index.max_backlog});
  metrics_.SetIndexSource([this] { return SampleIndexes(); });
  ASSIGN_OR_RETURN(transactions_,
                   Transactions::Open({host_.get(), options_.logger}));
  stream_keeper_ = std::make_unique<StreamKeeper>(
      StreamKeeperOptions{host_.get(), options_.clock, options_.logger,
                          options_.config.stream.retention});
  stream_keeper_->Start();
  watches_ = std::make_unique<WatchHub>(options_.clock,
                                        options_.config.stream.max_watches);
  for (uint32_t i = 0; i < host_->store_count(); ++i) {
    host_->store(cluster::StoreId(i)).SetStreamListener(watches_.get());
  }
  expiry_keeper_ = std::make_unique<ExpiryKeeper>(
      ExpiryKeeperOptions{host_.get(), options_.clock, options_.logger});
  expiry_keeper_->Start();
  metrics_.SetExpirySource([this] { return SampleExpiry(); });
  metrics_.SetFeedSource([this] { return SampleFeeds(); });
  control_ = std::make_unique<Executor>(ControlOptions());
  read_pool_ =
      std::make_unique<Executor>(ReadPoolOptions(options_.config.read));
  RegisterHandlers({.clock = options_.clock,
                    .host = host_.get(),
                    .read_pool = read_pool_.get(),
                    .control = control_.get(),
                    .index_keeper = indexing_.get(),
                    .transactions = transactions_.get(),
                    .max_global_indexes = options_.config.max_global_indexes,
                    .watches = watches_.get(),
                    .stream_retention = options_.config.stream.retention,
                    .endpoint =
                        [this] {
                          absl::MutexLock lock(&endpoint_mutex_);
                          return endpoint_;
                        }},
                   &operations_);
  RETURN_IF_ERROR(StartGrpc());
  RETURN_IF_ERROR(StartJson());
  RETURN_IF_ERROR(StartAdmin());
  watcher_ = Thread("health", [this] { WatchHealth(); });
  options_.logger->Info("node.started",
                        {{"grpc_address", grpc_address()},
                         {"json_address", json_address()},
                         {"admin_address", admin_address()},
                         {"data_dir", options_.config.data_dir},
                         {"stores", host_->store_count()},
                         {"took", options_.clock->Monotonic() - start}});
  return absl::OkStatus();
}

absl::Status Node::StartGrpc() {
  GrpcServerOptions grpc;
  grpc.clock = options_.clock;
  grpc.logger = options_.logger;
  grpc.grpc = options_.config.grpc;
  grpc.pipeline = options_.config.pipeline;
  grpc.operations = &operations_;
  grpc.read_pool = read_pool_.get();
  grpc.metrics = &metrics_;
  ASSIGN_OR_RETURN(grpc_, GrpcServer::Start(grpc));
  {
    absl::MutexLock lock(&endpoint_mutex_);
    endpoint_ = grpc_->address();
  }
  grpc_->SetServing(Health().ok());
  return absl::OkStatus();
}

absl::Status Node::StartJson() {
  const JsonConfig& config = options_.config.json;
  if (config.address == "none") return absl::OkStatus();
  json::JsonServerOptions json;
  json.clock = options_.clock;
  json.logger = options_.logger;
  json.address = config.address;
  json.threads = config.threads;
  json.max_connections = config.max_connections;
  json.idle_timeout = config.idle_timeout;
  json.transfer_timeout = config.transfer_timeout;
  json.max_body_bytes = config.max_body_bytes;
  json.door.clock = options_.clock;
  json.door.operations = &operations_;
  json.door.metrics = &metrics_;
  json.door.access_keys = config.access_keys;
  json.door.max_deadline = options_.config.grpc.max_deadline;
  json.door.health = [this] { return Ready(); };
  ASSIGN_OR_RETURN(json_, json::JsonServer::Start(std::move(json)));
  if (config.access_keys.empty()) {
    options_.logger->Warning(
        "json.open", {{"json_address", json_->address()},
                      {"why", "no access key: signatures are not checked"}});
  }
  metrics_.SetConnectionSource([this] { return json_->connections(); });
  return absl::OkStatus();
}

absl::Status Node::StartAdmin() {
  if (options_.config.admin_address == "none") return absl::OkStatus();
  AdminOptions admin;
  admin.address = options_.config.admin_address;
  admin.logger = options_.logger;
  admin.metrics = [this] { return metrics_.Text(); };
  admin.health = [this] { return Health(); };
  admin.ready = [this] { return Ready(); };
  ASSIGN_OR_RETURN(admin_, AdminServer::Start(std::move(admin)));
  return absl::OkStatus();
}

std::string Node::json_address() const {
  return json_ == nullptr ? "" : json_->address();
}

std::string Node::admin_address() const {
  return admin_ == nullptr ? "" : admin_->address();
}

absl::Status Node::Health() {
  for (uint32_t i = 0; i < host_->store_count(); ++i) {
    const absl::Status status = host_->store(cluster::StoreId(i)).Health();
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("store ", i, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status Node::Ready() {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return absl::UnavailableError("the node is shutting down");
  }
  return Health();
}

void Node::WatchHealth() {
  bool was_healthy = true;
  while (!stop_watching_.WaitForNotificationWithTimeout(kHealthInterval)) {
    const absl::Status health = Health();
    if (health.ok() == was_healthy) continue;
    was_healthy = health.ok();
    grpc_->SetServing(was_healthy);
    if (was_healthy) {
      options_.logger->Info("node.healthy");
    } else {
      options_.logger->Error("node.unhealthy", {{"status", health}});
    }
  }
}

std::vector<StoreSample> Node::SampleStores() {
  std::vector<StoreSample> samples;
  for (uint32_t i = 0; i < host_->store_count(); ++i) {
    samples.push_back(
        {absl::StrCat(i), host_->store(cluster::StoreId(i)).Metrics()});
  }
  return samples;
}

std::vector<IndexSample> Node::SampleIndexes() {
  std::vector<IndexSample> samples;
  const auto map = host_->map();
  for (const cluster::TablePtr& table : map->tables()) {
    if (table->global_indexes.empty()) continue;
    const absl::StatusOr<cluster::TableCounts> counts = host_->CountsOf(*table);
    if (!counts.ok()) continue;  // it has just gone
    for (size_t i = 0; i < table->global_indexes.size(); ++i) {
      const cluster::GlobalIndex& index = table->global_indexes[i];
      const absl::StatusOr<gsi::IndexProgress> progress =
          indexing_->ProgressOf(*table, index);
      if (!progress.ok()) continue;
      samples.push_back({table->name, index.schema->name(),
                         index.state == cluster::IndexState::kActive,
                         counts->global_indexes[i].rows,
                         counts->global_indexes[i].bytes,
                         progress->changes_behind,
                         absl::ToDoubleSeconds(progress->time_behind)});
    }
  }
  return samples;
}

ExpirySample Node::SampleExpiry() {
  const ExpiryKeeper::Metrics metrics = expiry_keeper_->metrics();
  ExpirySample sample = {metrics.deleted, absl::ToDoubleSeconds(metrics.late),
                         metrics.clock_in_doubt};
  for (const ExpiryBacklog& backlog :
       ExpiryBacklogs(*host_, options_.clock->Now())) {
    sample.tables.push_back(
        {backlog.table, backlog.due, absl::ToDoubleSeconds(backlog.oldest)});
  }
  return sample;
}

FeedSample Node::SampleFeeds() {
  FeedSample sample = {stream_keeper_->trimmed(), watches_->watches(),
                       watches_->seats()};
  for (const StreamUsage& usage : StreamUsages(*host_, options_.clock->Now())) {
    sample.tables.push_back(
        {usage.table, usage.records, absl::ToDoubleSeconds(usage.oldest)});
  }
  return sample;
}

void Node::Shutdown(absl::Duration patience) {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return;
    draining_ = true;
  }
  stop_watching_.Notify();
  watcher_.Join();
  // A read that waits for an index would be waited for.
  if (indexing_ != nullptr) indexing_->Stop();
  // And a transaction that waits for room in a store.
  if (transactions_ != nullptr) transactions_->Stop();
  if (stream_keeper_ != nullptr) stream_keeper_->Stop();
  if (expiry_keeper_ != nullptr) expiry_keeper_->Stop();
  // The admin server stays: an operator wants to see a node drain.
  const absl::Duration start = options_.clock->Monotonic();
  if (grpc_ != nullptr) grpc_->Shutdown(patience);
  const absl::Duration left = patience - (options_.clock->Monotonic() - start);
  if (json_ != nullptr) json_->Shutdown(std::max(left, absl::ZeroDuration()));
  if (read_pool_ != nullptr) read_pool_->Shutdown();
  if (control_ != nullptr) control_->Shutdown();
  options_.logger->Info("node.drained");
}

}  // namespace pallet::service
