// SPDX-License-Identifier: Apache-2.0
#include "gsi/chunk_slots.h"

#include "gtest/gtest.h"

namespace pallet::gsi {
namespace {

TEST(ChunkSlotsTest, WhoAskedFirstIsFirst) {
  int a, b, c;
  ChunkSlots slots(1);
  EXPECT_TRUE(slots.Take(&a));
  EXPECT_TRUE(slots.Take(&a));  // it has it already
  EXPECT_FALSE(slots.Take(&b));
  EXPECT_FALSE(slots.Take(&c));
  slots.Leave(&a);
  EXPECT_FALSE(slots.Take(&a));  // others were before it
  EXPECT_FALSE(slots.Take(&c));
  EXPECT_TRUE(slots.Take(&b));
  slots.Leave(&b);
  EXPECT_TRUE(slots.Take(&c));
}

TEST(ChunkSlotsTest, WhoLeavesTheLineHoldsUpNobody) {
  int a, b, c;
  ChunkSlots slots(1);
  EXPECT_TRUE(slots.Take(&a));
  EXPECT_FALSE(slots.Take(&b));
  EXPECT_FALSE(slots.Take(&c));
  slots.Leave(&b);
  slots.Leave(&b);
  EXPECT_FALSE(slots.Take(&c));
  slots.Leave(&a);
  EXPECT_TRUE(slots.Take(&c));
}

TEST(ChunkSlotsTest, ThereAreSoMany) {
  int a, b, c;
  ChunkSlots slots(2);
  EXPECT_TRUE(slots.Take(&a));
  EXPECT_TRUE(slots.Take(&b));
  EXPECT_FALSE(slots.Take(&c));
  slots.Leave(&a);
  EXPECT_TRUE(slots.Take(&c));
}

}  // namespace
}  // namespace pallet::gsi
