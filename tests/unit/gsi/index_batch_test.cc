// SPDX-License-Identifier: Apache-2.0
#include "gsi/index_batch.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "gtest/gtest.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;
using testing::ReadItem;
using testing::TestKey;

constexpr storage::PartitionId kTarget{1};
constexpr storage::PartitionId kLineage{9};
constexpr storage::KeyspaceId kKeyspace{10};

class IndexBatchTest : public ::testing::Test {
 protected:
  IndexBatchTest() {
    storage::StoreOptions options;
    options.directory = directory_.path() + "/store";
    options.map_size = uint64_t{1} << 30;
    auto store = storage::Store::Open(options);
    CHECK(store.ok()) << store.status();
    store_ = *std::move(store);
    CHECK(store_->CreatePartition(kTarget, kKeyspace, {}).ok());
  }

  static Mutation Put(const std::string& name, const std::string& bytes) {
    return {TestKey(kKeyspace, 1, name), bytes, 10};
  }
  static Mutation Delete(const std::string& name) {
    return {TestKey(kKeyspace, 1, name)};
  }

  // `expected` nullopt: a backfill.
  IndexBatchWrite::Outcome Send(std::optional<uint64_t> expected, uint64_t seq,
                                std::vector<Mutation> mutations) {
    IndexBatch batch{kTarget, kLineage, std::nullopt, ChangeSeq(seq),
                     std::move(mutations)};
    if (expected.has_value()) batch.expected = ChangeSeq(*expected);
    IndexBatchWrite::Outcome outcome;
    absl::Notification done;
    const absl::Status accepted =
        store_->Submit(std::make_unique<IndexBatchWrite>(
            std::move(batch), [&](const IndexBatchWrite::Outcome& given) {
              outcome = given;
              done.Notify();
            }));
    CHECK(accepted.ok()) << accepted;
    done.WaitForNotification();
    return outcome;
  }

  std::string Read(const std::string& name) {
    return ReadItem(*store_, TestKey(kKeyspace, 1, name));
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<storage::Store> store_;
};

TEST_F(IndexBatchTest, Example) {
  auto outcome = Send(0, 5, {Put("a", "1"), Put("b", "2")});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.cursor, ChangeSeq(5));
  EXPECT_EQ(outcome.entries, 2u);
  outcome = Send(5, 8, {Delete("a"), Put("c", "3")});
  EXPECT_EQ(outcome.cursor, ChangeSeq(8));
  EXPECT_EQ(Read("a"), "none");
  EXPECT_EQ(Read("b"), "2");
  EXPECT_EQ(Read("c"), "3");
}

TEST_F(IndexBatchTest, ABatchThatComesTwiceIsTakenOnce) {
  ASSERT_TRUE(Send(0, 5, {Put("a", "1")}).status.ok());
  ASSERT_TRUE(Send(5, 6, {Delete("a")}).status.ok());
  // The first one again, from a sender that had no answer.
  const auto again = Send(0, 5, {Put("a", "1")});
  EXPECT_TRUE(absl::IsAborted(again.status)) << again.status;
  EXPECT_EQ(again.cursor, ChangeSeq(6));  // where to go on
  EXPECT_EQ(Read("a"), "none");
  // Nor one that leaves a gap.
  EXPECT_TRUE(absl::IsAborted(Send(7, 9, {Put("a", "1")}).status));
  EXPECT_EQ(Read("a"), "none");
}

TEST_F(IndexBatchTest, ABackfillIsTakenUpToItsHeadAndMovesNoCursor) {
  ASSERT_TRUE(Send(0, 5, {}).status.ok());
  EXPECT_TRUE(Send(std::nullopt, 5, {Put("a", "1")}).status.ok());
  EXPECT_TRUE(Send(std::nullopt, 9, {Put("b", "1")}).status.ok());
  EXPECT_EQ(Send(5, 6, {}).cursor, ChangeSeq(6));
  // The cursor has passed what the chunk was read after.
  EXPECT_TRUE(absl::IsAborted(Send(std::nullopt, 5, {Put("c", "1")}).status));
  EXPECT_EQ(Read("a"), "1");
  EXPECT_EQ(Read("b"), "1");
  EXPECT_EQ(Read("c"), "none");
}

TEST_F(IndexBatchTest, WhatIsThereAlreadyIsNotWritten) {
  ASSERT_TRUE(Send(0, 5, {Put("a", "1")}).status.ok());
  const ChangeSeq before = store_->Partition(kTarget)->change_seq;
  const auto outcome = Send(5, 6, {Put("a", "1"), Delete("b")});
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.entries, 0u);
  EXPECT_EQ(store_->Partition(kTarget)->change_seq, before);
  EXPECT_EQ(store_->Partition(kTarget)->item_count, 1u);
}

}  // namespace
}  // namespace pallet::gsi
