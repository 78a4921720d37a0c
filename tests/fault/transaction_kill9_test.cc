// SPDX-License-Identifier: Apache-2.0
//
// kill -9 amid transactions over a few lists, again and again on one directory,
// starts included. After each kill nothing is locked, and all that was ever answered
// can have happened one after the other (tests/testing/append_history.h).
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "storage/side_rows.h"
#include "tests/fault/transaction_node.h"
#include "tests/testing/append_history.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::testing {
namespace {

using Fate = AppendHistory::Fate;

uint64_t Number(absl::string_view text) {
  uint64_t number = 0;
  CHECK(absl::SimpleAtoi(text, &number)) << std::string(text);
  return number;
}

// "3=1,4" with 3 the list.
std::pair<int, AppendHistory::List> ListOf(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, '=');
  std::pair<int, AppendHistory::List> list;
  list.first = static_cast<int>(Number(sides[0]));
  for (absl::string_view element :
       absl::StrSplit(sides[1], ',', absl::SkipEmpty())) {
    list.second.push_back(Number(element));
  }
  return list;
}

class TransactionKill9Test : public ::testing::Test {
 protected:
  void RunAndKill(int round, uint64_t microseconds) {
    std::vector<std::string> arguments = {PALLET_TRANSACTION_WORKER, data_,
                                          JournalOf(round), absl::StrCat(round),
                                          absl::StrCat(random_.Next())};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    ASSERT_EQ(
        posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ),
        0);
    timespec pause = {static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000 * 1000)};
    pselect(0, nullptr, nullptr, nullptr, &pause, nullptr);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the worker ended by itself: " << status;
  }

  std::string JournalOf(int round) {
    return absl::StrCat(directory_.path(), "/journal-", round);
  }

  AppendHistory HistoryOf(int round) {
    std::map<uint64_t, AppendHistory::Transaction> transactions;
    const auto content = ReadFile(FileSystem::Real(), JournalOf(round));
    uint64_t moment = 0;
    if (content.ok()) {
      for (absl::string_view line :
           absl::StrSplit(*content, '\n', absl::SkipEmpty())) {
        const std::vector<std::string> words = absl::StrSplit(line, ' ');
        const uint64_t id = Number(words[1]);
        AppendHistory::Transaction& each = transactions[id];
        if (words[0] == "B") {
          each.id = id;
          each.began = ++moment;
          if (words.size() > 2) ReadIntent(words, &each);
          continue;
        }
        each.ended = ++moment;
        if (words[0] == "U") continue;
        each.fate = words[0] == "R" ? Fate::kRefused : Fate::kDone;
        ++answered_;
        if (words[0] != "V") continue;
        for (size_t i = 2; i < words.size(); ++i) {
          each.reads.insert(ListOf(words[i]));
        }
      }
    }
    AppendHistory history;
    for (auto& [id, each] : transactions) history.Add(std::move(each));
    return history;
  }

  static void ReadIntent(const std::vector<std::string>& words,
                         AppendHistory::Transaction* transaction) {
    for (absl::string_view list :
         absl::StrSplit(words[3], ',', absl::SkipEmpty())) {
      transaction->appends.push_back(static_cast<int>(Number(list)));
    }
    if (words.size() < 6) return;
    for (absl::string_view length :
         absl::StrSplit(words[5], ',', absl::SkipEmpty())) {
      const auto [list, number] = ListOf(length);
      transaction->lengths[list] = number.front();
    }
  }

  std::map<int, AppendHistory::List> ListsOf(TransactionNode& node, int round) {
    v1::TransactGetItemsRequest request;
    for (int list = 0; list < kLists; ++list) {
      v1::Get* get = request.add_transact_items()->mutable_get();
      get->set_table_name(kListTable);
      (*get->mutable_key()->mutable_attributes())["pk"].set_s(
          ListKey(round, list));
    }
    // Nothing is locked any more, so it is not refused.
    const auto response =
        node.Call<v1::TransactGetItemsResponse>("TransactGetItems", request);
    EXPECT_TRUE(response.ok()) << response.status();
    std::map<int, AppendHistory::List> lists;
    if (!response.ok()) return lists;
    for (int list = 0; list < kLists; ++list) {
      const auto& attributes = response->responses(list).item().attributes();
      const auto found = attributes.find("l");
      if (found == attributes.end()) continue;
      for (const auto& value : found->second.l().values()) {
        lists[list].push_back(Number(value.n()));
      }
    }
    return lists;
  }

  static size_t LocksOf(TransactionNode& node) {
    size_t locks = 0;
    const storage::SideRange all = storage::AllLocks();
    for (uint32_t i = 0; i < node.host().store_count(); ++i) {
      const absl::Status read =
          node.host()
              .store(cluster::StoreId(i))
              .Read([&](storage::ReadTransaction& rows) -> absl::Status {
                const auto cursor = rows.Cursor(all.begin, all.end);
                RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
                for (; cursor->Valid(); ++locks)
                  RETURN_IF_ERROR(cursor->Next());
                return absl::OkStatus();
              });
      EXPECT_TRUE(read.ok()) << read;
    }
    return locks;
  }

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  Random random_{TestSeed()};
  uint64_t answered_ = 0;
};

TEST_F(TransactionKill9Test, WhatIsAnsweredCanHaveHappenedOneAfterTheOther) {
  const int rounds = TestRounds(12);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    RunAndKill(round, random_.Between(20'000, 400'000));
    if (HasFatalFailure()) return;
    // And amid what the next start has to do.
    while (random_.OneIn(3)) {
      RunAndKill(-1, random_.Below(30'000));
      if (HasFatalFailure()) return;
    }
    const auto node = TransactionNode::Open(data_);
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_EQ(LocksOf(**node), 0u);
    const std::string wrong = HistoryOf(round).Check(ListsOf(**node, round));
    ASSERT_EQ(wrong, "");
    for (uint32_t i = 0; i < (*node)->host().store_count(); ++i) {
      const absl::Status sound =
          (*node)->host().store(cluster::StoreId(i)).Verify();
      ASSERT_TRUE(sound.ok()) << sound;
    }
  }
  std::printf("%d kills, %llu answers: strictly serializable\n", rounds,
              static_cast<unsigned long long>(answered_));
  EXPECT_GT(answered_, 0u);
}

}  // namespace
}  // namespace pallet::testing
