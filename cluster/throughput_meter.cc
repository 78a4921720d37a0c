// SPDX-License-Identifier: Apache-2.0
#include "cluster/throughput_meter.h"

#include <algorithm>

#include "pallet/storage/v1/catalog.pb.h"

namespace pallet::cluster {
namespace {

constexpr double kBurstSeconds = 300;

bool AsksToBeHeld(const storage::v1::TableRecord& table) {
  return std::any_of(table.tags().begin(), table.tags().end(),
                     [](const storage::v1::TagRecord& tag) {
                       return tag.key() == kThroughputTag &&
                              tag.value() == kThroughputEnforced;
                     });
}

// `record` is the table's or an index's.
template <typename Record>
ThroughputLimits LimitsOf(const storage::v1::TableRecord& table,
                          const Record& record) {
  if (table.billing_mode() == storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST) {
    const auto& ceilings = record.on_demand_throughput();
    return {false, ceilings.max_read_request_units(),
            ceilings.max_write_request_units()};
  }
  if (!AsksToBeHeld(table)) return {};
  const auto& throughput = record.provisioned_throughput();
  return {true, throughput.read_capacity_units(),
          throughput.write_capacity_units()};
}

}  // namespace

ThroughputLimits ThroughputLimitsOf(const storage::v1::TableRecord& table) {
  return LimitsOf(table, table);
}

ThroughputLimits ThroughputLimitsOf(
    const storage::v1::TableRecord& table,
    const storage::v1::GlobalIndexRecord& index) {
  return LimitsOf(table, index);
}

ThroughputMeter::ThroughputMeter(Clock* clock, const ThroughputLimits& limits)
    : clock_(clock) {
  SetLimits(limits);
}

ThroughputLimits ThroughputMeter::limits() const {
  absl::MutexLock lock(&mutex_);
  return limits_;
}

void ThroughputMeter::SetLimits(const ThroughputLimits& limits) {
  absl::MutexLock lock(&mutex_);
  limits_ = limits;
  for (const UnitKind kind : {UnitKind::kRead, UnitKind::kWrite}) {
    const auto rate = static_cast<double>(
        kind == UnitKind::kRead ? limits.reads : limits.writes);
    Bucket& bucket = Filled(kind);
    if (bucket.rate == 0) bucket.units = rate;
    bucket.rate = rate;
    bucket.units = std::min(bucket.units, rate * kBurstSeconds);
  }
}

absl::Duration ThroughputMeter::WaitFor(UnitKind kind) {
  absl::MutexLock lock(&mutex_);
  const Bucket& bucket = Filled(kind);
  if (bucket.rate == 0 || bucket.units > 0) return absl::ZeroDuration();
  // A little more than nothing must be in it.
  return absl::Seconds(-bucket.units / bucket.rate) + absl::Milliseconds(1);
}

void ThroughputMeter::Charge(UnitKind kind, double units) {
  absl::MutexLock lock(&mutex_);
  Bucket& bucket = Filled(kind);
  if (bucket.rate > 0) bucket.units -= units;
}

ThroughputMeter::Bucket& ThroughputMeter::Filled(UnitKind kind) {
  Bucket& bucket = buckets_[static_cast<size_t>(kind)];
  const absl::Duration now = clock_->Monotonic();
  const double seconds = absl::ToDoubleSeconds(now - bucket.filled);
  bucket.filled = now;
  bucket.units = std::min(bucket.units + seconds * bucket.rate,
                          std::max(bucket.rate * kBurstSeconds, 0.0));
  return bucket;
}

}  // namespace pallet::cluster
