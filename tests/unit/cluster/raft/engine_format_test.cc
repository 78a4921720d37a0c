// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/engine_format.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cluster/raft/shim/shim.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pallet::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr storage::PartitionId kGroup{7};

void AppendIds(const std::vector<uint64_t>& ids, std::string* out) {
  AppendU32(out, static_cast<uint32_t>(ids.size()));
  for (const uint64_t id : ids) AppendU64(out, id);
}

std::string Header(uint8_t code) {
  std::string out;
  AppendU8(&out, code);
  AppendU64(&out, kGroup.value());
  return out;
}

// A Ready with one of everything.
std::string ReadyRecord() {
  std::string out = Header(1);
  AppendU8(&out, 2);
  for (const uint64_t word : {5, 6, 7, 8}) AppendU64(&out, word);
  for (const uint8_t flag : {1, 0, 1}) AppendU8(&out, flag);
  AppendU64(&out, 9);
  AppendU64(&out, 6);
  AppendIds({1, 2}, &out);
  AppendIds({3}, &out);
  AppendIds({4}, &out);
  AppendIds({}, &out);
  AppendU32(&out, 1);
  AppendEntry({10, 6, EntryKind::kChange, "entry"}, &out);
  AppendU32(&out, 1);
  AppendU64(&out, 2);
  AppendU8(&out, 7);
  AppendU64(&out, 9);
  AppendString("message", &out);
  AppendU32(&out, 2);
  AppendEntry({8, 5, EntryKind::kEffects, "effects"}, &out);
  AppendEntry({9, 6, EntryKind::kJoint, "context"}, &out);
  AppendIds({1}, &out);
  AppendIds({}, &out);
  AppendIds({1, 2}, &out);
  AppendIds({2}, &out);
  AppendU32(&out, 1);
  AppendU64(&out, 8);
  AppendString("read", &out);
  return out;
}

TEST(EngineFormatTest, RecordsAreReadBack) {
  std::string records = ReadyRecord();
  records += Header(2);
  AppendU64(&records, 42);
  records += Header(3);
  AppendString("why", &records);
  EngineOutput output;
  ASSERT_TRUE(DecodeRecords(records, &output));
  ASSERT_THAT(output.refused, SizeIs(1));
  EXPECT_EQ(output.refused[0].number, 42u);
  ASSERT_THAT(output.failed, SizeIs(1));
  EXPECT_EQ(output.failed[0].reason, "why");
  ASSERT_THAT(output.ready, SizeIs(1));
  const Ready& ready = output.ready[0];
  EXPECT_EQ(ready.partition, kGroup);
  EXPECT_EQ(ready.role, Role::kLeader);
  EXPECT_EQ(ready.leader, ReplicaId(5));
  EXPECT_EQ(ready.hard, (HardState{6, ReplicaId(7), 8}));
  EXPECT_TRUE(ready.hard_changed);
  EXPECT_FALSE(ready.must_sync);
  ASSERT_TRUE(ready.installed.has_value());
  EXPECT_EQ(ready.installed->index, 9u);
  EXPECT_EQ(ToText(ready.installed->members),
            "voters 1 2 learners 3 outgoing 4");
  EXPECT_THAT(ready.entries,
              ElementsAre(RaftEntry{10, 6, EntryKind::kChange, "entry"}));
  ASSERT_THAT(ready.messages, SizeIs(1));
  EXPECT_EQ(ready.messages[0].to, ReplicaId(2));
  EXPECT_EQ(ready.messages[0].snapshot, 9u);
  EXPECT_EQ(ready.messages[0].bytes, "message");
  ASSERT_THAT(ready.committed, SizeIs(2));
  EXPECT_FALSE(ready.committed[0].members.has_value());
  EXPECT_EQ(ToText(*ready.committed[1].members),
            "voters 1 outgoing 1 2 learners_next 2");
  ASSERT_THAT(ready.reads, SizeIs(1));
  EXPECT_EQ(ready.reads[0].context, "read");
}

TEST(EngineFormatTest, CutRecordsAreRefused) {
  const std::string record = ReadyRecord();
  for (size_t size = 1; size < record.size(); ++size) {
    EngineOutput output;
    EXPECT_FALSE(DecodeRecords(record.substr(0, size), &output)) << size;
  }
}

TEST(EngineFormatTest, RecordsWithImpossibleValuesAreRefused) {
  const std::string record = ReadyRecord();
  for (const size_t place : {0u, 9u, 42u, 43u, 44u}) {  // code, role, flags
    std::string damaged = record;
    damaged[place] = 9;
    EngineOutput output;
    EXPECT_FALSE(DecodeRecords(damaged, &output)) << place;
  }
  std::string damaged = record;
  damaged[61] = '\xff';  // a count of voters
  EngineOutput output;
  EXPECT_FALSE(DecodeRecords(damaged, &output));
}

// The other side.
class ShimTest : public ::testing::Test {
 protected:
  ShimTest() { Reset(); }
  ~ShimTest() override {
    pallet_raft_close(engine_);
    std::free(records_.data);
  }

  void Reset() {
    if (engine_ != 0) pallet_raft_close(engine_);
    engine_ = pallet_raft_open();
  }
  bool Run(const std::string& operations) {
    return pallet_raft_run(engine_, operations.data(), operations.size(),
                           &records_) == 0;
  }

  static std::string Create() {
    std::string out = Header(1);
    for (const uint64_t word : {1, 1, 1, 1, 1, 0, 1}) AppendU64(&out, word);
    AppendIds({1, 2, 3}, &out);
    for (int i = 0; i < 3; ++i) AppendIds({}, &out);
    AppendFlag(false, &out);
    AppendU32(&out, 10);
    AppendU32(&out, 1);
    AppendU64(&out, 1000);
    AppendU32(&out, 1);
    AppendEntry({2, 1, EntryKind::kEffects, "entry"}, &out);
    return out;
  }
  // One of each of the others.
  static std::vector<std::string> Others() {
    std::vector<std::string> all;
    for (uint8_t code = 2; code <= 14; ++code) all.push_back(Header(code));
    const auto of = [&all](EngineOperation operation) {
      return &all[static_cast<size_t>(operation) - 2];
    };
    AppendString("message", of(EngineOperation::kStep));
    AppendU64(of(EngineOperation::kPropose), 1);
    AppendString("data", of(EngineOperation::kPropose));
    AppendString("context", of(EngineOperation::kReadIndex));
    AppendU64(of(EngineOperation::kTransfer), 2);
    AppendU64(of(EngineOperation::kChange), 1);
    AppendFlag(true, of(EngineOperation::kChange));
    AppendU32(of(EngineOperation::kChange), 1);
    AppendU8(of(EngineOperation::kChange), 1);
    AppendU64(of(EngineOperation::kChange), 3);
    AppendString("context", of(EngineOperation::kChange));
    AppendU64(of(EngineOperation::kCompact), 1);
    AppendU64(of(EngineOperation::kSnapshotSent), 2);
    AppendFlag(true, of(EngineOperation::kSnapshotSent));
    AppendU64(of(EngineOperation::kUnreachable), 2);
    return all;
  }

  uint64_t engine_ = 0;
  pallet_raft_buffer records_ = {};
};

TEST_F(ShimTest, CutOperationsAreRefused) {
  const std::string create = Create();
  for (size_t size = 1; size < create.size(); ++size) {
    Reset();
    EXPECT_FALSE(Run(create.substr(0, size))) << size;
  }
  for (const std::string& operation : Others()) {
    Reset();
    EXPECT_TRUE(Run(create + operation));
    for (size_t size = 1; size < operation.size(); ++size) {
      Reset();
      EXPECT_FALSE(Run(create + operation.substr(0, size)))
          << "operation " << int{operation[0]} << " at " << size;
    }
  }
}

TEST_F(ShimTest, OperationsOnOtherGroupsAreRefused) {
  for (const std::string& operation : Others()) EXPECT_FALSE(Run(operation));
  EXPECT_TRUE(Run(Create()));
  EXPECT_FALSE(Run(Create()));
  Reset();
  EXPECT_TRUE(Run(Create() + Header(2) + Create()));
}

TEST_F(ShimTest, OperationsWithImpossibleValuesAreRefused) {
  EXPECT_FALSE(Run(Create() + Header(0)));
  Reset();
  EXPECT_FALSE(Run(Create() + Header(15)));
  Reset();
  std::string sent = Header(12);
  AppendU64(&sent, 2);
  AppendU8(&sent, 2);
  EXPECT_FALSE(Run(Create() + sent));
  Reset();
  std::string many = Create();
  many[many.size() - 30] = '\xff';  // the count of its entries
  EXPECT_FALSE(Run(many));
}

TEST_F(ShimTest, AnEngineThatWasClosedIsGone) {
  EXPECT_TRUE(Run(""));
  const uint64_t old = engine_;
  Reset();
  EXPECT_NE(old, engine_);
  EXPECT_NE(pallet_raft_run(old, nullptr, 0, &records_), 0);
}

}  // namespace
}  // namespace pallet::cluster
