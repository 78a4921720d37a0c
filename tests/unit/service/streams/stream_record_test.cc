// SPDX-License-Identifier: Apache-2.0
#include "service/streams/stream_record.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::service {
namespace {

using model::Reason;
using model::ReasonOf;
using storage::ChangeSeq;

std::string KeyItem(const std::string& pk) {
  const model::KeySchema schema{{"pk", model::ScalarType::kString}};
  return model::EncodeKeyItem(schema,
                              {{model::ScalarType::kString, pk}, std::nullopt});
}

TEST(StreamRecordTest, GoldenBytes) {
  const StreamRecordView record = {.time = absl::FromUnixMicros(258),
                                   .was_there = true,
                                   .by_service = true,
                                   .transaction = "tx",
                                   .old_image = "old"};
  EXPECT_EQ(absl::BytesToHexString(EncodeStreamRecord(record)),
            "01"
            "0000000000000102"
            "0d"
            "027478"
            "036f6c64");
  EXPECT_EQ(absl::BytesToHexString(
                EncodeShard({ChangeSeq(1), ChangeSeq(2), ChangeSeq(3)})),
            "01"
            "0000000000000001"
            "01"
            "0000000000000002"
            "0000000000000003");
}

TEST(StreamRecordTest, ComesBackAsItWas) {
  for (int mask = 0; mask < 32; ++mask) {
    StreamRecordView record = {.time = absl::FromUnixMicros(7),
                               .was_there = (mask & 1) != 0,
                               .is_there = (mask & 2) != 0,
                               .by_service = (mask & 4) != 0,
                               .transaction = (mask & 4) != 0 ? "t" : ""};
    if ((mask & 8) != 0) record.old_image = "";
    if ((mask & 16) != 0) record.new_image = "new";
    if ((mask & 24) == 0) record.key_item = "key";
    const std::string bytes = EncodeStreamRecord(record);
    const auto again = DecodeStreamRecord(bytes);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->time, record.time);
    EXPECT_EQ(again->was_there, record.was_there);
    EXPECT_EQ(again->is_there, record.is_there);
    EXPECT_EQ(again->by_service, record.by_service);
    EXPECT_EQ(again->transaction, record.transaction);
    EXPECT_EQ(again->key_item, record.key_item);
    EXPECT_EQ(again->old_image, record.old_image);
    EXPECT_EQ(again->new_image, record.new_image);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(ReasonOf(DecodeStreamRecord(bytes.substr(0, size)).status()),
                Reason::kDataLoss);
    }
    EXPECT_EQ(ReasonOf(DecodeStreamRecord(bytes + "x").status()),
              Reason::kDataLoss);
  }
}

TEST(StreamRecordTest, AShardComesBackAsItWas) {
  for (const bool closed : {false, true}) {
    Shard shard{ChangeSeq(4), std::nullopt, ChangeSeq(5)};
    if (closed) shard.end = ChangeSeq(0);
    const std::string bytes = EncodeShard(shard);
    const auto again = DecodeShard(bytes);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->start, shard.start);
    EXPECT_EQ(again->end, shard.end);
    EXPECT_EQ(again->trimmed, shard.trimmed);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(ReasonOf(DecodeShard(bytes.substr(0, size)).status()),
                Reason::kDataLoss);
    }
  }
}

TEST(StreamRecordTest, TheKeyIsInAnImageOrBesideThem) {
  const model::KeySchema schema{{"pk", model::ScalarType::kString}};
  const std::string key = KeyItem("a");
  EXPECT_EQ(*KeyItemOf(schema, {.key_item = key}), key);
  EXPECT_EQ(*KeyItemOf(schema, {.old_image = KeyItem("b")}), KeyItem("b"));
  EXPECT_EQ(*KeyItemOf(schema, {.new_image = KeyItem("c")}), KeyItem("c"));
  EXPECT_EQ(ReasonOf(KeyItemOf(schema, {.new_image = ""}).status()),
            Reason::kDataLoss);
}

}  // namespace
}  // namespace pallet::service
