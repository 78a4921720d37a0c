// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable.h"

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/thread.h"
#include "gtest/gtest.h"

namespace pallet::storage {
namespace {

using Cursor = Memtable::Cursor;

std::string Forward(const Memtable& table, uint64_t up_to) {
  std::string out;
  Cursor cursor(&table, up_to);
  for (cursor.SeekFirst(); cursor.valid(); cursor.Next()) {
    absl::StrAppend(&out, cursor.key(), "=", cursor.row(), " ");
  }
  return out;
}

std::string Backward(const Memtable& table, uint64_t up_to) {
  std::string out;
  Cursor cursor(&table, up_to);
  for (cursor.SeekLast(); cursor.valid(); cursor.Previous()) {
    absl::StrAppend(&out, cursor.key(), "=", cursor.row(), " ");
  }
  return out;
}

TEST(MemtableTest, Example) {
  Memtable table;
  table.Add(1, "b", "b1");
  table.Add(1, "a", "a1");
  table.Add(2, "b", "");
  table.Add(3, "c", "c3");
  table.Add(3, "b", "b3");

  EXPECT_EQ(table.Find("b", 0), std::nullopt);
  EXPECT_EQ(table.Find("b", 1), "b1");
  EXPECT_EQ(table.Find("b", 2), "");  // deleted
  EXPECT_EQ(table.Find("b", 9), "b3");
  EXPECT_EQ(table.Find("bb", 9), std::nullopt);
  EXPECT_EQ(Forward(table, 2), "a=a1 b= ");
  EXPECT_EQ(Backward(table, 2), "b= a=a1 ");
  EXPECT_EQ(Forward(table, 3), "a=a1 b=b3 c=c3 ");
  EXPECT_EQ(Backward(table, 3), "c=c3 b=b3 a=a1 ");
  EXPECT_EQ(table.versions(), 5u);
  EXPECT_EQ(table.bytes(), 5u + 8u);
}

TEST(MemtableTest, TheLastOfABatchCounts) {
  Memtable table;
  table.Add(7, "k", "first");
  table.Add(7, "k", "last");
  EXPECT_EQ(table.Find("k", 7), "last");
  EXPECT_EQ(Forward(table, 7), "k=last ");
  EXPECT_EQ(Backward(table, 7), "k=last ");
}

TEST(MemtableTest, AnEmptyTableHasNothing) {
  const Memtable table;
  EXPECT_EQ(table.Find("k", 1), std::nullopt);
  EXPECT_EQ(Forward(table, UINT64_MAX), "");
  EXPECT_EQ(Backward(table, UINT64_MAX), "");
}

// Keys that agree in what is compared as numbers, and where one is the other
// with zeros behind it.
TEST(MemtableTest, OrderIsThatOfBytes) {
  Memtable table;
  const std::string stem(16, 'p');
  const std::vector<std::string> keys = {std::string("a"),
                                         std::string("a\0", 2),
                                         std::string("a\0\0", 3),
                                         std::string("a\x01", 2),
                                         std::string("a\x7F"),
                                         std::string("a\x80"),
                                         stem,
                                         stem + std::string("\0", 1),
                                         stem + "x",
                                         stem + "xy",
                                         std::string(16, '\xFF'),
                                         std::string(17, '\xFF')};
  for (size_t i = keys.size(); i-- > 0;) table.Add(1, keys[i], "r");
  std::vector<std::string> walked;
  Cursor cursor(&table, 1);
  for (cursor.SeekFirst(); cursor.valid(); cursor.Next()) {
    walked.emplace_back(cursor.key());
  }
  EXPECT_EQ(walked, keys);
  for (const std::string& key : keys) EXPECT_EQ(table.Find(key, 1), "r");
}

// The way to the last key leads over each key that is being added before it.
TEST(MemtableTest, ReadersFindAllThatWasPublishedMeanwhile) {
  constexpr int kRows = 200'000;
  Memtable table;
  table.Add(1, "z", "last");
  std::atomic<bool> added{false};
  Thread writer("writer", [&] {
    for (int i = 0; i < kRows; ++i) {
      table.Add(2, absl::StrFormat("k%08d", i), "row");
    }
    added.store(true, std::memory_order_release);
  });
  while (!added.load(std::memory_order_acquire)) {
    EXPECT_EQ(table.Find("z", 2), "last");
    Cursor cursor(&table, 1);
    cursor.SeekAtOrAfter("y");
    EXPECT_TRUE(cursor.valid());
    if (HasFailure()) break;
  }
  writer.Join();
  for (int i = 0; i < kRows; ++i) {
    EXPECT_EQ(table.Find(absl::StrFormat("k%08d", i), 2), "row");
    EXPECT_EQ(table.Find(absl::StrFormat("k%08d", i), 1), std::nullopt);
    if (HasFailure()) break;
  }
}

// A reader sees of a batch all rows or none, while it is being added.
TEST(MemtableTest, ReadersSeeWholeBatchesMeanwhile) {
  constexpr int kBatches = 2000, kKeys = 8;
  Memtable table;
  std::atomic<uint64_t> published{0};
  Thread writer("writer", [&] {
    for (uint64_t number = 1; number <= kBatches; ++number) {
      for (int key = 0; key < kKeys; ++key) {
        table.Add(number, absl::StrCat("key", key), absl::StrCat(number));
      }
      published.store(number, std::memory_order_release);
    }
  });
  uint64_t seen = 0;
  while (seen < kBatches) {
    const uint64_t now = published.load(std::memory_order_acquire);
    ASSERT_GE(now, seen);
    seen = now;
    if (seen == 0) continue;
    Cursor cursor(&table, seen);
    int keys = 0;
    for (cursor.SeekFirst(); cursor.valid(); cursor.Next(), ++keys) {
      ASSERT_EQ(cursor.row(), absl::StrCat(seen)) << cursor.key();
    }
    ASSERT_EQ(keys, kKeys);
  }
  writer.Join();
}

}  // namespace
}  // namespace pallet::storage
