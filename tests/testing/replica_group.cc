// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/replica_group.h"

#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "cluster/replica/state_snapshot.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/store_client.h"

namespace pallet::testing {
namespace {

using cluster::Packet;
using cluster::ReplicaId;
using storage::PartitionId;

constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr absl::Duration kLook = absl::Milliseconds(2);

}  // namespace

class ReplicaGroup::Transport final : public cluster::ReplicaTransport {
 public:
  Transport(ReplicaGroup* group, int from) : group_(group), from_(from) {}
  void Send(Packet packet) override {
    absl::MutexLock lock(&group_->mutex_);
    group_->packets_.emplace_back(from_, std::move(packet));
  }

 private:
  ReplicaGroup* const group_;
  const int from_;
};

ReplicaGroup::ReplicaGroup(int nodes, Options options)
    : options_(std::move(options)) {
  for (int i = 0; i < nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_[i]->transport = std::make_unique<Transport>(this, i);
    Start(i);
  }
  network_ = Thread("network", [this] { Deliver(); });
}

ReplicaGroup::~ReplicaGroup() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  network_.Join();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (up(static_cast<int>(i))) Stop(static_cast<int>(i));
  }
}

void ReplicaGroup::Start(int node) {
  cluster::ReplicaStoreOptions options;
  options.store = options_.store;
  options.store.directory = nodes_[node]->directory.path() + "/store";
  options.store.map_size = uint64_t{1} << 30;
  options.store.free_disk_reserve = 0;
  options.loop.tick = absl::Milliseconds(10);
  options.loop.lease = absl::Milliseconds(80);
  options.loop.silence = absl::Milliseconds(110);
  options.transport = nodes_[node]->transport.get();
  options.kept_entries = options_.kept_entries;
  auto store = cluster::ReplicaStore::Open(std::move(options));
  CHECK(store.ok()) << store.status();
  absl::MutexLock lock(&delivering_);
  nodes_[node]->store = *std::move(store);
}

void ReplicaGroup::Stop(int node) {
  std::unique_ptr<cluster::ReplicaStore> store;
  absl::MutexLock lock(&delivering_);
  store = std::move(nodes_[node]->store);
}

void ReplicaGroup::Wipe(int node) {
  if (up(node)) Stop(node);
  std::filesystem::remove_all(nodes_[node]->directory.path() + "/store");
}

void ReplicaGroup::CutOff(int node) {
  absl::MutexLock lock(&mutex_);
  cut_off_.insert(node);
}

void ReplicaGroup::Heal() {
  absl::MutexLock lock(&mutex_);
  cut_off_.clear();
}

void ReplicaGroup::Deliver() {
  while (true) {
    std::deque<std::pair<int, Packet>> packets;
    std::set<int> cut_off;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ReplicaGroup::HasPackets));
      if (ending_) return;
      packets.swap(packets_);
      cut_off = cut_off_;
    }
    std::map<int, std::vector<Packet>> by_node;
    for (auto& [from, packet] : packets) {
      const int to = static_cast<int>((packet.to.value() - 1) % 10);
      if (cut_off.contains(from) || cut_off.contains(to)) continue;
      by_node[to].push_back(std::move(packet));
    }
    absl::MutexLock lock(&delivering_);
    for (auto& [to, some] : by_node) {
      if (up(to)) store(to).Receive(std::move(some));
    }
    absl::MutexLock packets_lock(&mutex_);
    ++delivered_;
  }
}

void ReplicaGroup::Found(PartitionId partition, storage::KeyspaceId keyspace,
                         const std::vector<int>& nodes, uint32_t index_count) {
  cluster::ReplicaStore::NewReplica replica;
  replica.partition = partition;
  replica.keyspace = keyspace;
  replica.index_count = index_count;
  for (const int node : nodes) replica.founders.push_back(IdOn(node));
  for (const int node : nodes) {
    replica.replica = IdOn(node);
    const absl::Status created = store(node).CreateReplica(replica);
    CHECK(created.ok()) << created;
  }
}

ReplicaId ReplicaGroup::Join(PartitionId partition,
                             storage::KeyspaceId keyspace, int node, int time) {
  cluster::ReplicaStore::NewReplica replica;
  replica.partition = partition;
  replica.keyspace = keyspace;
  replica.replica = IdOn(node, time);
  const absl::Status created = store(node).CreateReplica(replica);
  CHECK(created.ok()) << created;
  return replica.replica;
}

void ReplicaGroup::Await(const std::string& what,
                         const std::function<bool()>& holds) {
  Clock* const clock = Clock::Real();
  const absl::Duration end = clock->Monotonic() + kPatience;
  while (!holds()) {
    ASSERT_LT(clock->Monotonic(), end) << what;
    // Something may have changed once packets were delivered.
    absl::MutexLock lock(&mutex_);
    const uint64_t seen = delivered_;
    const auto moved = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return delivered_ != seen;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&moved), kLook);
  }
}

int ReplicaGroup::AwaitLeader(PartitionId partition) {
  int leader = -1;
  Await("a leader", [&] {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const int node = static_cast<int>(i);
      bool cut_off = false;
      {
        absl::MutexLock lock(&mutex_);
        cut_off = cut_off_.contains(node);
      }
      if (cut_off || !up(node) || !store(node).Leads(partition)) continue;
      leader = node;
      return true;
    }
    return false;
  });
  return leader;
}

bool ReplicaGroup::Put(PartitionId partition, const std::string& key,
                       const std::string& item) {
  bool unknown = false;
  absl::Status status;
  Await("a write", [&] {
    status = PutAndWait(store(AwaitLeader(partition)), partition, key, item);
    if (status.ok()) return true;
    unknown =
        unknown || model::ReasonOf(status) == model::Reason::kOutcomeUnknown;
    return false;
  });
  return unknown;
}

std::string ReplicaGroup::Get(PartitionId partition, const std::string& key) {
  std::string found = "none";
  Await("a strong read", [&] {
    const int node = AwaitLeader(partition);
    return store(node)
        .ReadStrong(partition, absl::Seconds(1),
                    [&](storage::ReadTransaction& read) -> absl::Status {
                      found = "none";
                      auto row = read.Get(key);
                      if (!row.ok()) return row.status();
                      if (row->has_value()) {
                        found = std::string((*row)->item);
                      }
                      return absl::OkStatus();
                    })
        .ok();
  });
  return found;
}

void ReplicaGroup::ExpectEqual(PartitionId partition,
                               const std::vector<int>& nodes) {
  const auto all_equal = [&] {
    std::set<uint64_t> applied;
    for (const int node : nodes) {
      const auto info = store(node).Replica(partition);
      if (!info.ok() || !info->serving) return false;
      applied.insert(info->applied);
    }
    return applied.size() == 1;
  };
  Await("replicas that are alike", all_equal);
  std::optional<std::string> first;
  for (const int node : nodes) {
    const auto info = store(node).Partition(partition);
    ASSERT_TRUE(info.ok()) << info.status();
    std::string rows = absl::StrCat(info->change_seq.value(), " ",
                                    info->item_count, " ", info->item_bytes);
    for (const auto& [begin, end] : cluster::RowRangesOf(*info)) {
      const absl::Status read =
          store(node).Read([&, &begin = begin,
                            &end = end](storage::ReadTransaction& transaction) {
            const auto cursor = transaction.Cursor(begin, end);
            absl::Status status = cursor->SeekAtOrAfter(begin);
            while (status.ok() && cursor->Valid()) {
              absl::StrAppend(&rows, cursor->key(), "=", cursor->row().item,
                              "\n");
              status = cursor->Next();
            }
            return status;
          });
      ASSERT_TRUE(read.ok()) << read;
    }
    if (!first.has_value()) first = rows;
    EXPECT_EQ(rows, *first) << "node " << node;
    EXPECT_TRUE(store(node).Verify().ok()) << store(node).Verify();
  }
}

}  // namespace pallet::testing
