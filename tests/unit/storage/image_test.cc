// SPDX-License-Identifier: Apache-2.0
#include "storage/image.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "tests/testing/image_fixture.h"

namespace pallet::storage {
namespace {

using ::testing::HasSubstr;

class ImageTest : public ::testing::Test {
 protected:
  // "key=value" of a database, in order.
  std::string Dump(DatabaseId database, absl::string_view begin = "",
                   absl::string_view end = "") {
    auto read = fixture_.image().Read();
    auto cursor = read->OpenCursor(database, begin, end);
    std::string out;
    absl::Status status = cursor->SeekAtOrAfter("");
    for (; status.ok() && cursor->Valid(); status = cursor->Next()) {
      out +=
          std::string(cursor->key()) + "=" + std::string(cursor->value()) + " ";
    }
    EXPECT_TRUE(status.ok()) << status;
    return out;
  }

  void PutChanges(std::initializer_list<absl::string_view> keys) {
    auto write = fixture_.image().Write();
    for (const absl::string_view key : keys) {
      ASSERT_TRUE(write->Put(DatabaseId::kChanges, key, "v").ok());
    }
    ASSERT_TRUE(write->Commit().ok());
  }

  testing::ImageFixture fixture_;
};

TEST_F(ImageTest, Example) {
  const std::string row_key =
      RowKey(KeyspaceId(1),
             {.partition = {model::ScalarType::kString, "CH"},
              .sort = model::KeyValue{model::ScalarType::kString, "Basel"}},
             /*seed=*/0);
  auto write = fixture_.image().Write();
  ASSERT_TRUE(write
                  ->Put(DatabaseId::kItems, row_key,
                        EncodeRow({.change_seq = ChangeSeq(1),
                                   .item_size = 4,
                                   .item = "item"}))
                  .ok());
  ASSERT_TRUE(write->Put(DatabaseId::kPartitions, "p", "state").ok());
  ASSERT_TRUE(write->Commit().ok());

  auto read = fixture_.image().Read();
  auto row = read->Get(row_key);
  ASSERT_TRUE(row.ok() && row->has_value());
  EXPECT_EQ((*row)->item, "item");
  EXPECT_EQ((*row)->change_seq, ChangeSeq(1));
  EXPECT_EQ(read->Get(DatabaseId::kPartitions, "p").value(), "state");
  EXPECT_EQ(read->Get(DatabaseId::kPartitions, "q").value(), std::nullopt);
  EXPECT_TRUE(fixture_.image().Verify().ok());
}

TEST_F(ImageTest, AppliesEffectsInOrder) {
  auto write = fixture_.image().Write();
  for (const Effect& effect : std::initializer_list<Effect>{
           {EffectOp::kPut, DatabaseId::kChanges, "a", "1"},
           {EffectOp::kPut, DatabaseId::kChanges, "b", "2"},
           {EffectOp::kPut, DatabaseId::kChanges, "c", "3"},
           {EffectOp::kDelete, DatabaseId::kChanges, "c", ""},
           {EffectOp::kDeleteRange, DatabaseId::kChanges, "a", "b"},
           {EffectOp::kPut, DatabaseId::kChanges, "d", "4"}}) {
    ASSERT_TRUE(write->Apply(effect).ok());
  }
  EXPECT_EQ(write->Get(DatabaseId::kChanges, "b").value(), "2");
  EXPECT_EQ(write->Get(DatabaseId::kChanges, "a").value(), std::nullopt);
  ASSERT_TRUE(write->Commit().ok());
  EXPECT_EQ(Dump(DatabaseId::kChanges), "b=2 d=4 ");
}

TEST_F(ImageTest, CursorsStayInsideTheirBounds) {
  PutChanges({"a", "b", "c", "d"});
  EXPECT_EQ(Dump(DatabaseId::kChanges, "b", "d"), "b=v c=v ");
  auto read = fixture_.image().Read();
  auto cursor = read->OpenCursor(DatabaseId::kChanges, "b", "d");
  ASSERT_TRUE(cursor->SeekAtOrBefore("z").ok());
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "c");
  ASSERT_TRUE(cursor->Previous().ok());
  EXPECT_EQ(cursor->key(), "b");
  ASSERT_TRUE(cursor->Previous().ok());
  EXPECT_FALSE(cursor->Valid());
  ASSERT_TRUE(cursor->SeekAtOrBefore("bb").ok());
  EXPECT_EQ(cursor->key(), "b");
  ASSERT_TRUE(cursor->SeekAtOrBefore("a").ok());
  EXPECT_FALSE(cursor->Valid());
}

TEST_F(ImageTest, LongKeysAreRowsLikeAnyOther) {
  const std::string prefix = HashPrefix(KeyspaceId(1), 9);
  const std::string long_key = prefix + std::string(3000, 'k');
  fixture_.Put(long_key + "b", "second");
  fixture_.Put(long_key + "a", "first");
  fixture_.Put(long_key, "zeroth");
  EXPECT_EQ(fixture_.Get(long_key + "a"), "first");
  EXPECT_EQ(fixture_.Get(long_key + "c"), "nothing");
  auto read = fixture_.image().Read();
  auto cursor = read->Cursor(prefix, PrefixEnd(prefix));
  std::string seen;
  absl::Status status = cursor->SeekAtOrAfter(prefix);
  for (; status.ok() && cursor->Valid(); status = cursor->Next()) {
    seen += std::string(cursor->row().item) + " ";
  }
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, "zeroth first second ");
}

TEST_F(ImageTest, WhatAnUncommittedWriteDidIsGone) {
  {
    auto write = fixture_.image().Write();
    ASSERT_TRUE(write->Put(DatabaseId::kChanges, "a", "1").ok());
  }
  EXPECT_EQ(Dump(DatabaseId::kChanges), "");
}

// Flips a byte of each value in turn, on the disk: every read says so.
TEST_F(ImageTest, ADamagedValueIsDataLossAndNamesItsDatabase) {
  const std::string key = HashPrefix(KeyspaceId(1), 9) + "key";
  const std::string other = HashPrefix(KeyspaceId(1), 10) + "key";
  fixture_.Put(key, "a treasure in the image");
  fixture_.Put(other, "sound");
  const std::string file = fixture_.directory() + "/image/data.mdb";
  std::string bytes = ReadFile(FileSystem::Real(), file).value();
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  for (size_t at = bytes.find("treasure"); at != std::string::npos;
       at = bytes.find("treasure", at + 1)) {
    out.seekp(static_cast<std::streamoff>(at));
    out << 'T';
  }
  out.close();

  auto read = fixture_.image().Read();
  const absl::Status status = read->Get(key).status();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("items"));
  EXPECT_EQ(fixture_.Get(other), "sound");
  auto cursor = read->Cursor("", "");
  EXPECT_EQ(cursor->SeekAtOrAfter("").code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(fixture_.image().Verify().code(), absl::StatusCode::kDataLoss);
}

// Long enough for the read-ahead to reach its full width, over leaves and
// values of many pages.
TEST_F(ImageTest, LongScansSeeEveryRowInBothDirections) {
  constexpr uint64_t kRows = 12000;
  const auto key = [](uint64_t i) { return HashPrefix(KeyspaceId(1), i); };
  auto write = fixture_.image().Write();
  for (uint64_t i = 0; i < kRows; ++i) {
    const uint64_t spread = i * 7919 % kRows;  // leaves out of order
    const std::string item(spread % 500 == 0 ? 30000 : 900, 'x');
    ASSERT_TRUE(
        write->Put(DatabaseId::kItems, key(spread), testing::RowOf(item)).ok());
  }
  ASSERT_TRUE(write->Commit().ok());

  auto read = fixture_.image().Read();
  auto cursor = read->Cursor("", "");
  ASSERT_TRUE(cursor->SeekAtOrAfter("").ok());
  for (uint64_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE(cursor->Valid());
    ASSERT_EQ(cursor->key(), key(i));
    ASSERT_TRUE(cursor->Next().ok());
  }
  EXPECT_FALSE(cursor->Valid());
  ASSERT_TRUE(cursor->SeekAtOrBefore(key(kRows)).ok());
  for (uint64_t i = kRows; i-- > 0;) {
    ASSERT_TRUE(cursor->Valid());
    ASSERT_EQ(cursor->key(), key(i));
    ASSERT_TRUE(cursor->Previous().ok());
  }
  EXPECT_FALSE(cursor->Valid());
}

TEST_F(ImageTest, ManyReadersSeeWholeCommits) {
  auto old = fixture_.image().Read();
  PutChanges({"a", "b"});
  EXPECT_EQ(old->Get(DatabaseId::kChanges, "a").value(), std::nullopt);
  EXPECT_EQ(Dump(DatabaseId::kChanges), "a=v b=v ");
  EXPECT_LT(old->commit_id(), fixture_.image().Read()->commit_id());
}

}  // namespace
}  // namespace pallet::storage
