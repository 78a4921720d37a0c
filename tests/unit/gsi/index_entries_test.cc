// SPDX-License-Identifier: Apache-2.0
#include "gsi/entries.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/key_codec.h"
#include "tests/testing/item_text.h"

namespace pallet::gsi {
namespace {

using model::ScalarType;
using storage::ChangeSeq;

constexpr storage::KeyspaceId kTable{1};
constexpr storage::KeyspaceId kIndex{2};
constexpr uint64_t kSeed = 7;

// One target; an index by `g` with everything.
class IndexEntriesTest : public ::testing::Test {
 protected:
  IndexEntriesTest() {
    index_.id = 1;
    index_.keyspace = kIndex;
    index_.schema = std::make_shared<model::GlobalIndex>(
        "by-g", model::IndexKeySchema{{{"g", ScalarType::kString}}},
        model::KeySchema{{"pk", ScalarType::kString}, {}}, model::Projection{});
    index_.targets.push_back({storage::PartitionId(5), {}, nullptr});
  }

  static std::string RowKey(const std::string& pk) {
    return storage::RowKey(kTable, {{ScalarType::kString, pk}, {}}, kSeed);
  }
  static std::string EntryKey(const std::string& pk, const std::string& g) {
    return storage::GlobalEntryKey(kIndex, {{{ScalarType::kString, g}}},
                                   RowKey(pk), kSeed);
  }
  static std::string Keys(const std::string& g) {
    return testing::CanonicalItemBytes(
        absl::StrCat("attributes { key: 'g' value { s: '", g, "' } }"));
  }
  static RowNow Now(uint64_t seq, const std::string& pk, const std::string& g) {
    RowNow now;
    now.seq = ChangeSeq(seq);
    now.item = testing::CanonicalItemBytes(
        absl::StrCat("attributes { key: 'pk' value { s: '", pk,
                     "' } } attributes { key: 'g' value { s: '", g, "' } }"));
    now.size = 4;
    return now;
  }

  // "-pk/g" for a delete, "+pk/g" for a put, of the items and keys here.
  std::string Plan(const Changes& changes, uint64_t cursor,
                   bool settled = false) {
    TargetPlan plan;
    plan.takes_part = true;
    plan.settled = settled;
    plan.cursor = ChangeSeq(cursor);
    plan.early = &early_;
    std::vector<TargetPlan> plans;
    plans.push_back(std::move(plan));
    PlanChanges(index_, kSeed, changes, absl::MakeSpan(plans));
    std::string text;
    for (const Mutation& mutation : plans[0].mutations) {
      for (const char* pk : {"a", "b"}) {
        for (const char* g : {"x", "y", "z"}) {
          if (mutation.row_key != EntryKey(pk, g)) continue;
          absl::StrAppend(&text, mutation.is_delete() ? "-" : "+", pk, "/", g,
                          " ");
        }
      }
    }
    Remember(&plans[0].early_after, &early_);
    return text;
  }

  IndexTopology index_;
  EarlyEntries early_;
};

TEST_F(IndexEntriesTest, AKeyMoveIsADeleteAndAPut) {
  EXPECT_EQ(Plan({{{RowKey("a"), {{ChangeSeq(1), ""}}, Now(1, "a", "x")}},
                  ChangeSeq(1)},
                 0),
            "+a/x ");
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(2), Keys("x")}}, Now(2, "a", "y")}},
            ChangeSeq(2)},
           1),
      "-a/x +a/y ");
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(3), Keys("y")}}, {}}}, ChangeSeq(3)}, 2),
      "-a/y ");
}

TEST_F(IndexEntriesTest, SeveralChangesOfARowAreOnePut) {
  EXPECT_EQ(Plan({{{RowKey("a"),
                    {{ChangeSeq(1), ""},
                     {ChangeSeq(2), Keys("x")},
                     {ChangeSeq(3), Keys("y")},
                     {ChangeSeq(4), Keys("x")}},
                    Now(4, "a", "z")}},
                  ChangeSeq(4)},
                 0),
            "-a/x -a/y +a/z ");
}

TEST_F(IndexEntriesTest, ChangesUpToTheCursorDoNotCount) {
  EXPECT_EQ(
      Plan({{{RowKey("a"),
              {{ChangeSeq(1), Keys("x")}, {ChangeSeq(2), Keys("y")}},
              Now(2, "a", "z")},
             {RowKey("b"), {{ChangeSeq(1), Keys("x")}}, Now(1, "b", "y")}},
            ChangeSeq(2)},
           1),
      "-a/y +a/z ");
}

// The row is ahead of the changes that were read: what is put early is taken
// back when the row is met again under another key, though no change read so
// far tells of that key.
TEST_F(IndexEntriesTest, WhatWasPutEarlyGoesWhenItsRowIsMetAgain) {
  EXPECT_EQ(Plan({{{RowKey("a"), {{ChangeSeq(1), ""}}, Now(9, "a", "y")}},
                  ChangeSeq(1)},
                 0),
            "+a/y ");
  EXPECT_EQ(early_.size(), 1u);
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(2), Keys("x")}}, Now(12, "a", "z")}},
            ChangeSeq(2)},
           1),
      "-a/x -a/y +a/z ");
  // And with nothing left of the row.
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(3), Keys("x")}}, {}}}, ChangeSeq(3)}, 2),
      "-a/x -a/z ");
  EXPECT_TRUE(early_.empty());
}

TEST_F(IndexEntriesTest, WhatIsNoLongerAheadIsForgotten) {
  Plan({{{RowKey("a"), {{ChangeSeq(1), ""}}, Now(2, "a", "y")}}, ChangeSeq(1)},
       0);
  EXPECT_EQ(early_.size(), 1u);
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(2), Keys("x")}}, Now(2, "a", "y")}},
            ChangeSeq(2)},
           1),
      "-a/x +a/y ");
  EXPECT_TRUE(early_.empty());
}

// A target that has one entry of each item has that of the cursor: what lay
// between the changes was never there.
TEST_F(IndexEntriesTest, ASettledTargetLosesTheEntryOfTheCursorAlone) {
  const Changes changes = {{{RowKey("a"),
                             {{ChangeSeq(2), Keys("x")},
                              {ChangeSeq(3), Keys("y")},
                              {ChangeSeq(4), Keys("x")},
                              {ChangeSeq(5), Keys("y")}},
                             Now(5, "a", "z")}},
                           ChangeSeq(5)};
  EXPECT_EQ(Plan(changes, 1, /*settled=*/true), "-a/x +a/z ");
  EXPECT_EQ(Plan(changes, 2, /*settled=*/true), "-a/y +a/z ");
  EXPECT_EQ(Plan(changes, 1, /*settled=*/false), "-a/x -a/y +a/z ");
}

TEST_F(IndexEntriesTest, WhatASettledTargetHasIsNotPutAgain) {
  // At the third change the row is as the ninth left it.
  EXPECT_EQ(Plan({{{RowKey("a"),
                    {{ChangeSeq(2), Keys("x")}, {ChangeSeq(3), Keys("y")}},
                    Now(9, "a", "z")}},
                  ChangeSeq(3)},
                 1, /*settled=*/true),
            "-a/x +a/z ");
  const Changes same = {
      {{RowKey("a"),
        {{ChangeSeq(4), Keys("x")}, {ChangeSeq(6), Keys("y")}},
        Now(9, "a", "z")}},
      ChangeSeq(6)};
  EXPECT_EQ(Plan(same, 3, /*settled=*/true), "");
  EXPECT_EQ(Plan(same, 3, /*settled=*/false), "-a/x -a/y +a/z ");
  // A newer state under the same key.
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(7), Keys("x")}}, Now(10, "a", "z")}},
            ChangeSeq(7)},
           6, /*settled=*/true),
      "+a/z ");
  // And one under another.
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(8), Keys("x")}}, Now(12, "a", "y")}},
            ChangeSeq(8)},
           7, /*settled=*/true),
      "-a/z +a/y ");
  // At the end nothing is remembered, and nothing is to be done.
  EXPECT_EQ(
      Plan({{{RowKey("a"), {{ChangeSeq(12), Keys("z")}}, Now(12, "a", "y")}},
            ChangeSeq(12)},
           8, /*settled=*/true),
      "");
  EXPECT_TRUE(early_.empty());
}

}  // namespace
}  // namespace pallet::gsi
