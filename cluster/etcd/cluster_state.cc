// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/cluster_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/record_codec.h"
#include "model/errors.h"

namespace pallet::cluster {
namespace {

using internal::v1::CatalogChange;
using internal::v1::ClusterRecord;
using internal::v1::NodeRecord;

constexpr char kClusterFile[] = "cluster";
constexpr char kNodesFile[] = "cluster-nodes";

// Etcd's default for a request is 1.5 MiB.
constexpr size_t kMostChangeBytes = size_t{1400} << 10;

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat(what, " is malformed"));
}

}  // namespace

std::string ClusterState::Key(absl::string_view rest) const {
  return absl::StrCat("/pallet/", options_.name, "/", rest);
}

std::string ClusterState::ChangeKey(uint64_t version) const {
  return Key(absl::StrFormat("catalog/changes/%016x", version));
}

absl::StatusOr<std::unique_ptr<ClusterState>> ClusterState::Open(
    const ClusterStateOptions& options) {
  ASSIGN_OR_RETURN(auto etcd, EtcdClient::Make(options.endpoints));
  std::unique_ptr<ClusterState> state(
      new ClusterState(options, std::move(etcd)));
  RETURN_IF_ERROR(state->ReadKept());
  (void)state->Look();  // it need not answer
  return state;
}

ClusterState::~ClusterState() { Stop(); }

// --- What was kept ---

absl::Status ClusterState::ReadKept() {
  const std::string path = absl::StrCat(options_.directory, "/", kClusterFile);
  ASSIGN_OR_RETURN(const bool known, options_.file_system->Exists(path));
  if (!known) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadFile(options_.file_system, path));
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(
      DecodeRecord("the cluster's record", kClusterFile, bytes, &cluster_));
  has_cluster_ = true;
  const std::string nodes_path =
      absl::StrCat(options_.directory, "/", kNodesFile);
  const auto nodes_bytes = ReadFile(options_.file_system, nodes_path);
  if (!nodes_bytes.ok()) return absl::OkStatus();
  internal::v1::ClusterNodes kept;
  RETURN_IF_ERROR(
      DecodeRecord("the list of nodes", kNodesFile, *nodes_bytes, &kept));
  auto nodes = std::make_shared<KnownNodes>();
  for (const NodeRecord& node : kept.nodes()) {
    (*nodes)[node.id()] = {node, false};
  }
  nodes_ = std::move(nodes);
  return absl::OkStatus();
}

absl::Status ClusterState::Keep(const std::string& file,
                                const std::string& content) {
  return ReplaceFile(options_.file_system,
                     absl::StrCat(options_.directory, "/", file), content);
}

absl::StatusOr<ClusterRecord> ClusterState::cluster() const {
  absl::MutexLock lock(&mutex_);
  if (has_cluster_) return cluster_;
  return absl::NotFoundError(
      absl::StrCat("there is no cluster ", options_.name, " yet"));
}

std::shared_ptr<const KnownNodes> ClusterState::nodes() const {
  absl::MutexLock lock(&mutex_);
  return nodes_;
}

std::string ClusterState::told_leader() const {
  absl::MutexLock lock(&mutex_);
  return told_leader_;
}

void ClusterState::TellLeader(const std::string& self) {
  absl::MutexLock lock(&mutex_);
  to_tell_ = self;
}

absl::Duration ClusterState::silent_for() const {
  absl::MutexLock lock(&mutex_);
  if (silent_since_ == absl::InfiniteDuration()) return absl::ZeroDuration();
  return options_.clock->Monotonic() - silent_since_;
}

// --- Looking at etcd ---

absl::Status ClusterState::SetCluster(const std::string& bytes) {
  ClusterRecord record;
  if (!record.ParseFromString(bytes) || record.incarnation().size() != 16) {
    return Damaged("etcd's record of the cluster");
  }
  {
    absl::MutexLock lock(&mutex_);
    if (has_cluster_) {
      if (cluster_.incarnation() == record.incarnation()) {
        return absl::OkStatus();
      }
      return absl::FailedPreconditionError(
          absl::StrCat("etcd's cluster ", options_.name,
                       " is not the one this node belongs to"));
    }
  }
  RETURN_IF_ERROR(Keep(kClusterFile, EncodeRecord(kClusterFile, record)));
  absl::MutexLock lock(&mutex_);
  cluster_ = record;
  has_cluster_ = true;
  return absl::OkStatus();
}

absl::Status ClusterState::Look() {
  const auto cluster = etcd_->Get(Key("cluster"));
  if (cluster.ok()) {
    RETURN_IF_ERROR(SetCluster(cluster->value));
  } else if (!absl::IsNotFound(cluster.status())) {
    absl::MutexLock lock(&mutex_);
    silent_since_ = std::min(silent_since_, options_.clock->Monotonic());
    return cluster.status();
  }
  ASSIGN_OR_RETURN(const std::vector<EtcdValue> known,
                   etcd_->List(Key("known/")));
  ASSIGN_OR_RETURN(const std::vector<EtcdValue> alive,
                   etcd_->List(Key("alive/")));
  const auto version = etcd_->Get(Key("catalog/version"));
  const auto leader = etcd_->Get(Key("leader"));
  auto nodes = std::make_shared<KnownNodes>();
  internal::v1::ClusterNodes kept;
  for (const EtcdValue& each : known) {
    NodeRecord record;
    if (!record.ParseFromString(each.value)) {
      return Damaged("etcd's record of a node");
    }
    *kept.add_nodes() = record;
    (*nodes)[record.id()] = {record, false};
  }
  for (const EtcdValue& each : alive) {
    const auto node = nodes->find(each.value);
    if (node != nodes->end()) node->second.alive = true;
  }
  bool others = false;
  {
    absl::MutexLock lock(&mutex_);
    silent_since_ = absl::InfiniteDuration();
    others = nodes->size() != nodes_->size();
    for (const auto& [id, node] : *nodes) {
      const auto before = nodes_->find(id);
      others = others || before == nodes_->end() ||
               before->second.record.SerializeAsString() !=
                   node.record.SerializeAsString();
    }
    nodes_ = nodes;
    if (leader.ok()) told_leader_ = leader->value;
    uint64_t number = 0;
    if (version.ok() && absl::SimpleAtoi(version->value, &number)) {
      shared_version_ = number;
    }
  }
  if (!others) return absl::OkStatus();
  return Keep(kNodesFile, EncodeRecord(kNodesFile, kept));
}

absl::Status ClusterState::KeepLease() {
  const absl::Duration now = options_.clock->Monotonic();
  {
    absl::MutexLock lock(&mutex_);
    if (self_changed_) lease_ = 0;
  }
  if (lease_ != 0 && now - lease_kept_ < options_.lease / 4) {
    return absl::OkStatus();
  }
  if (lease_ != 0) {
    const absl::Status kept = etcd_->KeepAlive(lease_);
    if (!kept.ok() && !absl::IsNotFound(kept)) return kept;
    if (kept.ok()) {
      lease_kept_ = now;
      return absl::OkStatus();
    }
    lease_ = 0;
  }
  NodeRecord self;
  {
    absl::MutexLock lock(&mutex_);
    self = self_;
    self_changed_ = false;
  }
  ASSIGN_OR_RETURN(const int64_t lease, etcd_->GrantLease(options_.lease));
  const std::string id = absl::BytesToHexString(self.id());
  RETURN_IF_ERROR(etcd_->Put(
      {Key(absl::StrCat("known/", id)), self.SerializeAsString(), 0}));
  RETURN_IF_ERROR(
      etcd_->Put({Key(absl::StrCat("alive/", id)), self.id(), lease}));
  lease_ = lease;
  lease_kept_ = now;
  return absl::OkStatus();
}

void ClusterState::SetSelf(const NodeRecord& self) {
  absl::MutexLock lock(&mutex_);
  self_ = self;
  self_changed_ = true;
}

void ClusterState::Announce(const NodeRecord& self,
                            std::function<void()> on_change) {
  SetSelf(self);
  on_change_ = std::move(on_change);
  thread_ = Thread("cluster-state", [this] { Work(); });
}

void ClusterState::Work() {
  bool silent = false;
  while (true) {
    absl::Status status = KeepLease();
    if (status.ok()) status = Look();
    std::string leader;
    {
      absl::MutexLock lock(&mutex_);
      leader.swap(to_tell_);
    }
    if (!leader.empty() && !etcd_->Put({Key("leader"), leader, 0}).ok()) {
      TellLeader(leader);
    }
    if (status.ok() == silent) {
      silent = !status.ok();
      if (silent) {
        options_.logger->Warning("etcd.silent", {{"error", status}});
      } else {
        options_.logger->Info("etcd.answers");
      }
    }
    on_change_();
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.look)) {
      break;
    }
  }
  if (lease_ != 0) (void)etcd_->RevokeLease(lease_);
}

void ClusterState::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
}

// --- Founding and joining ---

absl::Status ClusterState::FindOrFound(const Founding& dump) {
  const absl::Status looked = Look();
  if (cluster().ok()) return absl::OkStatus();
  RETURN_IF_ERROR(looked);
  ClusterRecord record;
  record.set_incarnation(RealEntropy(16));
  std::string self;
  {
    absl::MutexLock lock(&mutex_);
    record.set_stores(self_.stores());
    self = self_.id();
  }
  const auto known = nodes();
  bool here = false;
  for (const auto& [id, node] : *known) {
    if (!node.alive) continue;
    if (static_cast<uint32_t>(record.members_size()) < options_.initial_nodes) {
      record.add_members(id);
      here = here || id == self;
    }
  }
  if (static_cast<uint32_t>(record.members_size()) < options_.initial_nodes) {
    return absl::UnavailableError(absl::StrCat(
        "the cluster ", options_.name, " waits for ", options_.initial_nodes,
        " nodes and has ", record.members_size()));
  }
  if (!here) {
    return absl::UnavailableError(
        "the cluster is about to be founded by others");
  }
  CatalogChange change;
  change.set_version(1);
  ASSIGN_OR_RETURN(const std::vector<CatalogRow> rows, dump(record));
  for (const CatalogRow& row : rows) {
    internal::v1::CatalogRow* const out = change.add_rows();
    out->set_database(row.database);
    out->set_key(row.key);
    if (row.value.has_value()) out->set_value(*row.value);
  }
  EtcdTxn txn;
  txn.conditions.push_back({.key = Key("cluster"), .absent = true});
  txn.puts.push_back({Key("cluster"), record.SerializeAsString()});
  txn.puts.push_back({Key("catalog/version"), "1"});
  txn.puts.push_back({ChangeKey(1), change.SerializeAsString()});
  ASSIGN_OR_RETURN(const bool founded, etcd_->Commit(txn));
  options_.logger->Info("cluster.founded",
                        {{"by_this_node", founded}, {"name", options_.name}});
  return Look();
}

// --- The catalog ---

absl::StatusOr<bool> ClusterState::CatchUp(Catalog* catalog) {
  uint64_t shared = 0;
  {
    absl::MutexLock lock(&mutex_);
    shared = shared_version_;
  }
  const uint64_t mine = catalog->version();
  if (mine >= shared) return false;
  ASSIGN_OR_RETURN(const std::vector<EtcdValue> changes,
                   etcd_->Range(ChangeKey(mine + 1), ChangeKey(shared)));
  bool any = false;
  for (const EtcdValue& each : changes) {
    CatalogChange change;
    if (!change.ParseFromString(each.value)) {
      return Damaged("a change of the catalog in etcd");
    }
    std::vector<CatalogRow> rows;
    for (const internal::v1::CatalogRow& row : change.rows()) {
      CatalogRow out;
      out.database = static_cast<uint8_t>(std::min(row.database(), 255u));
      out.key = row.key();
      if (row.has_value()) out.value = row.value();
      rows.push_back(std::move(out));
    }
    ASSIGN_OR_RETURN(const bool came, catalog->Apply(change.version(), rows));
    any = any || came;
  }
  return any;
}

absl::Status ClusterState::Commit(uint64_t version,
                                  const std::vector<CatalogRow>& rows) {
  CatalogChange change;
  change.set_version(version);
  for (const CatalogRow& row : rows) {
    internal::v1::CatalogRow* const out = change.add_rows();
    out->set_database(row.database);
    out->set_key(row.key);
    if (row.value.has_value()) out->set_value(*row.value);
  }
  std::string bytes = change.SerializeAsString();
  if (bytes.size() > kMostChangeBytes) {
    return model::MakeError(
        model::Reason::kLimitExceeded,
        "the change of the table is larger than etcd takes");
  }
  EtcdTxn txn;
  txn.conditions.push_back(
      {.key = Key("catalog/version"), .value = absl::StrCat(version - 1)});
  txn.puts.push_back({Key("catalog/version"), absl::StrCat(version)});
  txn.puts.push_back({ChangeKey(version), std::move(bytes)});
  const absl::StatusOr<bool> committed = etcd_->Commit(txn);
  if (!committed.ok()) {
    return model::MakeError(
        model::Reason::kOutcomeUnknown,
        absl::StrCat("Tables cannot be changed while etcd does not answer; "
                     "reads and writes go on. ",
                     committed.status().message()));
  }
  if (*committed) return absl::OkStatus();
  return model::MakeError(model::Reason::kThrottling,
                          "another node has changed the catalog: try again");
}

void ClusterState::SetMembers(std::vector<std::string> members) {
  absl::MutexLock lock(&mutex_);
  members_ = std::move(members);
}

std::vector<std::string> ClusterState::Place() {
  absl::MutexLock lock(&mutex_);
  if (!members_.empty()) return members_;
  return {cluster_.members().begin(), cluster_.members().end()};
}

}  // namespace pallet::cluster
