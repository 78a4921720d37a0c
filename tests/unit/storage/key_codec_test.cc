// SPDX-License-Identifier: Apache-2.0
#include "storage/key_codec.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

using model::KeyValue;
using model::ScalarType;

KeyValue S(absl::string_view text) {
  return {ScalarType::kString, std::string(text)};
}
KeyValue N(absl::string_view text) {
  return {ScalarType::kNumber, std::string(text)};
}
KeyValue B(absl::string_view bytes) {
  return {ScalarType::kBinary, std::string(bytes)};
}

std::string Hex(absl::string_view bytes) {
  return absl::BytesToHexString(bytes);
}

TEST(KeyCodecTest, Example) {
  const model::Key key{.partition = S("CH"), .sort = S("Basel")};
  const std::string row_key = RowKey(KeyspaceId(5), key, /*seed=*/42);
  EXPECT_EQ(KeyspaceOfRowKey(row_key), KeyspaceId(5));
  EXPECT_EQ(HashOfRowKey(row_key), PlacementHash(S("CH"), 42));

  absl::string_view rest = row_key;
  rest.remove_prefix(kRowKeyPrefixBytes);
  EXPECT_EQ(DecodeKeyValue(&rest).value(), S("CH"));
  EXPECT_EQ(DecodeKeyValue(&rest).value(), S("Basel"));
  EXPECT_TRUE(rest.empty());
}

TEST(KeyCodecTest, GoldenBytes) {
  EXPECT_EQ(Hex(EncodeKeyValue(S("ab"))), "0161620000");
  EXPECT_EQ(Hex(EncodeKeyValue(S(""))), "010000");
  EXPECT_EQ(Hex(EncodeKeyValue(B(absl::string_view("a\0b\xFF", 4)))),
            "036100ff62ff0000");
  EXPECT_EQ(Hex(EncodeKeyValue(N("0"))), "0202");
  EXPECT_EQ(Hex(EncodeKeyValue(N("1"))), "0203820b00");
  EXPECT_EQ(Hex(HashPrefix(KeyspaceId(1), 2)), "000000010000000000000002");
  // On disk, and in every client that routes: the hash may not change.
  EXPECT_EQ(Hex(CollectionPrefix(KeyspaceId(7), S("a"), 1)),
            "00000007"
            "276d766d2a1bcb9a"
            "01610000");
}

TEST(KeyCodecTest, StringsAndBinarySortByUnsignedBytes) {
  const std::vector<std::string> sorted = {"",
                                           std::string(1, '\0'),
                                           std::string("\0\0", 2),
                                           std::string("\0a", 2),
                                           "\x01",
                                           "a",
                                           std::string("a\0", 2),
                                           "aa",
                                           "b",
                                           "\x7F",
                                           "\x80",
                                           "\xFF",
                                           "\xFF\xFF"};
  for (size_t i = 0; i + 1 < sorted.size(); ++i) {
    EXPECT_LT(EncodeKeyValue(B(sorted[i])), EncodeKeyValue(B(sorted[i + 1])))
        << i;
  }
}

TEST(KeyCodecTest, NumbersSortByValueNotByText) {
  const std::vector<std::string> sorted = {
      "-100", "-99.5", "-2", "-1", "-0.001", "0", "0.5", "1", "2", "10", "100"};
  for (size_t i = 0; i + 1 < sorted.size(); ++i) {
    EXPECT_LT(EncodeKeyValue(N(sorted[i])), EncodeKeyValue(N(sorted[i + 1])));
  }
}

TEST(KeyCodecTest, DecodesWhatItEncodes) {
  for (const KeyValue& value :
       {S("x"), S(absl::string_view("\0\0x\0", 4)), N("-12.75"), N("0"),
        B("\xFF\xFE"), B(std::string(1000, '\0'))}) {
    const std::string bytes = EncodeKeyValue(value) + "rest";
    absl::string_view in = bytes;
    EXPECT_EQ(DecodeKeyValue(&in).value(), value);
    EXPECT_EQ(in, "rest");
  }
}

TEST(KeyCodecTest, BytesItDidNotMakeAreDataLoss) {
  for (const absl::string_view bytes :
       {absl::string_view(""), absl::string_view("\x04xx"),
        absl::string_view("\x01no end"), absl::string_view("\x01x\0", 3),
        absl::string_view("\x01x\0y\0\0", 6), absl::string_view("\x02\x03")}) {
    absl::string_view in = bytes;
    const absl::Status status = DecodeKeyValue(&in).status();
    ASSERT_FALSE(status.ok()) << Hex(bytes);
    EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss);
    EXPECT_EQ(in.size(), bytes.size());
  }
}

TEST(KeyCodecTest, LongPartitionValuesAreTheirDigest) {
  const std::string longest_plain =
      CollectionPrefix(KeyspaceId(1), S(std::string(61, 'x')), 0);
  EXPECT_EQ(longest_plain.size(), kRowKeyPrefixBytes + 64);
  const std::string digest =
      CollectionPrefix(KeyspaceId(1), S(std::string(62, 'x')), 0);
  EXPECT_EQ(digest.size(), kRowKeyPrefixBytes + 33);
  EXPECT_EQ(digest[kRowKeyPrefixBytes], '\x7F');
  EXPECT_NE(digest,
            CollectionPrefix(KeyspaceId(1), B(std::string(62, 'x')), 0));
}

TEST(KeyCodecTest, EntriesOfAnIndexLieBetweenPartitionAndSort) {
  for (const std::string& partition :
       {std::string("p"), std::string(99, 'p')}) {
    const std::string row = RowKey(KeyspaceId(7), {S(partition), N("-12")}, 0);
    const std::string entry =
        IndexRowKey(KeyspaceId(9), row, N("-12"), S(std::string("a\0b", 3)));
    EXPECT_EQ(entry, CollectionPrefix(KeyspaceId(9), S(partition), 0) +
                         EncodeKeyValue(S(std::string("a\0b", 3))) +
                         EncodeKeyValue(N("-12")));
    EXPECT_EQ(RowKeyOfEntry(KeyspaceId(7), entry, N("-12"),
                            S(std::string("a\0b", 3))),
              row);
  }
}

TEST(KeyCodecTest, TheSeedMovesTheHash) {
  EXPECT_NE(PlacementHash(S("a"), 1), PlacementHash(S("a"), 2));
  EXPECT_NE(PlacementHash(S("1"), 1), PlacementHash(N("1"), 1));
}

TEST(KeyCodecTest, PrefixEndIsTheFirstStringBeyond) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xFF\xFF"), "b");
  EXPECT_EQ(PrefixEnd("\xFF\xFF"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

}  // namespace
}  // namespace pallet::storage
