// SPDX-License-Identifier: Apache-2.0
//
// What the tool reads and how it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/mock_connection.h"
#include "client/tool/commands.h"
#include "client/tool/csv_reader.h"
#include "client/tool/item_file.h"
#include "client/tool/json_reader.h"
#include "client/tool/text_table.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JsonReaderTest, PlainJsonIsReadByItsLooks) {
  JsonReader reader(JsonStyle::kPlain);
  const auto item = reader.ReadItem(
      R"({"s":"Zürich \u00fc","n":-1.50e2,"big":12345678901234567890.12345678,)"
      R"("l":[1,[],{}],"t":true,"f":false,"z":null,"m":{"a":{"b":0}}})");
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(*item,
            (Item{{"s", "Zürich ü"},
                  {"n", -150},
                  {"big", *Number::Parse("12345678901234567890.12345678")},
                  {"l", List{1, List{}, Item{}}},
                  {"t", true},
                  {"f", false},
                  {"z", nullptr},
                  {"m", Item{{"a", Item{{"b", 0}}}}}}));
}

TEST(JsonReaderTest, TypedJsonGoesThereAndBack) {
  const Item item{{"s", "text"},
                  {"n", *Number::Parse("1.25")},
                  {"b", Binary{std::string("\0\xff", 2)}},
                  {"ss", StringSet{{"a", "b"}}},
                  {"ns", NumberSet{{1, 2}}},
                  {"bs", BinarySet{{"x", "y"}}},
                  {"m", Item{{"deep", List{nullptr, true}}}}};
  const auto again =
      JsonReader(JsonStyle::kTyped).ReadItem(ToJson(item, JsonStyle::kTyped));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, item);
}

TEST(JsonReaderTest, SaysWhatIsWrong) {
  JsonReader plain(JsonStyle::kPlain);
  for (const char* text :
       {"", "[]", "7", "{", "{\"a\":}", "{\"a\":1} x", "{\"a\":1e999}",
        "{\"a\":tru}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(model::ReasonOf(plain.ReadItem(text).status()),
              model::Reason::kValidation)
        << text;
  }
  JsonReader typed(JsonStyle::kTyped);
  for (const char* text :
       {R"({"a":1})", R"({"a":{}})", R"({"a":{"S":1}})", R"({"a":{"X":"1"}})",
        R"({"a":{"N":"x"}})", R"({"a":{"NULL":false}})", R"({"a":{"B":"!"}})",
        R"({"a":{"S":"1","N":"1"}})"}) {
    EXPECT_EQ(model::ReasonOf(typed.ReadItem(text).status()),
              model::Reason::kValidation)
        << text;
  }
}

TEST(JsonReaderTest, NestingHasALimit) {
  std::string text = "{\"a\":";
  for (int i = 0; i < 5000; ++i) text += '[';
  for (int i = 0; i < 5000; ++i) text += ']';
  EXPECT_FALSE(JsonReader(JsonStyle::kPlain).ReadItem(text + "}").ok());
}

TEST(CsvReaderTest, QuotesHoldCommasQuotesAndLines) {
  std::istringstream in("a,b\r\n\n\"x, \"\"y\"\"\",\"two\nlines\"\nlast,\n1,2");
  CsvReader reader(&in);
  std::vector<std::string> row;
  ASSERT_TRUE(reader.ReadRow(&row));
  EXPECT_THAT(row, ElementsAre("a", "b"));
  ASSERT_TRUE(reader.ReadRow(&row));
  EXPECT_THAT(row, ElementsAre("x, \"y\"", "two\nlines"));
  EXPECT_EQ(reader.line(), 3);
  ASSERT_TRUE(reader.ReadRow(&row));
  EXPECT_THAT(row, ElementsAre("last", ""));
  EXPECT_EQ(reader.line(), 5);
  ASSERT_TRUE(reader.ReadRow(&row));
  EXPECT_THAT(row, ElementsAre("1", "2"));
  EXPECT_FALSE(reader.ReadRow(&row));
}

class ItemFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = ::testing::TempDir() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  // The items, or the error, as text.
  static std::string Read(ItemFileOptions options) {
    std::string read;
    options.key = {.partition = {.name = "id", .type = ScalarType::kNumber}};
    const absl::Status status =
        ReadItemFile(options, [&](Item item, const ItemFilePosition&) {
          read += ToJson(item, JsonStyle::kPlain);
          return absl::OkStatus();
        });
    return status.ok() ? read : read + std::string(status.message());
  }
};

TEST_F(ItemFileTest, ReadsEveryFormat) {
  const std::string two = R"({"id":1,"x":"a"}{"id":2})";
  EXPECT_EQ(Read({.path = Write("a.jsonl",
                                "{\"id\":1,\"x\":\"a\"}\n\n"
                                "{\"id\":2}\n")}),
            two);
  EXPECT_EQ(Read({.path = Write("a.json",
                                " [{\"id\":1,\"x\":\"a\"},"
                                "{\"id\":2}]\n")}),
            two);
  EXPECT_EQ(Read({.path = Write("lines.json",
                                "{\"id\":1,\"x\":\"a\"}\n"
                                "{\"id\":2}")}),
            two);
  EXPECT_EQ(Read({.path = Write("a.csv", "id,x\n1,a\n2,\n")}), two);
  EXPECT_EQ(Read({.path = Write("a.tsv", "id\tx\n1\ta\n2\n")}), two);
  EXPECT_EQ(Read({.path = Write("n.csv", "id,x\n1,5\n"), .numbers = {"x"}}),
            R"({"id":1,"x":5})");
}

TEST_F(ItemFileTest, ErrorsSayWhere) {
  EXPECT_THAT(Read({.path = Write("b.jsonl", "{\"id\":1}\n{\"id\"\n")}),
              HasSubstr("b.jsonl:2: "));
  EXPECT_THAT(Read({.path = Write("b.csv", "id\n1\nx\n")}),
              HasSubstr("b.csv:3: "));
  EXPECT_THAT(Read({.path = Write("c.csv", "id\n1,2\n")}),
              HasSubstr("2 fields, but only 1 names"));
  EXPECT_THAT(Read({.path = Write("b.json", "[{\"id\":1},{\"id\":}]")}),
              HasSubstr("b.json, item 2: "));
  EXPECT_THAT(Read({.path = "/nowhere.json"}), HasSubstr("cannot read"));
  EXPECT_THAT(Read({.path = "what.txt"}), HasSubstr("--format"));
}

TEST(TextTableTest, AlignsColumns) {
  TextTable table({"name", "count"}, 6);
  table.AddRow({"Köln", "1,000"});
  table.AddRow({"a long name", "7"});
  EXPECT_EQ(table.ToString(false),
            "name    count\n"
            "Köln    1,000\n"
            "a lon…      7\n");
}

TEST(TextTableTest, NumbersForPeople) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(-1234567), "-1,234,567");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1500000), "1.5 MB");
  EXPECT_EQ(HumanDuration(absl::Seconds(125)), "2m 05s");
  EXPECT_EQ(HumanDuration(absl::Seconds(4200)), "1h 10m");
}

class CommandTest : public ::testing::Test {
 protected:
  CommandTest()
      : mock_(std::make_shared<MockConnection>()),
        session_{Client(mock_), Output(OutputFormat::kJson, JsonStyle::kPlain),
                 JsonStyle::kPlain, Clock::Real()} {}

  // What the command prints; its exit code goes to code_.
  template <typename Command>
  std::string Print(Command command) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    code_ = command(session_);
    errors_ = ::testing::internal::GetCapturedStderr();
    return ::testing::internal::GetCapturedStdout();
  }

  std::shared_ptr<MockConnection> mock_;
  Session session_;
  int code_ = -1;
  std::string errors_;
};

TEST_F(CommandTest, GetPrintsTheItem) {
  mock_->On<GetItemRequest>(
      [](const GetItemRequest& request) -> absl::StatusOr<GetItemResponse> {
        EXPECT_EQ(request.table, "t");
        return GetItemResponse{.item = Item(request.key).Set("x", 1)};
      });
  EXPECT_EQ(Print([](Session& session) {
              return GetItem(session, {.table = "t", .key = R"({"k":"a"})"});
            }),
            "{\"k\":\"a\",\"x\":1}\n");
  EXPECT_EQ(code_, kDone);
}

TEST_F(CommandTest, WhatIsNotThereHasItsExitCode) {
  mock_->On<GetItemRequest>(
      [](const GetItemRequest&) -> absl::StatusOr<GetItemResponse> {
        return GetItemResponse{};
      });
  EXPECT_EQ(Print([](Session& session) {
              return GetItem(session, {.table = "t", .key = R"({"k":"a"})"});
            }),
            "");
  EXPECT_EQ(code_, kNotFound);
  EXPECT_THAT(errors_, HasSubstr("no item with the key {\"k\":\"a\"}"));
}

TEST_F(CommandTest, WrongJsonNeverReachesTheService) {
  Print([](Session& session) {
    return PutItem(session, {.table = "t", .item = "{"});
  });
  EXPECT_EQ(code_, kWrongUsage);
  EXPECT_EQ(mock_->Calls<PutItemRequest>(), 0u);
}

TEST_F(CommandTest, AFailedConditionShowsTheItem) {
  mock_->On<PutItemRequest>(
      [](const PutItemRequest& request) -> absl::StatusOr<PutItemResponse> {
        EXPECT_EQ(request.condition, "attribute_not_exists(k)");
        return model::MakeError(model::Reason::kConditionalCheckFailed,
                                "The conditional request failed");
      });
  Print([](Session& session) {
    return PutItem(session, {.table = "t",
                             .item = R"({"k":"a"})",
                             .condition = "attribute_not_exists(k)"});
  });
  EXPECT_EQ(code_, kFailed);
  EXPECT_THAT(errors_, HasSubstr("CONDITIONAL_CHECK_FAILED"));
}

TEST_F(CommandTest, LimitStopsAQuery) {
  mock_->On<QueryRequest>(
      [](const QueryRequest& request) -> absl::StatusOr<QueryResponse> {
        EXPECT_EQ(request.limit, 3);
        return QueryResponse{.items = {Item{{"k", 1}}, Item{{"k", 2}}},
                             .last_key = {{"k", 2}}};
      });
  EXPECT_EQ(Print([](Session& session) {
              return Query(
                  session,
                  {.table = "t", .key_condition = "k = :k", .limit = 3});
            }),
            "{\"k\":1}\n{\"k\":2}\n{\"k\":1}\n");
}

TEST_F(CommandTest, AStatementPrintsTheItemsOfItsPages) {
  std::vector<ExecuteStatementRequest> requests;
  mock_->On<ExecuteStatementRequest>(
      [&](const ExecuteStatementRequest& request)
          -> absl::StatusOr<ExecuteStatementResponse> {
        requests.push_back(request);
        const int page = static_cast<int>(requests.size());
        return ExecuteStatementResponse{{Item{{"k", page}}, Item{{"l", page}}},
                                        page < 3 ? "more" : ""};
      });
  const auto run = [&](int64_t limit) {
    return Print([&](Session& session) {
      return RunStatement(session, {.statement = "SELECT",
                                    .parameters = {"\"x\"", "[1]"},
                                    .limit = limit});
    });
  };
  EXPECT_EQ(run(0),
            "{\"k\":1}\n{\"l\":1}\n{\"k\":2}\n{\"l\":2}\n{\"k\":3}\n"
            "{\"l\":3}\n");
  EXPECT_EQ(code_, kDone);
  EXPECT_EQ(requests[0].parameters, (std::vector<Value>{"x", List{1}}));
  EXPECT_EQ(requests[2].page_token, "more");
  requests.clear();
  EXPECT_EQ(run(3), "{\"k\":1}\n{\"l\":1}\n{\"k\":2}\n");
  EXPECT_EQ(requests.size(), 2u);
  Print([&](Session& session) {
    return RunStatement(session, {.statement = "SELECT", .parameters = {"x"}});
  });
  EXPECT_EQ(code_, kWrongUsage);
}

TEST_F(CommandTest, LoadPutsEveryItemAndCountsFailures) {
  const std::string path = ::testing::TempDir() + "/load.jsonl";
  std::ofstream(path) << "{\"k\":1}\n{\"k\":2}\n{\"k\":3}\n";
  mock_->On<DescribeTableRequest>(
      [](const DescribeTableRequest&) -> absl::StatusOr<TableDescription> {
        return TableDescription{.name = "t"};
      });
  mock_->On<PutItemRequest>(
      [](const PutItemRequest& request) -> absl::StatusOr<PutItemResponse> {
        if (request.item == Item{{"k", 2}}) {
          return model::ValidationError("two is refused");
        }
        return PutItemResponse{};
      });
  Print([&](Session& session) {
    return Load(session, {.table = "t", .file = path, .max_errors = 1});
  });
  EXPECT_EQ(mock_->Calls<PutItemRequest>(), 3u);
  EXPECT_EQ(code_, kFailed);
  EXPECT_THAT(errors_, HasSubstr("2 items in"));
  EXPECT_THAT(errors_, HasSubstr("two is refused"));

  Print([&](Session& session) {
    return Load(session, {.table = "t", .file = path});
  });
  EXPECT_EQ(mock_->Calls<PutItemRequest>(), 5u);
}

TEST_F(CommandTest, TablesAreMadeWithLocalIndexesAndTags) {
  CreateTableRequest made;
  mock_->On<CreateTableRequest>([&](const CreateTableRequest& request)
                                    -> absl::StatusOr<TableDescription> {
    made = request;
    TableDescription table{.name = request.table, .key = request.key};
    for (const LocalIndex& index : request.local_indexes) {
      table.local_indexes.push_back({.index = index, .item_count = 7});
    }
    return table;
  });
  const std::string out = Print([](Session& session) {
    return CreateTable(
        session, {.table = "t",
                  .key = "k",
                  .sort = "s",
                  .local_indexes = {"by-a=a:N", "by-b=b=keys", "by-c=c=x,y"},
                  .tags = {"team=maps", "empty="}});
  });
  EXPECT_EQ(code_, kDone);
  ASSERT_EQ(made.local_indexes.size(), 3u);
  EXPECT_EQ(made.local_indexes[0].name, "by-a");
  EXPECT_EQ(made.local_indexes[0].sort.type, ScalarType::kNumber);
  EXPECT_EQ(made.local_indexes[1].projection,
            LocalIndex::Projection::kKeysOnly);
  EXPECT_THAT(made.local_indexes[2].included, ElementsAre("x", "y"));
  EXPECT_EQ(made.tags, (Tags{{"empty", ""}, {"team", "maps"}}));
  EXPECT_THAT(out, HasSubstr("local_index by-c"));

  Print([](Session& session) {
    return CreateTable(
        session,
        {.table = "t", .key = "k", .sort = "s", .local_indexes = {"by-a"}});
  });
  EXPECT_EQ(code_, kWrongUsage);
}

TEST_F(CommandTest, GlobalIndexesAreMadeAddedAndDropped) {
  const auto describe = [](const std::vector<GlobalIndex>& indexes) {
    TableDescription table{.name = "t", .key = {.partition = {.name = "k"}}};
    for (const GlobalIndex& index : indexes) {
      table.global_indexes.push_back(
          {.index = index,
           .state = IndexState::kCreating,
           .item_count = 7,
           .progress = IndexProgress{.changes_behind = 5,
                                     .time_behind = absl::Milliseconds(12),
                                     .backfill_fraction = 0.25}});
    }
    return table;
  };
  CreateTableRequest made;
  mock_->On<CreateTableRequest>([&](const CreateTableRequest& request)
                                    -> absl::StatusOr<TableDescription> {
    made = request;
    return describe(request.global_indexes);
  });
  const std::string out = Print([](Session& session) {
    return CreateTable(session, {.table = "t",
                                 .key = "k",
                                 .indexes = {"by-a=a:N", "by-b=b,c/k,d:N=x,y",
                                             "by-c=c=keys"}});
  });
  EXPECT_EQ(code_, kDone);
  ASSERT_EQ(made.global_indexes.size(), 3u);
  EXPECT_EQ(made.global_indexes[0].partition[0].type, ScalarType::kNumber);
  const GlobalIndex& by_b = made.global_indexes[1];
  ASSERT_EQ(by_b.partition.size(), 2u);
  EXPECT_EQ(by_b.partition[1].name, "c");
  ASSERT_EQ(by_b.sort.size(), 2u);
  EXPECT_EQ(by_b.sort[1].name, "d");
  EXPECT_EQ(by_b.sort[1].type, ScalarType::kNumber);
  EXPECT_THAT(by_b.included, ElementsAre("x", "y"));
  EXPECT_EQ(made.global_indexes[2].projection, IndexProjection::kKeysOnly);
  EXPECT_THAT(
      out, HasSubstr(R"x("index by-b":"b (S), c (S) / k (S), d (N)",)x"
                     R"("index by-b state":"CREATING","index by-b entries":7,)"
                     R"("index by-b bytes":0,"index by-b changes behind":5,)"
                     R"("index by-b ms behind":12,)"
                     R"("index by-b filled":"25.0 %")"));

  UpdateTableRequest changed;
  mock_->On<UpdateTableRequest>([&](const UpdateTableRequest& request)
                                    -> absl::StatusOr<TableDescription> {
    changed = request;
    return describe(request.create_indexes);
  });
  Print([](Session& session) {
    return UpdateTable(session, {.table = "t",
                                 .add_indexes = {"by-e=e"},
                                 .drop_indexes = {"by-a", "by-b"}});
  });
  EXPECT_EQ(code_, kDone);
  ASSERT_EQ(changed.create_indexes.size(), 1u);
  EXPECT_EQ(changed.create_indexes[0].partition[0].name, "e");
  EXPECT_TRUE(changed.create_indexes[0].sort.empty());
  EXPECT_THAT(changed.delete_indexes, ElementsAre("by-a", "by-b"));

  for (const char* wrong : {"by-a", "by-a=", "by-a=a:X", "by-a=a,,b"}) {
    Print([&](Session& session) {
      return UpdateTable(session, {.table = "t", .add_indexes = {wrong}});
    });
    EXPECT_EQ(code_, kWrongUsage) << wrong;
  }
}

TEST_F(CommandTest, TimesToLiveAreToldBegunAndEnded) {
  std::optional<UpdateTimeToLiveRequest> last;
  TimeToLiveDescription now{.state = TimeToLiveState::kDisabled};
  mock_->On<UpdateTimeToLiveRequest>(
      [&](const UpdateTimeToLiveRequest& request)
          -> absl::StatusOr<UpdateTimeToLiveResponse> {
        last = request;
        now = {TimeToLiveState::kEnabled, request.attribute,
               request.hide_expired_items.value_or(false)};
        return UpdateTimeToLiveResponse{};
      });
  mock_->On<DescribeTimeToLiveRequest>(
      [&](const DescribeTimeToLiveRequest&)
          -> absl::StatusOr<TimeToLiveDescription> { return now; });
  const auto run = [&](const TimeToLiveOptions& options) {
    return Print(
        [&](Session& session) { return TimeToLive(session, options); });
  };
  EXPECT_THAT(run({.table = "t"}), HasSubstr(R"({"status":"DISABLED"})"));
  EXPECT_FALSE(last.has_value());
  EXPECT_THAT(
      run({.table = "t", .attribute = "a", .hide_expired = true}),
      HasSubstr(R"({"status":"ENABLED","attribute":"a","hide_expired":true})"));
  EXPECT_TRUE(last->enabled);
  run({.table = "t", .attribute = "off"});
  EXPECT_FALSE(last->enabled);
  EXPECT_EQ(last->attribute, "a");
}

TEST_F(CommandTest, GlobalIndexesArePausedResumedAndDelayed) {
  UpdateIndexPropagationRequest last;
  mock_->On<UpdateIndexPropagationRequest>(
      [&](const UpdateIndexPropagationRequest& request)
          -> absl::StatusOr<TableDescription> {
        last = request;
        TableDescription table{.name = "t",
                               .key = {.partition = {.name = "k"}}};
        table.global_indexes.push_back(
            {.index = {.name = request.index, .partition = {{"a"}}},
             .state = IndexState::kCreating,
             .progress = IndexProgress{
                 .items_skipped = 3,
                 .skipped = {{Item{{"k", "x"}}, "no number"}},
                 .items_read = 250,
                 .items_total = 1000,
                 .items_per_second = 50.5,
                 .time_left = absl::Seconds(75),
                 .paused = request.paused.value_or(false),
                 .delay = request.delay.value_or(absl::ZeroDuration())}});
        return table;
      });
  const PropagationOptions options{.table = "t", .index = "i", .delay = "90s"};
  std::string out =
      Print([&](Session& session) { return PauseIndex(session, options); });
  EXPECT_EQ(last.table, "t");
  EXPECT_EQ(last.index, "i");
  EXPECT_EQ(last.paused, true);
  EXPECT_EQ(last.delay, std::nullopt);
  EXPECT_THAT(
      out,
      HasSubstr(R"x("index i items read":250,"index i items to read":1000,)x"
                R"x("index i items per second":50,)x"
                R"x("index i time left":"1m15s","index i paused":true,)x"
                R"x("index i skipped":3,)x"
                R"x("index i skipped 1":"{\"k\":\"x\"}: no number")x"));
  Print([&](Session& session) { return ResumeIndex(session, options); });
  EXPECT_EQ(last.paused, false);
  EXPECT_EQ(last.delay, std::nullopt);
  out = Print([&](Session& session) { return DelayIndex(session, options); });
  EXPECT_EQ(last.paused, std::nullopt);
  EXPECT_EQ(last.delay, absl::Seconds(90));
  EXPECT_THAT(out, HasSubstr(R"("index i delay":"1m30s")"));
  EXPECT_EQ(code_, kDone);

  Print([&](Session& session) {
    return DelayIndex(session, {.table = "t", .index = "i", .delay = "long"});
  });
  EXPECT_EQ(code_, kWrongUsage);
}

TEST_F(CommandTest, TagsAreListedGivenAndTakenAway) {
  mock_->On<DescribeTableRequest>(
      [](const DescribeTableRequest&) -> absl::StatusOr<TableDescription> {
        return TableDescription{.name = "t", .arn = "arn:t"};
      });
  mock_->On<ListTagsRequest>(
      [](const ListTagsRequest& request) -> absl::StatusOr<ListTagsResponse> {
        EXPECT_EQ(request.table_arn, "arn:t");
        if (request.page_token.empty()) {
          return ListTagsResponse{{{"a", "1"}}, "more"};
        }
        return ListTagsResponse{{{"b", "2"}}, ""};
      });
  Tags given;
  mock_->On<TagRequest>(
      [&](const TagRequest& request) -> absl::StatusOr<TagResponse> {
        given = request.tags;
        return TagResponse{};
      });
  std::vector<std::string> taken;
  mock_->On<UntagRequest>(
      [&](const UntagRequest& request) -> absl::StatusOr<UntagResponse> {
        taken = request.keys;
        return UntagResponse{};
      });
  EXPECT_EQ(Print([](Session& session) { return ListTags(session, "t"); }),
            "{\"a\":\"1\",\"b\":\"2\"}\n");
  Print([](Session& session) { return Tag(session, "t", {"c=3=x"}); });
  EXPECT_EQ(code_, kDone);
  EXPECT_EQ(given, (Tags{{"c", "3=x"}}));
  Print([](Session& session) { return Untag(session, "t", {"c"}); });
  EXPECT_THAT(taken, ElementsAre("c"));
  Print([](Session& session) { return Tag(session, "t", {"c"}); });
  EXPECT_EQ(code_, kWrongUsage);
}

TEST_F(CommandTest, StreamsAreListedEnabledAndDisabled) {
  std::vector<StreamView> asked;
  mock_->On<UpdateTableRequest>([&](const UpdateTableRequest& request)
                                    -> absl::StatusOr<TableDescription> {
    asked.push_back(request.stream.value());
    return TableDescription{.name = "t", .latest_stream_arn = "arn"};
  });
  // The table has had one before; another is gone, with its own.
  mock_->On<ListStreamsRequest>([](const ListStreamsRequest& request)
                                    -> absl::StatusOr<ListStreamsResponse> {
    if (request.start_stream_arn.empty()) {
      return ListStreamsResponse{{{"old", "t", "1"}, {"arn", "t", "2"}}, "arn"};
    }
    EXPECT_EQ(request.start_stream_arn, "arn");
    return ListStreamsResponse{{{"left", "u", "3"}}, ""};
  });
  mock_->On<DescribeTableRequest>([](const DescribeTableRequest& request)
                                      -> absl::StatusOr<TableDescription> {
    if (request.table == "u") return absl::NotFoundError("u is gone");
    return TableDescription{.name = "t",
                            .stream = StreamView::kKeysOnly,
                            .latest_stream_arn = "arn"};
  });
  Print([](Session& session) {
    return SetStream(session, "t", StreamView::kKeysOnly);
  });
  Print([](Session& session) {
    return SetStream(session, "t", StreamView::kNone);
  });
  EXPECT_THAT(asked, ElementsAre(StreamView::kKeysOnly, StreamView::kNone));
  EXPECT_EQ(Print(ListStreams),
            "{\"enabled\":false,\"stream\":\"old\",\"table\":\"t\"}\n"
            "{\"enabled\":true,\"stream\":\"arn\",\"table\":\"t\"}\n"
            "{\"enabled\":false,\"stream\":\"left\",\"table\":\"u\"}\n");
}

TEST_F(CommandTest, ClusterStatusAsksEachNode) {
  DescribeClusterResponse first;
  first.cluster = "c";
  first.node = first.leader_node = std::string(32, 'a');
  for (const char name : {'a', 'b', 'c', 'd'}) {
    first.nodes.push_back({.id = std::string(32, name),
                           .alive = name != 'd',
                           .member = name != 'c',
                           .grpc_address = std::string(1, name)});
  }
  first.replicas = {{.partition = 7,
                     .table = "t",
                     .role = ReplicaRole::kLeader,
                     .applied_index = 10,
                     .items = 3,
                     .bytes = 30,
                     .serving = true},
                    {.partition = 8,
                     .table = "t",
                     .index = "by",
                     .role = ReplicaRole::kLeader,
                     .applied_index = 5,
                     .items = 2,
                     .bytes = 20,
                     .serving = true}};
  DescribeClusterResponse second = first;
  second.node = std::string(32, 'b');
  second.replicas[0].role = second.replicas[1].role = ReplicaRole::kFollower;
  second.replicas[0].applied_index = 6;
  second.replicas[1].serving = false;
  DescribeClusterResponse spare = first;
  spare.node = std::string(32, 'c');
  spare.replicas.clear();
  mock_->On<DescribeClusterRequest>(
      [&](const DescribeClusterRequest&)
          -> absl::StatusOr<DescribeClusterResponse> { return first; });
  mock_->On<DescribeTableRequest>(
      [](const DescribeTableRequest&) -> absl::StatusOr<TableDescription> {
        TableDescription table{.name = "t"};
        table.global_indexes.push_back(
            {.index = {.name = "by"},
             .progress = IndexProgress{.changes_behind = 4,
                                       .time_behind = absl::Milliseconds(9)}});
        return table;
      });
  std::vector<std::string> asked;
  const auto connect =
      [&](const std::string& address) -> absl::StatusOr<Client> {
    asked.push_back(address);
    auto node = std::make_shared<MockConnection>();
    node->On<DescribeClusterRequest>(
        [&, address](const DescribeClusterRequest&)
            -> absl::StatusOr<DescribeClusterResponse> {
          return address == "b" ? second : spare;
        });
    return Client(node);
  };
  const std::string printed =
      Print([&](Session& session) { return ClusterStatus(session, connect); });
  EXPECT_THAT(asked, ElementsAre("b", "c"));
  for (const char* line : {
           "\"leads\":2,\"node\":\"aaaaaaaa\",\"state\":\"leader\"",
           "\"behind\":4,\"copies\":2",
           "\"node\":\"bbbbbbbb\",\"state\":\"catching up\"",
           "\"node\":\"cccccccc\",\"state\":\"spare\"",
           "\"node\":\"dddddddd\",\"state\":\"gone\"",
           "{\"behind\":4,\"bytes\":30,\"copies\":2,\"items\":3,\"led\":1,"
           "\"partitions\":1,\"table\":\"t\"}",
           "{\"behind\":0,\"bytes\":20,\"copies\":1,\"index\":\"by\","
           "\"items\":2,\"lag_changes\":4,\"lag_ms\":9,\"led\":1,"
           "\"partitions\":1,\"table\":\"t\"}",
       }) {
    EXPECT_THAT(printed, HasSubstr(line));
  }
  EXPECT_EQ(code_, kDone);
}

TEST_F(CommandTest, TailPrintsChangesUntilItHasEnough) {
  WatchRequest asked;
  int reads = 0;
  mock_->OnWatch(
      [&](const WatchRequest& request) -> absl::StatusOr<WatchBatch> {
        asked = request;
        if (++reads == 1) return WatchBatch{};  // a heartbeat
        return WatchBatch{
            {{ChangeKind::kModify, Item{{"k", "a"}}, Item{{"k", "a"}, {"v", 1}},
              Item{{"k", "a"}, {"v", 2}}}}};
      });
  const TailOptions options = {
      .table = "t",
      .filter = "#v = :v",
      .expressions = {.names = "{\"#v\":\"v\"}", .values = "{\":v\":2}"},
      .snapshot = true,
      .limit = 1};
  const std::string printed =
      Print([&](Session& session) { return TailStream(session, options); });
  EXPECT_THAT(printed, HasSubstr("MODIFY"));
  EXPECT_THAT(printed, HasSubstr("\"new\""));
  EXPECT_EQ(code_, kDone);
  EXPECT_EQ(asked.table, "t");
  EXPECT_EQ(asked.filter, "#v = :v");
  EXPECT_TRUE(asked.snapshot);
  EXPECT_EQ(asked.names, (Names{{"#v", "v"}}));
  EXPECT_EQ(asked.values, (Item{{":v", 2}}));
}

TEST_F(CommandTest, ExportWritesEveryItemOfEverySegment) {
  mock_->On<DescribeTableRequest>(
      [](const DescribeTableRequest&) -> absl::StatusOr<TableDescription> {
        return TableDescription{.name = "t"};
      });
  mock_->On<ScanRequest>(
      [](const ScanRequest& request) -> absl::StatusOr<ScanResponse> {
        EXPECT_EQ(request.total_segments, 3);
        return ScanResponse{.items = {Item{{"k", request.segment}}}};
      });
  const std::string out = Print([](Session& session) {
    return Export(session, {.table = "t", .segments = 3});
  });
  for (const char* line : {"{\"k\":0}\n", "{\"k\":1}\n", "{\"k\":2}\n"}) {
    EXPECT_THAT(out, HasSubstr(line));
  }
  EXPECT_EQ(code_, kDone);
}

}  // namespace
}  // namespace pallet::tool
