// SPDX-License-Identifier: Apache-2.0
//
// The wire, one line per field, enum value and rpc, against wire_golden.txt. A
// line may be added; one that changes or goes breaks clients that are out
// there.
//
//   PALLET_WRITE_GOLDEN=1 build/dev/tests/unit/proto/wire_golden_test
//
// writes the file anew.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/cluster_service.pb.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "pallet/wire/v1/item_service.pb.h"

namespace pallet {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

std::string TypeOf(const FieldDescriptor* field) {
  if (field->is_map()) {
    const Descriptor* entry = field->message_type();
    return absl::StrCat("map<", TypeOf(entry->map_key()), ", ",
                        TypeOf(entry->map_value()), ">");
  }
  if (field->message_type()) return field->message_type()->full_name();
  if (field->enum_type()) return field->enum_type()->full_name();
  return field->type_name();
}

std::string LabelOf(const FieldDescriptor* field) {
  if (field->is_map()) return "";
  if (field->is_repeated()) return "repeated ";
  if (field->real_containing_oneof()) return "oneof ";
  return field->has_optional_keyword() ? "optional " : "";
}

void Print(const EnumDescriptor* type, std::string* out) {
  for (int i = 0; i < type->value_count(); ++i) {
    absl::StrAppend(out, type->full_name(), " ", type->value(i)->name(), " = ",
                    type->value(i)->number(), "\n");
  }
}

void Print(const Descriptor* message, std::string* out) {
  if (message->options().map_entry()) return;
  absl::StrAppend(out, message->full_name(), "\n");
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    absl::StrAppend(out, message->full_name(), " ", field->number(), ": ",
                    LabelOf(field), TypeOf(field), " ", field->name(), "\n");
  }
  for (int i = 0; i < message->nested_type_count(); ++i) {
    Print(message->nested_type(i), out);
  }
}

void Print(const ServiceDescriptor* service, std::string* out) {
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* method = service->method(i);
    absl::StrAppend(out, method->full_name(), "(",
                    method->client_streaming() ? "stream " : "",
                    method->input_type()->name(), ") returns (",
                    method->server_streaming() ? "stream " : "",
                    method->output_type()->name(), ")\n");
  }
}

// Files in the order they are reached, each once.
void Print(const FileDescriptor* file, std::set<const FileDescriptor*>* seen,
           std::string* out) {
  if (file->package() == "google.protobuf" || !seen->insert(file).second) {
    return;
  }
  for (int i = 0; i < file->dependency_count(); ++i) {
    Print(file->dependency(i), seen, out);
  }
  absl::StrAppend(out, "\n# ", file->name(), "\n");
  for (int i = 0; i < file->service_count(); ++i) Print(file->service(i), out);
  for (int i = 0; i < file->enum_type_count(); ++i) {
    Print(file->enum_type(i), out);
  }
  for (int i = 0; i < file->message_type_count(); ++i) {
    Print(file->message_type(i), out);
  }
}

std::vector<const FileDescriptor*> PublicFiles() {
  return {v1::GetTopologyRequest::descriptor()->file(),
          v1::ListStreamsRequest::descriptor()->file(),
          v1::PipelineRequest::descriptor()->file(),
          v1::CreateTableRequest::descriptor()->file(),
          v1::IndexLag::descriptor()->file(),
          google::rpc::ErrorInfo::descriptor()->file(),
          google::rpc::Code_descriptor()->file()};
}

std::string Wire() {
  std::string out;
  std::set<const FileDescriptor*> seen;
  for (const FileDescriptor* file : PublicFiles()) Print(file, &seen, &out);
  return out;
}

TEST(WireGoldenTest, TheWireIsAsItWas) {
  const std::string wire = Wire();
  if (std::getenv("PALLET_WRITE_GOLDEN") != nullptr) {
    std::ofstream(GOLDEN_FILE) << wire;
  }
  std::stringstream golden;
  golden << std::ifstream(GOLDEN_FILE).rdbuf();
  EXPECT_EQ(wire, golden.str());
}

// What a twin's field must be, given the public one.
void ExpectTwin(const FieldDescriptor* field, const Descriptor* twin_message);

void ExpectTwin(const Descriptor* message) {
  const Descriptor* twin =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          absl::StrCat("pallet.wire.v1.", message->name()));
  ASSERT_NE(twin, nullptr) << message->full_name();
  EXPECT_EQ(twin->field_count(), message->field_count());
  for (int i = 0; i < message->field_count(); ++i) {
    ExpectTwin(message->field(i), twin);
  }
}

bool IsValue(const FieldDescriptor* field) {
  return field->message_type() &&
         (field->message_type()->name() == "Item" ||
          field->message_type()->name() == "AttributeValue");
}

void ExpectTwin(const FieldDescriptor* field, const Descriptor* twin_message) {
  const FieldDescriptor* twin =
      twin_message->FindFieldByNumber(field->number());
  ASSERT_NE(twin, nullptr) << field->full_name();
  EXPECT_EQ(twin->name(), field->name());
  EXPECT_EQ(twin->is_repeated(), field->is_repeated()) << field->full_name();
  EXPECT_EQ(twin->has_presence(), field->has_presence()) << field->full_name();
  if (field->is_map()) {
    ASSERT_TRUE(twin->is_map()) << field->full_name();
    field = field->message_type()->map_value();
    twin = twin->message_type()->map_value();
  }
  EXPECT_EQ(twin->type(),
            IsValue(field) ? FieldDescriptor::TYPE_BYTES : field->type())
      << field->full_name();
}

TEST(WireTwinTest, DiffersOnlyInItemsAndValuesBeingBytes) {
  // A use of each twin's root file, so that the linker keeps them.
  ASSERT_NE(wire::v1::PipelineRequest::descriptor(), nullptr);
  ASSERT_NE(wire::v1::IndexLag::descriptor(), nullptr);
  for (const FileDescriptor* file :
       {v1::PipelineRequest::descriptor()->file(),
        v1::GetItemRequest::descriptor()->file(),
        v1::QueryRequest::descriptor()->file(),
        v1::BatchGetItemRequest::descriptor()->file(),
        v1::TransactGetItemsRequest::descriptor()->file(),
        v1::ExecuteStatementRequest::descriptor()->file(),
        v1::ConsumedCapacity::descriptor()->file(),
        v1::IndexLag::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      ExpectTwin(file->message_type(i));
    }
  }
}

// buf's STANDARD rules that a typing slip breaks most easily.
TEST(ConventionsTest, EachRpcHasItsOwnRequestAndResponse) {
  for (const FileDescriptor* file : PublicFiles()) {
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor* service = file->service(i);
      for (int j = 0; j < service->method_count(); ++j) {
        const auto* method = service->method(j);
        EXPECT_EQ(method->input_type()->name(), method->name() + "Request");
        EXPECT_EQ(method->output_type()->name(), method->name() + "Response");
      }
    }
  }
}

TEST(ConventionsTest, EnumsStartUnspecified) {
  std::set<const FileDescriptor*> files;
  std::string unused;
  for (const FileDescriptor* file : PublicFiles()) {
    Print(file, &files, &unused);
  }
  for (const FileDescriptor* file : files) {
    if (file->package() != "pallet.v1") continue;
    for (int i = 0; i < file->enum_type_count(); ++i) {
      EXPECT_THAT(file->enum_type(i)->value(0)->name(),
                  ::testing::EndsWith("_UNSPECIFIED"));
    }
  }
}

}  // namespace
}  // namespace pallet
