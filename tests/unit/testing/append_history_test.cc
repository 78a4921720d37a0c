// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/append_history.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pallet::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Fate = AppendHistory::Fate;

// One after the other, unless a test says otherwise.
class AppendHistoryTest : public ::testing::Test {
 protected:
  AppendHistory::Transaction& Next(uint64_t id) {
    AppendHistory::Transaction& added = all_.emplace_back();
    added.id = id;
    added.began = ++moment_;
    added.ended = ++moment_;
    added.fate = Fate::kDone;
    return added;
  }
  // All at the same time.
  void SideBySide() {
    for (auto& each : all_) {
      each.began = 1;
      each.ended = 100;
    }
  }
  std::string Check(const std::map<int, AppendHistory::List>& lists) {
    AppendHistory history;
    for (const auto& each : all_) history.Add(each);
    return history.Check(lists);
  }

  std::vector<AppendHistory::Transaction> all_;
  uint64_t moment_ = 0;
};

TEST_F(AppendHistoryTest, WhatCanHaveBeenIsTaken) {
  all_.reserve(10);
  Next(1).appends = {1, 2};
  Next(2).reads = {{1, {1}}, {2, {1}}};
  Next(3).appends = {2};
  auto& unknown = Next(4);
  unknown.appends = {1, 2};
  unknown.fate = Fate::kUnknown;
  auto& other = Next(5);
  other.appends = {1};
  other.fate = Fate::kUnknown;
  auto& refused = Next(6);
  refused.appends = {1};
  refused.lengths = {{2, 7}};
  refused.fate = Fate::kRefused;
  Next(7).reads = {{1, {1, 4}}, {2, {1, 3, 4}}};
  EXPECT_THAT(Check({{1, {1, 4}}, {2, {1, 3, 4}}}), IsEmpty());
}

TEST_F(AppendHistoryTest, SideBySideAnyOrderWillDo) {
  all_.reserve(10);
  Next(1).appends = {1};
  Next(2).appends = {1};
  Next(3).reads = {{1, {2}}};
  SideBySide();
  EXPECT_THAT(Check({{1, {2, 1}}}), IsEmpty());
}

TEST_F(AppendHistoryTest, ALostWriteIsFound) {
  Next(1).appends = {1};
  EXPECT_THAT(Check({{1, {}}}), HasSubstr("lost"));
}

TEST_F(AppendHistoryTest, ARefusedWriteThatIsThereIsFound) {
  auto& refused = Next(1);
  refused.appends = {1};
  refused.fate = Fate::kRefused;
  EXPECT_THAT(Check({{1, {1}}}), HasSubstr("was refused"));
}

TEST_F(AppendHistoryTest, AWriteThatIsThereTwiceIsFound) {
  Next(1).appends = {1};
  EXPECT_THAT(Check({{1, {1, 1}}}), HasSubstr("twice"));
}

TEST_F(AppendHistoryTest, HalfATransactionIsFound) {
  auto& half = Next(1);
  half.appends = {1, 2};
  half.fate = Fate::kUnknown;
  EXPECT_THAT(Check({{1, {1}}, {2, {}}}), HasSubstr("in 1 of 2 lists"));
}

TEST_F(AppendHistoryTest, ADirtyReadIsFound) {
  all_.reserve(10);
  auto& refused = Next(1);
  refused.appends = {1};
  refused.fate = Fate::kRefused;
  Next(2).reads = {{1, {1}}};
  EXPECT_THAT(Check({{1, {}}}), HasSubstr("what it never was"));
}

TEST_F(AppendHistoryTest, AFracturedReadIsFound) {
  all_.reserve(10);
  Next(1).appends = {1, 2};
  Next(2).reads = {{1, {1}}, {2, {}}};
  SideBySide();
  EXPECT_THAT(Check({{1, {1}}, {2, {1}}}), HasSubstr("a cycle"));
}

TEST_F(AppendHistoryTest, ALostUpdateIsFound) {
  all_.reserve(10);
  // Both found the list empty.
  auto& first = Next(1);
  first.appends = {1};
  first.lengths = {{1, 0}};
  auto& second = Next(2);
  second.appends = {1};
  second.lengths = {{1, 0}};
  SideBySide();
  EXPECT_THAT(Check({{1, {1, 2}}}), HasSubstr("a cycle"));
}

TEST_F(AppendHistoryTest, WriteSkewIsFound) {
  all_.reserve(10);
  auto& first = Next(1);
  first.appends = {1};
  first.lengths = {{2, 0}};
  auto& second = Next(2);
  second.appends = {2};
  second.lengths = {{1, 0}};
  SideBySide();
  EXPECT_THAT(Check({{1, {1}}, {2, {2}}}), HasSubstr("a cycle"));
}

TEST_F(AppendHistoryTest, AReadOfThePastIsFound) {
  all_.reserve(10);
  Next(1).appends = {1};
  Next(2).reads = {{1, {}}};
  EXPECT_THAT(Check({{1, {1}}}), HasSubstr("a cycle"));
}

TEST_F(AppendHistoryTest, TwoReadersWhoDisagreeAreFound) {
  all_.reserve(10);
  Next(1).appends = {1};
  Next(2).appends = {2};
  Next(3).reads = {{1, {1}}, {2, {}}};
  Next(4).reads = {{1, {}}, {2, {2}}};
  SideBySide();
  EXPECT_THAT(Check({{1, {1}}, {2, {2}}}), HasSubstr("a cycle"));
}

}  // namespace
}  // namespace pallet::testing
