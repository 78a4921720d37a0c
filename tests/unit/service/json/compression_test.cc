// SPDX-License-Identifier: Apache-2.0
#include "service/json/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace pallet::service::json {
namespace {

constexpr size_t kLimit = 1 << 20;

TEST(CompressionTest, Example) {
  const std::string text(10000, 'x');
  const std::string packed = Pack(Packing::kGzip, text);
  EXPECT_LT(packed.size(), 200u);
  EXPECT_EQ(Unpack(Packing::kGzip, packed, kLimit).value(), text);
}

TEST(CompressionTest, TheChecksumIsThatOfThePublicExample) {
  EXPECT_EQ(Crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(Crc32(""), 0u);
}

TEST(CompressionTest, EverySizeComesBackUpToTheLimit) {
  Random random(1);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{1000}, kLimit - 1, kLimit}) {
    const std::string text = random.Bytes(size);
    for (const Packing packing : {Packing::kGzip, Packing::kDeflate}) {
      const auto back = Unpack(packing, Pack(packing, text), kLimit);
      ASSERT_TRUE(back.ok()) << size << " " << back.status();
      EXPECT_EQ(*back, text);
    }
  }
}

TEST(CompressionTest, OneByteMoreThanTheLimitIsTooMuch) {
  for (const size_t size : {kLimit + 1, 40 * kLimit}) {
    const auto back = Unpack(
        Packing::kGzip, Pack(Packing::kGzip, std::string(size, 'x')), kLimit);
    EXPECT_TRUE(absl::IsOutOfRange(back.status())) << size;
  }
}

TEST(CompressionTest, RawDeflateIsTakenToo) {
  const std::string zlib = Pack(Packing::kDeflate, "hello");
  const std::string raw = zlib.substr(2, zlib.size() - 6);
  EXPECT_EQ(Unpack(Packing::kDeflate, raw, kLimit).value(), "hello");
}

TEST(CompressionTest, NonsenseIsRefused) {
  const std::string packed = Pack(Packing::kGzip, "hello, hello, hello");
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  for (const std::string& bytes :
       {std::string(), std::string("hello"), packed.substr(0, 10),
        packed.substr(0, packed.size() - 1), packed + "x", damaged}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        Unpack(Packing::kGzip, bytes, kLimit).status()));
  }
}

TEST(CompressionTest, NamesOfPackings) {
  EXPECT_EQ(PackingOf("").value(), Packing::kNone);
  EXPECT_EQ(PackingOf(" GZip ").value(), Packing::kGzip);
  EXPECT_EQ(PackingOf("identity").value(), Packing::kNone);
  EXPECT_FALSE(PackingOf("br").ok());
  EXPECT_FALSE(PackingOf("gzip, gzip").ok());

  EXPECT_EQ(AcceptedPacking(""), Packing::kNone);
  EXPECT_EQ(AcceptedPacking("identity"), Packing::kNone);
  EXPECT_EQ(AcceptedPacking("br, gzip;q=0.5"), Packing::kGzip);
  EXPECT_EQ(AcceptedPacking("gzip;q=0, deflate"), Packing::kDeflate);
  EXPECT_EQ(AcceptedPacking("gzip;q=x"), Packing::kNone);
}

}  // namespace
}  // namespace pallet::service::json
