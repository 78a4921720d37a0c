// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/replica_store.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "cluster/replica/replica_proposer.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/replica_group.h"
#include "tests/testing/store_client.h"

namespace pallet::cluster {
namespace {

using storage::KeyspaceId;
using storage::PartitionId;
using testing::FunctionWrite;
using testing::PutAndWait;
using testing::ReadItem;
using testing::ReplicaGroup;
using testing::TestKey;
using testing::WriteAndWait;

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{10};

std::string Key(const std::string& name) {
  return TestKey(kKeyspace, std::hash<std::string>()(name), name);
}

TEST(ReplicaStoreTest, AGroupOfOneIsAStore) {
  ReplicaGroup group(1);
  group.Found(kPartition, kKeyspace, {0});
  EXPECT_FALSE(group.Put(kPartition, Key("a"), "1"));
  EXPECT_EQ(group.Get(kPartition, Key("a")), "1");
  group.Stop(0);
  group.Start(0);
  EXPECT_EQ(group.Get(kPartition, Key("a")), "1");
  EXPECT_FALSE(group.Put(kPartition, Key("b"), "2"));
  group.ExpectEqual(kPartition, {0});
}

TEST(ReplicaStoreTest, WhatIsAcknowledgedIsOnAllReplicas) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int i = 0; i < 200; ++i) {
    group.Put(kPartition, Key(absl::StrCat("k", i % 50)), absl::StrCat(i));
  }
  EXPECT_EQ(group.Get(kPartition, Key("k49")), "199");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, ManyWritesAtOnceShareProposals) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  const int leader = group.AwaitLeader(kPartition);
  constexpr int kWrites = 2000;
  absl::BlockingCounter left(kWrites);
  std::atomic<int> failed{0};
  for (int i = 0; i < kWrites; ++i) {
    const std::string key = Key(absl::StrCat(i));
    const absl::Status taken =
        group.store(leader).Submit(std::make_unique<FunctionWrite>(
            kPartition,
            [key](storage::WriteContext& context) {
              context.Put(key, "item", 4);
              return absl::OkStatus();
            },
            [&](const absl::Status& status) {
              if (!status.ok()) ++failed;
              left.DecrementCount();
            }));
    ASSERT_TRUE(taken.ok()) << taken;
  }
  left.Wait();
  EXPECT_EQ(failed, 0);
  EXPECT_LT(group.store(leader).Metrics().batches, kWrites / 2);
  group.ExpectEqual(kPartition, {0, 1, 2});
  const auto info = group.store(leader).Partition(kPartition);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->item_count, static_cast<uint64_t>(kWrites));
  EXPECT_EQ(info->change_seq.value(), static_cast<uint64_t>(kWrites));
}

TEST(ReplicaStoreTest, AWriteSeesAllBeforeIt) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  const int leader = group.AwaitLeader(kPartition);
  constexpr int kWrites = 500;
  absl::BlockingCounter left(kWrites);
  for (int i = 0; i < kWrites; ++i) {
    const absl::Status taken =
        group.store(leader).Submit(std::make_unique<FunctionWrite>(
            kPartition,
            [](storage::WriteContext& context) -> absl::Status {
              const auto row = context.Get(Key("counter"));
              if (!row.ok()) return row.status();
              const int before =
                  row->has_value() ? std::stoi(std::string((*row)->item)) : 0;
              const std::string after = std::to_string(before + 1);
              context.Put(Key("counter"), after, after.size());
              return absl::OkStatus();
            },
            [&](const absl::Status& status) {
              EXPECT_TRUE(status.ok()) << status;
              left.DecrementCount();
            }));
    ASSERT_TRUE(taken.ok()) << taken;
  }
  left.Wait();
  EXPECT_EQ(group.Get(kPartition, Key("counter")), absl::StrCat(kWrites));
}

TEST(ReplicaStoreTest, AFailedConditionIsTold) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  const int leader = group.AwaitLeader(kPartition);
  const absl::Status refused = WriteAndWait(
      group.store(leader), kPartition,
      [](storage::WriteContext&) -> absl::Status {
        return model::MakeError(model::Reason::kConditionalCheckFailed, "no");
      });
  EXPECT_EQ(model::ReasonOf(refused), model::Reason::kConditionalCheckFailed);
  const auto info = group.store(leader).Partition(kPartition);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->change_seq.value(), 0u);
}

TEST(ReplicaStoreTest, OnlyTheLeaderTakesWrites) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  const int leader = group.AwaitLeader(kPartition);
  const int other = (leader + 1) % 3;
  group.Await("the leader to be known", [&] {
    return group.store(other).LeaderOf(kPartition) ==
           ReplicaGroup::IdOn(leader);
  });
  ReplicaId named;
  EXPECT_TRUE(IsNotLedHere(
      PutAndWait(group.store(other), kPartition, Key("a"), "1"), &named));
  EXPECT_EQ(named, ReplicaGroup::IdOn(leader));
}

TEST(ReplicaStoreTest, AStrongReadOnAFollowerSeesWhatWasAcknowledged) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int i = 0; i < 20; ++i) {
    group.Put(kPartition, Key("a"), absl::StrCat(i));
    const int other = (group.AwaitLeader(kPartition) + 1) % 3;
    std::string found;
    const absl::Status read = group.store(other).ReadStrong(
        kPartition, absl::Seconds(10), [&](storage::ReadTransaction& rows) {
          const auto row = rows.Get(Key("a"));
          if (row.ok() && row->has_value()) found = std::string((*row)->item);
          return row.status();
        });
    ASSERT_TRUE(read.ok()) << read;
    EXPECT_EQ(found, absl::StrCat(i));
  }
}

TEST(ReplicaStoreTest, AnotherLeadsWhenTheLeaderIsGone) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int round = 0; round < 3; ++round) {
    const int leader = group.AwaitLeader(kPartition);
    group.Put(kPartition, Key(absl::StrCat("before", round)), "1");
    group.Stop(leader);
    group.Put(kPartition, Key(absl::StrCat("without", round)), "2");
    EXPECT_EQ(group.Get(kPartition, Key(absl::StrCat("before", round))), "1");
    group.Start(leader);
    group.ExpectEqual(kPartition, {0, 1, 2});
  }
}

TEST(ReplicaStoreTest, ALeaderThatIsCutOffAnswersNothingStale) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  group.Put(kPartition, Key("a"), "1");
  const int old = group.AwaitLeader(kPartition);
  group.CutOff(old);
  group.Put(kPartition, Key("a"), "2");
  std::string found;
  const absl::Status read = group.store(old).ReadStrong(
      kPartition, absl::Milliseconds(200), [&](storage::ReadTransaction& rows) {
        const auto row = rows.Get(Key("a"));
        if (row.ok() && row->has_value()) found = std::string((*row)->item);
        return row.status();
      });
  EXPECT_FALSE(read.ok()) << found;
  // Not acknowledged, whatever becomes of it.
  EXPECT_FALSE(PutAndWait(group.store(old), kPartition, Key("b"), "lost").ok());
  group.Heal();
  EXPECT_EQ(group.Get(kPartition, Key("a")), "2");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, OneThatWasAwayForLongGetsASnapshot) {
  ReplicaGroup group(3, {.kept_entries = 20});
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int i = 0; i < 20; ++i) {
    group.Put(kPartition, Key(absl::StrCat("old", i)), std::string(1000, 'x'));
  }
  const int away = (group.AwaitLeader(kPartition) + 1) % 3;
  group.ExpectEqual(kPartition, {0, 1, 2});
  group.Stop(away);
  for (int i = 0; i < 3000; ++i) {
    group.Put(kPartition, Key(absl::StrCat("new", i)), std::string(1000, 'y'));
  }
  for (int i = 0; i < 10; ++i) {
    group.Put(kPartition, Key(absl::StrCat("old", i)), "changed");
  }
  group.Start(away);
  group.ExpectEqual(kPartition, {0, 1, 2});
  // And again from its own disk.
  group.Stop(away);
  group.Start(away);
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, ALearnerComesAndBecomesAVoter) {
  ReplicaGroup group(4);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int i = 0; i < 100; ++i) {
    group.Put(kPartition, Key(absl::StrCat(i)), "x");
  }
  const ReplicaId learner = group.Join(kPartition, kKeyspace, 3, 0);
  EXPECT_FALSE(group.store(3).IsReadable(kPartition));
  group.Await("the change", [&] {
    return group.store(group.AwaitLeader(kPartition))
        .ChangeMembers(kPartition, {{ChangeKind::kAddLearner, learner}})
        .ok();
  });
  group.ExpectEqual(kPartition, {0, 1, 2, 3});
  // It takes the place of another.
  int leader = group.AwaitLeader(kPartition);
  const int gone = (leader + 1) % 3;
  group.Await("the exchange", [&] {
    leader = group.AwaitLeader(kPartition);
    return group.store(leader)
        .ChangeMembers(kPartition,
                       {{ChangeKind::kAddVoter, learner},
                        {ChangeKind::kRemove, ReplicaGroup::IdOn(gone)}})
        .ok();
  });
  group.Await("the joint configuration to be left", [&] {
    const auto info =
        group.store(group.AwaitLeader(kPartition)).Replica(kPartition);
    return info.ok() && info->status.members.voters.size() == 3 &&
           !info->status.members.joint() &&
           info->status.members.IsVoter(learner);
  });
  ASSERT_TRUE(
      group.store(gone).DropReplica(kPartition, ReplicaGroup::IdOn(gone)).ok());
  group.Put(kPartition, Key("after"), "y");
  // Its rows go, and a new one may come.
  group.Await("its rows to go",
              [&] { return ReadItem(group.store(gone), Key("1")) == "none"; });
  EXPECT_TRUE(group.store(gone).Verify().ok());
}

TEST(ReplicaStoreTest, ADroppedReplicaComesBackUnderANewId) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int i = 0; i < 100; ++i) {
    group.Put(kPartition, Key(absl::StrCat(i)), "x");
  }
  const int leader = group.AwaitLeader(kPartition);
  const int gone = (leader + 1) % 3;
  group.Wipe(gone);
  group.Await("the removal", [&] {
    return group.store(group.AwaitLeader(kPartition))
        .ChangeMembers(kPartition,
                       {{ChangeKind::kRemove, ReplicaGroup::IdOn(gone)}})
        .ok();
  });
  group.Start(gone);
  const ReplicaId again = group.Join(kPartition, kKeyspace, gone, 1);
  group.Await("the return", [&] {
    return group.store(group.AwaitLeader(kPartition))
        .ChangeMembers(kPartition, {{ChangeKind::kAddVoter, again}})
        .ok();
  });
  group.Put(kPartition, Key("after"), "y");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, TheWholeGroupStartsAgain) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      group.Put(kPartition, Key(absl::StrCat(i)), absl::StrCat(round));
    }
    if (round == 1) {
      ASSERT_TRUE(group.store(0).Checkpoint().ok());
      group.Put(kPartition, Key("behind the checkpoint"), "x");
    }
    for (int node = 0; node < 3; ++node) group.Stop(node);
    for (int node = 0; node < 3; ++node) group.Start(node);
    EXPECT_EQ(group.Get(kPartition, Key("7")), absl::StrCat(round));
  }
  EXPECT_EQ(group.Get(kPartition, Key("behind the checkpoint")), "x");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

// Each leader begins with an entry that has no effects.
TEST(ReplicaStoreTest, AGroupThatTookNoWritesStartsAgain) {
  constexpr PartitionId kOther{2};
  constexpr KeyspaceId kOtherKeyspace{2};
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  group.AwaitLeader(kPartition);
  // Making a replica goes to the image at once, past what waits for it.
  group.Found(kOther, kOtherKeyspace, {0, 1, 2});
  group.AwaitLeader(kOther);
  for (int round = 0; round < 3; ++round) {
    for (int node = 0; node < 3; ++node) {
      ASSERT_TRUE(group.store(node).Checkpoint().ok());
    }
    std::map<int, uint64_t> applied;
    for (int node = 0; node < 3; ++node) {
      applied[node] = group.store(node).Replica(kPartition)->applied;
      group.Stop(node);
    }
    for (int node = 0; node < 3; ++node) {
      group.Start(node);
      EXPECT_GE(group.store(node).Replica(kPartition)->applied, applied[node]);
    }
    group.AwaitLeader(kPartition);
    group.AwaitLeader(kOther);
  }
  group.Put(kPartition, Key("a"), "1");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, LeadershipIsHandedOver) {
  ReplicaGroup group(3);
  group.Found(kPartition, kKeyspace, {0, 1, 2});
  group.Put(kPartition, Key("a"), "1");
  const int leader = group.AwaitLeader(kPartition);
  const int next = (leader + 1) % 3;
  group.Await("another to lead", [&] {
    if (group.store(next).Leads(kPartition)) return true;
    for (int node = 0; node < 3; ++node) {
      (void)group.store(node).TransferLeadership(kPartition,
                                                 ReplicaGroup::IdOn(next));
    }
    return false;
  });
  EXPECT_EQ(group.Get(kPartition, Key("a")), "1");
  group.Put(kPartition, Key("a"), "2");
  group.ExpectEqual(kPartition, {0, 1, 2});
}

TEST(ReplicaStoreTest, ReplicasDoNotOverlap) {
  ReplicaGroup group(1);
  group.Found(kPartition, kKeyspace, {0});
  ReplicaStore::NewReplica other;
  other.partition = PartitionId(2);
  other.keyspace = kKeyspace;
  other.replica = ReplicaId(77);
  other.founders = {ReplicaId(77)};
  EXPECT_EQ(model::ReasonOf(group.store(0).CreateReplica(other)),
            model::Reason::kResourceInUse);
}

}  // namespace
}  // namespace pallet::cluster
