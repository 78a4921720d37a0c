// SPDX-License-Identifier: Apache-2.0
//
// Random writes beside indexes that come, go, wait and are restarted: when all
// is quiet each index has exactly the entries of its table, however it came
// there; and no item is ever twice in a partition of an index that may be read.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/thread.h"
#include "gtest/gtest.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/random_items.h"
#include "tests/testing/seed.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

// Several reads for a chunk, several waves for its entries.
constexpr gsi::ChunkLimits kSmallChunks = {
    .read_rows = 10, .bytes = 5000, .wave_entries = 12, .wave_bytes = 1000};

void ExpectEqual(IndexedTable& table) {
  table.AwaitAll();
  const gsi::IndexCheck check = table.Check();
  EXPECT_EQ(check.differences, 0u)
      << check.items << " items, " << check.entries << " entries; "
      << (check.examples.empty() ? "" : check.examples[0]);
  const absl::Status verified = table.Verify();
  EXPECT_TRUE(verified.ok()) << verified;
}

TEST(IndexPropagationTest, IndexesAreTheirTableWheneverItIsQuiet) {
  Random random(TestSeed());
  const int rounds = TestRounds(6);
  for (int round = 0; round < rounds; ++round) {
    TemporaryDirectory directory;
    IndexedTable table(
        directory.path(), {},
        {.round_changes = static_cast<uint64_t>(random.OneIn(2) ? 3 : 1000),
         .round_growth = static_cast<uint64_t>(random.OneIn(2) ? 1 : 16),
         .chunk = random.OneIn(2) ? kSmallChunks : gsi::ChunkLimits()});
    const int keys = static_cast<int>(random.Between(3, 300));
    uint64_t next_index = 1;
    std::vector<uint64_t> indexes;
    for (int step = 0; step < 300; ++step) {
      const absl::Status written = WriteOne(random, keys, table);
      ASSERT_TRUE(written.ok()) << written;
      if (random.OneIn(60)) {
        table.AddIndex(next_index);
        indexes.push_back(next_index++);
      } else if (random.OneIn(100) && !indexes.empty()) {
        table.DropIndex(indexes.front());
        indexes.erase(indexes.begin());
      } else if (random.OneIn(60) && !indexes.empty()) {
        const uint64_t index = indexes[random.Below(indexes.size())];
        table.propagator().SetSwitch(index, {random.OneIn(2), {}});
      } else if (random.OneIn(80)) {
        table.Restart();
      }
    }
    for (const uint64_t index : indexes) {
      table.propagator().SetSwitch(index, {});
      table.AwaitActive(index);
    }
    ExpectEqual(table);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(IndexPropagationTest, NoItemIsTwiceInAPartitionThatIsRead) {
  Random random(TestSeed());
  TemporaryDirectory directory;
  IndexedTable table(directory.path(), {},
                     {.round_changes = 3, .round_growth = 1});
  table.AddIndex(1);
  table.AddIndex(2);
  table.AwaitActive(1);
  table.AwaitActive(2);
  std::atomic<bool> stop = false;
  Thread writer("writer", [&table, &stop, seed = random.Next()] {
    Random mine(seed);
    while (!stop) {
      // A backlog now and then, so that rows are ahead of the cursor.
      if (mine.OneIn(300)) table.propagator().SetSwitch(1, {true, {}});
      if (mine.OneIn(300)) table.propagator().SetSwitch(1, {});
      const absl::Status written = WriteOne(mine, 5, table);
      CHECK(written.ok()) << written;
    }
  });
  uint64_t doubles = 0;
  for (int look = 0; look < 10000 && doubles == 0; ++look) {
    doubles = table.CountDoubles(1) + table.CountDoubles(2);
  }
  stop = true;
  writer.Join();
  EXPECT_EQ(doubles, 0u);
  table.propagator().SetSwitch(1, {});
  ExpectEqual(table);
}

TEST(IndexPropagationTest, ABackfillBesideWritesMissesNothing) {
  Random random(TestSeed());
  TemporaryDirectory directory;
  IndexedTable table(directory.path(), {}, {.chunk = kSmallChunks});
  for (int i = 0; i < 3000; ++i) {
    TestItem item = RandomItem(random, 1);
    item.pk = absl::StrCat("item-", i);
    ASSERT_TRUE(table.Put(item).ok());
  }
  std::atomic<bool> stop = false;
  Thread writer("writer", [&table, &stop, seed = random.Next()] {
    Random mine(seed);
    while (!stop) {
      const absl::Status written = WriteOne(mine, 3000, table);
      CHECK(written.ok()) << written;
    }
  });
  for (uint64_t index = 1; index <= 3; ++index) table.AddIndex(index);
  for (uint64_t index = 1; index <= 3; ++index) table.AwaitActive(index);
  stop = true;
  writer.Join();
  ExpectEqual(table);
  const auto progress = table.propagator().ProgressOf(1, 3);
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_GT(progress->items_skipped, 0u);
  ASSERT_FALSE(progress->skipped.empty());
  EXPECT_NE(progress->skipped[0].reason.find("Type mismatch for Index Key c"),
            std::string::npos)
      << progress->skipped[0].reason;
}

TEST(IndexPropagationTest, ChangesThatAllIndexesHaveAreTrimmed) {
  TemporaryDirectory directory;
  IndexedTable table(directory.path());
  table.AddIndex(1);
  table.AddIndex(2);
  table.AwaitActive(1);
  table.AwaitActive(2);
  table.propagator().SetSwitch(2, {true, {}});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(table.Put({absl::StrCat(i), "a", i}).ok());
  }
  EXPECT_EQ(table.CountChanges(), 100u);
  table.propagator().SetSwitch(2, {});
  table.AwaitAll();
  while (table.CountChanges() > 0) {
    table.AwaitAll();
  }
  table.Restart();
  ASSERT_TRUE(table.Put({"more", "a", 1}).ok());
  ExpectEqual(table);
}

// The checker is worth something only if it sees what is wrong.
TEST(IndexPropagationTest, TheCheckerSeesABrokenIndex) {
  TemporaryDirectory directory;
  IndexedTable table(directory.path());
  table.AddIndex(1);
  table.AwaitActive(1);
  ASSERT_TRUE(table.Put({"x", "a", 1}).ok());
  ExpectEqual(table);
  const gsi::IndexTopology& index = table.topology()->indexes[0];
  for (const gsi::Target& target : index.targets) {
    std::string entry_key, entry;
    ASSERT_TRUE(target.store
                    ->Read([&](storage::ReadTransaction& read) {
                      const std::string begin =
                          storage::HashPrefix(index.keyspace, 0);
                      const auto cursor = read.Cursor(
                          begin, storage::PrefixEnd(begin.substr(0, 4)));
                      const absl::Status moved = cursor->SeekAtOrAfter(begin);
                      if (moved.ok() && cursor->Valid()) {
                        entry_key = std::string(cursor->key());
                        entry = std::string(cursor->row().item);
                      }
                      return moved;
                    })
                    .ok());
    if (entry_key.empty()) continue;
    ASSERT_TRUE(DeleteAndWait(*target.store, target.id, entry_key).ok());
    EXPECT_EQ(table.Check().differences, 1u);  // missing
    ASSERT_TRUE(
        PutAndWait(*target.store, target.id, entry_key + "x", entry).ok());
    EXPECT_EQ(table.Check().differences, 2u);  // and one of no item
    ASSERT_TRUE(DeleteAndWait(*target.store, target.id, entry_key + "x").ok());
    ASSERT_TRUE(PutAndWait(*target.store, target.id, entry_key,
                           entry.substr(0, 0) + entry)
                    .ok());
    EXPECT_EQ(table.Check().differences, 0u);
    return;
  }
  FAIL() << "no entry anywhere";
}

}  // namespace
}  // namespace pallet::testing
