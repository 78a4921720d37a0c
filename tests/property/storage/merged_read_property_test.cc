// SPDX-License-Identifier: Apache-2.0
//
// The image with two memtables before it against one std::map: whatever of a
// row's versions stands where, reads, seeks and walks both ways inside bounds
// find what the map has. Prints its seed; PALLET_TEST_SEED=<n> starts there
// again.
#include "storage/merged_read.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "storage/key_codec.h"
#include "tests/testing/image_fixture.h"
#include "tests/testing/seed.h"

namespace pallet::storage {
namespace {

using Model = std::map<std::string, std::string>;

std::string Row(const std::string& item) {
  return EncodeRow({.change_seq = ChangeSeq(1), .item_size = 3, .item = item});
}

class MergedReadProperty {
 public:
  explicit MergedReadProperty(uint64_t seed) : random_(seed) {}

  void Run() {
    FillImage();
    Memtable older, newer;
    uint64_t number = 1;
    Fill(&older, &number, 40);
    Fill(&newer, &number, 40);
    const Model at_this_number = model_;
    const uint64_t up_to = number - 1;
    // Later versions that this reader must not see.
    Fill(&newer, &number, 20);

    auto image = fixture_.image().Read();
    ASSERT_TRUE(image.ok());
    MergedRead read({&newer, &older}, up_to, &*image);
    model_ = at_this_number;
    for (int i = 0; i < 100; ++i) CheckGet(read);
    for (int i = 0; i < 20; ++i) CheckWalk(read);
  }

 private:
  std::string Key() {
    return HashPrefix(KeyspaceId(1), random_.Below(3)) +
           absl::StrCat("key", random_.Below(60));
  }

  void FillImage() {
    auto write = fixture_.image().Write();
    for (int i = 0; i < 60; ++i) {
      const std::string key = Key();
      model_[key] = absl::StrCat("image", i);
      ASSERT_TRUE(write->Put(DatabaseId::kItems, key, Row(model_[key])).ok());
    }
    ASSERT_TRUE(write->Commit().ok());
  }

  void Fill(Memtable* table, uint64_t* number, int count) {
    for (int i = 0; i < count; ++i) {
      if (random_.OneIn(3)) ++*number;
      const std::string key = Key();
      if (random_.OneIn(3)) {
        model_.erase(key);
        table->Add(*number, key, "");
      } else {
        model_[key] = absl::StrCat("batch", *number, "-", i);
        table->Add(*number, key, Row(model_[key]));
      }
    }
    ++*number;
  }

  void CheckGet(MergedRead& read) {
    const std::string key = Key();
    const auto row = read.Get(key);
    ASSERT_TRUE(row.ok()) << row.status();
    const auto expected = model_.find(key);
    ASSERT_EQ(row->has_value(), expected != model_.end());
    if (row->has_value()) {
      EXPECT_EQ((*row)->item, expected->second);
    }
  }

  void CheckWalk(MergedRead& read) {
    std::string begin = Key(), end = random_.OneIn(4) ? "" : Key();
    if (!end.empty() && end < begin) std::swap(begin, end);
    Model inside(model_.lower_bound(begin),
                 end.empty() ? model_.end() : model_.lower_bound(end));
    const auto cursor = read.Cursor(begin, end);
    for (int seek = 0; seek < 4; ++seek) {
      const std::string key = Key();
      auto at = inside.lower_bound(key);
      absl::Status status;
      if (random_.OneIn(2)) {
        status = cursor->SeekAtOrAfter(key);
      } else {
        status = cursor->SeekAtOrBefore(key);
        at = inside.upper_bound(key);
        at = at == inside.begin() ? inside.end() : std::prev(at);
      }
      ASSERT_TRUE(status.ok()) << status;
      Compare(*cursor, inside, at);
      for (int step = 0; step < 12 && at != inside.end(); ++step) {
        if (random_.OneIn(3)) {
          ASSERT_TRUE(cursor->Previous().ok());
          at = at == inside.begin() ? inside.end() : std::prev(at);
        } else {
          ASSERT_TRUE(cursor->Next().ok());
          ++at;
        }
        Compare(*cursor, inside, at);
      }
    }
  }

  void Compare(const RowCursor& cursor, const Model& inside,
               Model::const_iterator at) {
    ASSERT_EQ(cursor.Valid(), at != inside.end());
    if (at == inside.end()) return;
    ASSERT_EQ(cursor.key(), at->first);
    ASSERT_EQ(cursor.row().item, at->second);
  }

  Random random_;
  testing::ImageFixture fixture_;
  Model model_;
};

TEST(MergedReadPropertyTest, IsOneState) {
  const uint64_t seed = testing::TestSeed();
  for (uint64_t round = 0; round < 60; ++round) {
    MergedReadProperty(seed + round).Run();
    ASSERT_FALSE(::testing::Test::HasFatalFailure())
        << "PALLET_TEST_SEED=" << seed + round;
  }
}

}  // namespace
}  // namespace pallet::storage
