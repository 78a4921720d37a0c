// SPDX-License-Identifier: Apache-2.0
//
// JsonHandlerTest: the same handlers, asked in DynamoDB's JSON through the
// door. For shortness a quote in a request is a single one:
//
//   Ask("GetItem", "{'TableName':'plain','Key':{'pk':{'S':'a'}}}")
//     -> "{}"
//     -> "ResourceNotFoundException: Requested resource not found"
//
// One more table is there, "cities" (country S, year N), with the global index
// "by_name" (name S; projects keys) and the local index "by_size" (size N).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "service/json/door.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

class JsonHandlerTest : public HandlerTest {
 protected:
  static constexpr char kCities[] =
      "'AttributeDefinitions':[{'AttributeName':'country','AttributeType':'S'},"
      "{'AttributeName':'year','AttributeType':'N'},"
      "{'AttributeName':'name','AttributeType':'S'},"
      "{'AttributeName':'size','AttributeType':'N'}],"
      "'BillingMode':'PAY_PER_REQUEST',"
      "'KeySchema':[{'AttributeName':'country','KeyType':'HASH'},"
      "{'AttributeName':'year','KeyType':'RANGE'}],"
      "'GlobalSecondaryIndexes':[{'IndexName':'by_name','KeySchema':"
      "[{'AttributeName':'name','KeyType':'HASH'}],"
      "'Projection':{'ProjectionType':'KEYS_ONLY'}}],"
      "'LocalSecondaryIndexes':[{'IndexName':'by_size','KeySchema':"
      "[{'AttributeName':'country','KeyType':'HASH'},"
      "{'AttributeName':'size','KeyType':'RANGE'}],"
      "'Projection':{'ProjectionType':'ALL'}}]";

  JsonHandlerTest() {
    json::DoorOptions options;
    options.operations = &registry_;
    options.metrics = &metrics_;
    door_ = std::make_unique<json::Door>(std::move(options));
    const std::string made = Ask(
        "CreateTable", absl::StrCat("{'TableName':'cities',", kCities, "}"));
    CHECK(host_->FindTable("cities") != nullptr) << made;
  }

  std::string Ask(absl::string_view operation, absl::string_view request) {
    json::HttpRequest http;
    http.method = "POST";
    http.target = "/";
    http.AddHeader("Content-Type", "application/x-amz-json-1.0");
    http.AddHeader("X-Amz-Target",
                   absl::StrCat("DynamoDB_20120810.", operation));
    http.body = absl::StrReplaceAll(request, {{"'", "\""}});
    std::string answer;
    absl::Notification answered;
    door_->Handle(&http, &reader_, nullptr, [&](json::Door::MakeAnswer make) {
      answer = TextOf(std::move(make)());
      answered.Notify();
    });
    answered.WaitForNotification();
    return answer;
  }

  // How refusals begin. Writes wrap what is wrong with the request itself, not
  // what is wrong with the table's schema or the data; reads never do.
  static constexpr char kPlain[] = "ValidationException: ";
  static constexpr char kWrapped[] =
      "ValidationException: 1 validation error detected: ";
  static constexpr char kInvalid[] =
      "ValidationException: One or more parameter values were invalid: ";
  static constexpr char kNotValid[] =
      "ValidationException: One or more parameter values are not valid. ";
  static constexpr char kNotFound[] =
      "ResourceNotFoundException: Requested resource not found";

  struct Row {
    std::string operation;
    std::string request;
    std::string refusal;  // kPlain and so on, or the exception with its colon
    std::string message = "";
  };
  void Check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      EXPECT_EQ(Ask(row.operation, row.request), row.refusal + row.message)
          << row.operation << " " << row.request.substr(0, 300);
    }
  }

 private:
  static std::string TextOf(const json::HttpAnswer& answer) {
    if (answer.status == 200) return answer.body;
    const size_t type = answer.body.find('#') + 1;
    const std::string name =
        answer.body.substr(type, answer.body.find('"', type) - type);
    size_t at = answer.body.find("essage\":\"");
    if (at == std::string::npos) return name;
    std::string message;
    for (at += 9; answer.body[at] != '"'; ++at) {
      if (answer.body[at] == '\\') ++at;
      message += answer.body[at];
    }
    return absl::StrCat(name, ": ", message);
  }

  Metrics metrics_{Clock::Real()};
  json::RequestReader reader_;
  std::unique_ptr<json::Door> door_;
};

}  // namespace pallet::service
