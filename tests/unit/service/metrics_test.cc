// SPDX-License-Identifier: Apache-2.0
#include "service/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, Example) {
  Metrics metrics(Clock::Real());
  OperationMetrics* get_item = metrics.Operation("GetItem");
  get_item->Started();
  get_item->Finished(absl::StatusCode::kOk, absl::Microseconds(150));
  get_item->Started();
  get_item->Finished(absl::StatusCode::kNotFound, absl::Milliseconds(3));
  get_item->Started();

  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("pallet_operations_total{operation=\"GetItem\","
                              "code=\"OK\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("pallet_operations_total{operation=\"GetItem\","
                              "code=\"NOT_FOUND\"} 1\n"));
  EXPECT_THAT(
      text, HasSubstr("pallet_operations_in_flight{operation=\"GetItem\"} 1"));
  EXPECT_THAT(text, HasSubstr("# TYPE pallet_operation_seconds histogram"));
  EXPECT_THAT(text, HasSubstr("pallet_operation_seconds_bucket{operation="
                              "\"GetItem\",le=\"0.0002\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("pallet_operation_seconds_bucket{operation="
                              "\"GetItem\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr("pallet_operation_seconds_count{operation=\"GetItem\"} 2"));
}

TEST(MetricsTest, AnOperationHasOneSetOfCounters) {
  Metrics metrics(Clock::Real());
  EXPECT_EQ(metrics.Operation("Query"), metrics.Operation("Query"));
  EXPECT_NE(metrics.Operation("Query"), metrics.Operation("Scan"));
  EXPECT_EQ(metrics.Stream("Pipeline"), metrics.Stream("Pipeline"));
}

TEST(MetricsTest, LatencyOnABoundFallsBelowIt) {
  Metrics metrics(Clock::Real());
  OperationMetrics* operation = metrics.Operation("PutItem");
  operation->Started();
  operation->Finished(absl::StatusCode::kOk, absl::Microseconds(50));
  EXPECT_THAT(metrics.Text(),
              HasSubstr("operation=\"PutItem\",le=\"5e-05\"} 1\n"));
}

TEST(MetricsTest, StoresAreSampledWhenAsked) {
  Metrics metrics(Clock::Real());
  storage::StoreMetrics sample;
  sample.batches = 7;
  sample.fenced = true;
  metrics.SetStoreSource([&] {
    return std::vector<StoreSample>{{"0", sample}, {"1", {}}};
  });
  EXPECT_THAT(metrics.Text(),
              HasSubstr("pallet_store_batches_total{store=\"0\"} 7"));
  EXPECT_THAT(metrics.Text(), HasSubstr("pallet_store_fenced{store=\"0\"} 1"));
  EXPECT_THAT(metrics.Text(), HasSubstr("pallet_store_fenced{store=\"1\"} 0"));
  metrics.SetStoreSource(nullptr);
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("pallet_store")));
}

TEST(MetricsTest, GlobalIndexesAreSampledWhenAsked) {
  Metrics metrics(Clock::Real());
  IndexSample sample;
  sample.table = "cities";
  sample.index = "by-zone";
  sample.changes_behind = 12;
  sample.seconds_behind = 0.5;
  metrics.SetIndexSource([&] { return std::vector<IndexSample>{sample}; });
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("pallet_index_changes_behind{table=\"cities\","
                              "index=\"by-zone\"} 12"));
  EXPECT_THAT(text, HasSubstr("pallet_index_seconds_behind{table=\"cities\","
                              "index=\"by-zone\"} 0.5"));
  EXPECT_THAT(text, HasSubstr("pallet_index_active{table=\"cities\","
                              "index=\"by-zone\"} 0"));
}

TEST(MetricsTest, ExpiryAndFeedsAreSampledWhenAsked) {
  Metrics metrics(Clock::Real());
  metrics.SetExpirySource([] {
    return ExpirySample{.items = 4,
                        .seconds_late = 2.5,
                        .clock_in_doubt = true,
                        .tables = {{"visits", 3, 0.25}}};
  });
  metrics.SetFeedSource([] {
    return FeedSample{.records_trimmed = 7,
                      .watches = 2,
                      .watches_limit = 9,
                      .tables = {{"visits", 11, 60}, {"words", 0, 0}}};
  });
  const std::string text = metrics.Text();
  for (const char* line :
       {"pallet_expiry_items_total 4\n",
        "pallet_expiry_late_seconds_total 2.5\n",
        "pallet_expiry_clock_in_doubt 1\n",
        "pallet_expiry_due_items{table=\"visits\"} 3\n",
        "pallet_expiry_due_seconds{table=\"visits\"} 0.25\n",
        "pallet_stream_records_trimmed_total 7\n", "pallet_watches_open 2\n",
        "pallet_watches_limit 9\n",
        "pallet_stream_records{table=\"visits\"} 11\n",
        "pallet_stream_records{table=\"words\"} 0\n",
        "pallet_stream_oldest_seconds{table=\"visits\"} 60\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, AClusterIsSampledWhenAsked) {
  Metrics metrics(Clock::Real());
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("pallet_cluster")));
  metrics.SetClusterSource([] {
    return ClusterSample{.members_alive = 2,
                         .members_lost = 1,
                         .has_leader = true,
                         .leads = true,
                         .sessions = 3,
                         .calls_waiting = 5,
                         .etcd_silent_seconds = 1.5,
                         .leaders = 6,
                         .followers = 7,
                         .candidates = 8,
                         .not_serving = 9,
                         .frames_sent = 10,
                         .packets_sent = 11,
                         .packets_dropped = 12,
                         .tables = {{"cities", "", 13}, {"cities", "zip", 14}}};
  });
  const std::string text = metrics.Text();
  for (const char* line :
       {"pallet_cluster_members{state=\"alive\"} 2\n",
        "pallet_cluster_members{state=\"lost\"} 1\n",
        "pallet_cluster_has_leader 1\n", "pallet_cluster_leads 1\n",
        "pallet_cluster_sessions_total 3\n", "pallet_cluster_calls_waiting 5\n",
        "pallet_cluster_etcd_silent_seconds 1.5\n",
        "pallet_replicas{role=\"leader\"} 6\n",
        "pallet_replicas{role=\"follower\"} 7\n",
        "pallet_replicas{role=\"candidate\"} 8\n",
        "pallet_replicas_not_serving 9\n", "pallet_peer_frames_total 10\n",
        "pallet_peer_packets_total 11\n",
        "pallet_peer_packets_dropped_total 12\n",
        "pallet_replica_applied_entries{table=\"cities\",index=\"\"} 13\n",
        "pallet_replica_applied_entries{table=\"cities\",index=\"zip\"} "
        "14\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, TellsOfTheProcess) {
  Metrics metrics(Clock::Real());
  EXPECT_THAT(metrics.Text(), HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(metrics.Text(), HasSubstr("pallet_info{version=\""));
}

}  // namespace
}  // namespace pallet::service
