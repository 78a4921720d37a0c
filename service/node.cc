// SPDX-License-Identifier: Apache-2.0
#include "service/node.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace pallet::service {
namespace {

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
  if (doors_ != nullptr) doors_->CloseAdmin();
}

absl::Status Node::Start() {
  const absl::Duration start = options_.clock->Monotonic();
  ASSIGN_OR_RETURN(host_, cluster::PartitionHost::Open(HostOptions(options_)));
  metrics_.SetStoreSource([this] { return SampleStores(); });
  control_ = std::make_unique<Executor>(ControlOptions());
  read_pool_ =
      std::make_unique<Executor>(ReadPoolOptions(options_.config.read));
  ServiceCoreOptions core;
  core.config = &options_.config;
  core.clock = options_.clock;
  core.logger = options_.logger;
  core.host = host_.get();
  core.read_pool = read_pool_.get();
  core.control = control_.get();
  core.endpoint = [this] {
    absl::MutexLock lock(&mutex_);
    return doors_ == nullptr ? std::string() : doors_->endpoint();
  };
  view_ = ViewOfOneNode(host_.get(), [this] { return Self(); });
  core.view = view_.get();
  ASSIGN_OR_RETURN(core_, ServiceCore::Open(core));
  metrics_.SetIndexSource([this] { return core_->SampleIndexes(); });
  metrics_.SetExpirySource([this] { return core_->SampleExpiry(); });
  metrics_.SetFeedSource([this] { return core_->SampleFeeds(); });
  DoorsOptions doors;
  doors.config = &options_.config;
  doors.clock = options_.clock;
  doors.logger = options_.logger;
  doors.operations = &core_->operations();
  doors.read_pool = read_pool_.get();
  doors.metrics = &metrics_;
  doors.health = [this] { return Health(); };
  ASSIGN_OR_RETURN(auto opened, Doors::Open(std::move(doors)));
  {
    absl::MutexLock lock(&mutex_);
    doors_ = std::move(opened);
  }
  options_.logger->Info("node.started",
                        {{"grpc_address", grpc_address()},
                         {"json_address", json_address()},
                         {"admin_address", admin_address()},
                         {"data_dir", options_.config.data_dir},
                         {"stores", host_->store_count()},
                         {"took", options_.clock->Monotonic() - start}});
  return absl::OkStatus();
}

v1::Node Node::Self() {
  v1::Node self;
  absl::MutexLock lock(&mutex_);
  if (doors_ == nullptr) return self;
  self.set_grpc_address(doors_->grpc_address());
  self.set_json_address(doors_->json_address());
  self.set_admin_address(doors_->admin_address());
  return self;
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

std::vector<StoreSample> Node::SampleStores() {
  std::vector<StoreSample> samples;
  for (uint32_t i = 0; i < host_->store_count(); ++i) {
    samples.push_back(
        {absl::StrCat(i), host_->store(cluster::StoreId(i)).Metrics()});
  }
  return samples;
}

void Node::Shutdown(absl::Duration patience) {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return;
    draining_ = true;
  }
  if (doors_ != nullptr) doors_->SayDraining();
  // What would be waited for.
  if (core_ != nullptr) core_->Stop();
  if (doors_ != nullptr) doors_->Shut(patience);
  if (read_pool_ != nullptr) read_pool_->Shutdown();
  if (control_ != nullptr) control_->Shutdown();
  options_.logger->Info("node.drained");
}

}  // namespace pallet::service
