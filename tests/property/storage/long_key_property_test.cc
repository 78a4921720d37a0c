// SPDX-License-Identifier: Apache-2.0
//
// The image's rows against a std::map: keys of up to 16 KB that share long
// prefixes, puts, deletes, range deletes, seeks and walks both ways inside
// bounds. Prints its seed; PALLET_TEST_SEED=<n> starts there again.
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/key_codec.h"
#include "tests/testing/image_fixture.h"
#include "tests/testing/seed.h"

namespace pallet::storage {
namespace {

using Model = std::map<std::string, std::string>;

class LongKeyProperty {
 public:
  explicit LongKeyProperty(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 6; ++i) {
      stems_.push_back(HashPrefix(KeyspaceId(1), random_.Below(2)) +
                       Noise(random_.Below(16000)));
    }
    // Stems that end about where keys are cut.
    for (const size_t length : {509, 510, 511, 512, 1001, 1002, 1003, 1493}) {
      stems_.push_back(HashPrefix(KeyspaceId(1), 1) +
                       std::string(length - kRowKeyPrefixBytes, 'm'));
    }
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      Step();
      if (::testing::Test::HasFatalFailure()) return;
      if (i % 25 == 0) CompareWhole();
      if (i % 100 == 0) {
        ASSERT_EQ(fixture_.image().Verify(), absl::OkStatus());
      }
    }
    DeleteRange("", "");
    CompareWhole();
    // Links go with their last row.
    ASSERT_EQ(fixture_.image().Verify(), absl::OkStatus());
    auto read = fixture_.image().Read();
    auto long_keys = read->OpenCursor(DatabaseId::kLongKeys, "", "");
    ASSERT_EQ(long_keys->SeekAtOrAfter(""), absl::OkStatus());
    EXPECT_FALSE(long_keys->Valid());
  }

 private:
  std::string Noise(size_t size) {
    // Few letters, so that keys meet.
    std::string noise;
    static constexpr char kLetters[] = {'\0', 'a', '\xFF'};
    while (noise.size() < size) noise += kLetters[random_.Below(3)];
    return noise;
  }

  // A stem, cut or grown a little; often one that is there.
  std::string AnyKey() {
    if (!model_.empty() && random_.OneIn(3)) {
      auto it = model_.lower_bound(stems_[random_.Below(stems_.size())]);
      return it == model_.end() ? model_.rbegin()->first : it->first;
    }
    std::string key = stems_[random_.Below(stems_.size())];
    if (random_.OneIn(2)) {
      key.resize(random_.Between(kRowKeyPrefixBytes, key.size()));
    }
    key += Noise(random_.Below(random_.OneIn(4) ? 1200 : 4));
    return key;
  }

  void Step() {
    switch (random_.Below(12)) {
      case 0: {
        std::string begin = AnyKey(), end = AnyKey();
        if (random_.OneIn(3)) return DeleteRange(begin, begin + "z");
        if (end < begin) std::swap(begin, end);
        // Mostly small ranges, or nothing would be left.
        auto it = model_.lower_bound(begin);
        for (int i = 0; i < 5 && it != model_.end(); ++i) ++it;
        if (it != model_.end() && it->first < end) end = it->first;
        return DeleteRange(begin, end);
      }
      case 1:
      case 2:
        return Delete(AnyKey());
      case 3:
        return CompareGet(AnyKey());
      case 4:
      case 5:
        return CompareWalk(AnyKey(), AnyKey());
      default:
        return Put(AnyKey(), Noise(random_.Below(8)));
    }
  }

  void Put(const std::string& key, const std::string& item) {
    fixture_.Put(key, item);
    model_[key] = item;
  }

  void Delete(const std::string& key) {
    auto write = fixture_.image().Write();
    ASSERT_EQ(write->Delete(DatabaseId::kItems, key), absl::OkStatus());
    ASSERT_EQ(write->Commit(), absl::OkStatus());
    model_.erase(key);
  }

  void DeleteRange(const std::string& begin, const std::string& end) {
    auto write = fixture_.image().Write();
    ASSERT_EQ(write->DeleteRange(DatabaseId::kItems, begin, end),
              absl::OkStatus());
    ASSERT_EQ(write->Commit(), absl::OkStatus());
    model_.erase(model_.lower_bound(begin),
                 end.empty() ? model_.end() : model_.lower_bound(end));
  }

  void CompareGet(const std::string& key) {
    auto it = model_.find(key);
    ASSERT_EQ(fixture_.Get(key), it == model_.end() ? "nothing" : it->second);
  }

  // Seeks and walks about inside random bounds, the two side by side.
  void CompareWalk(std::string begin, std::string end) {
    if (end < begin) std::swap(begin, end);
    if (random_.OneIn(4)) begin.clear();
    if (random_.OneIn(4)) end.clear();
    const Model inside(model_.lower_bound(begin),
                       end.empty() ? model_.end() : model_.lower_bound(end));
    auto read = fixture_.image().Read();
    auto cursor = read->Cursor(begin, end);
    for (int seek = 0; seek < 4; ++seek) {
      const std::string key = AnyKey();
      auto it = inside.lower_bound(key);
      if (random_.OneIn(2)) {
        ASSERT_EQ(cursor->SeekAtOrAfter(key), absl::OkStatus());
      } else {
        ASSERT_EQ(cursor->SeekAtOrBefore(key), absl::OkStatus());
        it = inside.upper_bound(key);
        it = it == inside.begin() ? inside.end() : std::prev(it);
      }
      for (int step = 0; step < 8; ++step) {
        ASSERT_EQ(cursor->Valid(), it != inside.end());
        if (it == inside.end()) break;
        ASSERT_EQ(cursor->key(), it->first);
        ASSERT_EQ(cursor->row().item, it->second);
        if (random_.OneIn(2)) {
          ASSERT_EQ(cursor->Next(), absl::OkStatus());
          ++it;
        } else {
          ASSERT_EQ(cursor->Previous(), absl::OkStatus());
          it = it == inside.begin() ? inside.end() : std::prev(it);
        }
      }
    }
  }

  // Everything, forwards and backwards.
  void CompareWhole() {
    auto read = fixture_.image().Read();
    auto cursor = read->Cursor("", "");
    ASSERT_EQ(cursor->SeekAtOrAfter(""), absl::OkStatus());
    for (const auto& [key, item] : model_) {
      ASSERT_TRUE(cursor->Valid());
      ASSERT_EQ(cursor->key(), key);
      ASSERT_EQ(cursor->row().item, item);
      ASSERT_EQ(cursor->Next(), absl::OkStatus());
    }
    ASSERT_FALSE(cursor->Valid());
    ASSERT_EQ(cursor->SeekAtOrBefore(std::string(100, '\xFF')),
              absl::OkStatus());
    for (auto it = model_.rbegin(); it != model_.rend(); ++it) {
      ASSERT_TRUE(cursor->Valid());
      ASSERT_EQ(cursor->key(), it->first);
      ASSERT_EQ(cursor->Previous(), absl::OkStatus());
    }
    ASSERT_FALSE(cursor->Valid());
  }

  Random random_;
  std::vector<std::string> stems_;
  testing::ImageFixture fixture_;
  Model model_;
};

TEST(LongKeyPropertyTest, RowsOfAnyKeyLengthBehaveAsAMap) {
  const uint64_t first = testing::TestSeed();
  const int runs = testing::TestRounds(8);
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    SCOPED_TRACE("PALLET_TEST_SEED=" + std::to_string(seed));
    LongKeyProperty(seed).Run(600);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace pallet::storage
