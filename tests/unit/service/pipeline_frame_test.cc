// SPDX-License-Identifier: Apache-2.0
#include "service/pipeline_frame.h"

#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/errors.h"
#include "pallet/v1/item_service.pb.h"

namespace pallet::service {
namespace {

using model::Reason;

std::vector<PipelineOperation> ReadAll(absl::string_view frame) {
  std::vector<PipelineOperation> operations;
  PipelineFrameReader reader(frame);
  while (!reader.AtEnd()) {
    auto operation = reader.Next();
    EXPECT_TRUE(operation.ok()) << operation.status();
    if (!operation.ok()) break;
    operations.push_back(*operation);
  }
  return operations;
}

Reason ReasonOfFrame(absl::string_view frame) {
  PipelineFrameReader reader(frame);
  while (!reader.AtEnd()) {
    auto operation = reader.Next();
    if (!operation.ok()) return model::ReasonOf(operation.status());
  }
  ADD_FAILURE() << "the frame is sound";
  return Reason::kInternal;
}

TEST(PipelineFrameTest, Example) {
  v1::PipelineRequest request;
  auto* get = request.add_operations();
  get->set_tag(7);
  get->mutable_timeout()->set_seconds(2);
  get->mutable_get_item()->set_table_name("Places");
  auto* put = request.add_operations();
  put->set_tag(300);
  put->mutable_put_item()->set_table_name("Places");
  const std::string frame = request.SerializeAsString();

  const auto operations = ReadAll(frame);
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[0].tag, 7u);
  EXPECT_EQ(operations[0].timeout, absl::Seconds(2));
  EXPECT_EQ(operations[0].member, v1::PipelineOperation::kGetItemFieldNumber);
  EXPECT_EQ(operations[0].request, get->get_item().SerializeAsString());
  EXPECT_EQ(operations[1].tag, 300u);
  EXPECT_EQ(operations[1].timeout, absl::InfiniteDuration());

  PipelineFrameWriter writer;
  v1::GetItemResponse found;
  (*found.mutable_item()->mutable_attributes())["a"].set_s("x");
  writer.AddResponse(7, operations[0].member, found.SerializeAsString());
  google::rpc::Status error;
  error.set_code(5);
  writer.AddError(300, error.SerializeAsString());
  EXPECT_EQ(writer.results(), 2u);

  v1::PipelineResponse response;
  ASSERT_TRUE(response.ParseFromString(writer.Take()));
  EXPECT_TRUE(writer.empty());
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).tag(), 7u);
  EXPECT_EQ(response.results(0).get_item().item().attributes().at("a").s(),
            "x");
  EXPECT_EQ(response.results(1).tag(), 300u);
  EXPECT_EQ(response.results(1).error().code(), 5);
}

// A result carries its response in the member its operation came in.
TEST(PipelineFrameTest, OperationsAndResultsHaveTheSameNumbers) {
  const auto* operations =
      v1::PipelineOperation::descriptor()->FindOneofByName("operation");
  const auto* responses =
      v1::PipelineResult::descriptor()->FindOneofByName("response");
  ASSERT_EQ(operations->field_count(), responses->field_count());
  for (int i = 0; i < operations->field_count(); ++i) {
    EXPECT_EQ(operations->field(i)->number(), responses->field(i)->number());
    EXPECT_EQ(operations->field(i)->name(), responses->field(i)->name());
  }
}

TEST(PipelineFrameTest, TagZeroIsATag) {
  PipelineFrameWriter writer;
  writer.AddResponse(0, 4, "");
  v1::PipelineResponse response;
  ASSERT_TRUE(response.ParseFromString(writer.Take()));
  EXPECT_EQ(response.results(0).tag(), 0u);
  EXPECT_TRUE(response.results(0).has_put_item());
}

TEST(PipelineFrameTest, AnEmptyFrameHasNoOperations) {
  EXPECT_TRUE(ReadAll("").empty());
}

TEST(PipelineFrameTest, OperationsWithoutOrWithTwoRequestsAreRefused) {
  v1::PipelineRequest request;
  request.add_operations()->set_tag(1);
  const auto none = ReadAll(request.SerializeAsString());
  EXPECT_EQ(model::ReasonOf(none.at(0).refused), Reason::kValidation);
  EXPECT_EQ(none[0].tag, 1u);

  // tag 9, get_item {}, put_item {}
  const auto two =
      ReadAll(absl::string_view("\x0A\x06\x08\x09\x1A\x00\x22\x00", 8));
  EXPECT_EQ(two.at(0).tag, 9u);
  EXPECT_EQ(model::ReasonOf(two[0].refused), Reason::kValidation);
}

TEST(PipelineFrameTest, FieldsOfALaterVersionAreNamedNotIgnored) {
  // An operation with tag 9 and varint field 100.
  const auto later =
      ReadAll(absl::string_view("\x0A\x05\x08\x09\xA0\x06\x01", 7));
  EXPECT_EQ(later.at(0).tag, 9u);
  EXPECT_EQ(model::ReasonOf(later[0].refused), Reason::kNotBuilt);
  // A frame with field 2.
  EXPECT_EQ(ReasonOfFrame(absl::string_view("\x12\x01x", 3)),
            Reason::kNotBuilt);
}

TEST(PipelineFrameTest, VarintsMayBeLongerThanTheyNeed) {
  const auto padded = ReadAll(
      absl::string_view("\x0A\x86\x80\x00\x08\x89\x00\x1A\x80\x00", 10));
  EXPECT_EQ(padded.at(0).tag, 9u);
  EXPECT_EQ(padded[0].member, 3);
}

TEST(PipelineFrameTest, ATagOfMoreThanFiveBytesIsNoTagAsInProtobuf) {
  EXPECT_EQ(ReasonOfFrame(absl::string_view("\x0A\x09\x88\x80\x80\x80\x80\x00"
                                            "\x01\x1A\x00",
                                            11)),
            Reason::kValidation);
}

TEST(PipelineFrameTest, ALengthOfMoreThanFiveBytesIsNoLengthAsInProtobuf) {
  // Of the frame's operation, of its request, and of a field nobody knows.
  for (absl::string_view frame :
       {absl::string_view("\x0A\x84\x80\x80\x80\x80\x00\x08\x01\x1A\x00", 11),
        absl::string_view("\x0A\x09\x08\x01\x1A\x80\x80\x80\x80\x80\x00", 11),
        absl::string_view("\x72\x80\x80\x80\x80\x80\x00", 7),
        // Five bytes, and more than 32 bits.
        absl::string_view("\x0A\x80\x80\x80\x80\x10", 6)}) {
    EXPECT_EQ(ReasonOfFrame(frame), Reason::kValidation);
  }
}

TEST(PipelineFrameTest, AGroupIsRefused) {
  EXPECT_EQ(ReasonOfFrame(absl::string_view("\x0B\x0C", 2)),
            Reason::kValidation);
  EXPECT_EQ(ReasonOfFrame(absl::string_view("\x0A\x02\x2B\x2C", 4)),
            Reason::kValidation);
}

TEST(PipelineFrameTest, ThereIsNoFieldZero) {
  EXPECT_EQ(ReasonOfFrame(absl::string_view("\x0A\x05\x05\x08\x05\x05\x08", 7)),
            Reason::kValidation);
}

TEST(PipelineFrameTest, TimeoutsAreDurationsOfEitherSign) {
  struct Case {
    int64_t seconds;
    int32_t nanos;
  };
  for (const Case& c : {Case{0, 0}, Case{2, 0}, Case{0, 7}, Case{3, 999999999},
                        Case{-1, 0}, Case{0, -5}, Case{-2, -7}}) {
    v1::PipelineRequest request;
    auto* operation = request.add_operations();
    operation->mutable_get_item()->set_table_name("Places");
    operation->mutable_timeout()->set_seconds(c.seconds);
    operation->mutable_timeout()->set_nanos(c.nanos);
    const std::string frame = request.SerializeAsString();
    const auto read = PipelineFrameReader(frame).Next();
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->timeout,
              absl::Seconds(c.seconds) + absl::Nanoseconds(c.nanos));
  }
}

TEST(PipelineFrameTest, EveryTruncationIsAnErrorOrAWholeFrame) {
  v1::PipelineRequest request;
  for (int i = 0; i < 3; ++i) {
    auto* operation = request.add_operations();
    operation->set_tag(1000 + i);
    operation->mutable_timeout()->set_nanos(5);
    operation->mutable_get_item()->set_table_name("Places");
  }
  const std::string frame = request.SerializeAsString();
  for (size_t size = 0; size < frame.size(); ++size) {
    PipelineFrameReader reader(absl::string_view(frame).substr(0, size));
    absl::Status status;
    size_t whole = 0;
    while (!reader.AtEnd() && status.ok()) {
      status = reader.Next().status();
      whole += status.ok();
    }
    EXPECT_EQ(status.ok(), size % (frame.size() / 3) == 0) << size;
    EXPECT_EQ(whole, size / (frame.size() / 3));
  }
}

TEST(PipelineFrameTest, RubbishIsRefused) {
  for (absl::string_view frame :
       {absl::string_view("\xFF\xFF\xFF", 3), absl::string_view("\x00", 1),
        absl::string_view("\x0A\xFF\xFF\xFF\xFF\x7F", 6),
        absl::string_view("\x0A\x02\x08", 3),
        absl::string_view("\x0A\x04\x12\x02\xFF\xFF", 6)}) {
    EXPECT_EQ(ReasonOfFrame(frame), Reason::kValidation);
  }
}

}  // namespace
}  // namespace pallet::service
