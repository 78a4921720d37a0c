// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace pallet {
namespace {

TEST(BytesTest, Example) {
  std::string out;
  AppendU8(&out, 7);
  AppendU16(&out, 0x0102);
  AppendU32(&out, 0x01020304);
  AppendU64(&out, 0x0102030405060708);
  AppendVarint(&out, 300);
  AppendBytes(&out, "key");
  EXPECT_EQ(out, std::string("\x07\x01\x02\x01\x02\x03\x04"
                             "\x01\x02\x03\x04\x05\x06\x07\x08"
                             "\xAC\x02\x03key"));

  absl::string_view in = out;
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64, varint;
  absl::string_view bytes;
  ASSERT_TRUE(ConsumeU8(&in, &u8) && ConsumeU16(&in, &u16) &&
              ConsumeU32(&in, &u32) && ConsumeU64(&in, &u64) &&
              ConsumeVarint(&in, &varint) && ConsumeBytes(&in, &bytes));
  EXPECT_EQ(u8, 7);
  EXPECT_EQ(u16, 0x0102);
  EXPECT_EQ(u32, 0x01020304u);
  EXPECT_EQ(u64, 0x0102030405060708u);
  EXPECT_EQ(varint, 300u);
  EXPECT_EQ(bytes, "key");
  EXPECT_TRUE(in.empty());
}

TEST(BytesTest, TooShortIsRefusedAndConsumesNothing) {
  absl::string_view in = "abc";
  uint32_t u32;
  uint64_t u64;
  EXPECT_FALSE(ConsumeU32(&in, &u32));
  EXPECT_FALSE(ConsumeU64(&in, &u64));
  EXPECT_EQ(in, "abc");
  absl::string_view bytes;
  in = "\x04xyz";
  EXPECT_FALSE(ConsumeBytes(&in, &bytes));
  EXPECT_EQ(in, "\x04xyz");
}

TEST(BytesTest, VarintsRoundTripAtEveryWidth) {
  Random random(1);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t value = random.Next() >> random.Below(64);
    std::string out;
    AppendVarint(&out, value);
    EXPECT_EQ(out.size(), VarintBytes(value));
    absl::string_view in = out;
    uint64_t read;
    ASSERT_TRUE(ConsumeVarint(&in, &read)) << value;
    EXPECT_EQ(read, value);
    EXPECT_TRUE(in.empty());
  }
}

TEST(BytesTest, MalformedVarintsAreRefused) {
  uint64_t value;
  for (const std::string& bytes : {
           std::string(""),
           std::string("\x80"),               // goes on, but ends
           std::string("\x80\x00", 2),        // zero in two bytes
           std::string(9, '\x80') + "\x02",   // bit 64
           std::string(10, '\x80') + "\x01",  // eleven bytes
           std::string(20, '\xFF'),
       }) {
    absl::string_view in = bytes;
    EXPECT_FALSE(ConsumeVarint(&in, &value)) << bytes.size();
    EXPECT_EQ(in.size(), bytes.size());
  }
}

}  // namespace
}  // namespace pallet
