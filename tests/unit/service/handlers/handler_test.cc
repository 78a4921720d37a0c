// SPDX-License-Identifier: Apache-2.0
//
// What all operations have in common: which there are, and where they run.
#include "service/handlers/handler.h"

#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;

std::string Encoded() {
  v1::ListTablesRequest request;
  return request.SerializeAsString();
}

TEST_F(HandlerTest, TheseOperationsAreBuilt) {
  EXPECT_THAT(
      registry_.Names(),
      ElementsAre(
          "BatchExecuteStatement", "BatchGetItem", "BatchWriteItem",
          "CreateTable", "DeleteItem", "DeleteTable", "DescribeEndpoints",
          "DescribeLimits", "DescribeStream", "DescribeTable",
          "DescribeTimeToLive", "ExecuteStatement", "ExecuteTransaction",
          "GetItem", "GetRecords", "GetShardIterator", "ListStreams",
          "ListTables", "ListTagsOfResource", "PutItem", "Query", "Scan",
          "StreamQuery", "StreamScan", "TagResource", "TransactGetItems",
          "TransactWriteItems", "UntagResource", "UpdateIndexPropagation",
          "UpdateItem", "UpdateTable", "UpdateTimeToLive"));
}

TEST_F(HandlerTest, EveryOperationIsAnRpcOfTheContract) {
  for (const std::string& name : registry_.Names()) {
    const auto* items = v1::PipelineRequest::descriptor()->file()->service(0);
    const auto* tables =
        v1::CreateTableRequest::descriptor()->file()->service(0);
    const auto* changes = v1::WatchRequest::descriptor()->file()->service(0);
    const auto* method = items->FindMethodByName(name);
    if (method == nullptr) method = tables->FindMethodByName(name);
    if (method == nullptr) method = changes->FindMethodByName(name);
    ASSERT_NE(method, nullptr) << name;
    EXPECT_EQ(method->server_streaming(), registry_.Find(name) == nullptr);
  }
}

TEST(PooledTest, AFullQueueRefusesAndAnswersOnce) {
  Executor executor({.name = "one", .threads = 1, .queue_limit = 1});
  absl::Notification started;
  absl::Notification go_on;
  const Operation operation = Pooled<v1::ListTablesRequest>(
      &executor,
      [&](const v1::ListTablesRequest&,
          const CallContext&) -> absl::StatusOr<std::string> {
        if (!started.HasBeenNotified()) started.Notify();
        go_on.WaitForNotification();
        return "done";
      });
  std::vector<absl::StatusOr<std::string>> answers(3, absl::UnknownError(""));
  const auto call = [&](int i) {
    operation(Encoded(), CallContext(),
              [&answers, i](absl::StatusOr<std::string> answer) {
                answers[i] = std::move(answer);
              });
  };
  call(0);
  started.WaitForNotification();  // it runs, so the next one waits
  call(1);
  call(2);
  EXPECT_EQ(model::ReasonOf(answers[2].status()), model::Reason::kThrottling);
  go_on.Notify();
  executor.Shutdown();
  EXPECT_EQ(answers[0].value(), "done");
  EXPECT_EQ(answers[1].value(), "done");
}

TEST(PooledTest, ACallThatWaitedTooLongIsNotRun) {
  Executor executor({.name = "one", .threads = 1, .queue_limit = 8});
  int runs = 0;
  const Operation operation = Pooled<v1::ListTablesRequest>(
      &executor,
      [&](const v1::ListTablesRequest&,
          const CallContext&) -> absl::StatusOr<std::string> {
        ++runs;
        return "done";
      });
  absl::StatusOr<std::string> answer;
  operation(Encoded(), PastDeadline(), [&](absl::StatusOr<std::string> given) {
    answer = std::move(given);
  });
  executor.Shutdown();
  EXPECT_EQ(model::ReasonOf(answer.status()), model::Reason::kDeadlineExceeded);
  EXPECT_EQ(runs, 0);
}

}  // namespace
}  // namespace pallet::service
