// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/engine.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/cluster/raft/engines.h"

namespace pallet::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr storage::PartitionId kGroup = Engines::kGroup;

// Messages of the library as the network could bring them (raftpb.Message: type
// = 1, to = 2, from = 3, term = 4, entries = 7).
std::string Message(char type, char to, char from, char term) {
  return {0x08, type, 0x10, to, 0x18, from, 0x20, term};
}
constexpr char kMsgProp = 2;
constexpr char kMsgHeartbeat = 8;
constexpr char kMsgTransferLeader = 13;
constexpr char kMsgTimeoutNow = 14;

TEST(RaftEngineTest, Example) {
  RaftEngine engine;
  const ReplicaId self(1);
  engine.Create(kGroup, FoundingStart(self, {self}), {});
  engine.Propose(kGroup, 1, "too early: there is no leader");
  engine.Campaign(kGroup);
  engine.Propose(kGroup, 2, "effects");
  const EngineOutput output = engine.Run();
  ASSERT_THAT(output.refused, SizeIs(1));
  EXPECT_EQ(output.refused[0].number, 1u);

  // What is to be written and synced ...
  ASSERT_THAT(output.ready, SizeIs(1));
  const Ready& ready = output.ready[0];
  EXPECT_EQ(ready.role, Role::kLeader);
  EXPECT_TRUE(ready.must_sync);
  EXPECT_EQ(ready.hard.vote, self);
  ASSERT_THAT(ready.entries, SizeIs(2));
  EXPECT_EQ(ready.entries[0].data, "");  // with which a term begins
  EXPECT_EQ(ready.entries[1].data, "effects");
  // ... before messages leave and this is applied: alone, it is a majority.
  EXPECT_THAT(ready.messages, IsEmpty());
  ASSERT_THAT(ready.committed, SizeIs(2));
  EXPECT_EQ(ready.committed[1].data, "effects");
  engine.Advance(kGroup);
}

TEST(RaftEngineTest, WhatAMajorityHasIsApplied) {
  Engines engines(3);
  engines.Elect(1);
  engines.Propose(1, "a");
  engines[3].cut = true;
  engines.Propose(1, "b");
  EXPECT_THAT(engines[1].applied, ElementsAre("a", "b"));
  EXPECT_THAT(engines[2].applied, ElementsAre("a", "b"));
  EXPECT_THAT(engines[3].applied, ElementsAre("a"));
  engines[3].cut = false;
  engines.Tick(1);
  EXPECT_THAT(engines[3].applied, ElementsAre("a", "b"));
}

TEST(RaftEngineTest, TheSecondReadyWaitsForAdvance) {
  RaftEngine engine;
  const ReplicaId self(1);
  engine.Create(kGroup, FoundingStart(self, {self}), {});
  engine.Campaign(kGroup);
  ASSERT_THAT(engine.Run().ready, SizeIs(1));
  engine.Tick(kGroup);
  engine.Propose(kGroup, 1, "x");
  EXPECT_THAT(engine.Run().ready, IsEmpty());
  engine.Advance(kGroup);
  EXPECT_THAT(engine.Run().ready, SizeIs(1));
}

TEST(RaftEngineTest, AnAdvanceTooManyFailsTheGroup) {
  RaftEngine engine;
  engine.Create(kGroup, FoundingStart(ReplicaId(1), {ReplicaId(1)}), {});
  engine.Advance(kGroup);
  EXPECT_THAT(engine.Run().failed, SizeIs(1));
}

TEST(RaftEngineTest, ProposalsAreNeverForwarded) {
  Engines engines(3);
  engines.Elect(1);
  engines.Propose(2, "to a follower");
  EXPECT_THAT(engines[2].refused, SizeIs(1));
  // Nor taken from somebody who forwards all the same.
  for (const char term : {0, 2}) {
    const std::string entries = {0x3a, 3, 0x22, 1, 'x'};
    engines[1].engine.Step(kGroup, Message(kMsgProp, 1, 2, term) + entries);
  }
  engines.Settle();
  EXPECT_THAT(engines[1].applied, IsEmpty());
  EXPECT_THAT(engines[1].failed, IsEmpty());
}

// A lease ends before a transfer, so only the leader's own node begins one.
TEST(RaftEngineTest, TransfersAreNotTakenFromTheNetwork) {
  Engines engines(3);
  engines.Elect(1);
  for (const char term : {0, 2}) {
    engines[1].engine.Step(kGroup, Message(kMsgTransferLeader, 1, 2, term));
  }
  engines.Settle();
  engines.Tick(3);
  EXPECT_EQ(engines[1].role, Role::kLeader);
  engines[3].engine.Transfer(kGroup, ReplicaId(2));  // not the leader
  engines.Settle();
  EXPECT_EQ(engines[1].role, Role::kLeader);
  engines[1].engine.Transfer(kGroup, ReplicaId(2));
  engines.Settle();
  EXPECT_EQ(engines[2].role, Role::kLeader);
  EXPECT_EQ(engines[1].role, Role::kFollower);
}

TEST(RaftEngineTest, WhatIsNotCommittedIsBounded) {
  Engines engines(3, {.max_uncommitted_bytes = 100});
  engines.Elect(1);
  engines[2].cut = engines[3].cut = true;
  engines.Propose(1, std::string(90, 'x'));
  EXPECT_THAT(engines[1].refused, IsEmpty());
  engines.Propose(1, std::string(90, 'x'));
  EXPECT_THAT(engines[1].refused, SizeIs(1));
}

TEST(RaftEngineTest, ALeaderWithoutMajorityStepsDown) {
  Engines engines(3);
  engines.Elect(1);
  engines[2].cut = engines[3].cut = true;
  engines.Tick(2 * EngineTiming().election_ticks);
  EXPECT_NE(engines[1].role, Role::kLeader);
}

TEST(RaftEngineTest, OneThatWasCutOffDisturbsNobodyWhenItComesBack) {
  Engines engines(3);
  engines.Elect(1);
  const uint64_t term = engines[1].hard.term;
  engines[3].cut = true;
  engines.Tick(10 * EngineTiming().election_ticks);
  engines[3].cut = false;
  engines.Tick(3 * EngineTiming().election_ticks);
  EXPECT_EQ(engines[1].role, Role::kLeader);
  EXPECT_EQ(engines[1].hard.term, term);
  EXPECT_EQ(engines[3].hard.term, term);
}

TEST(RaftEngineTest, ASilentReplicaGivesNoVotes) {
  Engines engines(3);
  engines[3].cut = true;
  const std::vector<ReplicaId> voters = {ReplicaId(1), ReplicaId(2),
                                         ReplicaId(3)};
  engines.Start(FoundingStart(ReplicaId(2), voters), /*silent=*/true);
  engines[1].engine.Campaign(kGroup);
  engines.Settle();
  EXPECT_NE(engines[1].role, Role::kLeader);
  engines[2].engine.Speak(kGroup);
  engines.Elect(1);
}

// There may be a committed change of members in it, or about to be.
TEST(RaftEngineTest, AFollowerWithAReadyOutStartsNoElection) {
  RaftEngine engine;
  engine.Create(kGroup,
                FoundingStart(ReplicaId(1), {ReplicaId(1), ReplicaId(2)}), {});
  engine.Step(kGroup, Message(kMsgHeartbeat, 1, 2, 2));
  ASSERT_THAT(engine.Run().ready, SizeIs(1));  // there is a new term
  for (uint32_t i = 0; i < 5 * EngineTiming().election_ticks; ++i) {
    engine.Tick(kGroup);
  }
  engine.Campaign(kGroup);
  engine.Step(kGroup, Message(kMsgTimeoutNow, 1, 2, 2));
  engine.Run();
  engine.Advance(kGroup);
  EXPECT_THAT(engine.Run().ready, IsEmpty());

  engine.Step(kGroup, Message(kMsgTimeoutNow, 1, 2, 2));
  const EngineOutput output = engine.Run();
  ASSERT_THAT(output.ready, SizeIs(1));
  EXPECT_EQ(output.ready[0].role, Role::kCandidate);
}

TEST(RaftEngineTest, MembersChangeOneByOneAndJointly) {
  Engines engines(3);
  engines.Elect(1);
  ReplicaStart empty;
  empty.replica = ReplicaId(4);
  engines.Start(empty);
  engines.Change(1, {{ChangeKind::kAddLearner, ReplicaId(4)}});
  EXPECT_EQ(ToText(engines[2].members), "voters 1 2 3 learners 4");
  engines.Change(1, {{ChangeKind::kAddVoter, ReplicaId(4)},
                     {ChangeKind::kRemove, ReplicaId(3)}});
  EXPECT_EQ(ToText(engines[2].members), "voters 1 2 4 outgoing 1 2 3");
  // Nobody leaves it but on request.
  engines.Propose(1, "x");
  engines.Propose(1, "y");
  EXPECT_TRUE(engines[1].members.joint());
  engines.Change(1, {});
  EXPECT_EQ(ToText(engines[1].members), "voters 1 2 4");
  EXPECT_EQ(ToText(engines[4].members), "voters 1 2 4");
  EXPECT_THAT(engines[4].applied, ElementsAre("x", "y"));
}

// The library itself, left to leave a joint configuration, proposes so twice;
// applying the second would panic on every replica.
TEST(RaftEngineTest, LeavingWhatWasLeftChangesNothing) {
  const ReplicaId self(1);
  ReplicaStart start = FoundingStart(self, {self});
  start.members.outgoing = {self, ReplicaId(2)};
  start.entries = {{2, 1, EntryKind::kJoint, ""},
                   {3, 1, EntryKind::kJoint, ""}};
  start.hard.commit = 3;
  RaftEngine engine;
  engine.Create(kGroup, start, {});
  const EngineOutput output = engine.Run();
  EXPECT_THAT(output.failed, IsEmpty());
  ASSERT_THAT(output.ready, SizeIs(1));
  ASSERT_THAT(output.ready[0].committed, SizeIs(2));
  EXPECT_EQ(ToText(*output.ready[0].committed[0].members), "voters 1");
  EXPECT_EQ(ToText(*output.ready[0].committed[1].members), "voters 1");
}

// A receiver that is not among the members ignores a snapshot silently.
TEST(RaftEngineTest, ASnapshotNamesTheMembersOfItsIndex) {
  Engines engines(1);
  engines.Elect(1);
  engines.Propose(1, "a");
  engines[1].engine.Compact(kGroup, 3);
  ReplicaStart empty;
  empty.replica = ReplicaId(2);
  engines.Start(empty);
  engines.Change(1, {{ChangeKind::kAddLearner, ReplicaId(2)}});
  engines.Tick(3);
  ASSERT_THAT(engines[1].sent, SizeIs(1));
  ASSERT_THAT(engines[2].installed, SizeIs(1));
  EXPECT_EQ(ToText(engines[2].installed[0].members), "voters 1 learners 2");
  EXPECT_EQ(engines[2].installed[0].index, engines[1].sent[0].index);
  EXPECT_THAT(engines[2].failed, IsEmpty());
  engines.Propose(1, "b");
  EXPECT_THAT(engines[2].applied, ElementsAre("b"));
}

TEST(RaftEngineTest, AReadIndexIsAnsweredWithWhatWasCommitted) {
  Engines engines(3);
  engines.Elect(1);
  engines.Propose(1, "a");
  engines[2].engine.ReadIndex(kGroup, "of a follower");
  engines[1].engine.ReadIndex(kGroup, "of the leader");
  engines.Settle();
  ASSERT_THAT(engines[1].reads, SizeIs(1));
  ASSERT_THAT(engines[2].reads, SizeIs(1));
  EXPECT_EQ(engines[2].reads[0].context, "of a follower");
  EXPECT_GE(engines[2].reads[0].index, 3u);  // 2 is the term's first
  engines[2].cut = engines[3].cut = true;
  engines[1].engine.ReadIndex(kGroup, "without a majority");
  engines.Settle();
  EXPECT_THAT(engines[1].reads, SizeIs(1));
}

// A replica that forgot what it acknowledged is found out, and no other group
// of the node suffers.
TEST(RaftEngineTest, ABrokenGroupFailsAlone) {
  Engines engines(3);
  engines.Elect(1);
  engines.Propose(1, "a");
  engines.Start(
      FoundingStart(ReplicaId(2), {ReplicaId(1), ReplicaId(2), ReplicaId(3)}));
  const storage::PartitionId other(8);
  const ReplicaId self(9);
  engines[2].engine.Create(other, FoundingStart(self, {self}), {});
  engines.Tick(1);
  ASSERT_THAT(engines[2].failed, SizeIs(1));
  EXPECT_THAT(engines[2].failed[0].reason, HasSubstr("tocommit"));
  engines[2].engine.Tick(kGroup);  // without effect
  engines[2].engine.Campaign(other);
  const EngineOutput output = engines[2].engine.Run();
  EXPECT_THAT(output.failed, IsEmpty());
  ASSERT_THAT(output.ready, SizeIs(1));
  EXPECT_EQ(output.ready[0].partition, other);
  engines[2].engine.Drop(kGroup);
  engines[2].engine.Run();
}

TEST(RaftEngineTest, MessagesThatMakeNoSenseAreDropped) {
  Engines engines(3);
  engines.Elect(1);
  const std::string good = Message(kMsgTimeoutNow, 2, 1, 2);
  for (size_t size = 0; size < good.size(); ++size) {
    engines[2].engine.Step(kGroup, good.substr(0, size));
  }
  for (int type = 0; type < 128; ++type) {
    engines[2].engine.Step(
        kGroup, Message(static_cast<char>(type), 3, 1, 2));  // not for us
    engines[2].engine.Step(kGroup, Message(static_cast<char>(type), 2, 0, 2));
  }
  engines.Settle();
  EXPECT_THAT(engines[2].failed, IsEmpty());
  EXPECT_EQ(engines[1].role, Role::kLeader);
  engines[2].engine.Step(kGroup, good);
  engines.Settle();
  EXPECT_EQ(engines[2].role, Role::kLeader);
}

TEST(RaftEngineTest, AReplicaGoesOnFromItsLog) {
  Engines engines(1);
  engines.Elect(1);
  engines.Propose(1, "a");
  engines.Propose(1, "b");
  const ReplicaId self(1);
  ReplicaStart start = FoundingStart(self, {self});
  start.applied = 3;  // "a"
  start.hard = engines[1].hard;
  start.entries = engines[1].log;
  engines.Start(start);
  engines.Settle();
  EXPECT_THAT(engines[1].applied, ElementsAre("b"));
}

TEST(RaftEngineTest, ALogWithAHoleIsRefused) {
  RaftEngine engine;
  ReplicaStart start = FoundingStart(ReplicaId(1), {ReplicaId(1)});
  start.entries = {{3, 1, EntryKind::kEffects, ""}};
  engine.Create(kGroup, start, {});
  EXPECT_THAT(engine.Run().failed, SizeIs(1));
}

TEST(RaftEngineTest, ElectionsFollowFromTheirSeed) {
  std::vector<int> first;
  for (int run = 0; run < 2; ++run) {
    RaftEngine::SeedElections(1);
    for (size_t i = 0; i < 20; ++i) {
      Engines engines(1);
      int ticks = 0;
      for (; engines[1].role != Role::kLeader; ++ticks) engines.Tick(1);
      if (run == 0) {
        first.push_back(ticks);
      } else {
        EXPECT_EQ(ticks, first[i]);
      }
    }
  }
}

}  // namespace
}  // namespace pallet::cluster
