// SPDX-License-Identifier: Apache-2.0
//
// kill -9 amid writes to a table with a time to live and amid its deletions, again
// and again on one directory; now and then the time to live ends and begins again,
// so that kills meet it reading what is there. Behind each kill and one more round
// of the keeper: what has expired is gone, what has not is there with its last
// value, the stream told each of both once, and there is an expiry for each item
// with a time and for no other.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "gtest/gtest.h"
#include "model/expiry.h"
#include "pallet/v1/query.pb.h"
#include "service/expiry/expiry_keeper.h"
#include "storage/side_rows.h"
#include "tests/fault/expiry_life.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::testing {
namespace {

struct Noted {
  std::string value;
  bool done = false;
};

struct Change {
  std::string old_value, new_value;
};

// What is known of one key.
struct KeyStory {
  std::vector<Noted> noted;
  std::vector<Change> changes;
};
using Stories = std::map<std::string, KeyStory>;

Stories ReadStories(const std::string& journal, const std::string& consumed) {
  Stories stories;
  std::ifstream notes(journal);
  std::string kind, key, value;
  while (notes >> kind >> key >> value) {
    if (kind == "B") {
      stories[key].noted.push_back({value});
    } else {
      stories[key].noted.back().done = true;
    }
  }
  std::ifstream changes(consumed);
  std::string shard, number;
  Change change;
  while (changes >> shard >> number >> key >> change.old_value >>
         change.new_value) {
    stories[key].changes.push_back(change);
  }
  return stories;
}

bool IsOver(const std::string& value, absl::Time now) {
  const std::optional<int64_t> expiry = ExpiryOfValue(value);
  return expiry.has_value() && model::HasExpired(*expiry, now);
}

// What the key has behind all changes, "-" for nothing; or what is wrong with
// them. `now` is later than all of them.
struct Outcome {
  std::string value, wrong;
};
Outcome Follow(const KeyStory& story, absl::Time now) {
  std::string value = "-";
  size_t written = 0;
  for (const Change& change : story.changes) {
    if (change.old_value != value) {
      return {value, absl::StrCat("a change of ", change.old_value)};
    }
    if (change.new_value == "-") {
      if (!IsOver(value, now)) return {value, "deleted while it lives"};
    } else if (written == story.noted.size() ||
               change.new_value != story.noted[written++].value) {
      return {value, absl::StrCat("a write of ", change.new_value)};
    }
    value = change.new_value;
  }
  // Only what was on its way when the process died may be missing.
  for (; written < story.noted.size(); ++written) {
    if (story.noted[written].done) {
      return {value, absl::StrCat(story.noted[written].value, " is lost")};
    }
  }
  return {value, ""};
}

class ExpiryKill9Test : public ::testing::Test {
 protected:
  void RunAndKill(int round, uint64_t microseconds) {
    std::vector<std::string> arguments = {PALLET_EXPIRY_WORKER, data_, journal_,
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

  // What a scan finds: key -> value.
  static std::map<std::string, std::string> ItemsOf(TransactionNode& node) {
    std::map<std::string, std::string> items;
    v1::ScanRequest request;
    request.set_table_name(kStreamTable);
    while (true) {
      const auto page = node.Call<v1::ScanResponse>("Scan", request);
      CHECK(page.ok()) << page.status();
      for (const v1::Item& item : page->items()) {
        items[item.attributes().at("pk").s()] = item.attributes().at("v").s();
      }
      if (!page->has_last_evaluated_key()) return items;
      *request.mutable_exclusive_start_key() = page->last_evaluated_key();
    }
  }

  static std::multiset<int64_t> ExpiriesOf(TransactionNode& node) {
    std::multiset<int64_t> times;
    const cluster::TablePtr table = node.host().FindTable(kStreamTable);
    const uint64_t id = table->time_to_live->id;
    for (const auto& partition : table->partitions) {
      const storage::SideRange all = storage::AllExpiriesOf(partition.id);
      const absl::Status read = node.host().Read(
          partition, [&](storage::ReadTransaction& rows) -> absl::Status {
            const auto cursor = rows.Cursor(all.begin, all.end);
            RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
            for (; cursor->Valid(); (void)cursor->Next()) {
              EXPECT_EQ(storage::TimeToLiveOfExpiryKey(cursor->key()), id);
              if (cursor->key() == storage::ExpiryPassKey(partition.id, id)) {
                continue;
              }
              times.insert(static_cast<int64_t>(
                  storage::SecondsOfExpiryKey(cursor->key())));
            }
            return absl::OkStatus();
          });
      EXPECT_TRUE(read.ok()) << read;
    }
    return times;
  }

  void Check(TransactionNode& node) {
    service::ExpiryKeeper keeper({.host = &node.host()});
    keeper.RunOnce();  // takes in what is left to read
    const absl::Time before = Clock::Real()->Now();
    keeper.RunOnce();
    const absl::Time now = Clock::Real()->Now();
    {
      ShardLeases leases(consumed_);
      while (ConsumeOnce(node, leases) > 0) {
      }
    }
    std::map<std::string, std::string> expected;
    std::multiset<int64_t> expiries;
    expired_ = 0;
    for (const auto& [key, story] : ReadStories(journal_, consumed_)) {
      const Outcome outcome = Follow(story, now);
      ASSERT_EQ(outcome.wrong, "") << key << " behind " << outcome.value;
      for (const Change& change : story.changes) {
        if (change.new_value == "-") ++expired_;
      }
      if (outcome.value == "-") continue;
      ASSERT_FALSE(IsOver(outcome.value, before)) << key << outcome.value;
      expected[key] = outcome.value;
      const std::optional<int64_t> expiry = ExpiryOfValue(outcome.value);
      if (expiry.has_value()) expiries.insert(*expiry);
    }
    ASSERT_EQ(ItemsOf(node), expected);
    ASSERT_EQ(ExpiriesOf(node), expiries);
  }

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  const std::string journal_ = directory_.path() + "/journal";
  const std::string consumed_ = directory_.path() + "/consumed";
  Random random_{TestSeed()};
  size_t expired_ = 0;
};

TEST_F(ExpiryKill9Test, JustWhatHasExpiredIsGoneAndToldOnce) {
  const int rounds = TestRounds(10);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    RunAndKill(round, random_.Between(20'000, 700'000));
    if (HasFatalFailure()) return;
    const auto node = TransactionNode::Open(data_);
    ASSERT_TRUE(node.ok()) << node.status();
    MakeExpiryTable(**node);
    Check(**node);
    if (HasFatalFailure()) return;
    // The next process begins with a time to live that has to read the items.
    if (random_.OneIn(3)) {
      SetTimeToLive(**node, false);
      if (random_.OneIn(2)) SetTimeToLive(**node, true);
    }
  }
  std::printf("%d kills, %zu items expired: none early, none twice\n", rounds,
              expired_);
  EXPECT_GT(expired_, 0u);
}

}  // namespace
}  // namespace pallet::testing
