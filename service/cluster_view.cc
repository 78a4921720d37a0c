// SPDX-License-Identifier: Apache-2.0
#include "service/cluster_view.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/handlers/handler.h"
#include "service/version.h"

namespace pallet::service {
namespace {

template <typename Record, typename Out>
void DescribeKey(const Record& record, Out* out) {
  for (const auto& each : record.key_schema()) {
    v1::KeySchemaElement* const element = out->add_key_schema();
    element->set_attribute_name(each.name());
    element->set_key_type(static_cast<v1::KeyType>(each.role()));
  }
}

class OneNode final : public ClusterView {
 public:
  OneNode(cluster::PartitionHost* host, std::function<v1::Node()> self)
      : host_(host), self_(std::move(self)) {}

  absl::StatusOr<v1::Topology> Topology() override {
    v1::Topology topology;
    topology.set_placement_hash(v1::PLACEMENT_HASH_XXH3_64);
    topology.set_hash_seed(host_->hash_seed());
    *topology.add_nodes() = Self();
    const auto map = host_->map();
    for (const cluster::TablePtr& table : map->tables()) {
      if (cluster::IsSystemTable(table->name)) continue;
      v1::TableTopology* const out = topology.add_tables();
      DescribeTopologyOf(*table->record, out);
      Describe(table->partitions, out);
      for (size_t i = 0; i < table->global_indexes.size(); ++i) {
        Describe(table->global_indexes[i].partitions,
                 out->mutable_global_secondary_indexes(static_cast<int>(i)));
      }
    }
    return topology;
  }

  absl::StatusOr<v1::DescribeClusterResponse> Describe() override {
    v1::DescribeClusterResponse response;
    *response.add_nodes() = Self();
    response.set_node_id(response.nodes(0).node_id());
    response.set_leader_node_id(response.node_id());
    response.mutable_etcd_silence();
    const auto map = host_->map();
    for (const cluster::TablePtr& table : map->tables()) {
      RETURN_IF_ERROR(
          Describe(table->name, nullptr, table->partitions, &response));
      for (const cluster::GlobalIndex& index : table->global_indexes) {
        RETURN_IF_ERROR(Describe(table->name, &index.schema->name(),
                                 index.partitions, &response));
      }
    }
    return response;
  }

 private:
  using Partitions = std::vector<cluster::TablePartition>;

  v1::Node Self() const {
    v1::Node self = self_();
    self.set_node_id(absl::BytesToHexString(host_->incarnation()));
    self.set_alive(true);
    self.set_member(true);
    self.set_version(kVersion);
    return self;
  }

  template <typename Out>
  void Describe(const Partitions& partitions, Out* out) const {
    const std::string self = absl::BytesToHexString(host_->incarnation());
    for (const cluster::TablePartition& each : partitions) {
      v1::Partition* const partition = out->add_partitions();
      partition->set_partition_id(each.id.value());
      partition->set_first_hash(each.range.first);
      partition->set_last_hash(each.range.last);
      partition->set_epoch(each.epoch);
      partition->set_leader_node_id(self);
      partition->add_replica_node_ids(self);
    }
  }

  absl::Status Describe(const std::string& table, const std::string* index,
                        const Partitions& partitions,
                        v1::DescribeClusterResponse* out) {
    for (const cluster::TablePartition& each : partitions) {
      const auto info = host_->store(each.store).Partition(each.id);
      if (!info.ok()) continue;  // it has just gone
      v1::Replica* const replica = out->add_replicas();
      replica->set_partition_id(each.id.value());
      replica->set_table_name(table);
      if (index != nullptr) replica->set_index_name(*index);
      replica->set_role(v1::REPLICA_ROLE_LEADER);
      replica->set_leader_node_id(out->node_id());
      replica->set_item_count(info->item_count);
      replica->set_item_bytes(info->item_bytes);
      replica->set_serving(true);
    }
    return absl::OkStatus();
  }

  cluster::PartitionHost* const host_;
  const std::function<v1::Node()> self_;
};

// Counts how often the topology was another one. Thread-safe.
class Versions {
 public:
  // From the time, so that a node that starts again does not count the same.
  explicit Versions(Clock* clock)
      : version_(static_cast<uint64_t>(absl::ToUnixMicros(clock->Now()))) {}

  uint64_t Of(const v1::Topology& topology) {
    std::string bytes = topology.SerializeAsString();
    absl::MutexLock lock(&mutex_);
    if (bytes != last_) {
      last_ = std::move(bytes);
      ++version_;
    }
    return version_;
  }

 private:
  absl::Mutex mutex_;
  uint64_t version_ ABSL_GUARDED_BY(mutex_);
  std::string last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ClusterView> ViewOfOneNode(cluster::PartitionHost* host,
                                           std::function<v1::Node()> self) {
  return std::make_unique<OneNode>(host, std::move(self));
}

void DescribeTopologyOf(const storage::v1::TableRecord& record,
                        v1::TableTopology* out) {
  out->set_table_name(record.name());
  out->set_table_id(record.uuid());
  for (const auto& each : record.attribute_definitions()) {
    v1::AttributeDefinition* const definition =
        out->add_attribute_definitions();
    definition->set_attribute_name(each.name());
    definition->set_attribute_type(
        static_cast<v1::ScalarAttributeType>(each.type()));
  }
  DescribeKey(record, out);
  for (const auto& each : record.global_indexes()) {
    v1::IndexTopology* const index = out->add_global_secondary_indexes();
    index->set_index_name(each.name());
    DescribeKey(each, index);
  }
}

void RegisterClusterOperations(ClusterView* view, Clock* clock,
                               OperationRegistry* registry) {
  registry->Add(
      "GetTopology",
      Inline<v1::GetTopologyRequest>(
          [view, versions = std::make_shared<Versions>(clock)](
              const v1::GetTopologyRequest& request,
              const CallContext&) -> absl::StatusOr<std::string> {
            v1::GetTopologyResponse response;
            ASSIGN_OR_RETURN(*response.mutable_topology(), view->Topology());
            const uint64_t version = versions->Of(response.topology());
            response.mutable_topology()->set_map_version(version);
            if (request.has_known_map_version() &&
                request.known_map_version() == version) {
              response.clear_topology();
            }
            return response.SerializeAsString();
          }));
  registry->Add("DescribeCluster",
                Inline<v1::DescribeClusterRequest>(
                    [view](const v1::DescribeClusterRequest&,
                           const CallContext&) -> absl::StatusOr<std::string> {
                      ASSIGN_OR_RETURN(
                          const v1::DescribeClusterResponse response,
                          view->Describe());
                      return response.SerializeAsString();
                    }));
}

}  // namespace pallet::service
