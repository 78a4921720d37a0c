// SPDX-License-Identifier: Apache-2.0
#include "cluster/throughput_meter.h"

#include "gtest/gtest.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/testing/manual_clock.h"

namespace pallet::cluster {
namespace {

using testing::ManualClock;

constexpr absl::Duration kGoOn = absl::ZeroDuration();

class ThroughputMeterTest : public ::testing::Test {
 protected:
  bool Admits(UnitKind kind) { return meter_.WaitFor(kind) == kGoOn; }

  ManualClock clock_;
  ThroughputMeter meter_{&clock_,
                         {.provisioned = true, .reads = 2, .writes = 5}};
};

TEST_F(ThroughputMeterTest, Example) {
  EXPECT_TRUE(Admits(UnitKind::kRead));
  meter_.Charge(UnitKind::kRead, 2);
  EXPECT_FALSE(Admits(UnitKind::kRead));
  EXPECT_TRUE(Admits(UnitKind::kWrite));
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(Admits(UnitKind::kRead));
}

TEST_F(ThroughputMeterTest, WhatARequestTookTooMuchIsPaidOffByLaterOnes) {
  meter_.Charge(UnitKind::kRead, 12);  // 10 below nothing
  const absl::Duration wait = meter_.WaitFor(UnitKind::kRead);
  EXPECT_GT(wait, absl::Seconds(5));
  EXPECT_LT(wait, absl::Seconds(5.1));
  clock_.Advance(absl::Seconds(5));
  EXPECT_FALSE(Admits(UnitKind::kRead));
  clock_.Advance(wait - absl::Seconds(5));
  EXPECT_TRUE(Admits(UnitKind::kRead));
}

TEST_F(ThroughputMeterTest, UnusedUnitsAreKeptFor300Seconds) {
  clock_.Advance(absl::Hours(1));
  meter_.Charge(UnitKind::kRead, 599);
  EXPECT_TRUE(Admits(UnitKind::kRead));
  meter_.Charge(UnitKind::kRead, 1);
  EXPECT_FALSE(Admits(UnitKind::kRead));
}

TEST_F(ThroughputMeterTest, NewLimitsKeepWhatTheBucketsHold) {
  meter_.Charge(UnitKind::kWrite, 10);  // 5 below nothing
  meter_.SetLimits({.provisioned = true, .reads = 0, .writes = 50});
  EXPECT_FALSE(Admits(UnitKind::kWrite));
  clock_.Advance(absl::Milliseconds(101));
  EXPECT_TRUE(Admits(UnitKind::kWrite));
  // There is no limit of reads any more.
  meter_.Charge(UnitKind::kRead, 1000);
  EXPECT_TRUE(Admits(UnitKind::kRead));
}

TEST(ThroughputLimitsTest, OnDemandTablesAskByTheirCeilings) {
  storage::v1::TableRecord table;
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  EXPECT_FALSE(ThroughputLimitsOf(table).any());
  table.mutable_on_demand_throughput()->set_max_write_request_units(7);
  EXPECT_EQ(ThroughputLimitsOf(table), (ThroughputLimits{false, 0, 7}));
}

TEST(ThroughputLimitsTest, ProvisionedTablesAskByATag) {
  storage::v1::TableRecord table;
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PROVISIONED);
  table.mutable_provisioned_throughput()->set_read_capacity_units(3);
  table.mutable_provisioned_throughput()->set_write_capacity_units(4);
  EXPECT_FALSE(ThroughputLimitsOf(table).any());
  storage::v1::TagRecord* tag = table.add_tags();
  tag->set_key(kThroughputTag);
  tag->set_value("off");
  EXPECT_FALSE(ThroughputLimitsOf(table).any());
  tag->set_value(kThroughputEnforced);
  EXPECT_EQ(ThroughputLimitsOf(table), (ThroughputLimits{true, 3, 4}));
}

}  // namespace
}  // namespace pallet::cluster
