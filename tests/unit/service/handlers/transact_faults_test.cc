// SPDX-License-Identifier: Apache-2.0
//
// Transactions between writers, and over stores that refuse: what comes between two
// reads of one TransactGetItems, and what a store without room does to each step
// of a transaction over several partitions.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/thread.h"
#include "model/errors.h"
#include "tests/unit/service/handlers/transact_fixture.h"

namespace pallet::service {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class TransactFaultsTest : public TransactTest {
 protected:
  TransactFaultsTest() {
    // Two keys in different partitions.
    const storage::PartitionId first = PartitionOf("a").id;
    for (int i = 0; other_.empty(); ++i) {
      const std::string key = absl::StrCat("o", i);
      if (PartitionOf(key).id != first) other_ = key;
    }
  }

  void Set(absl::string_view pk, int value) {
    Put("plain", absl::StrCat(Plain(pk), N("v", absl::StrCat(value))));
  }
  std::string Both() {
    return Call("TransactGetItems", GetOf("a") + GetOf(other_));
  }

  std::string other_;
  absl::Notification stop_;
};

TEST_F(TransactFaultsTest, AReadDoesNotMixTwoMoments) {
  Set("a", 1);
  Set(other_, 1);
  bool once = false;
  // Both change, one after the other, behind the first partition's first read.
  store_control_.SetBeforeRead([&](int read) {
    if (read != 1 || once) return;
    once = true;
    Set("a", 2);
    Set(other_, 2);
  });
  const std::string answer = Both();
  EXPECT_TRUE(once);
  EXPECT_THAT(answer, HasSubstr("n: \"2\""));
  EXPECT_THAT(answer, Not(HasSubstr("n: \"1\"")));
}

TEST_F(TransactFaultsTest, WhatComesAndGoesBetweenIsNotMissed) {
  Set(other_, 1);
  bool once = false;
  // "a" is there only while the other has changed already.
  store_control_.SetBeforeRead([&](int read) {
    if (read != 1 || once) return;
    once = true;
    Set("a", 1);
    Set(other_, 2);
  });
  EXPECT_THAT(Both(),
              ::testing::AllOf(HasSubstr("n: \"2\""), HasSubstr("n: \"1\"")));
}

TEST_F(TransactFaultsTest, WritersThatAreTooQuickAreHeldUp) {
  Set("a", 0);
  Set(other_, 0);
  int value = 0;
  store_control_.SetBeforeRead([&](int) {
    ++value;
    // Refused while the rows are locked.
    Call("PutItem", absl::StrCat("table_name: 'plain' item {", Plain("a"),
                                 N("v", absl::StrCat(value)), "}"));
    Call("PutItem", absl::StrCat("table_name: 'plain' item {", Plain(other_),
                                 N("v", absl::StrCat(value)), "}"));
  });
  const std::string answer = Both();
  store_control_.SetBeforeRead(nullptr);
  EXPECT_THAT(answer, StartsWith("responses"));
  const std::string number = absl::StrCat("n: \"", value, "\"");
  EXPECT_THAT(answer, HasSubstr(number));
  const size_t first = answer.find(number);
  EXPECT_NE(answer.find(number, first + 1), std::string::npos) << answer;
}

// Every write from some number on is refused: nothing half is ever seen, and when
// there is room again all is as one answer has told.
TEST_F(TransactFaultsTest, AStoreWithoutRoomUndoesOrFinishes) {
  int cancelled = 0, done = 0;
  for (int from = 0; from < 12; ++from) {
    SCOPED_TRACE(from);
    Set("a", 0);
    Set(other_, 0);
    const std::string actions =
        Act("put", absl::StrCat("item {", Plain("a"), N("v", "1"), "}")) +
        Act("put", absl::StrCat("item {", Plain(other_), N("v", "1"), "}"));
    store_control_.SetRefusal([from](int write) {
      // Two refusals; later there is room.
      if (write < from || write >= from + 2) return absl::OkStatus();
      return model::MakeError(model::Reason::kStorageFull, "no room");
    });
    const std::string answer = Write(actions);
    store_control_.SetRefusal(nullptr);
    const std::string want = answer.empty() ? "n: \"1\"" : "n: \"0\"";
    (answer.empty() ? done : cancelled) += 1;
    EXPECT_THAT(answer, AnyOf(IsEmpty(), StartsWith("STORAGE_FULL")));
    EXPECT_THAT(Get("a"), HasSubstr(want));
    EXPECT_THAT(Get(other_), HasSubstr(want));
    // Nothing stays locked.
    EXPECT_FALSE(host_->locks().MayBeLocked(RowKey("a")));
    EXPECT_FALSE(host_->locks().MayBeLocked(RowKey(other_)));
  }
  EXPECT_GE(cancelled, 3);
  EXPECT_GE(done, 3);
}

// The node stops while a part waits for room: the caller is told, and the next
// start finishes it.
TEST_F(TransactFaultsTest, AStopEndsTheWaitForRoom) {
  const std::string actions = PutOf("a") + PutOf(other_);
  std::string answer;
  store_control_.SetRefusal([this](int write) {
    // The ledger's two records and both preparations.
    if (write < 4) return absl::OkStatus();
    if (write == 6) stop_.Notify();
    return model::MakeError(model::Reason::kStorageFull, "no room");
  });
  {
    Thread stopper("stop", [this] {
      stop_.WaitForNotification();
      transactions_->Stop();
    });
    answer = Write(actions);
    stopper.Join();
  }
  store_control_.SetRefusal(nullptr);
  EXPECT_THAT(answer, StartsWith("OUTCOME_UNKNOWN"));
  EXPECT_THAT(Call("PutItem",
                   absl::StrCat("table_name: 'plain' item {", Plain("a"), "}")),
              StartsWith("TRANSACTION_CONFLICT"));
  Restart();
  EXPECT_THAT(Get("a"), HasSubstr("new"));
  EXPECT_THAT(Get(other_), HasSubstr("new"));
  Put("plain", Plain("a"));
}

}  // namespace
}  // namespace pallet::service
