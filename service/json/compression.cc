// SPDX-License-Identifier: Apache-2.0
#include "service/json/compression.h"

#include <zlib.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace pallet::service::json {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzipHeader = 16;  // added to the window's bits
constexpr int kFastest = 1;      // answers are packed while others wait

Bytef* In(absl::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// Header bytes of zlib's own format, RFC 1950; raw deflate hardly has them.
bool HasZlibHeader(absl::string_view bytes) {
  if (bytes.size() < 2) return false;
  const unsigned first = static_cast<uint8_t>(bytes[0]);
  const unsigned second = static_cast<uint8_t>(bytes[1]);
  return (first & 15) == Z_DEFLATED && (first << 8 | second) % 31 == 0;
}

int InflateBits(Packing packing, absl::string_view bytes) {
  if (packing == Packing::kGzip) return kWindowBits + kGzipHeader;
  return HasZlibHeader(bytes) ? kWindowBits : -kWindowBits;
}

// True if the client takes it: "gzip", "gzip;q=0.5", not "gzip;q=0".
bool Accepts(absl::string_view accept_encoding, absl::string_view name) {
  for (absl::string_view part : absl::StrSplit(accept_encoding, ',')) {
    const std::vector<std::string> words = absl::StrSplit(part, ';');
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(words[0]), name)) {
      continue;
    }
    double quality = 1;
    if (words.size() > 1) {
      absl::string_view text = absl::StripAsciiWhitespace(words[1]);
      if (absl::ConsumePrefix(&text, "q=") &&
          !absl::SimpleAtod(text, &quality)) {
        return false;
      }
    }
    return quality > 0;
  }
  return false;
}

}  // namespace

uint32_t Crc32(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), In(bytes), bytes.size()));
}

absl::StatusOr<Packing> PackingOf(absl::string_view content_encoding) {
  const absl::string_view name = absl::StripAsciiWhitespace(content_encoding);
  if (name.empty() || absl::EqualsIgnoreCase(name, "identity")) {
    return Packing::kNone;
  }
  if (absl::EqualsIgnoreCase(name, "gzip")) return Packing::kGzip;
  if (absl::EqualsIgnoreCase(name, "deflate")) return Packing::kDeflate;
  return absl::InvalidArgumentError("unknown Content-Encoding");
}

Packing AcceptedPacking(absl::string_view accept_encoding) {
  if (accept_encoding.empty() || accept_encoding == "identity") {
    return Packing::kNone;
  }
  if (Accepts(accept_encoding, "gzip")) return Packing::kGzip;
  if (Accepts(accept_encoding, "deflate")) return Packing::kDeflate;
  return Packing::kNone;
}

absl::StatusOr<std::string> Unpack(Packing packing, absl::string_view bytes,
                                   size_t limit) {
  z_stream stream = {};
  stream.next_in = In(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  CHECK_EQ(inflateInit2(&stream, InflateBits(packing, bytes)), Z_OK);
  const auto end = absl::MakeCleanup([&] { inflateEnd(&stream); });
  std::string out;
  for (;;) {
    const size_t have = out.size();
    if (have == limit) {
      // One more byte is one too many.
      char more;
      stream.next_out = reinterpret_cast<Bytef*>(&more);
      stream.avail_out = 1;
      const int result = inflate(&stream, Z_NO_FLUSH);
      if (stream.avail_out == 1 && result == Z_STREAM_END) return out;
      if (stream.avail_out == 1) break;
      return absl::OutOfRangeError("too large when unpacked");
    }
    const size_t room =
        std::min(limit, std::max<size_t>(4 * bytes.size(), 2 * have + 1024)) -
        have;
    out.resize(have + room);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + room - stream.avail_out);
    if (result == Z_STREAM_END && stream.avail_in == 0) return out;
    if (result != Z_OK) break;
    // It wants more input than there is.
    if (stream.avail_in == 0 && stream.avail_out != 0) break;
  }
  return absl::InvalidArgumentError("not packed as it says");
}

std::string Pack(Packing packing, absl::string_view bytes) {
  z_stream stream = {};
  const int bits =
      packing == Packing::kGzip ? kWindowBits + kGzipHeader : kWindowBits;
  CHECK_EQ(
      deflateInit2(&stream, kFastest, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY),
      Z_OK);
  const auto end = absl::MakeCleanup([&] { deflateEnd(&stream); });
  std::string out;
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = In(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  return out;
}

}  // namespace pallet::service::json
