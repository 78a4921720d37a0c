// SPDX-License-Identifier: Apache-2.0
//
// Sets each field of each request, one after the other, by reflection: it is
// either in the list of what is built, or refused by its name.
#include "service/not_built.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "model/errors.h"
#include "pallet/v1/cluster_service.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/item_service.pb.h"

namespace pallet::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using ::testing::HasSubstr;

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(
      MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// Gives a field without message type a value other than its default.
void SetScalar(const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? reflection->AddString(message, field, "x")
                      : reflection->SetString(message, field, "x");
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, true);
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(message, field, 1);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(message, field, 1);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(message, field, 1);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(message, field, 1);
    default:
      FAIL() << field->full_name();
  }
}

// Sets `field` of `message`, and returns the message within it, if it is one.
Message* Set(const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  if (field->message_type() == nullptr) {
    SetScalar(field, message);
    return nullptr;
  }
  if (!field->is_repeated()) return reflection->MutableMessage(message, field);
  Message* added = reflection->AddMessage(message, field);
  if (!field->is_map()) return added;
  const Descriptor* entry = field->message_type();
  SetScalar(entry->map_key(), added);
  return Set(entry->map_value(), added);
}

// Walks every field reachable from `root` through built fields; appends the
// path of each built one and expects the others to be refused.
void Walk(const BuiltFields& fields, const Descriptor* root,
          const std::vector<const FieldDescriptor*>& way,
          const Descriptor* type, std::vector<std::string>* built) {
  for (int i = 0; i < type->field_count(); ++i) {
    std::vector<const FieldDescriptor*> path = way;
    path.push_back(type->field(i));
    const std::unique_ptr<Message> request = NewMessage(root);
    Message* at = request.get();
    for (const FieldDescriptor* step : path) at = Set(step, at);

    const absl::Status status = fields.Check(*request);
    EXPECT_EQ(fields.Check(request->SerializeAsString(), *request), status);
    const std::string name = absl::StrJoin(
        path, ".", [](std::string* out, const FieldDescriptor* step) {
          out->append(step->name());
        });
    if (status.ok()) {
      built->push_back(absl::StrCat(root->name(), ".", name));
      if (at != nullptr) Walk(fields, root, path, at->GetDescriptor(), built);
    } else {
      EXPECT_EQ(model::ReasonOf(status), model::Reason::kNotBuilt) << name;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path.back()->name()))
          << name;
    }
  }
}

std::vector<const Descriptor*> BuiltRequests() {
  return {v1::CreateTableRequest::descriptor(),
          v1::DescribeTableRequest::descriptor(),
          v1::UpdateTableRequest::descriptor(),
          v1::UpdateIndexPropagationRequest::descriptor(),
          v1::DeleteTableRequest::descriptor(),
          v1::ListTablesRequest::descriptor(),
          v1::TagResourceRequest::descriptor(),
          v1::UntagResourceRequest::descriptor(),
          v1::ListTagsOfResourceRequest::descriptor(),
          v1::DescribeLimitsRequest::descriptor(),
          v1::DescribeEndpointsRequest::descriptor(),
          v1::GetTopologyRequest::descriptor(),
          v1::DescribeClusterRequest::descriptor(),
          wire::v1::GetItemRequest::descriptor(),
          wire::v1::PutItemRequest::descriptor(),
          wire::v1::DeleteItemRequest::descriptor(),
          wire::v1::QueryRequest::descriptor(),
          wire::v1::ScanRequest::descriptor(),
          wire::v1::BatchGetItemRequest::descriptor(),
          wire::v1::BatchWriteItemRequest::descriptor(),
          wire::v1::TransactGetItemsRequest::descriptor(),
          wire::v1::TransactWriteItemsRequest::descriptor(),
          wire::v1::UpdateItemRequest::descriptor(),
          wire::v1::ExecuteStatementRequest::descriptor(),
          wire::v1::BatchExecuteStatementRequest::descriptor(),
          wire::v1::ExecuteTransactionRequest::descriptor(),
          wire::v1::StreamQueryRequest::descriptor(),
          wire::v1::StreamScanRequest::descriptor()};
}

TEST(NotBuiltTest, EachFieldOfEachRequestIsBuiltOrRefusedByName) {
  std::vector<std::string> built;
  for (const Descriptor* request : BuiltRequests()) {
    const BuiltFields fields(request);
    EXPECT_TRUE(fields.Check(*NewMessage(request)).ok());
    Walk(fields, request, {}, request, &built);
  }
  // What is built, as the handlers' tests prove it.
  EXPECT_THAT(built, ::testing::IsSupersetOf(
                         {"GetItemRequest.key", "PutItemRequest.item",
                          "BatchWriteItemRequest.request_items.requests."
                          "put_request.item",
                          "StreamScanRequest.scan.segment"}));
  EXPECT_THAT(built, ::testing::Not(::testing::Contains(
                         "CreateTableRequest.resource_policy")));
}

TEST(NotBuiltTest, UnbuiltFieldsAreRefusedByName) {
  v1::CreateTableRequest request;
  request.set_resource_policy("t");
  const absl::Status status =
      BuiltFields(request.GetDescriptor()).Check(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("resource_policy"));
}

TEST(NotBuiltTest, FieldsOfALaterContractAreRefusedByNumber) {
  wire::v1::StreamQueryRequest request;
  wire::v1::QueryRequest* query = request.mutable_query();
  query->GetReflection()->MutableUnknownFields(query)->AddVarint(999, 1);
  const absl::Status status =
      BuiltFields(request.GetDescriptor()).Check(request);
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kNotBuilt);
  EXPECT_THAT(std::string(status.message()), HasSubstr("query.(number 999)"));
}

TEST(NotBuiltTest, ABuiltFieldOfAnotherWireTypeIsAnUnknownOne) {
  for (const std::string& encoded :
       {std::string("\x08\x01"), std::string("\x0D\x01\x02\x03\x04")}) {
    wire::v1::GetItemRequest request;
    ASSERT_TRUE(request.ParseFromString(encoded));
    EXPECT_FALSE(
        BuiltFields(request.GetDescriptor()).Check(encoded, request).ok());
  }
}

TEST(NotBuiltTest, AnEmptyTextThatIsSetIsRefusedToo) {
  v1::CreateTableRequest request;
  request.set_resource_policy("");
  EXPECT_FALSE(BuiltFields(request.GetDescriptor()).Check(request).ok());
}

}  // namespace
}  // namespace pallet::service
