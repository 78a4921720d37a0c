// SPDX-License-Identifier: Apache-2.0
#include "storage/inbox.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/thread.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

using ::testing::Contains;
using ::testing::Not;

class NumberedWrite : public RowWrite {
 public:
  explicit NumberedWrite(int number, size_t bytes = 10)
      : number(number), bytes_(bytes) {}
  PartitionId partition() const override { return PartitionId(1); }
  size_t byte_size() const override { return bytes_; }
  absl::Status Decide(WriteContext&) override { return absl::OkStatus(); }
  void Done(const absl::Status&) override {}
  const int number;

 private:
  const size_t bytes_;
};

std::unique_ptr<RowWrite> Write(int number, size_t bytes = 10) {
  return std::make_unique<NumberedWrite>(number, bytes);
}

struct Taken {
  std::vector<BatchWrite> writes;
  std::unique_ptr<ControlOperation> control;

  std::vector<int> Numbers() const {
    std::vector<int> numbers;
    for (const auto& write : writes) {
      numbers.push_back(static_cast<NumberedWrite*>(write.write.get())->number);
    }
    return numbers;
  }
};

using Numbers = std::vector<int>;

constexpr Inbox::Bounds kBounds = {
    .bytes = 100, .writes = 8, .batch_bytes = 35, .batch_writes = 5};

TEST(InboxTest, ABatchTakesWhatWaitsUpToItsBounds) {
  Inbox inbox(kBounds);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  EXPECT_EQ(inbox.bytes(), 50);
  Taken first;
  ASSERT_TRUE(inbox.Take(&first.writes, &first.control));
  EXPECT_EQ(first.Numbers(), (Numbers{0, 1, 2}));  // 40 bytes are too many
  EXPECT_EQ(inbox.writes(), 2);
  EXPECT_EQ(inbox.bytes(), 20);
  inbox.LeaveEvaluation(0);
  Taken second;
  ASSERT_TRUE(inbox.Take(&second.writes, &second.control));
  EXPECT_EQ(second.Numbers(), (Numbers{3, 4}));
  inbox.LeaveEvaluation(0);
}

TEST(InboxTest, AControlOperationIsABatchOfItsOwn) {
  Inbox inbox(kBounds);
  ASSERT_TRUE(inbox.Add(Write(0)).ok());
  ASSERT_TRUE(inbox.Add(ControlOperation{}).ok());
  ASSERT_TRUE(inbox.Add(Write(1)).ok());
  Taken batches[3];
  for (Taken& batch : batches) {
    ASSERT_TRUE(inbox.Take(&batch.writes, &batch.control));
    inbox.LeaveEvaluation(0);
  }
  EXPECT_EQ(batches[0].Numbers(), Numbers{0});
  EXPECT_EQ(batches[0].control, nullptr);
  EXPECT_EQ(batches[1].Numbers(), Numbers{});
  EXPECT_NE(batches[1].control, nullptr);
  EXPECT_EQ(batches[2].Numbers(), Numbers{1});
}

TEST(InboxTest, AFullInboxThrottles) {
  Inbox by_count(kBounds);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(by_count.Add(Write(i)).ok());
  EXPECT_EQ(model::ReasonOf(by_count.Add(Write(8))),
            model::Reason::kThrottling);

  Inbox by_bytes(kBounds);
  ASSERT_TRUE(by_bytes.Add(Write(0, 60)).ok());
  EXPECT_EQ(model::ReasonOf(by_bytes.Add(Write(1, 41))),
            model::Reason::kThrottling);
  EXPECT_TRUE(by_bytes.Add(Write(1, 40)).ok());
}

// Refused at the door: what is refused was never in, and takes no room.
TEST(InboxTest, AFullInboxAcceptsWhatABatchMadeRoomForAndNoMore) {
  Inbox by_count(kBounds);
  Inbox by_bytes(kBounds);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(by_count.Add(Write(i, 1)).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(by_bytes.Add(Write(i, 20)).ok());
  int next = 8;
  for (Inbox* inbox : {&by_count, &by_bytes}) {
    const size_t bytes = inbox->bytes() / inbox->writes();
    for (int round = 0; round < 20; ++round) {
      const size_t full = inbox->writes();
      for (int again = 0; again < 3; ++again) {
        EXPECT_EQ(model::ReasonOf(inbox->Add(Write(-1, bytes))),
                  model::Reason::kThrottling);
      }
      EXPECT_EQ(inbox->writes(), full);
      Taken batch;
      ASSERT_TRUE(inbox->Take(&batch.writes, &batch.control));
      EXPECT_THAT(batch.Numbers(), Not(Contains(-1)));
      inbox->LeaveEvaluation(0);
      for (size_t i = 0; i < batch.writes.size(); ++i) {
        EXPECT_TRUE(inbox->Add(Write(next++, bytes)).ok());
      }
    }
  }
}

TEST(InboxTest, WhatIsPutBackIsNotRefusedAndCounts) {
  Inbox inbox(kBounds);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  Taken batch;
  ASSERT_TRUE(inbox.Take(&batch.writes, &batch.control));
  ASSERT_EQ(batch.Numbers(), (Numbers{0, 1, 2}));
  for (int i = 8; i < 11; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  inbox.PutBack(&batch.writes, 1);
  EXPECT_EQ(batch.Numbers(), Numbers{0});
  EXPECT_EQ(inbox.writes(), 10);
  EXPECT_EQ(inbox.bytes(), 100);
  EXPECT_EQ(model::ReasonOf(inbox.Add(Write(11, 0))),
            model::Reason::kThrottling);
  inbox.LeaveEvaluation(0);
  Taken next;
  ASSERT_TRUE(inbox.Take(&next.writes, &next.control));
  EXPECT_EQ(next.Numbers(), (Numbers{1, 2, 3}));
  inbox.LeaveEvaluation(0);
  EXPECT_EQ(inbox.writes(), 7);
  EXPECT_TRUE(inbox.Add(Write(11, 0)).ok());
}

TEST(InboxTest, AWriteLargerThanTheInboxPassesAlone) {
  Inbox inbox(kBounds);
  EXPECT_TRUE(inbox.Add(Write(0, 1000)).ok());
  EXPECT_FALSE(inbox.Add(Write(1, 1)).ok());
  Taken batch;
  ASSERT_TRUE(inbox.Take(&batch.writes, &batch.control));
  EXPECT_EQ(batch.Numbers(), Numbers{0});
  EXPECT_EQ(inbox.bytes(), 0);
  inbox.LeaveEvaluation(0);
}

TEST(InboxTest, AfterCloseWhatWaitsIsTakenAndNothingAccepted) {
  Inbox inbox(kBounds);
  ASSERT_TRUE(inbox.Add(Write(0)).ok());
  inbox.Close();
  EXPECT_EQ(model::ReasonOf(inbox.Add(Write(1))), model::Reason::kShuttingDown);
  EXPECT_EQ(model::ReasonOf(inbox.Add(ControlOperation{})),
            model::Reason::kShuttingDown);
  Taken batch;
  ASSERT_TRUE(inbox.Take(&batch.writes, &batch.control));
  EXPECT_EQ(batch.Numbers(), Numbers{0});
  inbox.LeaveEvaluation(0);
  EXPECT_FALSE(inbox.Take(&batch.writes, &batch.control));
}

TEST(InboxTest, OnlyAnIdleInboxCanBeEntered) {
  Inbox inbox(kBounds);
  EXPECT_TRUE(inbox.EnterEvaluationIfIdle());
  EXPECT_FALSE(inbox.EnterEvaluationIfIdle());
  inbox.LeaveEvaluation(0);
  ASSERT_TRUE(inbox.Add(Write(0)).ok());
  EXPECT_FALSE(inbox.EnterEvaluationIfIdle());
}

// While a batch syncs, a smaller one waits for more to join it.
TEST(InboxTest, ABatchStartsBesideASyncOnlyIfItIsNoSmaller) {
  for (int round = 0; round < 200; ++round) {
    Inbox inbox(kBounds);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
    Taken syncing, next;
    ASSERT_TRUE(inbox.Take(&syncing.writes, &syncing.control));
    inbox.LeaveEvaluation(syncing.writes.size());
    absl::Notification takes;
    Thread worker("worker", [&] {
      takes.Notify();
      EXPECT_TRUE(inbox.Take(&next.writes, &next.control));
    });
    takes.WaitForNotification();
    for (int i = 3; i < 6; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
    worker.Join();
    EXPECT_EQ(next.Numbers(), (Numbers{3, 4, 5}));
    inbox.LeaveEvaluation(0);
  }
}

TEST(InboxTest, ASmallBatchStartsWhenTheSyncIsOver) {
  Inbox inbox(kBounds);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  Taken syncing, next;
  ASSERT_TRUE(inbox.Take(&syncing.writes, &syncing.control));
  inbox.LeaveEvaluation(syncing.writes.size());
  Thread worker("worker",
                [&] { EXPECT_TRUE(inbox.Take(&next.writes, &next.control)); });
  ASSERT_TRUE(inbox.Add(Write(3)).ok());
  inbox.LeaveSync();
  worker.Join();
  EXPECT_EQ(next.Numbers(), (Numbers{3}));
  inbox.LeaveEvaluation(0);
}

// A full batch gains nothing by waiting.
TEST(InboxTest, AFullBatchStartsBesideALargerSync) {
  Inbox inbox(kBounds);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  Taken syncing, next;
  ASSERT_TRUE(inbox.Take(&syncing.writes, &syncing.control));
  inbox.LeaveEvaluation(syncing.writes.size());
  ASSERT_TRUE(inbox.Add(Write(3, 35)).ok());
  ASSERT_TRUE(inbox.Take(&next.writes, &next.control));
  EXPECT_EQ(next.Numbers(), (Numbers{3}));
  inbox.LeaveEvaluation(0);
}

TEST(InboxTest, ThreeWorkersTakeAllInOrderOneAtATime) {
  constexpr int kWrites = 20'000;
  Inbox inbox({.bytes = 1 << 30,
               .writes = 1 << 30,
               .batch_bytes = 1 << 20,
               .batch_writes = 7});
  std::vector<int> taken;  // guarded by the evaluate stage
  std::vector<Thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back("worker", [&] {
      for (;;) {
        Taken batch;
        if (!inbox.Take(&batch.writes, &batch.control)) return;
        for (int number : batch.Numbers()) taken.push_back(number);
        inbox.LeaveEvaluation(0);
      }
    });
  }
  for (int i = 0; i < kWrites; ++i) ASSERT_TRUE(inbox.Add(Write(i)).ok());
  inbox.Close();
  workers.clear();
  ASSERT_EQ(taken.size(), kWrites);
  for (int i = 0; i < kWrites; ++i) ASSERT_EQ(taken[i], i);
}

}  // namespace
}  // namespace pallet::storage
