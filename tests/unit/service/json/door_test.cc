// SPDX-License-Identifier: Apache-2.0
//
// One request through the door, without sockets.
#include "service/json/door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "pallet/v1/item.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/json/compression.h"

namespace pallet::service::json {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class DoorTest : public ::testing::Test {
 protected:
  DoorTest() : metrics_(Clock::Real()) {
    registry_.Add("GetItem", [this](absl::string_view request,
                                    const CallContext& context, Reply reply) {
      EXPECT_TRUE(get_.ParseFromString(std::string(request)));
      EXPECT_LT(context.deadline, absl::InfiniteDuration());
      reply(answer_);
    });
    registry_.Add("Query", [](absl::string_view, const CallContext&,
                              Reply reply) { reply(std::string()); });
    registry_.Add("Scan", [](absl::string_view, const CallContext&, Reply) {});
  }

  Door& door() {
    if (door_ == nullptr) {
      DoorOptions options;
      options.operations = &registry_;
      options.metrics = &metrics_;
      options.access_keys = keys_;
      options.health = [this] { return health_; };
      door_ = std::make_unique<Door>(std::move(options));
    }
    return *door_;
  }

  HttpRequest Post(const std::string& operation, std::string body) {
    HttpRequest request;
    request.method = "POST";
    request.target = "/";
    request.AddHeader("Content-Type", "application/x-amz-json-1.0");
    request.AddHeader("X-Amz-Target", "DynamoDB_20120810." + operation);
    request.body = std::move(body);
    return request;
  }

  HttpAnswer Ask(HttpRequest request) {
    std::optional<HttpAnswer> answer;
    door().Handle(&request, &reader_, nullptr, [&](Door::MakeAnswer make) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(make)();
    });
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(HttpAnswer());
  }

  OperationRegistry registry_;
  Metrics metrics_;
  std::vector<AccessKey> keys_;
  absl::Status health_;
  std::unique_ptr<Door> door_;
  RequestReader reader_;
  wire::v1::GetItemRequest get_;
  absl::StatusOr<std::string> answer_ = std::string();
};

TEST_F(DoorTest, Example) {
  const HttpAnswer answer = Ask(Post("GetItem", R"({"TableName":"t"})"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(answer.content_type, "application/x-amz-json-1.0");
  EXPECT_EQ(get_.table_name(), "t");
  EXPECT_EQ(metrics_.Operation("GetItem")->answers(absl::StatusCode::kOk), 1u);
  EXPECT_EQ(metrics_.Operation("GetItem")->in_flight(), 0);
}

TEST_F(DoorTest, HeadersAskForFreshnessAndTellPositions) {
  HttpRequest request = Post("GetItem", R"({"TableName":"t"})");
  request.AddHeader("X-Pallet-Positions", "YWI=");
  EXPECT_EQ(Ask(request).status, 200);
  EXPECT_EQ(get_.table_name(), "t");
  EXPECT_EQ(get_.freshness().ShortDebugString(), "positions: \"ab\"");

  request.AddHeader("X-Pallet-Wait-Ms", "soon");
  const HttpAnswer refused = Ask(request);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("#ValidationException"));
  EXPECT_THAT(refused.body, HasSubstr("x-pallet-wait-ms"));

  registry_.Add("PutItem",
                [](absl::string_view, const CallContext&, Reply reply) {
                  wire::v1::PutItemResponse response;
                  response.set_position("ab");
                  reply(response.SerializeAsString());
                });
  door_ = nullptr;
  HttpRequest put = Post("PutItem", R"({"TableName":"t"})");
  put.AddHeader("X-Pallet-Wait-Ms", "soon");  // it reads nothing
  const HttpAnswer written = Ask(put);
  EXPECT_EQ(written.status, 200);
  EXPECT_EQ(written.body, "{}");
  EXPECT_THAT(written.headers, HasSubstr("x-pallet-position: YWI=\r\n"));
}

TEST_F(DoorTest, BrowsersAndStrangersGetTheirPages) {
  HttpRequest request;
  request.method = "GET";
  request.target = "/?x=1";
  EXPECT_EQ(Ask(request).body, "healthy: dynamodb.local.amazonaws.com ");
  health_ = absl::UnavailableError("store 1: fenced");
  EXPECT_EQ(Ask(request).status, 503);
  for (const char* method : {"PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}) {
    request.method = method;
    EXPECT_EQ(Ask(request).status, 404) << method;
    EXPECT_EQ(Ask(request).body, "<UnknownOperationException/>\n");
  }
  request.method = "POST";
  EXPECT_EQ(Ask(request).status, 404) << "no content type";
  request.AddHeader("Content-Type", "application/x-amz-json-1.1");
  EXPECT_EQ(Ask(request).status, 404);
}

TEST_F(DoorTest, AContentTypeMayHaveParameters) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.AddHeader("Content-Type",
                    "Application/X-Amz-Json-1.0; charset=utf-8");
  request.AddHeader("X-Amz-Target", "DynamoDB_20120810.GetItem");
  request.body = "{}";
  EXPECT_EQ(Ask(request).status, 200);
}

TEST_F(DoorTest, UnknownTargetsAreNotOperations) {
  for (const char* name : {"Nothing", "", "getitem", "Pipeline", "GetItem "}) {
    const HttpAnswer answer = Ask(Post(name, "{}"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(
        answer.body,
        R"({"__type":"com.amazon.coral.service#UnknownOperationException"})")
        << name;
  }
  EXPECT_THAT(Ask(Post("UpdateItem", "{}")).body,
              HasSubstr("UpdateItem is not built"));
}

TEST_F(DoorTest, BadTextIsASerializationException) {
  HttpAnswer answer = Ask(Post("GetItem", "{"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body,
            R"({"__type":"com.amazon.coral.service#SerializationException"})");
  answer = Ask(Post("GetItem", R"({"TableName":1})"));
  EXPECT_THAT(answer.body, HasSubstr(R"("Message":"NUMBER_VALUE cannot)"));
  EXPECT_EQ(metrics_.Operation("GetItem")->answers(
                absl::StatusCode::kInvalidArgument),
            2u);
}

TEST_F(DoorTest, EmptyListsAreRefusedByName) {
  bool created = false;
  registry_.Add("CreateTable",
                [&](absl::string_view, const CallContext&, Reply reply) {
                  created = true;
                  reply(std::string());
                });
  EXPECT_THAT(Ask(Post("CreateTable", R"({"GlobalSecondaryIndexes":[]})")).body,
              HasSubstr("List of GlobalSecondaryIndexes is empty"));
  EXPECT_THAT(Ask(Post("CreateTable", R"({"LocalSecondaryIndexes":[]})")).body,
              HasSubstr("List of LocalSecondaryIndexes is empty"));
  EXPECT_FALSE(created);
  EXPECT_EQ(Ask(Post("CreateTable", R"({"Tags":[]})")).status, 200);
  EXPECT_THAT(Ask(Post("GetItem", R"({"AttributesToGet":[]})")).body,
              HasSubstr("Value '[]' at 'attributesToGet' failed to satisfy"));
}

TEST_F(DoorTest, EmptyListsWithinAreRefusedByTheirPath) {
  const auto refuse = [](absl::string_view, const CallContext&, Reply reply) {
    reply(std::string());
  };
  registry_.Add("CreateTable", refuse);
  registry_.Add("BatchGetItem", refuse);
  EXPECT_THAT(
      Ask(Post("CreateTable", R"({"LocalSecondaryIndexes":[{"IndexName":"a"},)"
                              R"({"Projection":{"NonKeyAttributes":[]}}]})"))
          .body,
      HasSubstr("1 validation error detected: Value '[]' at "
                "'localSecondaryIndexes.2.member.projection.nonKeyAttributes' "
                "failed to satisfy constraint: Member must have length greater "
                "than or equal to 1"));
  EXPECT_THAT(Ask(Post("BatchGetItem",
                       R"({"RequestItems":{"t":{"AttributesToGet":[]}}})"))
                  .body,
              HasSubstr("Value '[]' at "
                        "'requestItems.t.member.attributesToGet' failed"));
  EXPECT_EQ(
      Ask(Post("BatchGetItem", R"({"RequestItems":{"t":{"Keys":[]}}})")).status,
      200)
      << "refused by the operation, if at all";
}

TEST_F(DoorTest, WordsOfOperationsAreThoseOfTheRequest) {
  answer_ = model::ValidationError(
      "ExpressionAttributeNames contains invalid key: Syntax error; key: "
      "\"\"");
  EXPECT_THAT(Ask(Post("GetItem", R"({"ExpressionAttributeNames":{}})")).body,
              HasSubstr("\"ExpressionAttributeNames must not be empty\""));
}

// A store's thread hands over what it knows; JSON is made where there is time.
TEST_F(DoorTest, TheAnswerToAWriteIsMadeByWhoCallsForIt) {
  std::vector<Reply> replies;
  for (const char* name : {"PutItem", "UpdateItem", "DeleteItem",
                           "BatchWriteItem", "TransactWriteItems"}) {
    registry_.Add(
        name, [&replies](absl::string_view, const CallContext&, Reply reply) {
          replies.push_back(std::move(reply));
        });
    HttpRequest request = Post(name, "{}");
    Door::MakeAnswer make;
    door_.reset();
    door().Handle(&request, &reader_, nullptr,
                  [&](Door::MakeAnswer given) { make = std::move(given); });
    ASSERT_EQ(replies.size(), 1u) << name;
    replies.front()(std::string());
    replies.clear();
    ASSERT_TRUE(make) << name;
    const OperationMetrics& metrics = *metrics_.Operation(name);
    EXPECT_EQ(metrics.in_flight(), 1) << name << ": not made yet";
    EXPECT_EQ(std::move(make)().status, 200);
    EXPECT_EQ(metrics.in_flight(), 0);
  }
}

TEST_F(DoorTest, ADroppedReplyIsAnError) {
  const HttpAnswer answer = Ask(Post("Scan", "{}"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("InternalServerError"));
}

TEST_F(DoorTest, ErrorsOfOperationsAreExceptions) {
  answer_ = model::MakeError(model::Reason::kResourceNotFound, "gone");
  const HttpAnswer answer = Ask(Post("GetItem", "{}"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("#ResourceNotFoundException"));
}

TEST_F(DoorTest, CountHasNoItems) {
  EXPECT_THAT(Ask(Post("Query", "{}")).body, HasSubstr("Items"));
  EXPECT_EQ(Ask(Post("Query", R"({"Select":"COUNT"})")).body,
            R"({"Count":0,"ScannedCount":0})");
}

TEST_F(DoorTest, RequestsMayBePacked) {
  HttpRequest request =
      Post("GetItem", Pack(Packing::kGzip, R"({"TableName":"packed"})"));
  request.AddHeader("Content-Encoding", "gzip");
  EXPECT_EQ(Ask(request).status, 200);
  EXPECT_EQ(get_.table_name(), "packed");

  request.body = "not packed";
  EXPECT_THAT(Ask(request).body, HasSubstr("SerializationException"));
  std::string largest = R"({"TableName":"large"})";
  largest.resize(kMaxBodyBytes, ' ');
  request.body = Pack(Packing::kGzip, largest);
  EXPECT_EQ(Ask(request).status, 200);
  EXPECT_EQ(get_.table_name(), "large");
  request.body = Pack(Packing::kGzip, largest + " ");
  EXPECT_EQ(Ask(request).status, 413);
}

TEST_F(DoorTest, LargeAnswersArePackedForThoseWhoTakeThem) {
  const std::string text(5000, 'x');
  v1::GetItemResponse response;
  (*response.mutable_item()->mutable_attributes())["a"].set_s(text);
  answer_ = response.SerializeAsString();
  HttpRequest request = Post("GetItem", "{}");
  EXPECT_THAT(Ask(request).body, HasSubstr(text));
  request.AddHeader("Accept-Encoding", "deflate;q=0.1, gzip");
  const HttpAnswer answer = Ask(request);
  EXPECT_THAT(answer.headers, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_THAT(Unpack(Packing::kGzip, answer.body, kMaxBodyBytes).value(),
              HasSubstr(text));
  answer_ = std::string();
  EXPECT_EQ(Ask(request).body, "{}") << "small ones are not";

  const auto packed = [&](size_t size) {
    const size_t rest = std::string(R"({"Item":{"a":{"S":""}}})").size();
    (*response.mutable_item()->mutable_attributes())["a"].set_s(
        std::string(size - rest, 'x'));
    answer_ = response.SerializeAsString();
    return Ask(request).body.size() != size;
  };
  EXPECT_FALSE(packed(4095));
  EXPECT_TRUE(packed(4096));
}

TEST_F(DoorTest, OtherOriginsAreWelcome) {
  HttpRequest request;
  request.method = "OPTIONS";
  request.target = "/";
  request.AddHeader("Origin", "https://example.com");
  request.AddHeader("Access-Control-Request-Headers", "x-amz-target");
  request.AddHeader("Access-Control-Request-Method", "POST");
  const HttpAnswer preflight = Ask(request);
  EXPECT_EQ(preflight.status, 200);
  EXPECT_EQ(preflight.headers,
            "Access-Control-Allow-Origin: *\r\n"
            "Access-Control-Allow-Headers: x-amz-target\r\n"
            "Access-Control-Allow-Methods: POST\r\n"
            "Access-Control-Max-Age: 172800\r\n");
  request = Post("GetItem", "{}");
  request.AddHeader("Origin", "https://example.com");
  EXPECT_THAT(Ask(request).headers,
              StartsWith("Access-Control-Allow-Origin: *\r\n"));
}

TEST_F(DoorTest, WithKeysASignatureIsAsked) {
  keys_ = {{"id", "secret"}};
  EXPECT_THAT(Ask(Post("GetItem", "{}")).body,
              HasSubstr("coral.service#MissingAuthenticationTokenException"));
  HttpRequest request;
  request.method = "GET";
  request.target = "/";
  EXPECT_EQ(Ask(request).status, 200) << "health needs none";
}

}  // namespace
}  // namespace pallet::service::json
