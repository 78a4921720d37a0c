// SPDX-License-Identifier: Apache-2.0
//
// kill -9 amid writes to a table with a stream and amid its consumers, again and
// again on one directory; now and then the stream is closed and another opened.
// What the consumers have read is, key by key, what was acknowledged: nothing is
// lost, nothing comes twice, nothing comes that was not.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/fault/stream_life.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::testing {
namespace {

struct Noted {
  std::string value;
  bool done = false;
};
using Journal = std::map<std::string, std::vector<Noted>>;  // by key

struct Change {
  std::string old_value, new_value;
};
using Consumed = std::map<std::string, std::vector<Change>>;  // by key

Journal ReadJournal(const std::string& path) {
  Journal journal;
  std::ifstream file(path);
  std::string kind, key, value;
  while (file >> kind >> key >> value) {
    if (kind == "B") {
      journal[key].push_back({value});
    } else {
      journal[key].back().done = true;
    }
  }
  return journal;
}

Consumed ReadConsumed(const std::string& path) {
  Consumed consumed;
  std::ifstream file(path);
  std::string shard, number, key;
  Change change;
  while (file >> shard >> number >> key >> change.old_value >>
         change.new_value) {
    consumed[key].push_back(change);
  }
  return consumed;
}

// Empty if the changes of a key are what was noted.
std::string Compare(const std::vector<Noted>& noted,
                    const std::vector<Change>& changes) {
  if (changes.size() > noted.size()) return "more changes than writes";
  std::string before = "-";
  for (size_t i = 0; i < noted.size(); ++i) {
    if (i == changes.size()) {
      // Only what was on its way when the process died may be missing.
      if (noted[i].done) return absl::StrCat(noted[i].value, " is lost");
      return i + 1 == noted.size() ? "" : "a write before the last is open";
    }
    if (changes[i].old_value != before) {
      return absl::StrCat("behind ", before, " comes a change of ",
                          changes[i].old_value);
    }
    if (changes[i].new_value != noted[i].value) {
      return absl::StrCat("instead of ", noted[i].value, " there is ",
                          changes[i].new_value);
    }
    before = changes[i].new_value;
  }
  return "";
}

class StreamKill9Test : public ::testing::Test {
 protected:
  void RunAndKill(int round, uint64_t microseconds) {
    std::vector<std::string> arguments = {PALLET_STREAM_WORKER,
                                          data_,
                                          journal_,
                                          consumed_,
                                          absl::StrCat(round),
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

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  const std::string journal_ = directory_.path() + "/journal";
  const std::string consumed_ = directory_.path() + "/consumed";
  Random random_{TestSeed()};
};

TEST_F(StreamKill9Test, ConsumersReadWhatWasAcknowledgedOnce) {
  const int rounds = TestRounds(10);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    RunAndKill(round, random_.Between(20'000, 400'000));
    if (HasFatalFailure()) return;
    const auto node = TransactionNode::Open(data_);
    ASSERT_TRUE(node.ok()) << node.status();
    MakeStreamTable(**node);
    ShardLeases leases(consumed_);
    while (ConsumeOnce(**node, leases) > 0) {
    }
    const Consumed consumed = ReadConsumed(consumed_);
    const Journal journal = ReadJournal(journal_);
    for (const auto& [key, noted] : journal) {
      const auto changes = consumed.find(key);
      ASSERT_EQ(Compare(noted, changes == consumed.end() ? std::vector<Change>()
                                                         : changes->second),
                "")
          << key;
    }
    for (const auto& [key, changes] : consumed) {
      ASSERT_TRUE(journal.contains(key)) << key;
    }
    if (random_.OneIn(4)) {
      SetStream(**node, false);
      SetStream(**node, true);
    }
  }
  size_t count = 0;
  for (const auto& [key, changes] : ReadConsumed(consumed_)) {
    count += changes.size();
  }
  std::printf("%d kills, %zu changes consumed: none lost, none twice\n", rounds,
              count);
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace pallet::testing
