// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/doors.h"

#include <google/protobuf/util/message_differencer.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "pallet/v1/item_service.pb.h"
#include "service/message_bytes.h"
#include "tests/testing/dynamodb_json.h"

namespace pallet::testing {
namespace {

using google::protobuf::Message;

// All names have the same length, so that they may be replaced in bytes.
std::unique_ptr<Message> Named(const Message& request, const char* name) {
  std::unique_ptr<Message> named(request.New());
  CHECK(named->ParseFromString(
      absl::StrReplaceAll(request.SerializeAsString(), {{kTable, name}})));
  return named;
}

Answer FromStatus(const grpc::Status& status) {
  google::rpc::Status details;
  CHECK(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&info)) break;
  }
  Answer answer{
      info.metadata().at("dynamodb"),
      absl::StrReplaceAll(status.error_message(), {{kOfGrpc, kTable}})};
  if (info.reason() == "NOT_BUILT") answer = {"NotBuilt", ""};
  return answer;
}

// A string member of an error; its quoted text is that of an attribute.
std::string Member(const std::string& body, const std::string& name) {
  const std::string start = absl::StrCat("\"", name, "\":");
  const size_t at = body.find(start);
  if (at == std::string::npos) return "";
  const size_t from = at + start.size();
  size_t end = from + 1;
  while (body[end] != '"') end += body[end] == '\\' ? 2 : 1;
  v1::GetItemResponse response;
  FromDynamoDbJson(absl::StrCat("{\"Item\":{\"t\":{\"S\":",
                                body.substr(from, end + 1 - from), "}}}"),
                   &response);
  return response.item().attributes().at("t").s();
}

Answer FromBody(const std::string& body) {
  if (absl::StrContains(body, "is not built in this version")) {
    return {"NotBuilt", ""};
  }
  Answer answer;
  answer.exception = Member(body, "__type");
  answer.exception = answer.exception.substr(answer.exception.find('#') + 1);
  answer.text = Member(body, "message");
  return answer;
}

}  // namespace

Doors::Doors(MiniCluster* cluster)
    : stub_(cluster->Channel()), http_(cluster->json_address()) {}

Answer Doors::AskGrpc(const std::string& service, const std::string& operation,
                      const Message& request, Message* response) {
  grpc::ByteBuffer in =
      service::WrapMessage(Named(request, kOfGrpc)->SerializeAsString());
  grpc::ByteBuffer out;
  grpc::ClientContext context;
  absl::Notification done;
  grpc::Status status;
  stub_.UnaryCall(&context,
                  absl::StrCat("/pallet.v1.", service, "/", operation), {}, &in,
                  &out, [&](grpc::Status given) {
                    status = std::move(given);
                    done.Notify();
                  });
  done.WaitForNotification();
  if (!status.ok()) return FromStatus(status);
  const auto bytes = service::MessageBytes::Of(out);
  CHECK(response->ParseFromString(
      absl::StrReplaceAll(bytes->view(), {{kOfGrpc, kTable}})));
  return {};
}

Answer Doors::AskJson(const std::string& operation, const Message& request,
                      Message* response) {
  CHECK(http_.Send(
      JsonPost(operation, ToDynamoDbJson(*Named(request, kOfJson)))));
  auto answer = http_.Read();
  CHECK(answer.has_value());
  const std::string body =
      absl::StrReplaceAll(answer->body, {{kOfJson, kTable}});
  if (answer->status == 200) {
    FromDynamoDbJson(body, response);
    return {};
  }
  return FromBody(body);
}

Answer Doors::Compare(const std::string& service, const std::string& operation,
                      const Message& request, Message* response) {
  const std::unique_ptr<Message> of_json(response->New());
  const Answer grpc = AskGrpc(service, operation, request, response);
  const Answer json = AskJson(operation, request, of_json.get());
  const std::string what = absl::StrCat(
      operation, " ", ToDynamoDbJson(request), "\ngRPC: ", grpc.exception, " ",
      grpc.text, " ", response->ShortDebugString(), "\nJSON: ", json.exception,
      " ", json.text, " ", of_json->ShortDebugString());
  EXPECT_EQ(grpc.exception, json.exception) << what;
  // The trailers of a call may have cut the text.
  EXPECT_EQ(grpc.text, json.text.substr(0, grpc.text.size())) << what;
  // The positions of writes are what gRPC has beyond DynamoDB.
  google::protobuf::util::MessageDifferencer differencer;
  for (const char* name : {"position", "positions"}) {
    const auto* field = response->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) differencer.IgnoreField(field);
  }
  EXPECT_TRUE(differencer.Compare(*response, *of_json)) << what;
  return grpc;
}

}  // namespace pallet::testing
