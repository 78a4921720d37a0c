// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/testing/seed.h"

namespace pallet::testing {
namespace {

HistoryOperation Write(int64_t called, int64_t answered, std::string value) {
  return {called, answered, absl::StrCat("write ", value),
          [value](const std::string&) { return std::optional(value); }};
}

HistoryOperation Read(int64_t called, int64_t answered, std::string value) {
  return {called, answered, absl::StrCat("read ", value),
          [value](const std::string& state) {
            return state == value ? std::optional(state) : std::nullopt;
          }};
}

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

TEST(LinearizabilityTest, Example) {
  EXPECT_EQ(FindViolation("", {Write(1, 2, "a"), Read(3, 4, "a")}), "");
  EXPECT_NE(FindViolation("", {Write(1, 2, "a"), Read(3, 4, "")}), "");
}

TEST(LinearizabilityTest, NothingIsLinearizable) {
  EXPECT_EQ(FindViolation("", {}), "");
}

TEST(LinearizabilityTest, AReadBesideAWriteMaySeeEither) {
  EXPECT_EQ(FindViolation("", {Write(1, 4, "a"), Read(2, 3, "")}), "");
  EXPECT_EQ(FindViolation("", {Write(1, 4, "a"), Read(2, 3, "a")}), "");
  EXPECT_NE(FindViolation("", {Write(1, 4, "a"), Read(2, 3, "b")}), "");
}

TEST(LinearizabilityTest, WhatWasSeenIsNotUnseen) {
  EXPECT_NE(
      FindViolation("", {Write(1, 6, "a"), Read(2, 3, "a"), Read(4, 5, "")}),
      "");
  EXPECT_EQ(
      FindViolation("", {Write(1, 6, "a"), Read(2, 5, "a"), Read(3, 4, "")}),
      "");
}

TEST(LinearizabilityTest, TwoReadersAgreeOnTheOrderOfTwoWrites) {
  EXPECT_NE(
      FindViolation("", {Write(1, 10, "a"), Write(2, 11, "b"), Read(3, 4, "a"),
                         Read(5, 6, "b"), Read(7, 8, "a")}),
      "");
}

TEST(LinearizabilityTest, AWriteIsNotLost) {
  EXPECT_NE(
      FindViolation("", {Write(1, 2, "a"), Write(3, 4, "b"), Read(5, 6, "a")}),
      "");
}

TEST(LinearizabilityTest, AWriteWithoutAnAnswerMayHappenLateOrNever) {
  EXPECT_EQ(FindViolation(
                "", {Write(1, kNever, "a"), Read(2, 3, ""), Read(4, 5, "a")}),
            "");
  EXPECT_EQ(FindViolation("", {Write(1, kNever, "a"), Read(2, 3, "")}), "");
  EXPECT_NE(FindViolation(
                "", {Write(1, kNever, "a"), Read(2, 3, "a"), Read(4, 5, "")}),
            "");
  EXPECT_NE(FindViolation("", {Read(1, 2, "a"), Write(3, kNever, "a")}), "");
}

TEST(LinearizabilityTest, ANegativeReadCounts) {
  const auto not_a = [](const std::string& state) {
    return state != "a" ? std::optional(state) : std::nullopt;
  };
  EXPECT_EQ(FindViolation("", {Write(1, 4, "a"), {2, 3, "not a", not_a}}), "");
  EXPECT_NE(FindViolation("", {Write(1, 2, "a"), {3, 4, "not a", not_a}}), "");
}

TEST(LinearizabilityTest, AViolationNamesTheAnswer) {
  const std::string text =
      FindViolation("", {Write(1, 2, "a"), Read(3, 4, "old"), Read(5, 6, "a")});
  EXPECT_NE(text.find("answer #1 read old"), std::string::npos) << text;
  EXPECT_EQ(text.find("#2"), std::string::npos) << text;
}

TEST(LinearizabilityTest, HistoriesOrderCallsAndAnswers) {
  History history;
  const int64_t first = history.Call();
  const int64_t second = history.Call();
  history.Answer(second, "read",
                 [](const std::string& state) { return std::optional(state); });
  history.Lost(first, "write",
               [](const std::string&) { return std::optional("x"); });
  const std::vector<HistoryOperation> operations = history.Take();
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_LT(operations[1].called, operations[0].called);
  EXPECT_LT(operations[0].called, operations[0].answered);
  EXPECT_EQ(operations[1].answered, kNever);
}

// Histories of a register that is one, with several clients, and what becomes
// of them when one answer is another.
std::vector<HistoryOperation> RandomHistory(Random& random, bool spoiled) {
  struct Client {
    int64_t called = 0;
    std::string value;  // of a write
    bool is_write = false, is_done = false;
    std::string answer;
  };
  std::vector<HistoryOperation> operations;
  std::vector<Client> clients(5);
  std::string state;
  int64_t now = 0;
  int writes = 0;
  const size_t spoil_at = spoiled ? 100 + random.Below(100) : SIZE_MAX;
  while (operations.size() < 300) {
    Client& client = clients[random.Below(clients.size())];
    ++now;
    if (client.called == 0) {
      client = {now, absl::StrCat("v", ++writes), random.OneIn(2), false, ""};
    } else if (!client.is_done) {
      if (client.is_write) state = client.value;
      client.answer = state;
      client.is_done = true;
    } else {
      if (!client.is_write && operations.size() >= spoil_at && spoiled) {
        client.answer = "what nobody wrote";
        spoiled = false;
      }
      operations.push_back(client.is_write
                               ? Write(client.called, now, client.value)
                               : Read(client.called, now, client.answer));
      client = {};
    }
  }
  for (const Client& client : clients) {  // what nobody was answered
    if (client.called == 0 || !client.is_write) continue;
    operations.push_back(Write(client.called, kNever, client.value));
  }
  return operations;
}

TEST(LinearizabilityTest, RandomHistoriesOfARegisterPassAndSpoiledOnesDoNot) {
  Random random(TestSeed());
  for (int round = 0; round < TestRounds(50); ++round) {
    EXPECT_EQ(FindViolation("", RandomHistory(random, false)), "");
    EXPECT_NE(FindViolation("", RandomHistory(random, true)), "");
  }
}

// A read of what was overwritten before it began, deep in a history.
TEST(LinearizabilityTest, AStaleReadIsFound) {
  Random random(TestSeed());
  for (int round = 0; round < TestRounds(50); ++round) {
    std::vector<HistoryOperation> operations = RandomHistory(random, false);
    int64_t end = 0;
    for (const HistoryOperation& operation : operations) {
      if (operation.answered != kNever) end = operation.answered;
    }
    operations.push_back(Write(end + 1, end + 2, "before"));
    operations.push_back(Write(end + 3, end + 4, "now"));
    operations.push_back(Read(end + 5, end + 6, "before"));
    // What was still under way then does not bring it back.
    EXPECT_NE(FindViolation("", operations), "");
  }
}

}  // namespace
}  // namespace pallet::testing
