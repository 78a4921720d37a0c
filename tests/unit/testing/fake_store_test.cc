// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/fake_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::testing {
namespace {

using storage::KeyspaceId;
using storage::PartitionId;
using storage::WriteContext;
using ::testing::ElementsAre;

constexpr PartitionId kPartition(7);
constexpr KeyspaceId kKeyspace(3);

std::string RowKey(uint64_t hash, const std::string& rest) {
  std::string key;
  AppendU32(&key, kKeyspace.value());
  AppendU64(&key, hash);
  return key + rest;
}

class Write final : public storage::RowWrite {
 public:
  using Decision = std::function<absl::Status(WriteContext&)>;

  Write(Decision decide, absl::Status* done)
      : decide_(std::move(decide)), done_(done) {}

  PartitionId partition() const override { return kPartition; }
  size_t byte_size() const override { return 1; }
  absl::Status Decide(WriteContext& context) override {
    return decide_(context);
  }
  void Done(const absl::Status& status) override { *done_ = status; }

 private:
  Decision decide_;
  absl::Status* done_;
};

class FakeStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(store_->CreatePartition(kPartition, kKeyspace, {}).ok());
  }

  void Open() { store_ = disk_.Open({.directory = "s"}).value(); }

  absl::Status Run(Write::Decision decide) {
    absl::Status done = absl::UnknownError("never called");
    const absl::Status submitted =
        store_->Submit(std::make_unique<Write>(std::move(decide), &done));
    return submitted.ok() ? done : submitted;
  }

  void Put(const std::string& key, const std::string& item) {
    ASSERT_TRUE(Run([&](WriteContext& context) {
                  context.Put(key, item, 10);
                  return absl::OkStatus();
                }).ok());
  }

  // The keys a cursor over [begin, end) meets, from both sides.
  std::vector<std::string> Walk(const std::string& begin,
                                const std::string& end, bool forward) {
    std::vector<std::string> items;
    EXPECT_TRUE(
        store_
            ->Read([&](storage::ReadTransaction& read) {
              auto cursor = read.Cursor(begin, end);
              EXPECT_TRUE((forward ? cursor->SeekAtOrAfter("")
                                   : cursor->SeekAtOrBefore("\xFF"))
                              .ok());
              while (cursor->Valid()) {
                items.emplace_back(cursor->row().item);
                EXPECT_TRUE(
                    (forward ? cursor->Next() : cursor->Previous()).ok());
              }
              return absl::OkStatus();
            })
            .ok());
    return items;
  }

  FakeDisk disk_;
  std::unique_ptr<storage::Store> store_;
};

TEST_F(FakeStoreTest, WritesAreReadCountedAndFoundAgain) {
  Put(RowKey(1, "a"), "A");
  Put(RowKey(1, "b"), "B");
  Put(RowKey(2, "a"), "C");
  Put(RowKey(1, "a"), "A2");
  Open();
  EXPECT_THAT(Walk("", "", true), ElementsAre("A2", "B", "C"));
  EXPECT_THAT(Walk("", "", false), ElementsAre("C", "B", "A2"));
  EXPECT_THAT(Walk(RowKey(1, "b"), RowKey(2, "a"), true), ElementsAre("B"));
  EXPECT_THAT(Walk(RowKey(1, "b"), RowKey(2, "a"), false), ElementsAre("B"));
  const auto info = store_->Partition(kPartition);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->item_count, 3u);
  EXPECT_EQ(info->item_bytes, 30u);
  EXPECT_EQ(info->change_seq.value(), 4u);
}

TEST_F(FakeStoreTest, AFailedDecisionLeavesNothing) {
  Put(RowKey(1, "a"), "A");
  const absl::Status failed = Run([&](WriteContext& context) {
    context.Delete(RowKey(1, "a"));
    EXPECT_FALSE(context.Get(RowKey(1, "a"))->has_value());
    return model::MakeError(model::Reason::kConditionalCheckFailed, "no");
  });
  EXPECT_EQ(model::ReasonOf(failed), model::Reason::kConditionalCheckFailed);
  EXPECT_THAT(Walk("", "", true), ElementsAre("A"));
}

TEST_F(FakeStoreTest, ADroppedPartitionTakesItsRowsAlong) {
  Put(RowKey(1, "a"), "A");
  ASSERT_TRUE(store_->DropPartition(kPartition).ok());
  EXPECT_TRUE(Walk("", "", true).empty());
  EXPECT_TRUE(store_->Partitions().empty());
  EXPECT_EQ(
      model::ReasonOf(Run([](WriteContext&) { return absl::OkStatus(); })),
      model::Reason::kResourceNotFound);
}

TEST_F(FakeStoreTest, PartitionsAreMadeOnce) {
  EXPECT_TRUE(store_->CreatePartition(kPartition, kKeyspace, {}).ok());
  EXPECT_FALSE(store_->CreatePartition(kPartition, KeyspaceId(4), {}).ok());
}

TEST_F(FakeStoreTest, CrashAndRefusalAreToldAndEnd) {
  disk_.CrashAfter(1);
  EXPECT_TRUE(store_->CreatePartition(PartitionId(8), kKeyspace, {}).ok());
  EXPECT_FALSE(store_->DropPartition(PartitionId(8)).ok());
  EXPECT_EQ(disk_.operations(), 2);
  disk_.Recover();
  EXPECT_TRUE(store_->DropPartition(PartitionId(8)).ok());
  disk_.RefuseWrites(model::MakeError(model::Reason::kThrottling, "full"));
  EXPECT_EQ(
      model::ReasonOf(Run([](WriteContext&) { return absl::OkStatus(); })),
      model::Reason::kThrottling);
  disk_.RefuseWrites(absl::OkStatus());
  Put(RowKey(1, "a"), "A");
}

}  // namespace
}  // namespace pallet::testing
