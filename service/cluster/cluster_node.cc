// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/cluster_node.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/table_record.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/version.h"

namespace pallet::service {
namespace {

using cluster::CatalogRow;
using cluster::CatalogTable;
using cluster::ReplicaId;
using cluster::ReplicaInfo;
using cluster::ReplicaStore;
using internal::v1::ClusterRecord;
using storage::PartitionId;

constexpr absl::Duration kLook = absl::Milliseconds(20);
constexpr absl::Duration kJoinRetry = absl::Milliseconds(200);
constexpr absl::Duration kTransferEvery = absl::Milliseconds(100);
constexpr uint32_t kTransfersToOne = 3;
constexpr absl::Duration kReplaceEvery = absl::Milliseconds(250);
constexpr absl::Duration kHandOverPatience = absl::Seconds(3);
constexpr size_t kControlQueue = 256;
// The cluster's own table: whoever leads its one partition leads all.
constexpr char kOwnTable[] = "~cluster";

uint32_t Cores() { return std::max(1u, std::thread::hardware_concurrency()); }

storage::v1::TableRecord OwnTable() {
  storage::v1::TableRecord table;
  table.set_name(kOwnTable);
  auto* const attribute = table.add_attribute_definitions();
  attribute->set_name("id");
  attribute->set_type(storage::v1::SCALAR_TYPE_BINARY);
  auto* const key = table.add_key_schema();
  key->set_name("id");
  key->set_role(storage::v1::KEY_ROLE_PARTITION);
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  table.set_state(storage::v1::TABLE_STATE_ACTIVE);
  table.set_uuid("00000000-0000-4000-8000-000000000000");
  return table;
}

// Of the catalog that a cluster begins with.
class FoundingDoor final : public cluster::CatalogDoor {
 public:
  explicit FoundingDoor(const ClusterRecord& cluster)
      : members_(cluster.members().begin(), cluster.members().end()) {}
  absl::Status Commit(uint64_t, const std::vector<CatalogRow>&) override {
    return absl::OkStatus();
  }
  std::vector<std::string> Place() override { return members_; }

 private:
  const std::vector<std::string> members_;
};

storage::StoreOptions StoreOptionsOf(const ClusterNodeOptions& options) {
  const StoreConfig& config = options.config.store;
  storage::StoreOptions store;
  store.map_size = config.map_size;
  store.segment_bytes = config.segment_bytes;
  store.inbox_bytes = config.inbox_bytes;
  store.inbox_writes = config.inbox_writes;
  store.memtable_bytes = config.memtable_bytes;
  store.checkpoint_bytes = config.checkpoint_bytes;
  store.free_disk_reserve = config.free_disk_reserve;
  store.file_system = options.file_system;
  store.clock = options.clock;
  store.logger = options.logger;
  return store;
}

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterNode>> ClusterNode::Open(
    ClusterNodeOptions options, const std::atomic<bool>* give_up) {
  RETURN_IF_ERROR(Validate(options.config));
  std::unique_ptr<ClusterNode> node(new ClusterNode(std::move(options)));
  RETURN_IF_ERROR(node->Start(give_up));
  return node;
}

ClusterNode::ClusterNode(ClusterNodeOptions options)
    : options_(std::move(options)), metrics_(options_.clock) {}

ClusterNode::~ClusterNode() {
  Shutdown(absl::ZeroDuration());
  if (doors_ != nullptr) doors_->CloseAdmin();
}

absl::Status ClusterNode::Start(const std::atomic<bool>* give_up) {
  const absl::Duration start = options_.clock->Monotonic();
  RETURN_IF_ERROR(OpenDirectory());
  ASSIGN_OR_RETURN(peers_,
                   PeerService::Listen(options_.config.cluster.peer_address));
  RETURN_IF_ERROR(Join(give_up));
  RETURN_IF_ERROR(OpenStores());
  RETURN_IF_ERROR(OpenDoors());
  keeper_ = Thread("cluster-keeper", [this] { Keep(); });
  options_.logger->Info("node.started",
                        {{"cluster", options_.config.cluster.name},
                         {"node", Hex(self_)},
                         {"grpc_address", grpc_address()},
                         {"json_address", json_address()},
                         {"admin_address", admin_address()},
                         {"peer_address", peer_address()},
                         {"data_dir", options_.config.data_dir},
                         {"took", options_.clock->Monotonic() - start}});
  return absl::OkStatus();
}

// --- Joining ---

absl::Status ClusterNode::OpenDirectory() {
  const ServerConfig& config = options_.config;
  ASSIGN_OR_RETURN(directory_, cluster::NodeDirectory::Open(
                                   {.path = config.data_dir,
                                    .store_count = config.stores != 0
                                                       ? config.stores
                                                       : std::min(4u, Cores()),
                                    .file_system = options_.file_system,
                                    .clock = options_.clock}));
  self_ = directory_->node_id();
  if (directory_->founded() && !directory_->replicated()) {
    return absl::FailedPreconditionError(absl::StrCat(
        config.data_dir,
        " was made by one node alone: it cannot join a cluster. Copy its "
        "tables into the cluster instead, or give another data directory"));
  }
  return absl::OkStatus();
}

absl::Status ClusterNode::Join(const std::atomic<bool>* give_up) {
  const ClusterConfig& config = options_.config.cluster;
  cluster::ClusterStateOptions state;
  state.name = config.name;
  state.endpoints = config.etcd;
  state.directory = options_.config.data_dir;
  state.initial_nodes = config.initial_nodes;
  state.clock = options_.clock;
  state.file_system = options_.file_system;
  state.logger = options_.logger;
  ASSIGN_OR_RETURN(state_, cluster::ClusterState::Open(state));
  internal::v1::NodeRecord self;
  self.set_id(self_);
  self.set_peer_address(config.advertise_peer_address.empty()
                            ? peers_->address()
                            : config.advertise_peer_address);
  self.set_version(kVersion);
  self.set_stores(directory_->store_count());
  state_->Announce(self, [this] { Wake(); });
  std::string told;
  absl::Notification never;
  while (true) {
    absl::Status found = state_->FindOrFound(
        [this](const ClusterRecord& cluster) { return FirstRows(cluster); });
    if (found.ok()) {
      ASSIGN_OR_RETURN(const ClusterRecord cluster, state_->cluster());
      incarnation_ = cluster.incarnation();
      if (cluster.stores() != directory_->store_count()) {
        return absl::FailedPreconditionError(absl::StrCat(
            "the cluster's nodes have ", cluster.stores(),
            " stores and this one has ", directory_->store_count(),
            ": set `stores` and begin with an empty data directory"));
      }
      if (catalog_ == nullptr) {
        ASSIGN_OR_RETURN(catalog_,
                         cluster::Catalog::Open(
                             {.directory = directory_->catalog_directory(),
                              .incarnation = incarnation_,
                              .joins = true}));
      }
      const auto came = state_->CatchUp(catalog_.get());
      if (catalog_->version() > 0) break;
      found = came.status();
    }
    if (absl::IsFailedPrecondition(found) || absl::IsDataLoss(found)) {
      return found;
    }
    if (std::string(found.message()) != told) {
      told = std::string(found.message());
      options_.logger->Info("cluster.waiting", {{"why", told}});
    }
    if (give_up != nullptr && give_up->load()) {
      return absl::CancelledError("stopped while it waited for its cluster");
    }
    (void)never.WaitForNotificationWithTimeout(kJoinRetry);
  }
  catalog_->ShareThrough(state_.get());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CatalogRow>> ClusterNode::FirstRows(
    const ClusterRecord& cluster) {
  FileSystem& files = *options_.file_system;
  const std::string directory =
      absl::StrCat(options_.config.data_dir, "/founding");
  RETURN_IF_ERROR(files.CreateDirectory(directory));
  const auto clear = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto names, files.List(directory));
    for (const std::string& name : names) {
      RETURN_IF_ERROR(files.Remove(absl::StrCat(directory, "/", name)));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(clear());
  std::vector<CatalogRow> rows;
  {
    FoundingDoor door(cluster);
    ASSIGN_OR_RETURN(
        const auto catalog,
        cluster::Catalog::Open({.directory = directory,
                                .incarnation = cluster.incarnation(),
                                .found = true}));
    catalog->ShareThrough(&door);
    RETURN_IF_ERROR(
        catalog
            ->CreateTable(OwnTable(),
                          {{storage::HashRange(), cluster::StoreId(0)}}, {})
            .status());
    ASSIGN_OR_RETURN(rows, catalog->Dump());
  }
  RETURN_IF_ERROR(clear());
  RETURN_IF_ERROR(files.Remove(directory));
  return rows;
}

absl::Status ClusterNode::OpenStores() {
  cluster::PeerTransportOptions transport;
  transport.logger = options_.logger;
  transport.incarnation = incarnation_;
  transport.self = self_;
  transport.node_of = [this](PartitionId partition, ReplicaId replica) {
    return NodeOf(partition, replica);
  };
  const auto address_of = [this](const std::string& node) {
    const auto nodes = state_->nodes();
    const auto known = nodes->find(node);
    return known == nodes->end() ? std::string()
                                 : known->second.record.peer_address();
  };
  transport.address_of = address_of;
  transport_ = std::make_unique<cluster::PeerTransport>(std::move(transport));
  RETURN_IF_ERROR(directory_->RaiseDiskFormat(cluster::kReplicaDiskFormat));
  for (uint32_t i = 0; i < directory_->store_count(); ++i) {
    cluster::ReplicaStoreOptions store;
    store.store = StoreOptionsOf(options_);
    store.store.directory = directory_->store_directory(i);
    store.loop = options_.loop;
    store.transport = transport_.get();
    store.on_changed = [this](PartitionId) { Wake(); };
    ASSIGN_OR_RETURN(stores_.emplace_back(),
                     ReplicaStore::Open(std::move(store)));
  }
  RETURN_IF_ERROR(directory_->MarkFounded());
  RETURN_IF_ERROR(ReadCatalog());
  RETURN_IF_ERROR(MakeMissing());
  DropOrphans();
  ForwarderOptions forwarder;
  forwarder.clock = options_.clock;
  forwarder.incarnation = incarnation_;
  forwarder.self = self_;
  forwarder.address_of = address_of;
  forwarder_ = std::make_unique<Forwarder>(std::move(forwarder));
  const ReadConfig& config = options_.config.read;
  ExecutorOptions read;
  read.name = "read";
  read.threads = config.threads != 0 ? config.threads : std::max(2u, Cores());
  read.queue_limit = config.queue;
  read_pool_ = std::make_unique<Executor>(read);
  switchboard_ = std::make_unique<Switchboard>(options_.clock, forwarder_.get(),
                                               read_pool_.get());
  SetMetricSources();
  return absl::OkStatus();
}

absl::Status ClusterNode::OpenDoors() {
  const ServerConfig& config = options_.config;
  ExecutorOptions control;
  control.name = "control";
  control.queue_limit = kControlQueue;
  control_ = std::make_unique<Executor>(control);
  PeerServiceOptions peers;
  peers.clock = options_.clock;
  peers.logger = options_.logger;
  peers.incarnation = incarnation_;
  peers.self = self_;
  peers.switchboard = switchboard_.get();
  peers.read_pool = read_pool_.get();
  peers.on_packets = [this](std::vector<cluster::Packet> packets) {
    const auto placements = this->placements();
    std::vector<std::vector<cluster::Packet>> by_store(stores_.size());
    for (cluster::Packet& packet : packets) {
      const auto placed = placements->find(packet.partition);
      if (placed == placements->end()) continue;
      by_store[placed->second.store % stores_.size()].push_back(
          std::move(packet));
    }
    for (size_t i = 0; i < stores_.size(); ++i) {
      if (!by_store[i].empty()) stores_[i]->Receive(std::move(by_store[i]));
    }
  };
  peers_->Serve(peers);
  switchboard_->Register(&operations_);
  RegisterClusterOperations(this, options_.clock, &operations_);
  DoorsOptions doors;
  doors.config = &options_.config;
  doors.clock = options_.clock;
  doors.logger = options_.logger;
  doors.operations = &operations_;
  doors.read_pool = read_pool_.get();
  doors.metrics = &metrics_;
  doors.health = [this] { return Health(); };
  doors.cluster_page = [this] { return Page(); };
  ASSIGN_OR_RETURN(doors_, Doors::Open(std::move(doors)));
  internal::v1::NodeRecord self;
  self.set_id(self_);
  const ClusterConfig& cluster = config.cluster;
  self.set_peer_address(cluster.advertise_peer_address.empty()
                            ? peers_->address()
                            : cluster.advertise_peer_address);
  self.set_grpc_address(cluster.advertise_grpc_address.empty()
                            ? doors_->grpc_address()
                            : cluster.advertise_grpc_address);
  self.set_json_address(doors_->json_address());
  self.set_admin_address(doors_->admin_address());
  self.set_version(kVersion);
  self.set_stores(directory_->store_count());
  state_->SetSelf(self);
  return absl::OkStatus();
}

// --- The keeper ---

void ClusterNode::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

void ClusterNode::Keep() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return woken_ || stopping_;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&is_due), kLook);
      if (stopping_) break;
      woken_ = false;
    }
    const absl::StatusOr<bool> came = state_->CatchUp(catalog_.get());
    if (!came.ok() && !told_) {
      options_.logger->Error("catalog.behind", {{"error", came.status()}});
    }
    told_ = !came.ok();
    // Another node has led in the meantime.
    if (came.ok() && *came) EndSession();
    absl::Status made = ReadCatalog();
    if (made.ok()) made = MakeMissing();
    if (!made.ok()) {
      options_.logger->Warning("replica.not_made", {{"error", made}});
    }
    DropOrphans();
    LookAfterSession();
    ReplaceLost();
    switchboard_->Pump();
  }
  EndSession();
}

std::shared_ptr<const ClusterNode::Placements> ClusterNode::placements() const {
  absl::MutexLock lock(&mutex_);
  return placements_;
}

std::shared_ptr<const ClusterNode::Tables> ClusterNode::tables() const {
  absl::MutexLock lock(&mutex_);
  return tables_;
}

absl::Status ClusterNode::ReadCatalog() {
  const uint64_t version = catalog_->version();
  {
    absl::MutexLock lock(&mutex_);
    if (version == read_version_) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::vector<CatalogTable> tables, catalog_->Load());
  auto placements = std::make_shared<Placements>();
  const auto add = [&](const cluster::PartitionRecords& records,
                       uint32_t index_count, bool made,
                       const std::string& table, const std::string& index) {
    for (const storage::v1::PartitionRecord& record : records) {
      Placed placed;
      placed.id = PartitionId(record.id());
      placed.store = record.store();
      placed.made = made;
      placed.table = table;
      placed.index = index;
      placed.replica.partition = placed.id;
      placed.replica.keyspace = storage::KeyspaceId(record.keyspace());
      placed.replica.range = cluster::RangeOf(record);
      placed.replica.epoch = record.epoch();
      placed.replica.index_count = index_count;
      bool joins = false;
      for (const storage::v1::ReplicaPlace& place : record.replicas()) {
        placed.nodes[ReplicaId(place.id())] = place.node();
        if (!place.joins()) {
          placed.replica.founders.push_back(ReplicaId(place.id()));
        }
        if (place.node() != self_) continue;
        placed.replica.replica = ReplicaId(place.id());
        joins = place.joins();
      }
      if (joins) placed.replica.founders.clear();
      (*placements)[placed.id] = std::move(placed);
    }
  };
  for (const CatalogTable& table : tables) {
    add(table.partitions, table.table.local_indexes_size(),
        table.table.state() != storage::v1::TABLE_STATE_CREATING,
        table.table.name(), "");
    for (size_t i = 0; i < table.index_partitions.size(); ++i) {
      add(table.index_partitions[i], 0,
          table.table.global_indexes(static_cast<int>(i)).state() !=
              storage::v1::GLOBAL_INDEX_STATE_NEW,
          table.table.name(),
          table.table.global_indexes(static_cast<int>(i)).name());
    }
  }
  std::vector<std::string> members;
  if (const Placed* const own = Own(*placements); own != nullptr) {
    for (const auto& [replica, node] : own->nodes) members.push_back(node);
  }
  state_->SetMembers(std::move(members));
  absl::MutexLock lock(&mutex_);
  placements_ = std::move(placements);
  tables_ =
      std::make_shared<const std::vector<CatalogTable>>(std::move(tables));
  read_version_ = version;
  return absl::OkStatus();
}

absl::Status ClusterNode::MakeReplica(PartitionId partition) {
  absl::MutexLock making(&making_);
  RETURN_IF_ERROR(ReadCatalog());
  const auto placements = this->placements();
  const auto placed = placements->find(partition);
  if (placed == placements->end()) {
    return absl::NotFoundError(
        absl::StrCat("the catalog knows no partition ", partition.value()));
  }
  if (placed->second.replica.replica == ReplicaId()) return absl::OkStatus();
  return StoreOf(placed->second).CreateReplica(placed->second.replica);
}

absl::Status ClusterNode::MakeMissing() {
  const auto placements = this->placements();
  absl::Status first;
  for (const auto& [id, placed] : *placements) {
    if (placed.replica.replica == ReplicaId()) continue;
    const auto here = StoreOf(placed).Replica(id);
    if (here.ok() && here->status.replica == placed.replica.replica) continue;
    const absl::Status made = MakeReplica(id);
    if (!made.ok() && first.ok()) first = made;
  }
  return first;
}

void ClusterNode::DropOrphans() {
  const auto placements = this->placements();
  for (const std::unique_ptr<ReplicaStore>& store : stores_) {
    for (const ReplicaInfo& replica : store->Replicas()) {
      const PartitionId id = replica.partition.id;
      const auto placed = placements->find(id);
      if (placed != placements->end() &&
          placed->second.replica.replica == replica.status.replica) {
        continue;
      }
      const auto given_out = catalog_->WasGivenOut(id);
      if (!given_out.ok() || !*given_out) continue;
      const absl::Status dropped =
          store->DropReplica(id, replica.status.replica);
      options_.logger->Info("replica.dropped",
                            {{"partition", id.value()},
                             {"replica", replica.status.replica.value()},
                             {"status", dropped}});
    }
  }
}

const ClusterNode::Placed* ClusterNode::Own(
    const Placements& placements) const {
  // The first that was given out: the cluster was founded with it.
  return placements.empty() ? nullptr : &placements.begin()->second;
}

std::string ClusterNode::LeaderNode(const Placements& placements) {
  const Placed* const own = Own(placements);
  if (own == nullptr) return "";
  // Without a copy it is what etcd heard last.
  if (own->replica.replica == ReplicaId()) return state_->told_leader();
  return NodeOf(own->id, StoreOf(*own).LeaderOf(own->id));
}

std::string ClusterNode::NodeOf(PartitionId partition,
                                ReplicaId replica) const {
  const auto placements = this->placements();
  const auto placed = placements->find(partition);
  if (placed == placements->end()) return "";
  const auto node = placed->second.nodes.find(replica);
  return node == placed->second.nodes.end() ? "" : node->second;
}

void ClusterNode::HandOver(const std::string& to) {
  const absl::Duration now = options_.clock->Monotonic();
  if (now - last_transfer_ < kTransferEvery) return;
  last_transfer_ = now;
  const auto placements = this->placements();
  for (const auto& [id, placed] : *placements) {
    ReplicaStore& store = StoreOf(placed);
    if (!store.Leads(id)) continue;
    for (const auto& [replica, node] : placed.nodes) {
      if (node == to) (void)store.TransferLeadership(id, replica);
    }
  }
}

bool ClusterNode::LeadsAll(const Placements& placements) {
  for (const auto& [id, placed] : placements) {
    if (placed.made && !StoreOf(placed).Leads(id)) return false;
  }
  return true;
}

void ClusterNode::LookAfterSession() {
  const auto placements = this->placements();
  const Placed* const own = Own(*placements);
  if (own == nullptr) return;
  bool draining = false;
  {
    absl::MutexLock lock(&mutex_);
    draining = draining_;
  }
  ReplicaStore& store = StoreOf(*own);
  const bool leads = store.Leads(own->id) && !draining;
  const std::shared_ptr<Session> session = switchboard_->session();
  if (session != nullptr && (!leads || !session->IsWhole())) EndSession();
  if (!leads) {
    const std::string node = LeaderNode(*placements);
    switchboard_->SetLeader(node == self_ ? "" : node);
    if (!node.empty() && node != self_) HandOver(node);
    return;
  }
  switchboard_->SetLeader("");
  if (switchboard_->session() != nullptr || !LeadsAll(*placements)) return;
  const absl::Duration start = options_.clock->Monotonic();
  SessionOptions options;
  options.config = &options_.config;
  options.clock = options_.clock;
  options.logger = options_.logger;
  for (const auto& each : stores_) options.stores.push_back(each.get());
  options.directory = directory_;
  options.catalog = catalog_;
  options.read_pool = read_pool_.get();
  options.control = control_.get();
  options.make_replica = [this](PartitionId id) { return MakeReplica(id); };
  options.endpoint = [this] {
    return doors_ == nullptr ? std::string() : doors_->endpoint();
  };
  auto opened = Session::Open(std::move(options));
  if (!opened.ok()) {
    options_.logger->Warning("session.not_opened",
                             {{"error", opened.status()}});
    return;
  }
  switchboard_->SetSession(*opened);
  ++sessions_;
  state_->TellLeader(self_);
  options_.logger->Info("session.opened",
                        {{"partitions", placements->size()},
                         {"took", options_.clock->Monotonic() - start}});
}

void ClusterNode::ReplaceLost() {
  const absl::Duration now = options_.clock->Monotonic();
  if (now - last_replacing_ < kReplaceEvery) return;
  last_replacing_ = now;
  const auto placements = this->placements();
  const Placed* const own = Own(*placements);
  // What etcd said last is not what is, while it is silent.
  if (own == nullptr || switchboard_->session() == nullptr ||
      state_->silent_for() > absl::ZeroDuration()) {
    return lost_since_.clear();
  }
  const auto nodes = state_->nodes();
  std::set<std::string> members;
  for (const auto& [id, placed] : *placements) {
    for (const auto& [replica, node] : placed.nodes) members.insert(node);
  }
  std::string lost;
  for (const std::string& member : members) {
    const auto node = nodes->find(member);
    if (node != nodes->end() && node->second.alive) {
      lost_since_.erase(member);
      continue;
    }
    const auto since = lost_since_.emplace(member, now).first->second;
    if (now - since >= options_.config.cluster.replace_after) lost = member;
  }
  if (lost.empty()) return;
  const auto cluster = state_->cluster();
  if (!cluster.ok()) return;
  const std::string spare =
      SpareFor(lost, *placements, *nodes, cluster->members_size());
  bool done = true;
  // The cluster's own partition last: it says where new ones go.
  for (auto it = placements->rbegin(); it != placements->rend(); ++it) {
    const absl::StatusOr<bool> replaced = Replace(it->second, lost, spare);
    if (!replaced.ok()) {
      options_.logger->Info(
          "replica.not_replaced",
          {{"partition", it->first.value()}, {"why", replaced.status()}});
    }
    done = done && replaced.ok() && *replaced;
  }
  if (done) {
    lost_since_.erase(lost);
    options_.logger->Info("node.replaced",
                          {{"node", Hex(lost)}, {"by", Hex(spare)}});
  }
}

std::string ClusterNode::SpareFor(const std::string& lost,
                                  const Placements& placements,
                                  const cluster::KnownNodes& nodes,
                                  size_t copies) const {
  std::set<std::string> members;
  for (const auto& [id, placed] : placements) {
    bool has_lost = false;
    for (const auto& [replica, node] : placed.nodes) {
      members.insert(node);
      has_lost = has_lost || node == lost;
    }
    // One that was begun with before: the last that came is one too many.
    if (has_lost && placed.nodes.size() > copies) {
      return placed.nodes.rbegin()->second;
    }
  }
  for (const auto& [id, node] : nodes) {
    if (node.alive && !members.contains(id) &&
        node.record.stores() == stores_.size()) {
      return id;
    }
  }
  return "";
}

absl::StatusOr<bool> ClusterNode::Replace(const Placed& placed,
                                          const std::string& lost,
                                          const std::string& spare) {
  ReplicaId old, fresh;
  for (const auto& [replica, node] : placed.nodes) {
    if (node == lost) old = replica;
    if (node == spare) fresh = replica;
  }
  if (old == ReplicaId()) return true;
  if (fresh == ReplicaId()) {
    if (spare.empty()) return absl::NotFoundError("there is no spare node");
    RETURN_IF_ERROR(catalog_->AddReplica(placed.id, spare).status());
    return false;
  }
  ReplicaStore& store = StoreOf(placed);
  ASSIGN_OR_RETURN(const ReplicaInfo info, store.Replica(placed.id));
  const cluster::Members& members = info.status.members;
  if (members.joint()) return false;
  if (members.Has(old) || !members.IsVoter(fresh)) {
    std::vector<cluster::MemberChange> changes;
    if (members.Has(old)) {
      changes.push_back({cluster::ChangeKind::kRemove, old});
    }
    if (!members.IsVoter(fresh)) {
      changes.push_back({cluster::ChangeKind::kAddVoter, fresh});
    }
    (void)store.ChangeMembers(placed.id, changes);  // asked again
    return false;
  }
  RETURN_IF_ERROR(catalog_->RemoveReplica(placed.id, old.value()));
  return true;
}

void ClusterNode::EndSession() {
  std::shared_ptr<Session> session = switchboard_->session();
  if (session == nullptr) return;
  switchboard_->SetSession(nullptr);
  session->End();
  session.reset();
  options_.logger->Info("session.ended");
}

// --- What is asked ---

absl::Status ClusterNode::Health() {
  for (size_t i = 0; i < stores_.size(); ++i) {
    const absl::Status status = stores_[i]->Health();
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("store ", i, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

void ClusterNode::Shutdown(absl::Duration patience) {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return;
    draining_ = true;
  }
  if (doors_ != nullptr) {
    doors_->SayDraining();
    // Somebody else leads first, so that calls find him.
    const absl::Duration end =
        options_.clock->Monotonic() + std::min(patience, kHandOverPatience);
    absl::Notification never;
    for (uint32_t attempt = 0; options_.clock->Monotonic() < end; ++attempt) {
      const auto placements = this->placements();
      bool leads = false;
      for (const auto& [id, placed] : *placements) {
        leads = leads || StoreOf(placed).Leads(id);
      }
      if (!leads) break;
      const auto nodes = state_->nodes();
      std::vector<std::string> others;
      for (const auto& [id, node] : *nodes) {
        if (id != self_ && node.alive) others.push_back(id);
      }
      if (others.empty()) break;
      // One that has just come may not be able to take it.
      const std::string& to = others[attempt / kTransfersToOne % others.size()];
      for (const auto& [id, placed] : *placements) {
        ReplicaStore& store = StoreOf(placed);
        if (!store.Leads(id)) continue;
        for (const auto& [replica, node] : placed.nodes) {
          if (node == to) (void)store.TransferLeadership(id, replica);
        }
      }
      (void)never.WaitForNotificationWithTimeout(kTransferEvery);
    }
    doors_->Shut(patience);
  }
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  keeper_.Join();
  if (switchboard_ != nullptr) switchboard_->Stop();
  if (peers_ != nullptr) peers_->Shut(absl::ZeroDuration());
  if (forwarder_ != nullptr) forwarder_->Stop();
  if (read_pool_ != nullptr) read_pool_->Shutdown();
  if (control_ != nullptr) control_->Shutdown();
  if (state_ != nullptr) state_->Stop();
  if (transport_ != nullptr) transport_->Stop();
  if (doors_ != nullptr) doors_->CloseAdmin();  // its pages look at the stores
  stores_.clear();
  options_.logger->Info("node.drained");
}

}  // namespace pallet::service
