// SPDX-License-Identifier: Apache-2.0
//
// Times to live: of the table "log" (pk S) with a stream, and of "places" with
// local indexes. `keeper_` makes a round when it is told to.
#include "service/expiry/expiry_keeper.h"

#include "model/expiry.h"
#include "service/expiry/expiry_backlog.h"
#include "storage/side_rows.h"
#include "tests/unit/service/handlers/stream_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kEnabled[] =
    "time_to_live_description { time_to_live_status: "
    "TIME_TO_LIVE_STATUS_ENABLED attribute_name: \"t\" }";

class TimeToLiveTest : public StreamTest {
 protected:
  TimeToLiveTest() : keeper_({host_.get(), &clock_, logger_.get()}) {
    CreateLog();
    keeper_.RunOnce();
  }

  std::string Update(absl::string_view enabled, absl::string_view attribute,
                     absl::string_view more = "",
                     absl::string_view table = "log") {
    return Call(
        "UpdateTimeToLive",
        absl::StrCat("table_name: '", table,
                     "' time_to_live_specification { enabled: ", enabled,
                     " attribute_name: '", attribute, "' ", more, "}"));
  }
  std::string Describe(absl::string_view table = "log") {
    return Call("DescribeTimeToLive",
                absl::StrCat("table_name: '", table, "'"));
  }
  void PutAt(absl::string_view pk, absl::Duration when,
             absl::string_view attribute = "t") {
    Put("log", Plain(pk) + N(attribute, Seconds(when)) + S("v", pk));
  }
  std::string Seconds(absl::Duration from_now) {
    return absl::StrCat(absl::ToUnixSeconds(clock_.Now() + from_now));
  }
  std::string Get(absl::string_view pk) {
    return Call("GetItem", absl::StrCat("table_name: 'log' key {", Plain(pk),
                                        "} projection_expression: 'pk'"));
  }
  bool IsThere(absl::string_view pk) { return !Get(pk).empty(); }
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    keeper_.RunOnce();
  }
  // Expiries and passes in all stores.
  size_t RowsLeft() {
    size_t rows = 0;
    for (const auto& partition : host_->FindTable("log")->partitions) {
      const storage::SideRange all = storage::AllExpiriesOf(partition.id);
      CHECK_OK(host_->Read(partition, [&](storage::ReadTransaction& read) {
        const auto cursor = read.Cursor(all.begin, all.end);
        CHECK_OK(cursor->SeekAtOrAfter(all.begin));
        for (; cursor->Valid(); (void)cursor->Next()) ++rows;
        return absl::OkStatus();
      }));
    }
    return rows;
  }

  ExpiryKeeper keeper_;
};

TEST_F(TimeToLiveTest, Example) {
  EXPECT_EQ(Update("true", "t"),
            "time_to_live_specification { enabled: true attribute_name: "
            "\"t\" }");
  PutAt("a", absl::Seconds(10));
  PutAt("b", absl::Seconds(20));
  Put("log", Plain("c"));
  Pass(absl::Seconds(9));
  EXPECT_TRUE(IsThere("a"));
  Pass(absl::Seconds(1));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_TRUE(IsThere("b"));
  Pass(absl::Hours(1000));
  EXPECT_FALSE(IsThere("b"));
  EXPECT_TRUE(IsThere("c"));
  EXPECT_EQ(keeper_.metrics().deleted, 2u);
}

TEST_F(TimeToLiveTest, ItemsThatWereThereBeforeAreTakenIn) {
  for (int i = 0; i < 600; ++i) PutAt(absl::StrCat("a", i), absl::Seconds(i));
  EXPECT_THAT(Describe(), HasSubstr("STATUS_DISABLED"));
  Update("true", "t");
  EXPECT_THAT(Describe(), HasSubstr("STATUS_ENABLING"));
  keeper_.RunOnce();
  EXPECT_EQ(Describe(), kEnabled);
  Pass(absl::Seconds(300));
  EXPECT_FALSE(IsThere("a300"));
  EXPECT_TRUE(IsThere("a301"));
  EXPECT_EQ(keeper_.metrics().deleted, 301u);
}

TEST_F(TimeToLiveTest, WhoChangesTheTimeLivesOn) {
  Update("true", "t");
  for (const char* pk : {"a", "b", "c", "d"}) PutAt(pk, absl::Seconds(10));
  PutAt("a", absl::Seconds(100));
  Put("log", Plain("b"));
  Call("UpdateItem", absl::StrCat("table_name: 'log' key {", Plain("c"),
                                  "} update_expression: 'REMOVE t'"));
  DeleteLogItem("d");
  Put("log", Plain("d") + N("t", "0.5"));
  Pass(absl::Seconds(10));
  for (const char* pk : {"a", "b", "c", "d"}) EXPECT_TRUE(IsThere(pk)) << pk;
  Pass(absl::Seconds(90));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_EQ(RowsLeft(), host_->FindTable("log")->partitions.size());  // passes
}

TEST_F(TimeToLiveTest, OldTimesAreIgnored) {
  constexpr absl::Duration kKept = absl::Seconds(model::kExpirySecondsKept);
  Update("true", "t");
  PutAt("old", -kKept - absl::Seconds(1));
  PutAt("young", -kKept);
  Put("log", Plain("text") + S("t", "5"));
  keeper_.RunOnce();
  EXPECT_TRUE(IsThere("old"));
  EXPECT_TRUE(IsThere("text"));
  EXPECT_FALSE(IsThere("young"));
}

TEST_F(TimeToLiveTest, TransactionsAndLocks) {
  Update("true", "t");
  Call("TransactWriteItems",
       absl::StrCat("transact_items { put { table_name: 'log' item {",
                    Plain("a"), N("t", Seconds(absl::Seconds(1))),
                    "} } } transact_items { put { table_name: 'log' item {",
                    Plain("b"), N("t", Seconds(absl::Seconds(1))), "} } }"));
  EXPECT_TRUE(IsThere("a"));
  Pass(absl::Seconds(1));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_FALSE(IsThere("b"));
}

TEST_F(TimeToLiveTest, TheStreamTellsThatTheServiceDidIt) {
  Update("true", "t");
  PutAt("a", absl::Seconds(1));
  Pass(absl::Seconds(1));
  Tick();
  PutAt("b", absl::Hours(1));
  Tick();
  DeleteLogItem("b");
  const auto records = All(Arns()[0]);
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_EQ(TextOf(records[1]), "REMOVE a: a ->");
  EXPECT_EQ(records[1].user_identity().type(), "Service");
  EXPECT_EQ(records[1].user_identity().principal_id(),
            "dynamodb.amazonaws.com");
  EXPECT_EQ(TextOf(records[3]), "REMOVE b: b ->");
  EXPECT_FALSE(records[3].has_user_identity());
}

TEST_F(TimeToLiveTest, Refusals) {
  EXPECT_EQ(Update("false", "t"), "VALIDATION: TimeToLive is already disabled");
  Update("true", "t");
  EXPECT_EQ(Update("true", "t"), "VALIDATION: TimeToLive is already enabled");
  EXPECT_EQ(Update("true", "u"),
            "VALIDATION: TimeToLive is active on a different AttributeName: "
            "current AttributeName is t");
  EXPECT_THAT(Update("false", "u"), HasSubstr("different AttributeName"));
  EXPECT_THAT(Update("true", "t", "", "nothing"),
              HasSubstr("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Describe("nothing"), HasSubstr("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Call("UpdateTimeToLive", "table_name: 'log'"),
              HasSubstr("Value null at 'timeToLiveSpecification' failed"));
  EXPECT_THAT(
      Call("UpdateTimeToLive",
           "table_name: 'log' time_to_live_specification { enabled: true }"),
      HasSubstr("'timeToLiveSpecification.attributeName' failed"));
}

TEST_F(TimeToLiveTest, NamesOfOneTo255Bytes) {
  EXPECT_THAT(Update("true", ""), HasSubstr("length greater than or equal"));
  EXPECT_THAT(Update("true", std::string(256, 'x')),
              HasSubstr("length less than or equal to 255"));
  EXPECT_THAT(Update("true", std::string(255, 'x')), HasSubstr("true"));
  EXPECT_THAT(Update("false", std::string(255, 'x')), HasSubstr("false"));
}

TEST_F(TimeToLiveTest, AnotherAttributeAfterTheFirst) {
  Update("true", "t");
  PutAt("a", absl::Seconds(10));
  Put("log", Plain("b") + N("u", Seconds(absl::Seconds(10))));
  keeper_.RunOnce();
  Update("false", "t");
  EXPECT_THAT(Describe(), HasSubstr("STATUS_DISABLED"));
  Pass(absl::Seconds(20));
  EXPECT_TRUE(IsThere("a"));
  EXPECT_EQ(RowsLeft(), 0u);
  Update("true", "u");
  Pass(absl::Seconds(1));
  keeper_.RunOnce();
  EXPECT_TRUE(IsThere("a"));
  EXPECT_FALSE(IsThere("b"));
}

// Before they are deleted.
TEST_F(TimeToLiveTest, ExpiredItemsCanBeHidden) {
  Update("true", "t");
  PutAt("a", absl::Seconds(1));
  PutAt("b", absl::Hours(1));
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(IsThere("a"));
  EXPECT_THAT(Update("true", "t", "hide_expired_items: true"),
              HasSubstr("hide_expired_items: true"));
  EXPECT_THAT(Describe(), HasSubstr("hide_expired_items: true"));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_TRUE(IsThere("b"));
  EXPECT_THAT(Call("Scan", "table_name: 'log' select: SELECT_COUNT"),
              HasSubstr("count: 1 scanned_count: 2"));
  EXPECT_EQ(Call("Query",
                 "table_name: 'log' key_condition_expression: 'pk = :p' "
                 "expression_attribute_values { key: ':p' value { s: 'a' } }"),
            "scanned_count: 1");
  const std::string both =
      absl::StrCat("keys {", Plain("a"), "} keys {", Plain("b"), "}");
  const std::string batch =
      Call("BatchGetItem",
           absl::StrCat("request_items { key: 'log' value {", both, "} }"));
  EXPECT_THAT(batch, HasSubstr("\"b\""));
  EXPECT_THAT(batch, Not(HasSubstr("\"a\"")));
  const std::string transaction = Call(
      "TransactGetItems",
      absl::StrCat("transact_items { get { table_name: 'log' key {", Plain("a"),
                   "} } } transact_items { get { table_name: 'log' key {",
                   Plain("b"), "} } }"));
  EXPECT_THAT(transaction, HasSubstr("\"b\""));
  EXPECT_THAT(transaction, Not(HasSubstr("\"a\"")));
  // Writes look at what is there.
  EXPECT_THAT(
      Call("PutItem", absl::StrCat("table_name: 'log' item {", Plain("a"),
                                   "} condition_expression: "
                                   "'attribute_not_exists(pk)'")),
      HasSubstr("CONDITIONAL_CHECK_FAILED"));
}

TEST_F(TimeToLiveTest, NothingExpiresWhileTheClockIsInDoubt) {
  Update("true", "t");
  PutAt("a", absl::Minutes(30));
  keeper_.RunOnce();
  clock_.SetWallClock(absl::Hours(1));
  keeper_.RunOnce();
  EXPECT_TRUE(IsThere("a"));
  EXPECT_TRUE(keeper_.metrics().clock_in_doubt);
  Pass(absl::Minutes(5));
  EXPECT_TRUE(IsThere("a"));
  clock_.SetWallClock(-absl::Hours(1));
  Pass(absl::Minutes(5));
  EXPECT_FALSE(keeper_.metrics().clock_in_doubt);
  EXPECT_TRUE(IsThere("a"));
  Pass(absl::Minutes(20));
  EXPECT_FALSE(IsThere("a"));
}

TEST_F(TimeToLiveTest, MetricsTellWhatIsDueAndHowLateItWent) {
  const auto backlog = [&] { return ExpiryBacklogs(*host_, clock_.Now()); };
  EXPECT_THAT(backlog(), IsEmpty());
  Update("true", "t");
  // In the middle of a second, as times to live are not.
  clock_.Advance(absl::Milliseconds(500));
  for (int i = 0; i < 5; ++i) PutAt(absl::StrCat("a", i), absl::Seconds(9));
  PutAt("b", absl::Seconds(19));
  ASSERT_THAT(backlog(), SizeIs(1));
  EXPECT_EQ(backlog()[0].due, 0u);
  EXPECT_EQ(backlog()[0].oldest, absl::ZeroDuration());
  clock_.Advance(absl::Seconds(29));
  EXPECT_EQ(backlog()[0].table, "log");
  EXPECT_EQ(backlog()[0].due, 6u);
  const absl::Duration oldest = backlog()[0].oldest;
  EXPECT_GE(oldest, absl::Seconds(20));
  EXPECT_LT(oldest, absl::Seconds(21));
  keeper_.RunOnce();
  EXPECT_EQ(backlog()[0].due, 0u);
  EXPECT_EQ(keeper_.metrics().deleted, 6u);
  EXPECT_EQ(keeper_.metrics().late, 5 * oldest + oldest - absl::Seconds(10));
}

}  // namespace
}  // namespace pallet::service
