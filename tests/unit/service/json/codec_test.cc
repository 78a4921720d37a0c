// SPDX-License-Identifier: Apache-2.0
//
// JSON to messages and back: every kind of value, what is absent, what has the
// wrong type, what is hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/expression/placeholders.h"
#include "model/item_codec.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/batch.pb.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/json/base64.h"
#include "service/json/errors.h"
#include "service/json/request_reader.h"
#include "service/json/response_writer.h"
#include "service/json/shape.h"
#include "service/operation.h"

namespace pallet::service::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CodecTest : public ::testing::Test {
 protected:
  absl::Status Read(const std::string& operation, std::string text,
                    EncodedRequest* request) {
    return reader_.Read(*shapes_.operations().at(operation).request, &text,
                        request);
  }

  template <typename Message>
  Message ReadAs(const std::string& operation, const std::string& text) {
    EncodedRequest request;
    const absl::Status status = Read(operation, text, &request);
    EXPECT_TRUE(status.ok()) << status << " " << text;
    Message message;
    EXPECT_TRUE(message.ParseFromString(request.bytes)) << text;
    return message;
  }

  // What is said of a request that is no good.
  std::string ErrorOf(const std::string& operation, const std::string& text) {
    EncodedRequest request;
    const absl::Status status = Read(operation, text, &request);
    EXPECT_FALSE(status.ok()) << text;
    return std::string(status.message());
  }

  std::string Write(const std::string& operation, const std::string& bytes,
                    const WriteOptions& options = {}) {
    const absl::StatusOr<std::string> text = WriteMessage(
        *shapes_.operations().at(operation).response, bytes, options);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or("");
  }

  // An item through both: in as JSON, canonical, out as JSON.
  std::string RoundTrip(const std::string& item) {
    const auto put = ReadAs<wire::v1::PutItemRequest>(
        "PutItem", absl::StrCat("{\"Item\":", item, "}"));
    const auto canonical = model::CanonicalizeItem(put.item());
    if (!canonical.ok()) return std::string(canonical.status().message());
    wire::v1::GetItemResponse response;
    response.set_item(canonical->bytes);
    const std::string text = Write("GetItem", response.SerializeAsString());
    return text.substr(8, text.size() - 9);  // without {"Item": }
  }

  const Shapes shapes_;
  RequestReader reader_;
};

TEST_F(CodecTest, Example) {
  const auto query = ReadAs<wire::v1::QueryRequest>(
      "Query",
      R"({"TableName": "music", "Limit": 5, "ScanIndexForward": false,
          "Select": "COUNT", "KeyConditionExpression": "a = :a",
          "ExpressionAttributeValues": {":a": {"S": "Nina"}}})");
  EXPECT_EQ(query.table_name(), "music");
  EXPECT_EQ(query.limit(), 5);
  EXPECT_FALSE(query.scan_index_forward());
  EXPECT_EQ(query.select(), wire::v1::SELECT_COUNT);
  EXPECT_EQ(query.expression_attribute_values().at(":a"), "\x0A\x04Nina");

  wire::v1::QueryResponse response;
  response.set_count(1);
  response.set_scanned_count(2);
  response.add_items(
      model::CanonicalizeItem(std::string("\n\v\n\1a\x12\6\n\4Nina", 13))
          ->bytes);
  EXPECT_EQ(Write("Query", response.SerializeAsString()),
            R"({"Items":[{"a":{"S":"Nina"}}],"Count":1,"ScannedCount":2})");
}

TEST_F(CodecTest, EveryKindOfValueComesBack) {
  const std::string item =
      R"({"b":{"B":"AAEC/w=="},"bo":{"BOOL":false},"bs":{"BS":["","YQ=="]},)"
      R"("l":{"L":[{"S":""},{"N":"-1.5"},{"L":[]}]},"m":{"M":{"k":{"M":{}}}},)"
      R"("n":{"N":"100"},"ns":{"NS":["-3","2","10"]},"nu":{"NULL":true},)"
      R"("s":{"S":"é\"\\\n\u0001/"},"ss":{"SS":["a","b"]}})";
  EXPECT_EQ(RoundTrip(item), item);
}

TEST_F(CodecTest, LongStringsAreEscapedWhereverTheEscapeStands) {
  for (size_t size = 0; size < 40; ++size) {
    const std::string head(size, 'x');
    const std::string item =
        absl::StrCat("{\"s\":{\"S\":\"", head, "\\\"y\\\\z\\tw\"}}");
    EXPECT_EQ(RoundTrip(item), item);
  }
}

TEST_F(CodecTest, BinaryOfEveryLengthComesBack) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    std::string text(Base64Size(bytes.size()), '\0');
    EncodeBase64(bytes, text.data());
    EXPECT_EQ(text, absl::Base64Escape(bytes));
    std::string back;
    EXPECT_TRUE(DecodeBase64(text, &back).ok());
    EXPECT_EQ(back, bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST_F(CodecTest, Base64IsTakenOnlyAsItIsWritten) {
  const auto error = [](const char* text) {
    std::string out;
    return std::string(DecodeBase64(text, &out).message());
  };
  EXPECT_THAT(error("abc"), HasSubstr("multiple of 4 bytes but found: 3"));
  EXPECT_EQ(error("ab!="), "Invalid Base64 character: '!'");
  EXPECT_EQ(error("a==="), "Invalid Base64 character: '='");
  EXPECT_EQ(error("=abc"), "Invalid Base64 character: '='");
  EXPECT_THAT(error("ab=="), StartsWith("Invalid last non-pad"));
  EXPECT_THAT(error("abd="), StartsWith("Invalid last non-pad"));
  EXPECT_EQ(error(""), "");
}

TEST_F(CodecTest, ValuesOfNoneOrSeveralTypesReachTheirCheck) {
  EXPECT_THAT(RoundTrip(R"({"a":{}})"),
              StartsWith("Supplied AttributeValue is empty"));
  EXPECT_THAT(RoundTrip(R"({"a":{"S":null}})"),
              StartsWith("Supplied AttributeValue is empty"));
  EXPECT_THAT(RoundTrip(R"({"a":null})"),
              StartsWith("Supplied AttributeValue is empty"));
  EXPECT_THAT(RoundTrip(R"({"a":{"X":"y"}})"),
              StartsWith("Supplied AttributeValue is empty"));
  EXPECT_THAT(RoundTrip(R"({"a":{"S":"x","N":"1"}})"),
              StartsWith("Supplied AttributeValue has more than one"));
}

TEST_F(CodecTest, JsonTypesAreChecked) {
  const auto value = [&](const char* value) {
    return ErrorOf("PutItem", absl::StrCat("{\"Item\":{\"a\":", value, "}}"));
  };
  EXPECT_EQ(value(R"({"N":3})"), "NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(value(R"({"N":3.5})"),
            "DECIMAL_VALUE cannot be converted to String");
  EXPECT_EQ(value(R"({"S":true})"), "TRUE_VALUE cannot be converted to String");
  EXPECT_EQ(value(R"({"S":{}})"),
            "Start of structure or map found where not expected");
  EXPECT_EQ(value(R"({"S":[]})"),
            "Unrecognized collection type class java.lang.String");
  EXPECT_EQ(value(R"({"B":1})"),
            "only base-64-encoded strings are convertible to bytes");
  EXPECT_EQ(value(R"({"SS":"a"})"), "Unexpected field type");
  EXPECT_EQ(value(R"({"L":{}})"),
            "Start of structure or map found where not expected");
  EXPECT_EQ(value(R"("text")"), "Unexpected field type");
  EXPECT_EQ(ErrorOf("PutItem", R"({"TableName":1})"),
            "NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(ErrorOf("Query", R"({"Limit":"1"})"),
            "STRING_VALUE cannot be converted to Integer");
  EXPECT_EQ(ErrorOf("CreateTable", R"({"KeySchema":{}})"),
            "Start of structure or map found where not expected");
  EXPECT_EQ(ErrorOf("CreateTable", R"({"ProvisionedThroughput":[]})"),
            "Unrecognized collection type class java.util.Map");
}

TEST_F(CodecTest, BooleansMayBeWords) {
  const auto consistent = [&](const char* value) {
    return ReadAs<wire::v1::GetItemRequest>(
               "GetItem", absl::StrCat("{\"ConsistentRead\":", value, "}"))
        .consistent_read();
  };
  EXPECT_TRUE(consistent("true"));
  EXPECT_TRUE(consistent("\"True\""));
  EXPECT_TRUE(consistent("\"1\""));
  EXPECT_FALSE(consistent("\"no\""));
  EXPECT_THAT(ErrorOf("GetItem", R"({"ConsistentRead":"maybe"})"),
              HasSubstr("can not be converted to an Boolean"));
  EXPECT_THAT(ErrorOf("GetItem", R"({"ConsistentRead":1})"),
              HasSubstr("can not be converted to an Boolean"));
}

TEST_F(CodecTest, WholeNumbersAreCutAndClamped) {
  const auto limit = [&](const char* value) {
    return ReadAs<wire::v1::QueryRequest>(
               "Query", absl::StrCat("{\"Limit\":", value, "}"))
        .limit();
  };
  EXPECT_EQ(limit("7.9"), 7);
  EXPECT_EQ(limit("-7.9"), -7);
  EXPECT_EQ(limit("1e12"), INT32_MAX);
  EXPECT_EQ(limit("-99999999999"), INT32_MIN);
}

TEST_F(CodecTest, NullsAndStrangersAreNotThere) {
  const auto get = ReadAs<wire::v1::GetItemRequest>(
      "GetItem", R"({"TableName":null,"Nonsense":{"a":[1]},"Key":{}})");
  EXPECT_FALSE(get.has_table_name());
  EXPECT_TRUE(get.has_key());
  EXPECT_EQ(get.key(), "");
}

TEST_F(CodecTest, BrokenTextIsRefusedWithoutAWord) {
  for (const char* text :
       {"", " ", "{", "[]", "1", "null", "{\"a\":}", "{\"a\":1,}", "{} x",
        "{\"TableName\":\"\xFF\"}", "{\"TableName\":\"\\uD800\"}",
        "{\"a\":1e999}", "{'a':1}"}) {
    EXPECT_EQ(ErrorOf("GetItem", text), "") << text;
  }
}

TEST_F(CodecTest, DeepTextIsRefused) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text = "{\"Item\":";
    for (int i = 0; i < 200000; ++i) text += open;
    EXPECT_EQ(ErrorOf("PutItem", text), "");
  }
}

TEST_F(CodecTest, DeepValuesMeetTheLimitOfItems) {
  const auto nested = [](int levels) {
    std::string text = "{\"S\":\"x\"}";
    for (int i = 1; i < levels; ++i) text = "{\"L\":[" + text + "]}";
    return "{\"a\":" + text + "}";
  };
  EXPECT_EQ(RoundTrip(nested(32)), nested(32));
  EXPECT_THAT(RoundTrip(nested(33)), StartsWith("Nesting Levels"));
  EXPECT_THAT(RoundTrip(nested(90)), StartsWith("Nesting Levels"));
}

TEST_F(CodecTest, ListsInMapsAreArrays) {
  const auto batch = ReadAs<wire::v1::BatchWriteItemRequest>(
      "BatchWriteItem",
      R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"a":{"N":"1"}}}},
          {"DeleteRequest":{"Key":{"a":{"N":"2"}}}}],"u":[]}})");
  EXPECT_EQ(batch.request_items().at("t").requests_size(), 2);
  EXPECT_TRUE(batch.request_items().at("t").requests(1).has_delete_request());
  EXPECT_EQ(batch.request_items().at("u").requests_size(), 0);

  // What was left over comes back as it was sent, canonical or not.
  wire::v1::BatchWriteItemResponse response;
  (*response.mutable_unprocessed_items())["t"] = batch.request_items().at("t");
  EXPECT_EQ(Write("BatchWriteItem", response.SerializeAsString()),
            R"({"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"a":{"N":"1"}})"
            R"(}},{"DeleteRequest":{"Key":{"a":{"N":"2"}}}}]}})");
}

TEST_F(CodecTest, UnknownEnumsKeepTheirText) {
  EncodedRequest request;
  ASSERT_TRUE(Read("PutItem",
                   R"({"ReturnValues":"SOME","ReturnConsumedCapacity":""})",
                   &request)
                  .ok());
  EXPECT_THAT(request.unknown_enums, ElementsAre("SOME", ""));
  wire::v1::PutItemRequest put;
  ASSERT_TRUE(put.ParseFromString(request.bytes));
  EXPECT_EQ(InJsonWords(request, absl::StrCat("Value '", put.return_values(),
                                              "' at 'x'; Value '",
                                              put.return_consumed_capacity(),
                                              "' at 'y'")),
            "Value 'SOME' at 'x'; Value '' at 'y'");
}

// An empty legacy map beside an expression is there: the two are refused
// together. Alone it asks for nothing.
TEST_F(CodecTest, EmptyMapsAreThereBesideAnExpression) {
  wire::v1::PutItemRequest put;
  EncodedRequest alone;
  ASSERT_TRUE(Read("PutItem", R"({"Expected":{}})", &alone).ok());
  ASSERT_TRUE(put.ParseFromString(alone.bytes));
  EXPECT_EQ(put.expected().size(), 0u);
  EncodedRequest beside;
  ASSERT_TRUE(Read("PutItem",
                   R"({"Expected":{},"ConditionExpression":"a = b"})", &beside)
                  .ok());
  ASSERT_TRUE(put.ParseFromString(beside.bytes));
  EXPECT_EQ(put.expected().size(), 1u);
  EXPECT_TRUE(beside.empty_maps.empty());
}

TEST_F(CodecTest, EmptyMembersAreNotedWhereTheyAreErrors) {
  EncodedRequest request;
  ASSERT_TRUE(Read("Query",
                   R"({"ExpressionAttributeNames":{},"AttributesToGet":[],)"
                   R"("ExpressionAttributeValues":{},"QueryFilter":{},)"
                   R"("AttributesToGet":[],"Stranger":[]})",
                   &request)
                  .ok());
  EXPECT_THAT(request.empty_maps, ElementsAre("ExpressionAttributeNames",
                                              "ExpressionAttributeValues"));
  EXPECT_THAT(request.empty_lists, ElementsAre("attributesToGet"));
  wire::v1::QueryRequest query;
  ASSERT_TRUE(query.ParseFromString(request.bytes));
  EXPECT_TRUE(query.query_filter().empty());
  // In the words of whoever parses placeholders.
  const google::protobuf::Map<std::string, std::string> none;
  const auto names = model::expression::Placeholders::Create(
      query.expression_attribute_names(), none);
  EXPECT_EQ(InJsonWords(request, names.status().message()),
            "ExpressionAttributeNames must not be empty");
  const auto values = model::expression::Placeholders::Create(
      none, query.expression_attribute_values());
  EXPECT_EQ(InJsonWords(request, values.status().message()),
            "ExpressionAttributeValues must not be empty");
  // A key that is really empty keeps its own words.
  EXPECT_THAT(InJsonWords({}, names.status().message()),
              HasSubstr("Syntax error; key: \"\""));
}

TEST_F(CodecTest, ResponsesHaveWhatDynamoDbAlwaysHas) {
  EXPECT_EQ(Write("GetItem", ""), "{}");
  EXPECT_EQ(Write("PutItem", ""), "{}");
  EXPECT_EQ(Write("Query", ""), R"({"Items":[],"Count":0,"ScannedCount":0})");
  EXPECT_EQ(Write("Scan", "", {.count_only = true}),
            R"({"Count":0,"ScannedCount":0})");
  EXPECT_EQ(Write("BatchWriteItem", ""), R"({"UnprocessedItems":{}})");
  EXPECT_EQ(Write("BatchGetItem", ""),
            R"({"Responses":{},"UnprocessedKeys":{}})");
  EXPECT_EQ(Write("ListTables", ""), R"({"TableNames":[]})");
}

TEST_F(CodecTest, NumbersAndTimesLookAsDynamoDbWritesThem) {
  wire::v1::GetItemResponse get;
  get.mutable_consumed_capacity()->set_table_name("t");
  get.mutable_consumed_capacity()->set_capacity_units(0.5);
  get.mutable_consumed_capacity()->mutable_table()->set_capacity_units(2);
  EXPECT_EQ(Write("GetItem", get.SerializeAsString()),
            R"({"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5,)"
            R"("Table":{"CapacityUnits":2.0}}})");
  v1::DescribeTableResponse describe;
  auto* table = describe.mutable_table();
  table->set_table_status(v1::TABLE_STATUS_ACTIVE);
  table->mutable_creation_date_time()->set_seconds(1700000000);
  table->mutable_creation_date_time()->set_nanos(250999999);
  EXPECT_EQ(Write("DescribeTable", describe.SerializeAsString()),
            R"({"Table":{"TableStatus":"ACTIVE","CreationDateTime":1700000000)"
            R"(.25,"TableSizeBytes":0,"ItemCount":0,)"
            R"("DeletionProtectionEnabled":false}})");
}

TEST_F(CodecTest, RepeatedFieldsNeedNotStandTogether) {
  wire::v1::QueryResponse count;
  count.set_count(3);
  wire::v1::QueryResponse one;
  one.add_items("\n\v\n\1a\x12\6\n\4Nina");
  const std::string bytes = one.SerializeAsString() +
                            count.SerializeAsString() + one.SerializeAsString();
  EXPECT_EQ(Write("Query", bytes),
            R"({"Items":[{"a":{"S":"Nina"}},{"a":{"S":"Nina"}}],"Count":3,)"
            R"("ScannedCount":0})");
}

TEST_F(CodecTest, BrokenMessagesAreErrors) {
  for (const std::string& bytes :
       {std::string("\x0A"), std::string("\x0A\x05"), std::string("\x0A\x01x"),
        std::string("\x0F"), std::string("\x0A\x04\x0A\x02\x12\x00", 6)}) {
    EXPECT_FALSE(
        WriteMessage(*shapes_.operations().at("GetItem").response, bytes).ok())
        << absl::CHexEscape(bytes);
  }
}

TEST_F(CodecTest, ErrorsHaveTheirTypeTextAndDetails) {
  const auto answer = [&](const absl::Status& status) {
    const HttpAnswer answer = ErrorAnswer(shapes_, status);
    return absl::StrCat(answer.status, " ", answer.body);
  };
  using model::MakeError;
  using model::Reason;
  EXPECT_EQ(answer(model::ValidationError("no \"good\"")),
            R"(400 {"__type":"com.amazon.coral.validate#ValidationException",)"
            R"("message":"no \"good\""})");
  EXPECT_EQ(answer(MakeError(Reason::kResourceNotFound, "x")),
            R"(400 {"__type":"com.amazonaws.dynamodb.v20120810#)"
            R"(ResourceNotFoundException","message":"x"})");
  EXPECT_THAT(answer(MakeError(Reason::kInternal, "x")),
              StartsWith("500 {\"__type\":\"com.amazonaws.dynamodb.v20120810#"
                         "InternalServerError\""));
  EXPECT_THAT(answer(MakeError(Reason::kShuttingDown, "x")),
              StartsWith("503 "));
  EXPECT_EQ(answer(RpcNotBuilt("UpdateItem")).substr(0, 73),
            R"(400 {"__type":"com.amazon.coral.service#UnknownOperationExcept)"
            R"(ion","messa)");

  absl::Status failed = MakeError(Reason::kConditionalCheckFailed, "failed");
  wire::v1::ConditionalCheckFailure detail;
  detail.set_item("\n\v\n\1a\x12\6\n\4Nina");
  AddDetail(detail, &failed);
  EXPECT_EQ(answer(failed),
            R"(400 {"__type":"com.amazonaws.dynamodb.v20120810#)"
            R"(ConditionalCheckFailedException","message":"failed",)"
            R"("Item":{"a":{"S":"Nina"}}})");
}

TEST_F(CodecTest, UnbuiltFieldsAreNamedAsMembers) {
  const HttpAnswer answer = ErrorAnswer(
      shapes_,
      model::MakeError(model::Reason::kNotBuilt,
                       "The field request_items[a_b].projection_expression is "
                       "not built in this version; nothing was done"));
  EXPECT_THAT(answer.body, HasSubstr("#ValidationException"));
  EXPECT_THAT(answer.body, HasSubstr("ProjectionExpression is not built"));
}

}  // namespace
}  // namespace pallet::service::json
