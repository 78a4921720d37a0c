// SPDX-License-Identifier: Apache-2.0
//
// Global secondary indexes of tables: CreateTable, UpdateTable, DescribeTable and
// DeleteTable, and what is refused.
//
// The table "places" has pk S and sk N, and is PAY_PER_REQUEST.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kPerRequest[] = " billing_mode: BILLING_MODE_PAY_PER_REQUEST ";
constexpr char kOneOnly[] =
    "LIMIT_EXCEEDED: Subscriber limit exceeded: Only 1 online index can be "
    "created or deleted simultaneously per table";

std::string Attribute(absl::string_view name, absl::string_view type = "S") {
  return absl::StrCat(" attribute_definitions { attribute_name: '", name,
                      "' attribute_type: SCALAR_ATTRIBUTE_TYPE_", type, " }");
}

std::string Hash(absl::string_view name) {
  return absl::StrCat(" key_schema { attribute_name: '", name,
                      "' key_type: KEY_TYPE_HASH }");
}
std::string Range(absl::string_view name) {
  return absl::StrCat(" key_schema { attribute_name: '", name,
                      "' key_type: KEY_TYPE_RANGE }");
}

std::string Units(int read, int write) {
  return absl::StrCat(" provisioned_throughput { read_capacity_units: ", read,
                      " write_capacity_units: ", write, " }");
}

// By one attribute, with all.
std::string Index(absl::string_view name, absl::string_view hash,
                  absl::string_view more = "") {
  return absl::StrCat(" index_name: '", name, "'", Hash(hash),
                      " projection { projection_type: PROJECTION_TYPE_ALL }",
                      more);
}

std::string NewIndex(absl::string_view index) {
  return absl::StrCat(" global_secondary_indexes {", index, " }");
}
std::string Creating(absl::string_view index) {
  return absl::StrCat(" global_secondary_index_updates { create {", index,
                      " } }");
}
std::string Deleting(absl::string_view name) {
  return absl::StrCat(
      " global_secondary_index_updates { delete { index_name: '", name,
      "' } }");
}
std::string Updating(absl::string_view name, absl::string_view what) {
  return absl::StrCat(
      " global_secondary_index_updates { update { index_name: '", name, "' ",
      what, " } }");
}

class GlobalIndexTableTest : public HandlerTest {
 protected:
  GlobalIndexTableTest() {
    const std::string made = Create("places", "");
    CHECK(host_->FindTable("places") != nullptr) << made;
  }

  // More attributes and indexes of a table by pk and sk.
  std::string Create(absl::string_view name, absl::string_view more,
                     absl::string_view billing = kPerRequest) {
    return Call(
        "CreateTable",
        absl::StrCat("table_name: '", name, "'", billing, Attribute("pk"),
                     Attribute("sk", "N"), Hash("pk"), Range("sk"), more));
  }
  std::string Update(absl::string_view more,
                     absl::string_view table = "places") {
    return Call("UpdateTable",
                absl::StrCat("table_name: '", table, "' ", more));
  }

  v1::TableDescription Describe(absl::string_view name = "places") {
    v1::DescribeTableResponse response;
    const std::string text =
        Call("DescribeTable", absl::StrCat("table_name: '", name, "'"));
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response.table();
  }

  // "by-name/ACTIVE by-zone/CREATING"
  std::string Indexes(absl::string_view name = "places") {
    return absl::StrJoin(
        Describe(name).global_secondary_indexes(), " ",
        [](std::string* out, const v1::GlobalSecondaryIndexDescription& each) {
          EXPECT_EQ(each.backfilling(),
                    each.index_status() == v1::INDEX_STATUS_CREATING);
          absl::StrAppend(out, each.index_name(), "/",
                          v1::IndexStatus_Name(each.index_status())
                              .substr(strlen("INDEX_STATUS_")));
        });
  }

  std::string Attributes(absl::string_view name = "places") {
    return absl::StrJoin(Describe(name).attribute_definitions(), " ",
                         [](std::string* out, const auto& each) {
                           absl::StrAppend(out, each.attribute_name());
                         });
  }
};

TEST_F(GlobalIndexTableTest, Example) {
  const std::string made = Create(
      "cities",
      absl::StrCat(Attribute("country"), Attribute("people", "N"),
                   Attribute("name"), NewIndex(Index("by-name", "name")),
                   NewIndex(absl::StrCat(
                       " index_name: 'by-people'", Hash("country"), Hash("sk"),
                       Range("people"),
                       " projection { projection_type: PROJECTION_TYPE_INCLUDE "
                       "non_key_attributes: 'x' }"))));
  EXPECT_THAT(made, HasSubstr("INDEX_STATUS_ACTIVE"));
  EXPECT_EQ(Indexes("cities"), "by-name/ACTIVE by-people/ACTIVE");
  EXPECT_EQ(Attributes("cities"), "pk sk country people name");
  const v1::GlobalSecondaryIndexDescription index =
      Describe("cities").global_secondary_indexes(1);
  EXPECT_EQ(index.ShortDebugString(),
            "index_name: \"by-people\" "
            "key_schema { attribute_name: \"country\" "
            "key_type: KEY_TYPE_HASH } "
            "key_schema { attribute_name: \"sk\" key_type: KEY_TYPE_HASH } "
            "key_schema { attribute_name: \"people\" "
            "key_type: KEY_TYPE_RANGE } "
            "projection { projection_type: PROJECTION_TYPE_INCLUDE "
            "non_key_attributes: \"x\" } "
            "index_status: INDEX_STATUS_ACTIVE "
            "provisioned_throughput { } "
            "index_arn: \"arn:aws:dynamodb:local:000000000000:table/cities/"
            "index/by-people\" "
            "warm_throughput { read_units_per_second: 12000 "
            "write_units_per_second: 4000 status: TABLE_STATUS_ACTIVE } "
            "progress { time_behind { } }");
  EXPECT_THAT(index_keeper_.heard, ElementsAre("changed cities"));
  EXPECT_THAT(Call("DeleteTable", "table_name: 'cities'"),
              HasSubstr("by-people"));
  EXPECT_THAT(index_keeper_.heard,
              ElementsAre("changed cities", "gone cities"));
}

TEST_F(GlobalIndexTableTest, NobodyIsToldOfTablesThatNeverHadAny) {
  Update("deletion_protection_enabled: true");
  Update("deletion_protection_enabled: false");
  Call("DeleteTable", "table_name: 'places'");
  EXPECT_THAT(index_keeper_.heard, IsEmpty());
}

TEST_F(GlobalIndexTableTest, IndexesComeAndGo) {
  EXPECT_THAT(Update(absl::StrCat(Attribute("name"),
                                  Creating(Index("by-name", "name")))),
              HasSubstr("INDEX_STATUS_ACTIVE"));
  EXPECT_EQ(Attributes(), "pk sk name");
  // Definitions are a delta: what is there need not come again, what nobody
  // names is left out.
  Update(absl::StrCat(Attribute("zone"), Attribute("spare", "B"),
                      Creating(Index("by-zone", "zone", Range("name")))));
  EXPECT_EQ(Indexes(), "by-name/ACTIVE by-zone/ACTIVE");
  EXPECT_EQ(Attributes(), "pk sk name zone");
  Update(Deleting("by-name"));
  EXPECT_EQ(Attributes(), "pk sk name zone");
  Update(Deleting("by-zone"));
  EXPECT_EQ(Indexes(), "");
  EXPECT_EQ(Attributes(), "pk sk");
  EXPECT_EQ(index_keeper_.heard.size(), 4u);
}

TEST_F(GlobalIndexTableTest, OneAtATimeUnlessAskedForMore) {
  const std::string two = absl::StrCat(Attribute("name"), Attribute("zone"),
                                       Creating(Index("by-name", "name")),
                                       Creating(Index("by-zone", "zone")));
  EXPECT_EQ(Update(two), kOneOnly);
  EXPECT_EQ(Indexes(), "");
  Update(absl::StrCat(two, " allow_several_index_changes: true"));
  EXPECT_EQ(Indexes(), "by-name/ACTIVE by-zone/ACTIVE");
  EXPECT_EQ(host_->FindTable("places")->schema_version, 1u);
  const std::string swap =
      absl::StrCat(Deleting("by-name"), Deleting("by-zone"),
                   Creating(Index("again", "name")));
  EXPECT_EQ(Update(swap), kOneOnly);
  Update(absl::StrCat(swap, " allow_several_index_changes: true"));
  EXPECT_EQ(Indexes(), "again/ACTIVE");
  EXPECT_EQ(Attributes(), "pk sk name");
}

TEST_F(GlobalIndexTableTest, OneThatIsFilledIsTheOneAtATime) {
  index_keeper_.activates = false;
  Update(absl::StrCat(Attribute("name"), Creating(Index("by-name", "name"))));
  EXPECT_EQ(Indexes(), "by-name/CREATING");
  const std::string next =
      absl::StrCat(Attribute("zone"), Creating(Index("by-zone", "zone")));
  EXPECT_EQ(Update(next), kOneOnly);
  Update(absl::StrCat(next, " allow_several_index_changes: true"));
  EXPECT_EQ(Indexes(), "by-name/CREATING by-zone/CREATING");
  EXPECT_EQ(Update(Deleting("by-name")), kOneOnly);
  EXPECT_THAT(Update(Deleting("none")), StartsWith("RESOURCE_NOT_FOUND"));
  Update(
      absl::StrCat(Deleting("by-name"), " allow_several_index_changes: true"));
  // The one that is filled may be given up.
  Update(Deleting("by-zone"));
  EXPECT_EQ(Indexes(), "");
}

TEST_F(GlobalIndexTableTest, AnUpdateIsOneChangeOfOneIndex) {
  constexpr char kInvalid[] =
      "VALIDATION: One or more parameter values were invalid: ";
  EXPECT_EQ(Update("global_secondary_index_updates {}"),
            absl::StrCat(kInvalid,
                         "One of GlobalSecondaryIndexUpdate.Update, "
                         "GlobalSecondaryIndexUpdate.Create, "
                         "GlobalSecondaryIndexUpdate.Delete must not be null"));
  EXPECT_EQ(Update("global_secondary_index_updates { "
                   "update { index_name: 'abc' } "
                   "delete { index_name: 'abc' } }"),
            absl::StrCat(kInvalid,
                         "Only one global secondary index action is allowed "
                         "per GlobalSecondaryIndexUpdate object"));
  EXPECT_EQ(Update(absl::StrCat(Deleting("abc"), Updating("abc", ""))),
            absl::StrCat(kInvalid,
                         "Only one global secondary index update per index is "
                         "allowed simultaneously. Index: abc"));
}

TEST_F(GlobalIndexTableTest, IndexesThatAreThereOrNot) {
  Create("local",
         absl::StrCat(Attribute("name"),
                      " local_secondary_indexes { index_name: 'own'",
                      Hash("pk"), Range("name"),
                      " projection { projection_type: PROJECTION_TYPE_ALL } "
                      "}"));
  const std::string own = Creating(Index("own", "name"));
  EXPECT_EQ(Update(own, "local"),
            "VALIDATION: Attempting to create an index which already exists");
  EXPECT_EQ(Update(Deleting("own"), "local"),
            "VALIDATION: Cannot delete an index that is not a "
            "GlobalSecondaryIndex: own");
  EXPECT_EQ(Update(Updating("own", Units(1, 1)), "local"),
            "VALIDATION: Cannot update an index that is not a "
            "GlobalSecondaryIndex: own");
  EXPECT_THAT(Update(Deleting("none")), StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Update(Updating("none", Units(1, 1))),
              StartsWith("RESOURCE_NOT_FOUND"));
  Update(absl::StrCat(Attribute("name"), own));
  EXPECT_EQ(Update(own),
            "VALIDATION: Attempting to create an index which already exists");
}

TEST_F(GlobalIndexTableTest, ATypeIsWhatItWas) {
  const std::string by_name = Creating(Index("by-name", "name"));
  const std::string by_sk = Creating(Index("by-sk", "sk"));
  EXPECT_THAT(Update(absl::StrCat(Attribute("sk", "S"), by_sk)),
              StartsWith("VALIDATION: One or more parameter values were "
                         "invalid: Attributes cannot be redefined. Please "
                         "check that your attribute has the same type as "
                         "previously defined."));
  // It does not matter to an index that has nothing to do with it.
  Update(absl::StrCat(Attribute("sk", "S"), Attribute("name"), by_name));
  EXPECT_EQ(Indexes(), "by-name/ACTIVE");
  EXPECT_EQ(Describe().attribute_definitions(1).attribute_type(),
            v1::SCALAR_ATTRIBUTE_TYPE_N);
  EXPECT_EQ(Update(absl::StrCat(Attribute("zone"), Attribute("zone"),
                                Creating(Index("by-zone", "zone")))),
            "VALIDATION: Attribute Name is duplicated: zone");
  EXPECT_THAT(Update(Creating(Index("by-zone", "zone"))),
              HasSubstr("Some index key attributes are not defined in "
                        "AttributeDefinitions. Keys: [zone]"));
  EXPECT_EQ(Indexes(), "by-name/ACTIVE");
}

TEST_F(GlobalIndexTableTest, ThereAreAtMostTwentyFive) {
  std::string indexes = Attribute("name");
  for (int i = 0; i < 25; ++i) {
    absl::StrAppend(&indexes, NewIndex(Index(absl::StrCat("i-", i), "name")));
  }
  EXPECT_EQ(
      Create("more", absl::StrCat(indexes, NewIndex(Index("i-25", "name")))),
      "VALIDATION: One or more parameter values were invalid: "
      "GlobalSecondaryIndex count exceeds the per-table limit of 25");
  EXPECT_EQ(host_->FindTable("more"), nullptr);
  EXPECT_THAT(Create("full", indexes), HasSubstr("i-24"));
  EXPECT_EQ(Update(Creating(Index("i-25", "name")), "full"),
            "LIMIT_EXCEEDED: Subscriber limit exceeded: GlobalSecondaryIndex "
            "count exceeds the per-table limit of 25");
  Update(absl::StrCat(Deleting("i-3"), Creating(Index("i-25", "name")),
                      "allow_several_index_changes: true"),
         "full");
  EXPECT_EQ(Describe("full").global_secondary_indexes_size(), 25);
}

TEST_F(GlobalIndexTableTest, MembersAreChecked) {
  EXPECT_EQ(
      Create("more", NewIndex("")),
      "VALIDATION: 3 validation errors detected: Value null at "
      "'globalSecondaryIndexes.1.member.indexName' failed to satisfy "
      "constraint: Member must not be null; Value '[]' at "
      "'globalSecondaryIndexes.1.member.keySchema' failed to satisfy "
      "constraint: Member must have length greater than or equal to 1; Value "
      "null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy "
      "constraint: Member must not be null");
  EXPECT_THAT(Update(Creating("index_name: 'ab'")),
              HasSubstr("'globalSecondaryIndexUpdates.1.member.create."
                        "indexName' failed to satisfy constraint: Member must "
                        "have length greater than or equal to 3"));
  std::string many = " projection { projection_type: PROJECTION_TYPE_INCLUDE";
  for (int i = 0; i < 21; ++i) {
    absl::StrAppend(&many, " non_key_attributes: 'x", i, "'");
  }
  EXPECT_THAT(
      Update(absl::StrCat(Attribute("name"),
                          Creating(absl::StrCat("index_name: 'abc'",
                                                Hash("name"), many, " }")))),
      HasSubstr("'globalSecondaryIndexUpdates.1.member.create.projection."
                "nonKeyAttributes' failed to satisfy constraint: Member must "
                "have length less than or equal to 20"));
}

// --- Throughput ---

TEST_F(GlobalIndexTableTest, ThroughputIsGivenAsTheTableIsBilled) {
  const std::string name = Attribute("name");
  EXPECT_EQ(
      Create("more", name + NewIndex(Index("by-name", "name", Units(1, 1)))),
      "VALIDATION: One or more parameter values were invalid: "
      "ProvisionedThroughput should not be specified for index: by-name when "
      "BillingMode is PAY_PER_REQUEST");
  EXPECT_EQ(
      Create("more", name + NewIndex(Index("by-name", "name")), Units(5, 5)),
      "VALIDATION: One or more parameter values were invalid: "
      "ProvisionedThroughput is not specified for index: by-name");
  EXPECT_EQ(
      Update(name + Creating(Index("by-name", "name", Units(1, 1)))),
      "VALIDATION: One or more parameter values were invalid: Neither "
      "ReadCapacityUnits nor WriteCapacityUnits can be specified for index: "
      "by-name when BillingMode is PAY_PER_REQUEST");
  Create("provisioned", name + NewIndex(Index("by-name", "name", Units(3, 4))),
         Units(5, 5));
  const v1::GlobalSecondaryIndexDescription described =
      Describe("provisioned").global_secondary_indexes(0);
  EXPECT_EQ(described.provisioned_throughput().read_capacity_units(), 3);
  EXPECT_EQ(described.warm_throughput().write_units_per_second(), 4);
}

TEST_F(GlobalIndexTableTest, ThroughputChanges) {
  const std::string name = Attribute("name");
  Create("provisioned", name + NewIndex(Index("by-name", "name", Units(3, 4))),
         Units(5, 5));
  EXPECT_THAT(
      Update(Updating("by-name", Units(3, 4)), "provisioned"),
      StartsWith("VALIDATION: The provisioned throughput for the index by-name "
                 "will not change. The requested value equals the current "
                 "value. Current ReadCapacityUnits provisioned for index "
                 "by-name: 3."));
  EXPECT_EQ(Update(Updating("by-name", ""), "provisioned"),
            "VALIDATION: One or more parameter values were invalid: Both "
            "ReadCapacityUnits and WriteCapacityUnits must be specified for "
            "index: by-name");
  Update(Updating("by-name", Units(2, 9)), "provisioned");
  const auto changed = Describe("provisioned").global_secondary_indexes(0);
  EXPECT_EQ(changed.provisioned_throughput().read_capacity_units(), 2);
  EXPECT_EQ(changed.provisioned_throughput().write_capacity_units(), 9);
  EXPECT_EQ(changed.provisioned_throughput().number_of_decreases_today(), 1);
  EXPECT_EQ(changed.warm_throughput().read_units_per_second(), 3);
}

TEST_F(GlobalIndexTableTest, IndexesFollowTheBillingMode) {
  Create("table",
         Attribute("name") + NewIndex(Index("by-name", "name", Units(3, 4))),
         Units(5, 5));
  Update(kPerRequest, "table");
  const auto paid = Describe("table").global_secondary_indexes(0);
  EXPECT_EQ(paid.provisioned_throughput().read_capacity_units(), 0);
  EXPECT_EQ(paid.warm_throughput().read_units_per_second(), 12000);
  EXPECT_EQ(Update(Updating("by-name", Units(1, 1)), "table"),
            "VALIDATION: One or more parameter values were invalid: The only "
            "Updates for index: by-name when TableThroughputMode is "
            "PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput");
  EXPECT_THAT(
      Update(Updating("by-name",
                      "on_demand_throughput { max_read_request_units: 7 }"),
             "table"),
      HasSubstr("max_read_request_units: 7"));
  const std::string provisioned =
      absl::StrCat("billing_mode: BILLING_MODE_PROVISIONED", Units(5, 5));
  EXPECT_EQ(Update(provisioned, "table"),
            "VALIDATION: One or more parameter values were invalid: "
            "ProvisionedThroughput must be specified for index: by-name");
  Update(absl::StrCat(provisioned, Updating("by-name", Units(6, 7))), "table");
  const auto back = Describe("table").global_secondary_indexes(0);
  EXPECT_EQ(back.provisioned_throughput().write_capacity_units(), 7);
  EXPECT_EQ(back.warm_throughput().read_units_per_second(), 12000);
  EXPECT_FALSE(back.has_on_demand_throughput());
}

TEST_F(GlobalIndexTableTest, PropagationIsPausedAndDelayed) {
  Create("cities",
         absl::StrCat(Attribute("name"), NewIndex(Index("by-name", "name"))));
  const auto set = [&](absl::string_view what,
                       absl::string_view index = "by-name",
                       absl::string_view table = "cities") {
    return Call("UpdateIndexPropagation",
                absl::StrCat("table_name: '", table, "' index_name: '", index,
                             "' ", what));
  };
  const auto kept = [&] {
    const cluster::GlobalIndex& index =
        host_->FindTable("cities")->global_indexes[0];
    return absl::StrCat(index.paused ? "paused " : "",
                        absl::FormatDuration(index.delay));
  };
  EXPECT_EQ(kept(), "0");
  EXPECT_THAT(set("paused: true"), StartsWith("table_description"));
  EXPECT_EQ(kept(), "paused 0");
  set("delay { seconds: 3600 }");
  EXPECT_EQ(kept(), "paused 1h");
  set("paused: false delay { nanos: 5000000 }");
  EXPECT_EQ(kept(), "5ms");

  EXPECT_THAT(set(""), HasSubstr("VALIDATION: "));
  EXPECT_THAT(set("delay { seconds: 3601 }"),
              HasSubstr("delay must be from 0 to 1 hour"));
  EXPECT_THAT(set("delay { nanos: -1 }"), HasSubstr("VALIDATION: "));
  EXPECT_THAT(set("paused: true", ""), HasSubstr("index_name is required"));
  EXPECT_THAT(set("paused: true", "by-zone"),
              StartsWith("RESOURCE_NOT_FOUND: "));
  EXPECT_THAT(set("paused: true", "by-name", "none"),
              StartsWith("RESOURCE_NOT_FOUND: "));
  EXPECT_EQ(kept(), "5ms");
}

TEST_F(GlobalIndexTableTest, ProgressOfABackfillTellsRateAndTimeLeft) {
  Create("cities",
         absl::StrCat(Attribute("name"), NewIndex(Index("by-name", "name"))));
  for (int i = 0; i < 10; ++i) Put("cities", Pair("x", i));
  index_keeper_.progress.filling = true;
  index_keeper_.progress.items_read = 4;
  index_keeper_.progress.items_per_second = 2;
  const auto progress = [&] {
    return Describe("cities").global_secondary_indexes(0).progress();
  };
  EXPECT_EQ(progress().items_read(), 4);
  EXPECT_EQ(progress().items_total(), 10);
  EXPECT_EQ(progress().backfill_fraction(), 0.4);
  EXPECT_EQ(progress().items_per_second(), 2);
  EXPECT_EQ(progress().time_left().seconds(), 3);
  index_keeper_.progress.items_read = 12;  // some have been deleted since
  EXPECT_EQ(progress().backfill_fraction(), 1);
  EXPECT_EQ(progress().time_left().seconds(), 0);
}

}  // namespace
}  // namespace pallet::service
