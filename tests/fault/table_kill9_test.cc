// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at a random moment while tables come and go, again and again on one
// directory. After each kill: every acknowledged table is there with its items
// and global indexes, no deleted one is, none is there in part, no partition is
// left over, and each global index comes to have the items of its table.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/random.h"
#include "gsi/index_checker.h"
#include "gtest/gtest.h"
#include "tests/fault/table_life.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::testing {
namespace {

// What a table may be, as far as the journal says.
struct TableBelief {
  bool may_exist = false;
  bool may_be_absent = true;
  bool is_filled = false;               // if it exists
  std::set<std::string> may_have = {};  // global indexes, likewise
};

class TableKill9Test : public ::testing::Test {
 protected:
  void RunAndKill(uint64_t microseconds) {
    std::vector<std::string> arguments = {PALLET_TABLE_WORKER, data_, journal_,
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

  void ReadJournal() {
    const auto content = ReadFile(FileSystem::Real(), journal_);
    if (!content.ok()) return;  // killed before the first note
    for (absl::string_view line :
         absl::StrSplit(absl::string_view(*content).substr(journal_read_), '\n',
                        absl::SkipEmpty())) {
      const size_t end = std::min(line.find(' '), line.size());
      Believe(TableNote{line[0]}, std::string(line.substr(1, end - 1)),
              std::string(line.substr(end)));
    }
    journal_read_ = content->size();
  }

  void Believe(TableNote note, const std::string& name,
               const std::string& indexes) {
    TableBelief& belief = beliefs_[name];
    switch (note) {
      case TableNote::kWillCreate:  // it was absent, whatever we thought
        ASSERT_TRUE(belief.may_be_absent) << name;
        belief = {
            .may_exist = true, .may_be_absent = true, .may_have = {indexes}};
        break;
      case TableNote::kCreated:
        belief.may_be_absent = false;
        ++acknowledged_;
        break;
      case TableNote::kFilled:
        belief.is_filled = true;
        break;
      case TableNote::kWillChange:
        ASSERT_TRUE(belief.may_exist) << name;
        belief.may_have.insert(indexes);
        break;
      case TableNote::kChanged:
        belief.may_have = {indexes};
        ++acknowledged_;
        break;
      case TableNote::kWillDelete:
        ASSERT_TRUE(belief.may_exist) << name;
        belief.may_be_absent = true;
        break;
      case TableNote::kDeleted:
        belief = {};
        ++acknowledged_;
        break;
    }
  }

  void CheckAndSettle(cluster::PartitionHost& host) {
    std::set<uint64_t> expected;
    for (auto& [name, belief] : beliefs_) {
      const cluster::TablePtr table = host.FindTable(name);
      if (table == nullptr) {
        ASSERT_TRUE(belief.may_be_absent) << name << " is lost";
        belief = {};
        continue;
      }
      ASSERT_TRUE(belief.may_exist) << name << " came back";
      belief.may_be_absent = false;
      const auto counts = host.CountsOf(*table);
      ASSERT_TRUE(counts.ok()) << counts.status();
      // An item and its entries are there together or not at all.
      ASSERT_EQ(counts->local_indexes.size(),
                static_cast<size_t>(IndexesOfLife(name)));
      for (const storage::RowCounts& entries : counts->local_indexes) {
        ASSERT_EQ(entries.rows, counts->items) << name;
      }
      if (belief.is_filled) {
        ASSERT_EQ(counts->items, static_cast<uint64_t>(kLifeRows)) << name;
      }
      const std::string indexes = GlobalIndexesOf(*table);
      ASSERT_TRUE(belief.may_have.contains(indexes)) << name << indexes;
      belief.may_have = {indexes};
      for (const auto& partition : table->partitions) {
        expected.insert(partition.id.value());
      }
      for (const auto& index : table->global_indexes) {
        for (const auto& partition : index.partitions) {
          expected.insert(partition.id.value());
        }
      }
    }
    std::set<uint64_t> found;
    for (uint32_t i = 0; i < host.store_count(); ++i) {
      storage::Store& store = host.store(cluster::StoreId(i));
      for (const auto& info : store.Partitions()) {
        found.insert(info.id.value());
      }
      const absl::Status sound = store.Verify();
      ASSERT_TRUE(sound.ok()) << sound;
    }
    ASSERT_EQ(found, expected);
  }

  // Each index is its table, item by item.
  void CheckIndexes(cluster::PartitionHost& host) {
    LifeNode node(&host);
    for (const auto& [name, belief] : beliefs_) {
      const cluster::TablePtr known = host.FindTable(name);
      if (known == nullptr || known->global_indexes.empty()) continue;
      const absl::Status filled = node.AwaitIndexes(name);
      ASSERT_TRUE(filled.ok()) << filled;
      const cluster::TablePtr table = host.FindTable(name);
      const auto check = gsi::CheckIndexes(*node.indexing().TopologyOf(*table));
      ASSERT_TRUE(check.ok()) << check.status();
      ASSERT_EQ(check->differences, 0u)
          << name << ": "
          << (check->examples.empty() ? "" : check->examples[0]);
      ASSERT_EQ(check->entries, check->items * table->global_indexes.size());
      entries_ += check->entries;
    }
  }

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  const std::string journal_ = directory_.path() + "/journal";
  Random random_{TestSeed()};
  std::map<std::string, TableBelief> beliefs_;
  size_t journal_read_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t entries_ = 0;
};

TEST_F(TableKill9Test, TablesAreWholeAfterKillAtAnyMoment) {
  const int rounds = TestRounds(10);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    RunAndKill(random_.OneIn(4) ? random_.Below(30'000)
                                : random_.Below(700'000));
    if (HasFatalFailure()) return;
    ReadJournal();
    if (HasFatalFailure()) return;
    // Without a look the next worker recovers on its own.
    if (random_.OneIn(3) && round + 1 < rounds) continue;
    const auto host = OpenLifeHost(data_);
    ASSERT_TRUE(host.ok()) << host.status();
    CheckAndSettle(**host);
    if (HasFatalFailure()) return;
    CheckIndexes(**host);
    if (HasFatalFailure()) return;
  }
  std::printf(
      "%d kills, %llu acknowledged table operations: none undone; %llu entries "
      "of indexes compared\n",
      rounds, static_cast<unsigned long long>(acknowledged_),
      static_cast<unsigned long long>(entries_));
  EXPECT_GT(acknowledged_, 0u);
  EXPECT_GT(entries_, 0u);
}

}  // namespace
}  // namespace pallet::testing
