// SPDX-License-Identifier: Apache-2.0
#include "model/expiry.h"

namespace pallet::model {

std::optional<int64_t> ExpiryOf(ItemView item, absl::string_view attribute) {
  const std::optional<ValueView> value = item.Find(attribute);
  if (!value.has_value() || value->kind() != ValueKind::kNumber) {
    return std::nullopt;
  }
  // A normal text has no exponent, and a point only before a fraction.
  int64_t seconds = 0;
  for (const char c : value->scalar()) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = seconds * 10 + (c - '0');
    if (seconds > kLastExpiry) return std::nullopt;
  }
  return seconds;
}

bool HasExpired(int64_t expiry, absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  return expiry <= seconds && seconds - expiry <= kExpirySecondsKept;
}

}  // namespace pallet::model
