// SPDX-License-Identifier: Apache-2.0
#include "service/json/freshness_headers.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "pallet/wire/v1/item_types.pb.h"
#include "service/json/base64.h"
#include "service/wire.h"

namespace pallet::service::json {
namespace {

constexpr absl::string_view kConsistency = "x-pallet-consistency";
constexpr absl::string_view kPositions = "x-pallet-positions";
constexpr absl::string_view kMaxStaleness = "x-pallet-max-staleness-ms";
constexpr absl::string_view kWait = "x-pallet-wait-ms";
// What is longer is as good as for ever.
constexpr int64_t kMaxMs = int64_t{365} * 24 * 3600 * 1000;

absl::Status Invalid(absl::string_view header, absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: the header ",
                   header, " ", what));
}

absl::Status ReadConsistency(absl::string_view text,
                             wire::Freshness* freshness) {
  if (!absl::EqualsIgnoreCase(text, "strong") &&
      !absl::EqualsIgnoreCase(text, "eventual")) {
    return Invalid(kConsistency, "must be strong or eventual");
  }
  freshness->set_strong(absl::EqualsIgnoreCase(text, "strong"));
  return absl::OkStatus();
}

absl::Status ReadPositions(absl::string_view text, wire::Freshness* freshness) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  for (const absl::string_view part : parts) {
    const absl::Status decoded = DecodeBase64(absl::StripAsciiWhitespace(part),
                                              freshness->add_positions());
    if (!decoded.ok() || freshness->positions().rbegin()->empty()) {
      return Invalid(kPositions, "must be positions in base 64, with commas");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadMs(absl::string_view header, absl::string_view text,
                    google::protobuf::Duration* duration) {
  int64_t ms = 0;
  if (!absl::SimpleAtoi(text, &ms) || ms < 0 || ms > kMaxMs) {
    return Invalid(header, "must be a whole number of milliseconds");
  }
  duration->set_seconds(ms / 1000);
  duration->set_nanos(static_cast<int32_t>(ms % 1000 * 1000000));
  return absl::OkStatus();
}

absl::Status ReadHeader(const HttpRequest::Header& header,
                        wire::Freshness* freshness) {
  const absl::string_view text = absl::StripAsciiWhitespace(header.value);
  if (header.name == kConsistency) return ReadConsistency(text, freshness);
  if (header.name == kPositions) return ReadPositions(text, freshness);
  if (header.name == kMaxStaleness) {
    return ReadMs(kMaxStaleness, text, freshness->mutable_max_staleness());
  }
  if (header.name == kWait) {
    return ReadMs(kWait, text, freshness->mutable_max_wait());
  }
  return absl::OkStatus();
}

// Takes one field; its bytes, if it is `number` and length-delimited, else
// nothing. False at the end.
bool NextField(absl::string_view* encoded, uint32_t number,
               std::optional<absl::string_view>* found) {
  uint64_t tag, value;
  absl::string_view bytes;
  found->reset();
  if (encoded->empty() || !ConsumeVarint(encoded, &tag)) return false;
  switch (tag & 7) {
    case 0:
      return ConsumeVarint(encoded, &value);
    case 2:
      if (!ConsumeBytes(encoded, &bytes)) return false;
      if (tag >> 3 == number) *found = bytes;
      return true;
    case 1:
    case 5: {
      const size_t size = (tag & 7) == 1 ? 8 : 4;
      if (encoded->size() < size) return false;
      encoded->remove_prefix(size);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

absl::Status AppendFreshness(const HttpRequest& request, uint32_t number,
                             std::string* encoded) {
  if (number == 0) return absl::OkStatus();
  wire::Freshness freshness;
  for (size_t i = 0; i < request.header_count(); ++i) {
    const HttpRequest::Header header = request.header(i);
    RETURN_IF_ERROR(ReadHeader(header, &freshness));
  }
  if (freshness.ByteSizeLong() > 0) {
    AppendField(number, freshness.SerializeAsString(), encoded);
  }
  return absl::OkStatus();
}

std::string PositionLine(uint32_t number, absl::string_view encoded) {
  std::string line;
  if (number == 0) return line;
  std::optional<absl::string_view> position;
  while (NextField(&encoded, number, &position)) {
    if (!position.has_value() || position->empty()) continue;
    absl::StrAppend(&line, line.empty() ? kPositionHeader : "",
                    line.empty() ? ": " : ",");
    const size_t at = line.size();
    line.resize(at + Base64Size(position->size()));
    EncodeBase64(*position, &line[at]);
  }
  if (!line.empty()) line += "\r\n";
  return line;
}

}  // namespace pallet::service::json
