// SPDX-License-Identifier: Apache-2.0
#include "storage/overlay.h"

#include <string>

#include "gtest/gtest.h"
#include "storage/byte_arena.h"

namespace pallet::storage {
namespace {

std::string Show(const PendingRow* row) {
  if (row == nullptr) return "none";
  if (row->deleted()) return "deleted";
  return std::string(row->row);
}

TEST(OverlayTest, Example) {
  PendingRows first;
  first.Set("a", {"a1"});
  first.Set("b", {"b1"});
  PendingRows second;
  second.Set("b", {});
  Overlay overlay;
  overlay.Add(1, &first);
  overlay.Add(2, &second);
  EXPECT_EQ(Show(overlay.Find("a")), "a1");
  EXPECT_EQ(Show(overlay.Find("b")), "deleted");
  EXPECT_EQ(Show(overlay.Find("c")), "none");

  overlay.Forget(1);  // the image shows batch 1
  EXPECT_EQ(Show(overlay.Find("a")), "none");
  EXPECT_EQ(Show(overlay.Find("b")), "deleted");
}

TEST(OverlayTest, ForgettingAllLeavesNothing) {
  PendingRows rows;
  rows.Set("a", {"a1"});
  Overlay overlay;
  overlay.Add(7, &rows);
  overlay.Forget(6);
  EXPECT_EQ(Show(overlay.Find("a")), "a1");
  overlay.Forget(7);
  EXPECT_EQ(Show(overlay.Find("a")), "none");
}

TEST(PendingRowsTest, AFailedWriteLeavesWhatEarlierOnesMade) {
  PendingRows rows;
  rows.Set("a", {"a1"});
  rows.Set("b", {"b1"});
  rows.Keep();

  rows.Set("a", {"a2"});
  rows.Set("b", {});
  rows.Set("a", {"a3"});
  rows.Set("c", {"c1"});
  EXPECT_EQ(Show(rows.Find("a")), "a3");
  rows.TakeBack();

  EXPECT_EQ(Show(rows.Find("a")), "a1");
  EXPECT_EQ(Show(rows.Find("b")), "b1");
  EXPECT_EQ(Show(rows.Find("c")), "none");
}

TEST(ByteArenaTest, BytesStayWhereTheyAreUntilReset) {
  ByteArena arena;
  std::vector<absl::string_view> copies;
  for (int i = 0; i < 2000; ++i) {
    copies.push_back(arena.Copy(std::string(i, 'a' + i % 26)));
  }
  const absl::string_view large =
      arena.Copy(std::string(3 * ByteArena::kBlockBytes, 'L'));
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(copies[i], std::string(i, 'a' + i % 26));
  }
  EXPECT_EQ(large, std::string(3 * ByteArena::kBlockBytes, 'L'));
  EXPECT_EQ(arena.used_bytes(), 1999 * 2000 / 2 + 3 * ByteArena::kBlockBytes);

  arena.Reset();
  EXPECT_EQ(arena.used_bytes(), 0);
  EXPECT_EQ(arena.Copy("again"), "again");
}

}  // namespace
}  // namespace pallet::storage
