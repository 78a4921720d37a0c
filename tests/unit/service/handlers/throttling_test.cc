// SPDX-License-Identifier: Apache-2.0
//
// Tables that are held to their throughput: "slow" is on demand with ceilings
// of 2 read and 3 write units, "booked" is provisioned with as much.
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "pallet/v1/error_details.pb.h"
#include "service/throttling.h"
#include "tests/testing/table_definition.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kOnDemand[] =
    "THROTTLING: Throughput exceeds the maximum OnDemandThroughput configured "
    "on table or index";
constexpr char kProvisioned[] =
    "PROVISIONED_THROUGHPUT_EXCEEDED: The level of configured provisioned "
    "throughput for the table was exceeded. Consider increasing your "
    "provisioning level with the UpdateTable API.";

class ThrottlingTest : public HandlerTest {
 protected:
  ThrottlingTest() {
    Create("slow",
           "billing_mode: BILLING_MODE_PAY_PER_REQUEST on_demand_throughput { "
           "max_read_request_units: 2 max_write_request_units: 3 }");
    Create("booked", kBooked);
  }

  static constexpr char kBooked[] =
      "provisioned_throughput { read_capacity_units: 2 write_capacity_units: "
      "3 } ";
  static constexpr char kAsks[] =
      "tags { key: 'pallet:throughput' value: 'enforced' }";

  void Create(absl::string_view name, absl::string_view more) {
    ASSERT_THAT(
        Call("CreateTable",
             absl::StrCat("table_name: '", name,
                          "' attribute_definitions { attribute_name: 'pk' "
                          "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
                          "key_schema { attribute_name: 'pk' key_type: "
                          "KEY_TYPE_HASH } ",
                          more)),
        StartsWith("table_description"));
  }
  std::string PutInto(absl::string_view table, absl::string_view pk,
                      size_t bytes = 0) {
    return Call("PutItem",
                absl::StrCat("table_name: '", table, "' item {", Plain(pk),
                             S("v", std::string(bytes, 'v')), "}"));
  }
  std::string Get(absl::string_view table, absl::string_view pk,
                  absl::string_view more = "consistent_read: true") {
    return Call("GetItem", absl::StrCat("table_name: '", table, "' key {",
                                        Plain(pk), "} ", more));
  }
};

TEST_F(ThrottlingTest, Example) {
  EXPECT_EQ(PutInto("slow", "a", 5000), "");  // 5 units of 3
  EXPECT_EQ(PutInto("slow", "b"), kOnDemand);
  EXPECT_THAT(Get("slow", "b"), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(PutInto("slow", "b"), "");
}

TEST_F(ThrottlingTest, ReadsAreChargedWhatTheyTook) {
  ASSERT_EQ(PutInto("slow", "big", 11000), "");
  EXPECT_THAT(Get("slow", "big"), StartsWith("item"));  // 3 of 2
  EXPECT_EQ(Get("slow", "big"), kOnDemand);
  EXPECT_EQ(Call("Scan", "table_name: 'slow'"), kOnDemand);
  clock_.Advance(absl::Milliseconds(501));
  EXPECT_THAT(Call("Scan", "table_name: 'slow'"), StartsWith("items"));
  EXPECT_EQ(Get("slow", "big"), kOnDemand);
}

TEST_F(ThrottlingTest, ReadsOfGlobalIndexesAreNotThoseOfTheTable) {
  const auto table =
      host_->UpdateTable("slow", [](storage::v1::TableRecord& record) {
        testing::AddGlobalIndex("by-w", {"w"}, &record);
        return absl::OkStatus();
      });
  ASSERT_TRUE(table.ok()) << table.status();
  const cluster::IndexId index = (*table)->global_indexes[0].id;
  ASSERT_TRUE(host_->ActivateIndexes("slow", {index}).ok());
  constexpr char kScan[] = "table_name: 'slow' index_name: 'by-w'";
  for (int i = 0; i < 9; ++i) EXPECT_EQ(Call("Scan", kScan), "");
  // They took nothing of it, and do not ask it.
  ASSERT_EQ(PutInto("slow", "big", 11000), "");
  EXPECT_THAT(Get("slow", "big"), StartsWith("item"));
  EXPECT_EQ(Call("Scan", "table_name: 'slow'"), kOnDemand);
  EXPECT_EQ(Call("Scan", kScan), "");
}

TEST_F(ThrottlingTest, TransactionsAreChargedForConditionsThatFail) {
  ASSERT_EQ(PutInto("slow", "a", 2900), "");  // 3 units of 3
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(
      Call("TransactWriteItems",
           absl::StrCat("transact_items { condition_check { table_name: "
                        "'slow' key {",
                        Plain("a"),
                        "} condition_expression: "
                        "'attribute_not_exists(pk)' } }")),
      HasSubstr("[ConditionalCheckFailed]"));  // 6 units
  EXPECT_EQ(PutInto("slow", "b"), kOnDemand);
  clock_.Advance(absl::Milliseconds(1001));
  EXPECT_EQ(PutInto("slow", "b"), "");
}

TEST_F(ThrottlingTest, WritesThatWaitedMayBurst) {
  clock_.Advance(absl::Minutes(10));
  for (int i = 0; i < 900; ++i) ASSERT_EQ(PutInto("slow", "a"), "") << i;
  EXPECT_EQ(PutInto("slow", "a"), kOnDemand);
}

TEST_F(ThrottlingTest, ProvisionedTablesAreHeldIfTheyAsk) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(PutInto("booked", "a"), "");
  const std::string arn =
      "resource_arn: 'arn:aws:dynamodb:local:000000000000:table/booked' ";
  ASSERT_EQ(Call("TagResource", arn + kAsks), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PutInto("booked", "a"), "");
  EXPECT_EQ(PutInto("booked", "a"), kProvisioned);
  // More is had at once.
  ASSERT_THAT(Call("UpdateTable",
                   "table_name: 'booked' provisioned_throughput { "
                   "read_capacity_units: 2 write_capacity_units: 300 }"),
              StartsWith("table_description"));
  clock_.Advance(absl::Milliseconds(10));
  EXPECT_EQ(PutInto("booked", "a"), "");
  ASSERT_EQ(Call("UntagResource", arn + "tag_keys: 'pallet:throughput'"), "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(PutInto("booked", "a"), "");
}

TEST_F(ThrottlingTest, TablesMayAskWhenTheyAreMade) {
  Create("asking", absl::StrCat(kBooked, kAsks));
  EXPECT_EQ(PutInto("asking", "a", 3000), "");
  EXPECT_EQ(PutInto("asking", "a"), kProvisioned);
}

TEST_F(ThrottlingTest, RefusalsTellTheReasonAndWhenToComeBack) {
  ASSERT_EQ(PutInto("slow", "a", 5000), "");  // 3 below nothing
  const cluster::TablePtr table = host_->FindTable("slow");
  const absl::Status refused = Admit(*table, UnitKind::kWrite);
  ASSERT_FALSE(refused.ok());
  const auto detail = [&](absl::string_view type) {
    const auto payload =
        refused.GetPayload(absl::StrCat("type.googleapis.com/", type));
    return payload.has_value() ? std::string(*payload) : "";
  };
  v1::Throttling throttling;
  ASSERT_TRUE(throttling.ParseFromString(detail("pallet.v1.Throttling")));
  EXPECT_EQ(throttling.ShortDebugString(),
            "throttling_reasons { reason: "
            "\"TableWriteMaxOnDemandThroughputExceeded\" resource: "
            "\"arn:aws:dynamodb:local:000000000000:table/slow\" }");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(detail("google.rpc.RetryInfo")));
  EXPECT_EQ(retry.retry_delay().seconds(), 0);
  EXPECT_GT(retry.retry_delay().nanos(), 600'000'000);
  EXPECT_TRUE(Admit(*table, UnitKind::kRead).ok());
  EXPECT_TRUE(Admit(*host_->FindTable("plain"), UnitKind::kWrite).ok());
  EXPECT_EQ(host_->FindTable("plain")->meter, nullptr);
}

TEST_F(ThrottlingTest, BatchesLeaveTheRestUnprocessed) {
  const auto get = [&](absl::string_view tables) {
    return Call("BatchGetItem", tables);
  };
  const std::string slow = absl::StrCat(
      "request_items { key: 'slow' value { consistent_read: true "
      "keys {",
      Plain("a"), "} keys {", Plain("b"), "} keys {", Plain("c"), "} } }");
  EXPECT_THAT(get(slow),
              HasSubstr("unprocessed_keys { key: \"slow\" value { keys { "
                        "attributes { key: \"pk\" value { s: \"c\" } } }"));
  EXPECT_EQ(get(slow), kOnDemand);
  const std::string plain = absl::StrCat(
      "request_items { key: 'plain' value { keys {", Plain("a"), "} } }");
  EXPECT_THAT(get(slow + plain), HasSubstr("unprocessed_keys"));

  const auto write = [&](absl::string_view table) {
    return absl::StrCat("request_items { key: '", table,
                        "' value { requests { put_request { item {", Plain("w"),
                        "} } } } }");
  };
  ASSERT_EQ(PutInto("slow", "a", 5000), "");
  EXPECT_EQ(Call("BatchWriteItem", write("slow")), kOnDemand);
  EXPECT_THAT(Call("BatchWriteItem", write("slow") + write("plain")),
              StartsWith("unprocessed_items { key: \"slow\""));
}

// Indexes by "who", of everything.
class IndexThrottlingTest : public ThrottlingTest {
 protected:
  static std::string ByWho(absl::string_view throughput) {
    return absl::StrCat(
        " attribute_definitions { attribute_name: 'who' attribute_type: "
        "SCALAR_ATTRIBUTE_TYPE_S } global_secondary_indexes { index_name: "
        "'by-who' key_schema { attribute_name: 'who' key_type: KEY_TYPE_HASH } "
        "projection { projection_type: PROJECTION_TYPE_ALL } ",
        throughput, " } ");
  }
  static constexpr char kLarge[] =
      "provisioned_throughput { read_capacity_units: 100 "
      "write_capacity_units: 100 } ";
  static constexpr char kSmall[] =
      "provisioned_throughput { read_capacity_units: 1 write_capacity_units: "
      "3 } ";
  static constexpr char kIndexProvisioned[] =
      "PROVISIONED_THROUGHPUT_EXCEEDED: The level of configured provisioned "
      "throughput for one or more global secondary indexes of the table was "
      "exceeded. Consider increasing your provisioning level for the "
      "under-provisioned global secondary indexes with the UpdateTable API";

  std::string PutOf(absl::string_view table, absl::string_view pk,
                    absl::string_view who, size_t bytes) {
    return Call("PutItem", absl::StrCat("table_name: '", table, "' item {",
                                        Plain(pk), S("who", who),
                                        S("v", std::string(bytes, 'v')), "}"));
  }
  std::string Read(absl::string_view table) {
    return Call("Scan",
                absl::StrCat("table_name: '", table, "' index_name: 'by-who'"));
  }
};

TEST_F(IndexThrottlingTest, ProvisionedIndexesOfTablesThatAsk) {
  Create("wide", absl::StrCat(kLarge, kAsks, ByWho(kSmall)));
  EXPECT_EQ(PutOf("wide", "a", "ann", 4000), "");  // 4 units of 3
  EXPECT_EQ(PutOf("wide", "b", "bob", 1), kIndexProvisioned);
  EXPECT_EQ(Call("DeleteItem",
                 absl::StrCat("table_name: 'wide' key {", Plain("a"), "}")),
            kIndexProvisioned);
  const auto put_into = [](absl::string_view table) {
    return absl::StrCat("request_items { key: '", table,
                        "' value { requests { put_request { item {", Plain("c"),
                        "} } } } }");
  };
  EXPECT_THAT(Call("BatchWriteItem", put_into("wide") + put_into("plain")),
              HasSubstr("unprocessed_items { key: \"wide\""));
  EXPECT_THAT(Get("wide", "a"), StartsWith("item"));  // the table is free
  clock_.Advance(absl::Milliseconds(334));
  EXPECT_EQ(PutInto("wide", "b"), "");  // not in the index, takes nothing of it
  EXPECT_EQ(PutOf("wide", "b", "bob", 1), "");
  // Reads of the index, half a unit each, take nothing of the table.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read("wide"), "");  // 1.5 of 1.334
  EXPECT_EQ(Read("wide"), kIndexProvisioned);
  EXPECT_THAT(Call("Scan", "table_name: 'wide'"), StartsWith("items"));
  clock_.Advance(absl::Milliseconds(200));
  EXPECT_EQ(Read("wide"), "");
}

TEST_F(IndexThrottlingTest, AMoveTakesADeleteAndAPut) {
  Create("wide", absl::StrCat(kLarge, kAsks, ByWho(kSmall)));
  EXPECT_EQ(PutOf("wide", "a", "ann", 1), "");
  EXPECT_EQ(PutOf("wide", "a", "bob", 1), "");  // 2 units: 3 are gone
  EXPECT_EQ(PutOf("wide", "a", "bob", 1), kIndexProvisioned);
}

TEST_F(IndexThrottlingTest, ProvisionedIndexesOfOtherTablesAreFree) {
  Create("wide", absl::StrCat(kLarge, ByWho(kSmall)));
  EXPECT_EQ(PutOf("wide", "a", "ann", 9000), "");
  EXPECT_EQ(PutOf("wide", "b", "bob", 1), "");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Read("wide"), "");
}

TEST_F(IndexThrottlingTest, CeilingsOnDemand) {
  Create("wide",
         absl::StrCat("billing_mode: BILLING_MODE_PAY_PER_REQUEST ",
                      ByWho("on_demand_throughput { max_read_request_units: 1 "
                            "max_write_request_units: 2 }")));
  EXPECT_EQ(PutOf("wide", "a", "ann", 3000), "");
  EXPECT_EQ(PutOf("wide", "b", "bob", 1), kOnDemand);
  EXPECT_EQ(Read("wide"), "");
  EXPECT_EQ(Read("wide"), "");
  EXPECT_EQ(Read("wide"), kOnDemand);
  // Dropped, it holds up nobody.
  EXPECT_THAT(Call("UpdateTable",
                   "table_name: 'wide' global_secondary_index_updates { delete "
                   "{ index_name: 'by-who' } }"),
              StartsWith("table_description"));
  EXPECT_EQ(PutOf("wide", "b", "bob", 1), "");
}

TEST_F(IndexThrottlingTest, TheReasonNamesTheIndex) {
  Create("wide", absl::StrCat(kLarge, kAsks, ByWho(kSmall)));
  PutOf("wide", "a", "ann", 4000);
  const cluster::TablePtr table = host_->FindTable("wide");
  const absl::Status status = Admit(*table, UnitKind::kWrite);
  EXPECT_TRUE(IsThrottling(status));
  EXPECT_TRUE(Admit(*table, UnitKind::kRead).ok());
  const auto payload =
      status.GetPayload(absl::StrCat(kDetailPrefix, "pallet.v1.Throttling"));
  ASSERT_TRUE(payload.has_value());
  v1::Throttling throttling;
  ASSERT_TRUE(throttling.ParseFromString(std::string(*payload)));
  ASSERT_EQ(throttling.throttling_reasons_size(), 1);
  EXPECT_EQ(throttling.throttling_reasons(0).reason(),
            "IndexWriteProvisionedThroughputExceeded");
  EXPECT_EQ(throttling.throttling_reasons(0).resource(),
            "arn:aws:dynamodb:local:000000000000:table/wide/index/by-who");
}

}  // namespace
}  // namespace pallet::service
