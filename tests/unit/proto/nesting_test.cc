// SPDX-License-Identifier: Apache-2.0
//
// 32 levels of nesting inside the deepest wrappers. Each level of an item costs
// protobuf three levels of message (map or list, its entry, the value), and
// protobuf stops at 100 unless told otherwise. The twin leaves items as bytes
// and has no such limit; programs with the public messages set their own.
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "gtest/gtest.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/wire/v1/item_service.pb.h"

namespace pallet {
namespace {

constexpr int kRecursionLimit = 128;  // what we tell C++ programs to set

// {"a": {"x": {"x": ... "s"}}}, with `levels` maps below the item.
v1::Item NestedItem(int levels) {
  v1::AttributeValue value;
  value.set_s("leaf");
  for (int i = 0; i < levels; ++i) {
    v1::AttributeValue outer;
    (*outer.mutable_m()->mutable_entries())["x"] = value;
    value = outer;
  }
  v1::Item item;
  (*item.mutable_attributes())["a"] = value;
  return item;
}

v1::PipelineRequest PipelinedTransaction(int levels) {
  v1::PipelineRequest request;
  *request.add_operations()
       ->mutable_transact_write_items()
       ->add_transact_items()
       ->mutable_put()
       ->mutable_item() = NestedItem(levels);
  return request;
}

v1::PipelineRequest PipelinedBatch(int levels) {
  v1::PipelineRequest request;
  v1::WriteRequestList list;
  *list.add_requests()->mutable_put_request()->mutable_item() =
      NestedItem(levels);
  (*request.add_operations()
        ->mutable_batch_write_item()
        ->mutable_request_items())["t"] = list;
  return request;
}

template <typename Message>
bool Parses(const std::string& bytes, int recursion_limit, Message* message) {
  google::protobuf::io::CodedInputStream input(
      reinterpret_cast<const uint8_t*>(bytes.data()),
      static_cast<int>(bytes.size()));
  input.SetRecursionLimit(recursion_limit);
  return message->ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

TEST(NestingTest, ThirtyTwoLevelsSurviveABatchInAPipelineWithARaisedLimit) {
  const std::string bytes = PipelinedBatch(32).SerializeAsString();
  v1::PipelineRequest parsed;
  ASSERT_TRUE(Parses(bytes, kRecursionLimit, &parsed));
  EXPECT_EQ(parsed.operations(0)
                .batch_write_item()
                .request_items()
                .at("t")
                .requests(0)
                .put_request()
                .item()
                .SerializeAsString(),
            NestedItem(32).SerializeAsString());
}

TEST(NestingTest,
     ThirtyTwoLevelsSurviveATransactionInAPipelineWithARaisedLimit) {
  const std::string bytes = PipelinedTransaction(32).SerializeAsString();
  v1::PipelineRequest parsed;
  ASSERT_TRUE(Parses(bytes, kRecursionLimit, &parsed));
  EXPECT_EQ(parsed.operations(0)
                .transact_write_items()
                .transact_items(0)
                .put()
                .item()
                .SerializeAsString(),
            NestedItem(32).SerializeAsString());
}

// Why C++ programs must not parse such replies with ParseFromString.
TEST(NestingTest, TheDefaultLimitOfOneHundredStopsShortOfThirtyTwo) {
  const auto deepest = [](auto make) {
    int levels = 0;
    v1::PipelineRequest parsed;
    while (levels < 40 &&
           parsed.ParseFromString(make(levels + 1).SerializeAsString())) {
      ++levels;
    }
    return levels;
  };
  EXPECT_EQ(deepest(PipelinedBatch), 30);
  EXPECT_EQ(deepest(PipelinedTransaction), 31);
}

// What the server and the C++ client do: no limit of protobuf's in the way,
// the item codec counts the levels.
TEST(NestingTest, TheTwinKeepsAnyDepthAsBytes) {
  for (int levels : {32, 33, 500}) {
    wire::v1::PipelineRequest twin;
    ASSERT_TRUE(
        twin.ParseFromString(PipelinedBatch(levels).SerializeAsString()));
    EXPECT_EQ(twin.operations(0)
                  .batch_write_item()
                  .request_items()
                  .at("t")
                  .requests(0)
                  .put_request()
                  .item(),
              NestedItem(levels).SerializeAsString());
    EXPECT_EQ(twin.SerializeAsString(),
              PipelinedBatch(levels).SerializeAsString());
  }
}

}  // namespace
}  // namespace pallet
