// SPDX-License-Identifier: Apache-2.0
#include "gsi/entry_run.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "storage/key_codec.h"
#include "tests/testing/seed.h"

namespace pallet::gsi {
namespace {

std::string KeyAt(uint64_t hash, const std::string& rest) {
  return storage::HashPrefix(storage::KeyspaceId(9), hash) + rest;
}

TEST(EntryRunTest, Example) {
  const std::string late = KeyAt(7, "a"), early = KeyAt(5, "z");
  EntryRun run;
  run.Add(late, "second", 6);
  run.Add(early, "first", 5);
  run.Sort();
  const std::vector<Mutation> next = run.Next(10, 1000);
  ASSERT_EQ(next.size(), 2u);
  EXPECT_EQ(next[0].row_key, early);
  EXPECT_EQ(next[0].bytes, "first");
  EXPECT_EQ(next[0].size, 5u);
  EXPECT_EQ(next[1].row_key, late);
  run.Pass(2);
  EXPECT_TRUE(run.empty());
}

TEST(EntryRunTest, EntriesComeInTheOrderOfTheirKeys) {
  Random random(testing::TestSeed());
  std::vector<std::string> keys;
  for (int i = 0; i < 500; ++i) {
    // Few hashes: the rest of the key decides, too.
    const uint64_t hash = random.Below(20) << (random.OneIn(2) ? 0 : 60);
    keys.push_back(KeyAt(hash, absl::StrCat(random.Below(100), "-", i)));
  }
  EntryRun run;
  for (const std::string& key : keys) run.Add(key, "x", 1);
  run.Sort();
  std::vector<std::string> taken;
  while (!run.empty()) {
    const std::vector<Mutation> next = run.Next(random.Between(1, 70), 1 << 20);
    for (const Mutation& mutation : next) taken.push_back(mutation.row_key);
    run.Pass(next.size());
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(taken, keys);
}

TEST(EntryRunTest, NextHasABoundInBytesAndIsNeverEmpty) {
  const std::string a = KeyAt(1, "a"), b = KeyAt(1, "b"), c = KeyAt(1, "c");
  const std::string bytes(1000, 'x');
  EntryRun run;
  for (const std::string* key : {&a, &b, &c}) run.Add(*key, bytes, 1000);
  run.Sort();
  EXPECT_EQ(run.Next(10, 1).size(), 1u);
  EXPECT_EQ(run.Next(10, 1014).size(), 2u);  // one is 1013
  EXPECT_EQ(run.Next(2, 100000).size(), 2u);
  EXPECT_EQ(run.Next(10, 100000).size(), 3u);
}

TEST(EntryRunTest, WhatIsNotPassedComesAgain) {
  const std::string a = KeyAt(1, "a"), b = KeyAt(2, "b");
  EntryRun run;
  run.Add(b, "x", 1);
  run.Add(a, "x", 1);
  run.Sort();
  EXPECT_EQ(run.Next(1, 100)[0].row_key, a);
  EXPECT_EQ(run.Next(1, 100)[0].row_key, a);
  run.Pass(1);
  EXPECT_EQ(run.Next(1, 100)[0].row_key, b);
}

}  // namespace
}  // namespace pallet::gsi
