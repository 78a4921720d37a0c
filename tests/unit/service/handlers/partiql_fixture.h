// SPDX-License-Identifier: Apache-2.0
//
// PartiqlTest: statements through their handlers, and their answers as short
// texts:
//
//   Run("SELECT a FROM plain") -> "{a=1} {a=2}"
//   Run("SELECT")              -> "VALIDATION: Statement wasn't well formed..."
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/statement.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

inline std::string Short(const v1::Item& item);

inline std::string Short(const v1::AttributeValue& value) {
  switch (value.value_case()) {
    case v1::AttributeValue::kS:
      return absl::StrCat("'", value.s(), "'");
    case v1::AttributeValue::kN:
      return value.n();
    case v1::AttributeValue::kNull:
      return "null";
    case v1::AttributeValue::kBool:
      return value.bool_() ? "true" : "false";
    case v1::AttributeValue::kM: {
      v1::Item item;
      *item.mutable_attributes() = value.m().entries();
      return Short(item);
    }
    case v1::AttributeValue::kL: {
      std::vector<std::string> parts;
      for (const auto& each : value.l().values()) parts.push_back(Short(each));
      return absl::StrCat("[", absl::StrJoin(parts, ","), "]");
    }
    case v1::AttributeValue::kSs:
      return absl::StrCat("<<", absl::StrJoin(value.ss().values(), ","), ">>");
    case v1::AttributeValue::kNs:
      return absl::StrCat("<<", absl::StrJoin(value.ns().values(), ","), ">>");
    default:
      return value.ShortDebugString();
  }
}

inline std::string Short(const v1::Item& item) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : item.attributes()) {
    parts.push_back(absl::StrCat(name, "=", Short(value)));
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrCat("{", absl::StrJoin(parts, " "), "}");
}

class PartiqlTest : public HandlerTest {
 protected:
  // The encoded answer of an operation to a public request.
  absl::StatusOr<std::string> Send(absl::string_view operation,
                                   const google::protobuf::Message& request) {
    absl::StatusOr<std::string> answer = absl::UnknownError("no answer");
    absl::Notification done;
    (*registry_.Find(operation))(request.SerializeAsString(), {},
                                 [&](absl::StatusOr<std::string> reply) {
                                   answer = std::move(reply);
                                   done.Notify();
                                 });
    done.WaitForNotification();
    return answer;
  }

  static std::string ErrorText(const absl::Status& status) {
    return absl::StrCat(model::InfoOf(model::ReasonOf(status)).name, ": ",
                        status.message());
  }

  template <typename Request>
  static void AddParameters(const std::vector<std::string>& parameters,
                            Request* request) {
    for (const std::string& text : parameters) {
      CHECK(google::protobuf::TextFormat::ParseFromString(
          text, request->add_parameters()))
          << text;
    }
  }

  // Parameters are text protos: "s: 'x'".
  absl::StatusOr<v1::ExecuteStatementResponse> Execute(
      v1::ExecuteStatementRequest request) {
    absl::StatusOr<std::string> answer = Send("ExecuteStatement", request);
    if (!answer.ok()) return answer.status();
    v1::ExecuteStatementResponse response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }

  static v1::ExecuteStatementRequest RequestOf(
      absl::string_view statement,
      const std::vector<std::string>& parameters = {}) {
    v1::ExecuteStatementRequest request;
    request.set_statement(std::string(statement));
    AddParameters(parameters, &request);
    return request;
  }

  static std::string Items(const v1::ExecuteStatementResponse& response) {
    std::vector<std::string> items;
    for (const v1::Item& item : response.items()) items.push_back(Short(item));
    return absl::StrJoin(items, " ");
  }

  std::string Run(absl::string_view statement,
                  const std::vector<std::string>& parameters = {}) {
    const auto response = Execute(RequestOf(statement, parameters));
    return response.ok() ? Items(*response) : ErrorText(response.status());
  }

  // The same, in an order of its own.
  std::string RunSorted(absl::string_view statement) {
    const auto response = Execute(RequestOf(statement));
    if (!response.ok()) return ErrorText(response.status());
    std::vector<std::string> items;
    for (const v1::Item& item : response->items()) items.push_back(Short(item));
    std::sort(items.begin(), items.end());
    return absl::StrJoin(items, " ");
  }

  // All pages of `limit` evaluated items, and how many they were.
  std::string RunPages(absl::string_view statement, int limit, int* pages) {
    v1::ExecuteStatementRequest request = RequestOf(statement);
    request.set_limit(limit);
    std::vector<std::string> items;
    *pages = 0;
    while (true) {
      const auto response = Execute(request);
      if (!response.ok()) return ErrorText(response.status());
      ++*pages;
      for (const v1::Item& item : response->items()) {
        items.push_back(Short(item));
      }
      if (!response->has_next_token()) return absl::StrJoin(items, " ");
      request.set_next_token(response->next_token());
    }
  }

  static std::string Malformed(absl::string_view detail) {
    return absl::StrCat(
        "VALIDATION: Statement wasn't well formed, can't be processed: ",
        detail);
  }
};

}  // namespace pallet::service
