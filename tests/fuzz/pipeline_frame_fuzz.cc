// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a Pipeline frame: the reader never runs over, takes what
// protobuf's own parser takes, and finds the same tags and members in it.
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "service/pipeline_frame.h"

namespace {

using google::protobuf::Empty;
using google::protobuf::UnknownField;
using pallet::service::PipelineFrameReader;
using pallet::service::PipelineFrameWriter;
using pallet::service::PipelineOperation;

// Fields by number, whatever they mean; false if the bytes are no message.
bool ParseFields(absl::string_view bytes, Empty* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

const google::protobuf::UnknownFieldSet& FieldsOf(const Empty& message) {
  return message.GetReflection()->GetUnknownFields(message);
}

void CheckOperation(const PipelineOperation& operation,
                    absl::string_view bytes) {
  Empty message;
  CHECK(ParseFields(bytes, &message));
  uint64_t tag = 0;
  int member = 0;
  std::string request;
  for (int i = 0; i < FieldsOf(message).field_count(); ++i) {
    const UnknownField& field = FieldsOf(message).field(i);
    if (field.number() == 1 && field.type() == UnknownField::TYPE_VARINT) {
      tag = field.varint();
    } else if (field.number() > 2 &&
               field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      member = field.number();
      request = field.length_delimited();
    }
  }
  CHECK_EQ(operation.tag, tag);
  CHECK_EQ(operation.member, member);
  CHECK(operation.request == request);
}

// The reader's operations against protobuf's view of the same frame.
void CheckFrame(absl::string_view frame) {
  std::vector<PipelineOperation> operations;
  PipelineFrameReader reader(frame);
  while (!reader.AtEnd()) {
    auto operation = reader.Next();
    if (!operation.ok()) return;
    operations.push_back(*operation);
  }
  Empty message;
  CHECK(ParseFields(frame, &message));
  CHECK_EQ(static_cast<size_t>(FieldsOf(message).field_count()),
           operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    CheckOperation(
        operations[i],
        FieldsOf(message).field(static_cast<int>(i)).length_delimited());
  }
}

// Answers written for the operations read as many results.
void CheckAnswers(absl::string_view frame) {
  PipelineFrameReader reader(frame);
  PipelineFrameWriter writer;
  while (!reader.AtEnd()) {
    auto operation = reader.Next();
    if (!operation.ok()) break;
    if (operation->refused.ok()) {
      writer.AddResponse(operation->tag, operation->member, operation->request);
    } else {
      writer.AddError(operation->tag, "");
    }
  }
  const int results = static_cast<int>(writer.results());
  Empty message;
  CHECK(ParseFields(writer.Take(), &message));
  CHECK_EQ(FieldsOf(message).field_count(), results);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view frame(reinterpret_cast<const char*>(data), size);
  CheckFrame(frame);
  CheckAnswers(frame);
  return 0;
}
