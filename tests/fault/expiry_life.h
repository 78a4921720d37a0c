// SPDX-License-Identifier: Apache-2.0
//
// What expiry_worker and expiry_kill9_test agree on: the table of stream_life.h
// with a time to live, and writers that note in a journal what they put:
//
//   B <key> <value>   it begins
//   D <key> <value>   done
//   value := <number> ['@' <seconds since 1970 at which it expires>]
//
// They delete nothing: what is gone has expired.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "pallet/v1/item.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/fault/stream_life.h"

namespace pallet::testing {

inline constexpr int kExpiryWriters = 3;
inline constexpr int kKeysOfExpiryWriter = 200;

// nullopt: never.
inline std::optional<int64_t> ExpiryOfValue(const std::string& value) {
  const size_t at = value.find('@');
  if (at == std::string::npos) return std::nullopt;
  int64_t seconds = 0;
  CHECK(absl::SimpleAtoi(value.substr(at + 1), &seconds)) << value;
  return seconds;
}

inline void SetTimeToLive(TransactionNode& node, bool enabled) {
  v1::UpdateTimeToLiveRequest request;
  request.set_table_name(kStreamTable);
  request.mutable_time_to_live_specification()->set_enabled(enabled);
  request.mutable_time_to_live_specification()->set_attribute_name("t");
  const auto set =
      node.Call<v1::UpdateTimeToLiveResponse>("UpdateTimeToLive", request);
  CHECK(set.ok()) << set.status();
}

// With its stream and its time to live.
inline void MakeExpiryTable(TransactionNode& node) {
  MakeStreamTable(node);
  if (!node.host().FindTable(kStreamTable)->time_to_live.has_value()) {
    SetTimeToLive(node, true);
  }
}

// Puts items that have expired, expire soon, in a day or never, over and over at
// the same keys.
class ExpiryWriter {
 public:
  ExpiryWriter(TransactionNode* node, int journal, int round, int number,
               uint64_t seed)
      : node_(node),
        journal_(journal),
        name_(absl::StrCat("r", round, "w", number)),
        random_(seed) {}

  void Step() {
    const std::string key =
        absl::StrCat(name_, "k", random_.Below(kKeysOfExpiryWriter));
    std::string value = absl::StrCat(name_, ".", ++values_);
    const int64_t now = absl::ToUnixSeconds(Clock::Real()->Now());
    std::optional<int64_t> expiry;
    switch (random_.Below(4)) {
      case 0:
        expiry = now - static_cast<int64_t>(random_.Below(100));
        break;
      case 1:
        expiry = now + static_cast<int64_t>(random_.Below(2));
        break;
      case 2:
        expiry = now + 24 * 60 * 60;
        break;
      default:
        break;
    }
    v1::PutItemRequest request;
    request.set_table_name(kStreamTable);
    auto& attributes = *request.mutable_item()->mutable_attributes();
    if (expiry.has_value()) {
      absl::StrAppend(&value, "@", *expiry);
      attributes["t"].set_n(absl::StrCat(*expiry));
    }
    attributes["pk"].set_s(key);
    attributes["v"].set_s(value);
    AppendLine(journal_, absl::StrCat("B ", key, " ", value));
    const auto put = node_->Call<v1::PutItemResponse>("PutItem", request);
    CHECK(put.ok()) << put.status();
    AppendLine(journal_, absl::StrCat("D ", key, " ", value));
  }

 private:
  TransactionNode* const node_;
  const int journal_;
  const std::string name_;
  Random random_;
  uint64_t values_ = 0;
};

}  // namespace pallet::testing
