// SPDX-License-Identifier: Apache-2.0
//
// Streams through their operations: what is recorded, how tables get and lose
// streams, iterators and pages.
#include <set>

#include "service/streams/shard_iterator.h"
#include "service/streams/stream_names.h"
#include "tests/unit/service/handlers/stream_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(StreamTest, Example) {
  CreateLog();
  PutLog("a", "1");
  Tick();
  PutLog("a", "2");
  Tick();
  EXPECT_EQ(DeleteLogItem("a"), "");
  ASSERT_THAT(Arns(), SizeIs(1));
  EXPECT_THAT(
      Texts(Arns()[0]),
      ElementsAre("INSERT a: -> 1", "MODIFY a: 1 -> 2", "REMOVE a: 2 ->"));
  const v1::Record record = All(Arns()[0])[1];
  EXPECT_EQ(record.event_version(), "1.1");
  EXPECT_EQ(record.event_source(), "aws:dynamodb");
  EXPECT_EQ(record.aws_region(), "local");
  EXPECT_THAT(record.event_id(), SizeIs(32));
  EXPECT_FALSE(record.has_user_identity());
  EXPECT_FALSE(record.has_transaction_id());
  const v1::StreamRecord& change = record.dynamodb();
  EXPECT_THAT(change.sequence_number(), SizeIs(21));
  EXPECT_EQ(change.stream_view_type(), v1::STREAM_VIEW_TYPE_NEW_AND_OLD_IMAGES);
  // Names and values: the key, and it with v twice.
  EXPECT_EQ(change.size_bytes(), 3 + 5 + 5);
}

TEST_F(StreamTest, WritesThatChangeNothingLeaveNoRecord) {
  CreateLog();
  PutLog("a", "1");
  PutLog("a", "1");
  EXPECT_EQ(DeleteLogItem("b"), "");
  EXPECT_EQ(
      Call("UpdateItem", absl::StrCat("table_name: 'log' key {", Plain("a"),
                                      "} update_expression: 'SET v = :v' "
                                      "expression_attribute_values { key: ':v' "
                                      "value { s: '1' } }")),
      "");
  EXPECT_THAT(Texts(Arns()[0]), ElementsAre("INSERT a: -> 1"));
}

TEST_F(StreamTest, AFailedConditionLeavesNoRecord) {
  CreateLog();
  PutLog("a", "1");
  EXPECT_THAT(Call("PutItem", absl::StrCat("table_name: 'log' item {",
                                           Plain("a"), S("v", "2"),
                                           "} condition_expression: "
                                           "'attribute_not_exists(pk)'")),
              StartsWith("CONDITIONAL_CHECK_FAILED"));
  EXPECT_THAT(Texts(Arns()[0]), ElementsAre("INSERT a: -> 1"));
}

TEST_F(StreamTest, ViewTypesSayWhatIsKept) {
  const struct {
    const char* view;
    std::vector<std::string> texts;
  } cases[] = {
      {"STREAM_VIEW_TYPE_KEYS_ONLY",
       {"INSERT a: ->", "MODIFY a: ->", "REMOVE a: ->"}},
      {"STREAM_VIEW_TYPE_NEW_IMAGE",
       {"INSERT a: -> 1", "MODIFY a: -> 2", "REMOVE a: ->"}},
      {"STREAM_VIEW_TYPE_OLD_IMAGE",
       {"INSERT a: ->", "MODIFY a: 1 ->", "REMOVE a: 2 ->"}},
      {kBoth, {"INSERT a: -> 1", "MODIFY a: 1 -> 2", "REMOVE a: 2 ->"}},
  };
  CreateLog("");
  for (const auto& each : cases) {
    EXPECT_THAT(Enable(each.view), HasSubstr(each.view));
    PutLog("a", "1");
    Tick();
    PutLog("a", "2");
    Tick();
    DeleteLogItem("a");
    EXPECT_EQ(Texts(Arns().back()), each.texts) << each.view;
    Disable();
    Tick();
  }
  EXPECT_THAT(Arns(), SizeIs(4));
}

TEST_F(StreamTest, WhatTransactionsWriteIsRecordedWithTheirId) {
  CreateLog();
  std::string actions;
  for (const char* pk : {"a", "b", "c", "d", "e", "f"}) {
    absl::StrAppend(&actions,
                    " transact_items { put { table_name: 'log' item {",
                    Plain(pk), S("v", "1"), "} } }");
  }
  EXPECT_EQ(Call("TransactWriteItems", actions), "");
  EXPECT_EQ(Call("TransactWriteItems",
                 absl::StrCat("transact_items { delete { table_name: 'log' key "
                              "{",
                              Plain("a"), "} } }")),
            "");
  const std::vector<v1::Record> all = All(Arns()[0]);
  ASSERT_THAT(all, SizeIs(7));
  std::set<std::string> ids, events;
  for (const v1::Record& record : all) {
    EXPECT_THAT(record.transaction_id(), SizeIs(32));
    ids.insert(record.transaction_id());
    events.insert(record.event_id());
  }
  EXPECT_THAT(ids, SizeIs(2));
  EXPECT_THAT(events, SizeIs(7));
}

// --- Tables ---

TEST_F(StreamTest, ATableTellsOfItsStream) {
  EXPECT_THAT(CreateLog(), HasSubstr("stream_enabled: true"));
  auto table =
      Ask<v1::DescribeTableResponse>("DescribeTable", "table_name: 'log'")
          .table();
  EXPECT_TRUE(table.stream_specification().stream_enabled());
  EXPECT_EQ(table.latest_stream_arn(), Arns()[0]);
  EXPECT_EQ(table.latest_stream_arn(),
            table.table_arn() + "/stream/" + table.latest_stream_label());
  const v1::StreamDescription stream = Describe(Arns()[0]);
  EXPECT_EQ(stream.stream_status(), v1::STREAM_STATUS_ENABLED);
  EXPECT_EQ(stream.stream_label(), table.latest_stream_label());
  EXPECT_EQ(stream.table_name(), "log");
  EXPECT_EQ(stream.key_schema(0).attribute_name(), "pk");
  EXPECT_EQ(stream.key_schema(0).key_type(), v1::KEY_TYPE_HASH);
  EXPECT_TRUE(stream.has_creation_request_date_time());
  EXPECT_EQ(stream.shards_size(), 3);

  Disable();
  table = Ask<v1::DescribeTableResponse>("DescribeTable", "table_name: 'log'")
              .table();
  EXPECT_FALSE(table.has_stream_specification());
  EXPECT_EQ(table.latest_stream_arn(), Arns()[0]);
  EXPECT_EQ(Describe(Arns()[0]).stream_status(), v1::STREAM_STATUS_DISABLED);
}

TEST_F(StreamTest, WhatMakesNoSenseIsRefused) {
  EXPECT_EQ(CreateLog("stream_specification { stream_enabled: true }"),
            "VALIDATION: One or more parameter values were invalid: Table is "
            "being created with a stream enabled, UpdateViewType should be "
            "specified");
  EXPECT_EQ(CreateLog("stream_specification { stream_enabled: false "
                      "stream_view_type: STREAM_VIEW_TYPE_KEYS_ONLY }"),
            "VALIDATION: One or more parameter values were invalid: Table is "
            "being created with a stream disabled, UpdateViewType should not "
            "be specified");
  EXPECT_EQ(CreateLog("stream_specification { }"),
            "VALIDATION: 1 validation error detected: Value null at "
            "'streamSpecification.streamEnabled' failed to satisfy constraint: "
            "Member must not be null");
  EXPECT_EQ(host_->FindTable("log"), nullptr);
  EXPECT_THAT(CreateLog("stream_specification { stream_enabled: false }"),
              StartsWith("table_description"));
  EXPECT_EQ(Disable(),
            "VALIDATION: Table already has a disabled stream: TableName: log");
  Enable();
  EXPECT_EQ(Enable("STREAM_VIEW_TYPE_KEYS_ONLY"),
            "VALIDATION: Table already has an enabled stream: TableName: log");
  EXPECT_THAT(Arns(), SizeIs(1));
}

TEST_F(StreamTest, TooManyDisabledStreamsAreRefused) {
  CreateLog("");
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(Enable(), StartsWith("table_description"));
    ASSERT_THAT(Disable(), StartsWith("table_description"));
  }
  EXPECT_THAT(Enable(), StartsWith("LIMIT_EXCEEDED"));
  // All in one moment, and no two labels are the same.
  const std::vector<std::string> arns = Arns();
  EXPECT_THAT(std::set<std::string>(arns.begin(), arns.end()), SizeIs(100));
}

TEST_F(StreamTest, ADisabledStreamIsReadToItsEnd) {
  CreateLog();
  PutLog("a", "1");
  const std::string first = Arns()[0];
  const v1::StreamDescription before = Describe(first);
  Disable();
  PutLog("a", "2");
  Tick();
  Enable();
  PutLog("a", "3");
  Tick();
  PutLog("b", "4");
  const std::vector<std::string> arns = Arns();
  ASSERT_THAT(arns, SizeIs(2));
  EXPECT_THAT(Texts(first), ElementsAre("INSERT a: -> 1"));
  EXPECT_THAT(Texts(arns[1]),
              ElementsAre("MODIFY a: 2 -> 3", "INSERT b: -> 4"));
  const v1::StreamDescription after = Describe(first);
  for (int i = 0; i < after.shards_size(); ++i) {
    const v1::Shard& shard = after.shards(i);
    EXPECT_EQ(shard.shard_id(), before.shards(i).shard_id());
    EXPECT_FALSE(
        before.shards(i).sequence_number_range().has_ending_sequence_number());
    EXPECT_TRUE(shard.sequence_number_range().has_ending_sequence_number());
    EXPECT_NE(shard.shard_id(), Describe(arns[1]).shards(i).shard_id());
    // Read to its end, each has none to go on with.
    for (const char* type : {"TRIM_HORIZON", "LATEST"}) {
      EXPECT_FALSE(Records(Iterator(first, shard.shard_id(), type))
                       .has_next_shard_iterator());
    }
  }
  // An open one goes on.
  const std::string shard = Describe(arns[1]).shards(0).shard_id();
  EXPECT_TRUE(
      Records(Iterator(arns[1], shard, "LATEST")).has_next_shard_iterator());
}

// What happens while a write is on its way to its store.
TEST_F(StreamTest, AWritePreparedBeforeAStreamOpensIsRecorded) {
  CreateLog("");
  store_control_.SetRefusal([this](int) {
    store_control_.SetRefusal(nullptr);
    Enable();
    return absl::OkStatus();
  });
  PutLog("a", "1");
  EXPECT_THAT(Texts(Arns()[0]), ElementsAre("INSERT a: -> 1"));
}

TEST_F(StreamTest, AWritePreparedBeforeAStreamClosesIsNot) {
  CreateLog();
  store_control_.SetRefusal([this](int) {
    store_control_.SetRefusal(nullptr);
    Disable();
    return absl::OkStatus();
  });
  PutLog("a", "1");
  EXPECT_THAT(Texts(Arns()[0]), IsEmpty());
}

TEST_F(StreamTest, AWritePreparedBeforeItsTableGoesIsRefused) {
  CreateLog();
  store_control_.SetRefusal([this](int) {
    store_control_.SetRefusal(nullptr);
    DeleteLog();
    return absl::OkStatus();
  });
  EXPECT_THAT(Call("PutItem",
                   absl::StrCat("table_name: 'log' item {", Plain("a"), "}")),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Texts(Arns()[0]), IsEmpty());
}

// --- Shards and iterators ---

TEST_F(StreamTest, StreamsAreListedPageByPage) {
  for (const char* name : {"log-b", "log", "log.c"}) {
    CreateLog(Spec(kBoth), name);
  }
  std::vector<std::string> all, paged;
  const auto listed = Ask<v1::ListStreamsResponse>("ListStreams", "");
  for (const v1::Stream& each : listed.streams()) {
    all.push_back(each.stream_arn());
    EXPECT_EQ(each.stream_arn(),
              StreamArn(each.table_name(), each.stream_label()));
  }
  EXPECT_THAT(all, SizeIs(3));
  std::string start;
  while (true) {
    const auto page = Ask<v1::ListStreamsResponse>(
        "ListStreams",
        absl::StrCat("limit: 1 ",
                     start.empty() ? ""
                                   : absl::StrCat("exclusive_start_stream_arn: "
                                                  "'",
                                                  start, "'")));
    for (const v1::Stream& each : page.streams()) {
      paged.push_back(each.stream_arn());
    }
    if (!page.has_last_evaluated_stream_arn()) break;
    start = page.last_evaluated_stream_arn();
  }
  EXPECT_EQ(paged, all);
  EXPECT_THAT(Arns("log"), SizeIs(1));
  EXPECT_THAT(Arns("nothing"), IsEmpty());
  EXPECT_THAT(Call("ListStreams", "limit: 101"), StartsWith("VALIDATION"));
  EXPECT_THAT(Call("ListStreams", "table_name: 'x'"), StartsWith("VALIDATION"));
}

TEST_F(StreamTest, ShardsAreToldPageByPage) {
  CreateLog();
  const std::string arn = Arns()[0];
  std::vector<std::string> all, paged;
  const v1::StreamDescription described = Describe(arn);
  for (const v1::Shard& shard : described.shards()) {
    all.push_back(shard.shard_id());
    EXPECT_GE(shard.shard_id().size(), 28u);
    EXPECT_THAT(shard.shard_id(), StartsWith("shardId-00000000000000000"));
  }
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  std::string more = "limit: 2";
  while (true) {
    const v1::StreamDescription page = Describe(arn, more);
    for (const v1::Shard& shard : page.shards()) {
      paged.push_back(shard.shard_id());
    }
    EXPECT_EQ(page.stream_status(), v1::STREAM_STATUS_ENABLED);
    if (!page.has_last_evaluated_shard_id()) break;
    more = absl::StrCat("limit: 2 exclusive_start_shard_id: '",
                        page.last_evaluated_shard_id(), "'");
  }
  EXPECT_EQ(paged, all);
  EXPECT_EQ(Describe(arn, absl::StrCat("shard_filter { type: "
                                       "SHARD_FILTER_TYPE_CHILD_SHARDS "
                                       "shard_id: '",
                                       all[0], "' }"))
                .shards_size(),
            0);
  EXPECT_THAT(Call("DescribeStream",
                   absl::StrCat("stream_arn: '", arn, "' shard_filter {}")),
              StartsWith("VALIDATION"));
  EXPECT_THAT(Call("DescribeStream", absl::StrCat("stream_arn: '", arn, "x'")),
              StartsWith("RESOURCE_NOT_FOUND"));
}

TEST_F(StreamTest, IteratorsBeginWhereTheyAreAskedTo) {
  CreateLog();
  const std::string arn = Arns()[0];
  for (int i = 0; i < 5; ++i) PutLog("a", absl::StrCat(i));
  std::string shard;
  const v1::StreamDescription described = Describe(arn);
  for (const v1::Shard& each : described.shards()) {
    if (Records(Iterator(arn, each.shard_id(), "TRIM_HORIZON")).records_size() >
        0) {
      shard = each.shard_id();
    }
  }
  const std::string latest = Iterator(arn, shard, "LATEST");
  const v1::GetRecordsResponse all =
      Records(Iterator(arn, shard, "TRIM_HORIZON"));
  ASSERT_EQ(all.records_size(), 5);
  const auto number = [&](int i) {
    return all.records(i).dynamodb().sequence_number();
  };
  EXPECT_EQ(Records(Iterator(arn, shard, "AT_SEQUENCE_NUMBER", number(2)))
                .records_size(),
            3);
  EXPECT_EQ(Records(Iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", number(2)))
                .records_size(),
            2);
  EXPECT_EQ(Records(latest).records_size(), 0);
  PutLog("a", "new");
  EXPECT_EQ(Records(latest).records_size(), 1);
  const v1::GetRecordsResponse rest = Records(all.next_shard_iterator());
  ASSERT_EQ(rest.records_size(), 1);
  EXPECT_EQ(TextOf(rest.records(0)), "MODIFY a: 4 -> new");
  // The same page again, and an empty one that goes on.
  EXPECT_EQ(Records(all.next_shard_iterator()).records_size(), 1);
  const v1::GetRecordsResponse empty = Records(rest.next_shard_iterator());
  EXPECT_EQ(empty.records_size(), 0);
  EXPECT_TRUE(empty.has_next_shard_iterator());
}

TEST_F(StreamTest, PagesEndAtLimitAndAtOneMegabyte) {
  CreateLog();
  const std::string arn = Arns()[0];
  const std::string large(300 << 10, 'x');
  for (int i = 0; i < 6; ++i) PutLog("a", large + absl::StrCat(i));
  const v1::StreamDescription described = Describe(arn);
  for (const v1::Shard& shard : described.shards()) {
    std::string iterator = Iterator(arn, shard.shard_id(), "TRIM_HORIZON");
    v1::GetRecordsResponse page = Records(iterator);
    if (page.records().empty()) continue;
    // 0.3 + 0.6 + 0.6 MB of images.
    EXPECT_EQ(page.records_size(), 3);
    EXPECT_EQ(Records(page.next_shard_iterator()).records_size(), 2);
    int pages = 0;
    std::string last;
    while (true) {
      page = Records(iterator, "limit: 1");
      if (page.records().empty()) break;
      ++pages;
      EXPECT_EQ(page.records_size(), 1);
      EXPECT_LT(last, page.records(0).dynamodb().sequence_number());
      last = page.records(0).dynamodb().sequence_number();
      iterator = page.next_shard_iterator();
    }
    EXPECT_EQ(pages, 6);
  }
}

TEST_F(StreamTest, NoPageHasMoreThanAThousandRecords) {
  CreateLog(Spec("STREAM_VIEW_TYPE_KEYS_ONLY"));
  for (int i = 0; i < 1003; ++i) PutLog("a", absl::StrCat(i));
  int largest = 0;
  const std::string arn = Arns()[0];
  const v1::StreamDescription described = Describe(arn);
  for (const v1::Shard& shard : described.shards()) {
    largest = std::max(largest,
                       Records(Iterator(arn, shard.shard_id(), "TRIM_HORIZON"))
                           .records_size());
  }
  EXPECT_EQ(largest, 1000);
  EXPECT_THAT(CallRecords("x", "limit: 1001"), StartsWith("VALIDATION"));
}

TEST_F(StreamTest, IteratorsAreSignedAndLiveFifteenMinutes) {
  CreateLog();
  const std::string arn = Arns()[0];
  const std::string shard = Describe(arn).shards(0).shard_id();
  const std::string iterator = Iterator(arn, shard, "TRIM_HORIZON");
  for (size_t i = 0; i < iterator.size(); i += 7) {
    std::string forged = iterator;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(CallRecords(forged), "VALIDATION: Invalid ShardIterator") << i;
  }
  EXPECT_EQ(CallRecords("nonsense"), "VALIDATION: Invalid ShardIterator");
  clock_.Advance(absl::Minutes(15));
  const v1::GetRecordsResponse page = Records(iterator);
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(CallRecords(iterator), StartsWith("EXPIRED_ITERATOR"));
  EXPECT_EQ(Records(page.next_shard_iterator()).records_size(), 0);
}

TEST_F(StreamTest, RequestsForIteratorsAreChecked) {
  CreateLog();
  const std::string arn = Arns()[0];
  const std::string shard = Describe(arn).shards(0).shard_id();
  EXPECT_THAT(CallIterator(arn, shard, "AT_SEQUENCE_NUMBER"),
              StartsWith("VALIDATION"));
  EXPECT_THAT(CallIterator(arn, shard, "LATEST", std::string(21, '1')),
              StartsWith("VALIDATION"));
  EXPECT_THAT(CallIterator(arn, shard, "AT_SEQUENCE_NUMBER", "1"),
              StartsWith("VALIDATION"));
  EXPECT_THAT(
      CallIterator(arn, shard, "AT_SEQUENCE_NUMBER", std::string(21, 'x')),
      StartsWith("VALIDATION: Invalid SequenceNumber"));
  std::string other = shard;
  other.back() = 'f';
  EXPECT_THAT(CallIterator(arn, other, "LATEST"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(CallIterator(arn + "1", shard, "LATEST"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Call("GetShardIterator", ""),
              StartsWith("VALIDATION: 3 validation errors detected"));
  EXPECT_THAT(Call("GetRecords", ""), StartsWith("VALIDATION"));
}

}  // namespace
}  // namespace pallet::service
