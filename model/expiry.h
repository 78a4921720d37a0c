// SPDX-License-Identifier: Apache-2.0
//
// When an item expires: the attribute that its table names says so, in seconds
// since 1970. Nothing but a top-level N that is a whole number counts; with
// anything else the item stays (docs/adr/0019-time-to-live.md).
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/item_view.h"

namespace pallet::model {

// The end of the year 9999. What is later is no time in seconds (more likely
// one in milliseconds) and never comes.
inline constexpr int64_t kLastExpiry = 253'402'300'799;

// Whoever expired longer ago stays. The years have 365 days: in doubt an item is
// kept.
inline constexpr int64_t kExpirySecondsKept = int64_t{5} * 365 * 24 * 60 * 60;

// Seconds since 1970, 0..kLastExpiry; nullopt: never.
std::optional<int64_t> ExpiryOf(ItemView item, absl::string_view attribute);

// Whether an item of that expiry is to go: from its very second on, for
// kExpirySecondsKept.
bool HasExpired(int64_t expiry, absl::Time now);

}  // namespace pallet::model
