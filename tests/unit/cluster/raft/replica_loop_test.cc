// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/replica_loop.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/manual_clock.h"

namespace pallet::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr storage::PartitionId kGroup{7};

// Remembers what it is told, as lines; syncs when asked to.
class Doors : public RaftLog, public ReplicaState, public ReplicaTransport {
 public:
  void Append(storage::PartitionId, const RaftRecord& record) override {
    for (const RaftEntry& entry : *record.entries) {
      lines.push_back(absl::StrCat("append ", entry.index));
    }
    if (record.hard != nullptr) {
      lines.push_back(absl::StrCat("hard state, term ", record.hard->term));
    }
  }
  void Sync(uint64_t batch) override { syncs.push_back(batch); }
  void Compact(storage::PartitionId, uint64_t index) override {
    lines.push_back(absl::StrCat("compact ", index));
  }
  void Apply(storage::PartitionId, const AppliedEntry& entry) override {
    lines.push_back(absl::StrCat("apply ", entry.index, " ", entry.effects,
                                 entry.number != 0 ? " ours" : ""));
  }
  void ProposalsLost(storage::PartitionId, uint64_t number) override {
    lines.push_back(absl::StrCat("lost to ", number));
  }
  void ProposalRefused(storage::PartitionId, uint64_t number) override {
    lines.push_back(absl::StrCat("refused ", number));
  }
  void ReadReady(storage::PartitionId, uint64_t read) override {
    reads.push_back(read);
  }
  std::unique_ptr<SnapshotReader> OpenSnapshot(storage::PartitionId) override {
    return nullptr;
  }
  void BeginStaging(storage::PartitionId) override {}
  void Stage(storage::PartitionId, absl::string_view) override {}
  void InstallStaged(storage::PartitionId, const SnapshotPoint&) override {}
  void ReplicaRemoved(storage::PartitionId) override {}
  void ReplicaFailed(storage::PartitionId, const std::string& reason) override {
    lines.push_back("failed: " + reason);
  }
  void Send(Packet packet) override { sent.push_back(std::move(packet)); }

  std::vector<std::string> lines;
  std::deque<uint64_t> syncs;
  std::vector<uint64_t> reads;
  std::vector<Packet> sent;
};

class Node {
 public:
  Node(uint64_t replica, uint64_t voters, uint64_t incarnation) {
    ReplicaLoopOptions options;
    options.incarnation = incarnation;
    options.silence = absl::ZeroDuration();
    loop_ =
        std::make_unique<ReplicaLoop>(&clock, &doors, &doors, &doors, options);
    std::vector<ReplicaId> all;
    for (uint64_t id = 1; id <= voters; ++id) all.emplace_back(id);
    loop_->Create(kGroup, FoundingStart(ReplicaId(replica), all));
    loop_->Run();
  }
  ReplicaLoop* operator->() { return loop_.get(); }

  void SyncAll() {
    while (!doors.syncs.empty()) {
      const uint64_t batch = doors.syncs.front();
      doors.syncs.pop_front();
      loop_->Synced(batch);
      loop_->Run();
    }
  }
  void Tick(int times) {
    for (; times > 0; --times) {
      clock.Advance(absl::Milliseconds(100));
      loop_->Tick();
      loop_->Run();
    }
  }

  testing::ManualClock clock;
  Doors doors;

 private:
  std::unique_ptr<ReplicaLoop> loop_;
};

// Until all are silent.
void Exchange(std::vector<Node*> nodes) {
  for (bool busy = true; busy;) {
    busy = false;
    for (size_t i = 0; i < nodes.size(); ++i) {
      nodes[i]->SyncAll();
      for (const Packet& packet : std::exchange(nodes[i]->doors.sent, {})) {
        Node& to = *nodes[packet.to.value() - 1];
        to->Receive(packet);
        to->Run();
        busy = true;
      }
    }
  }
}

// Three nodes of which the first leads, with a lease.
struct Trio {
  Trio() : one(1, 3, 101), two(2, 3, 102), three(3, 3, 103) {
    while (one->LeaderTerm(kGroup) == 0) {
      one.Tick(1);
      Exchange({&one, &two, &three});
    }
    one.Tick(2);
    Exchange({&one, &two, &three});
  }
  Node one, two, three;
};

TEST(ReplicaLoopTest, Example) {
  Node node(1, 1, 100);
  node.Tick(30);
  EXPECT_EQ(node->LeaderTerm(kGroup), 0u);  // nothing is synced yet
  EXPECT_THAT(node.doors.lines, ElementsAre("append 2", "hard state, term 2"));
  node.SyncAll();
  EXPECT_EQ(node->LeaderTerm(kGroup), 2u);

  node.doors.lines.clear();
  const uint64_t number = node->Propose(kGroup, "effects");
  EXPECT_NE(number, 0u);
  node->Run();
  EXPECT_THAT(node.doors.lines, ElementsAre("append 3", "hard state, term 2"));
  node.SyncAll();
  EXPECT_THAT(node.doors.lines, ElementsAre("append 3", "hard state, term 2",
                                            "apply 3 effects ours"));
}

TEST(ReplicaLoopTest, NothingLeavesBeforeItIsSynced) {
  Node one(1, 3, 101);
  one.Tick(25);
  // Whether others would vote changes nothing; that it votes for itself does.
  Node two(2, 3, 102);
  for (const Packet& packet : std::exchange(one.doors.sent, {})) {
    if (packet.to == ReplicaId(2)) two->Receive(packet);
  }
  two->Run();
  for (const Packet& packet : std::exchange(two.doors.sent, {})) {
    one->Receive(packet);
  }
  one->Run();
  ASSERT_THAT(one.doors.syncs, SizeIs(1));  // of its vote
  EXPECT_THAT(one.doors.sent, IsEmpty());
  one.SyncAll();
  EXPECT_THAT(one.doors.sent, SizeIs(2));
}

TEST(ReplicaLoopTest, ALeaseEndsWithTime) {
  Trio trio;
  const uint64_t term = trio.one->LeaderTerm(kGroup);
  EXPECT_TRUE(trio.one->HasLease(kGroup, term));
  EXPECT_FALSE(trio.one->HasLease(kGroup, term + 1));
  EXPECT_FALSE(trio.one->HasLease(kGroup, 0));
  EXPECT_FALSE(trio.two->HasLease(kGroup, trio.two->LeaderTerm(kGroup)));
  // From when the round was begun, not from when it was answered.
  trio.one.Tick(1);
  trio.one.clock.Advance(absl::Milliseconds(799));
  Exchange({&trio.one, &trio.two, &trio.three});
  EXPECT_TRUE(trio.one->HasLease(kGroup, term));
  trio.one.clock.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(trio.one->HasLease(kGroup, term));
}

TEST(ReplicaLoopTest, ATransferEndsTheLeaseForTheTerm) {
  Trio trio;
  const uint64_t term = trio.one->LeaderTerm(kGroup);
  ASSERT_TRUE(trio.one->TransferLeadership(kGroup, ReplicaId(2)).ok());
  EXPECT_FALSE(trio.one->HasLease(kGroup, term));
  // The order gets lost, the leader goes on leading: it may still arrive.
  trio.one->Run();
  trio.one.doors.sent.clear();
  trio.one.Tick(12);
  Exchange({&trio.one, &trio.two, &trio.three});
  trio.one.Tick(1);
  Exchange({&trio.one, &trio.two, &trio.three});
  EXPECT_EQ(trio.one->LeaderTerm(kGroup), term);
  EXPECT_FALSE(trio.one->HasLease(kGroup, term));
}

TEST(ReplicaLoopTest, ReadsShareARound) {
  Trio trio;
  trio.two.doors.reads.clear();
  const uint64_t first = trio.two->Read(kGroup);
  const uint64_t second = trio.two->Read(kGroup);
  const uint64_t third = trio.two->Read(kGroup);
  trio.two->Run();
  EXPECT_THAT(trio.two.doors.sent, SizeIs(1));
  EXPECT_THAT(trio.two.doors.reads, IsEmpty());
  Exchange({&trio.one, &trio.two, &trio.three});
  // Those who came while the first round was out take the next.
  EXPECT_THAT(trio.two.doors.reads, ElementsAre(first, second, third));
}

// An answer to a node's former life may be late; only the incarnation tells the
// two lives' reads apart.
TEST(ReplicaLoopTest, NoContextIsUsedTwice) {
  Packet heartbeat;  // from 1 in term 5: it leads
  heartbeat.partition = kGroup;
  heartbeat.from = ReplicaId(1);
  heartbeat.to = ReplicaId(2);
  heartbeat.bytes = {8, 8, 0x10, 2, 0x18, 1, 0x20, 5};
  for (const uint64_t incarnation : {500u, 501u}) {
    std::vector<std::string> asked;
    for (const uint64_t life : {uint64_t{500}, incarnation}) {
      Node node(2, 3, life);
      node->Receive(heartbeat);
      node->Run();
      node.SyncAll();
      node.doors.sent.clear();
      node->Read(kGroup);
      node->Run();
      ASSERT_THAT(node.doors.sent, SizeIs(1));
      asked.push_back(node.doors.sent[0].bytes);
    }
    EXPECT_EQ(asked[0] == asked[1], incarnation == 500);
  }
}

TEST(ReplicaLoopTest, ChangesThatMakeNoSenseAreRefused) {
  Trio trio;
  const ReplicaId self(1), other(2), stranger(9);
  const auto refused = [&trio](const std::vector<MemberChange>& changes) {
    return trio.one->ChangeMembers(kGroup, changes).code() ==
           absl::StatusCode::kFailedPrecondition;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{ChangeKind::kRemove, self}}));
  EXPECT_TRUE(refused({{ChangeKind::kAddLearner, self}}));
  EXPECT_TRUE(refused({{ChangeKind::kRemove, stranger}}));
  EXPECT_TRUE(refused({{ChangeKind::kAddVoter, ReplicaId(0)}}));
  EXPECT_TRUE(refused(
      {{ChangeKind::kAddVoter, stranger}, {ChangeKind::kRemove, stranger}}));
  EXPECT_FALSE(trio.two->ChangeMembers(kGroup, {{ChangeKind::kRemove, self}})
                   .ok());  // it does not lead
  EXPECT_FALSE(refused({{ChangeKind::kRemove, other}}));
  EXPECT_TRUE(refused({{ChangeKind::kRemove, ReplicaId(3)}}));  // on its way
}

TEST(ReplicaLoopTest, AJointConfigurationIsLeftWithoutBeingAsked) {
  Trio trio;
  ASSERT_TRUE(
      trio.one
          ->ChangeMembers(kGroup, {{ChangeKind::kAddVoter, ReplicaId(2)},
                                   {ChangeKind::kRemove, ReplicaId(3)}})
          .ok());
  trio.one->Run();
  Exchange({&trio.one, &trio.two, &trio.three});
  EXPECT_TRUE(trio.one->Status(kGroup).members.joint());
  trio.one.Tick(1);
  Exchange({&trio.one, &trio.two, &trio.three});
  EXPECT_EQ(ToText(trio.one->Status(kGroup).members), "voters 1 2");
}

TEST(ReplicaLoopTest, APacketForAnotherReplicaIsDropped) {
  Trio trio;
  trio.one.Tick(1);
  ASSERT_FALSE(trio.one.doors.sent.empty());
  Packet packet = trio.one.doors.sent[0];
  packet.to = ReplicaId(9);
  trio.two->Receive(packet);
  packet.partition = storage::PartitionId(99);
  trio.two->Receive(packet);
  trio.two->Run();
  EXPECT_THAT(trio.two.doors.sent, IsEmpty());
}

// The library never hands out a snapshot whose chunks we have not taken.
TEST(ReplicaLoopTest, ASnapshotWithoutItsStateFailsTheReplica) {
  Node node(2, 3, 1);
  // MsgSnap from 1 in term 2 (snapshot = 9: metadata = 2: voters 1 2 3, index
  // 50, term 2).
  const std::string meta = {0x0a, 6, 8, 1, 8, 2, 8, 3, 0x10, 50, 0x18, 2};
  std::string snapshot = {0x12, static_cast<char>(meta.size())};
  snapshot += meta;
  std::string message = {
      8, 7,    0x10, 2,    0x18,
      1, 0x20, 2,    0x4a, static_cast<char>(snapshot.size())};
  message += snapshot;
  Packet packet;
  packet.partition = kGroup;
  packet.from = ReplicaId(1);
  packet.to = ReplicaId(2);
  packet.bytes = message;
  node->Receive(packet);
  node->Run();
  node.SyncAll();
  EXPECT_TRUE(node->Status(kGroup).failed);
  EXPECT_THAT(node.doors.lines.back(), HasSubstr("without its state"));
}

}  // namespace
}  // namespace pallet::cluster
