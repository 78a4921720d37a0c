// SPDX-License-Identifier: Apache-2.0
//
// MockConnection: the service of a test, made of functions. No gRPC, no
// network, no mocking framework.
//
//   auto mock = std::make_shared<pallet::MockConnection>();
//   mock->On<pallet::GetItemRequest>([](const pallet::GetItemRequest& request)
//       -> absl::StatusOr<pallet::GetItemResponse> {
//     return pallet::GetItemResponse{.item = request.key};
//   });
//   pallet::Client client(mock);
//
// A request nobody answers fails with kNotBuilt and names itself. Streams are
// made from the function for pages. Calls are counted. The library's own
// retries are not part of a mock: what a function returns is what the client
// sees.
//
// Thread-safe; functions run on the calling thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/connection.h"
#include "client/requests.h"
#include "client/watch.h"

namespace pallet {

class MockConnection : public Connection,
                       public std::enable_shared_from_this<MockConnection> {
 public:
  template <typename Request>
  using Handler =
      std::function<absl::StatusOr<ResponseOf<Request>>(const Request&)>;

  template <typename Request>
  void On(Handler<Request> handler) {
    absl::MutexLock lock(&mutex_);
    std::get<Slot<Request>>(slots_).handler = std::move(handler);
  }

  // How often `Request` was made.
  template <typename Request>
  size_t Calls() const {
    absl::MutexLock lock(&mutex_);
    return std::get<Slot<Request>>(slots_).calls;
  }

  void Call(const GetItemRequest& request, const CallOptions& options,
            Callback<GetItemResponse> done) override;
  void Call(const PutItemRequest& request, const CallOptions& options,
            Callback<PutItemResponse> done) override;
  void Call(const DeleteItemRequest& request, const CallOptions& options,
            Callback<DeleteItemResponse> done) override;
  void Call(const UpdateItemRequest& request, const CallOptions& options,
            Callback<UpdateItemResponse> done) override;
  void Call(const QueryRequest& request, const CallOptions& options,
            Callback<QueryResponse> done) override;
  void Call(const ScanRequest& request, const CallOptions& options,
            Callback<ScanResponse> done) override;
  void Call(const BatchGetRequest& request, const CallOptions& options,
            Callback<BatchGetResponse> done) override;
  void Call(const BatchWriteRequest& request, const CallOptions& options,
            Callback<BatchWriteResponse> done) override;
  void Call(const TransactWriteRequest& request, const CallOptions& options,
            Callback<TransactWriteResponse> done) override;
  void Call(const TransactGetRequest& request, const CallOptions& options,
            Callback<TransactGetResponse> done) override;
  void Call(const ExecuteStatementRequest& request, const CallOptions& options,
            Callback<ExecuteStatementResponse> done) override;
  void Call(const BatchExecuteRequest& request, const CallOptions& options,
            Callback<BatchExecuteResponse> done) override;
  void Call(const ExecuteTransactionRequest& request,
            const CallOptions& options,
            Callback<ExecuteTransactionResponse> done) override;
  void Call(const CreateTableRequest& request, const CallOptions& options,
            Callback<TableDescription> done) override;
  void Call(const DescribeTableRequest& request, const CallOptions& options,
            Callback<TableDescription> done) override;
  void Call(const UpdateTableRequest& request, const CallOptions& options,
            Callback<TableDescription> done) override;
  void Call(const UpdateIndexPropagationRequest& request,
            const CallOptions& options,
            Callback<TableDescription> done) override;
  void Call(const UpdateTimeToLiveRequest& request, const CallOptions& options,
            Callback<UpdateTimeToLiveResponse> done) override;
  void Call(const DescribeTimeToLiveRequest& request,
            const CallOptions& options,
            Callback<TimeToLiveDescription> done) override;
  void Call(const DeleteTableRequest& request, const CallOptions& options,
            Callback<TableDescription> done) override;
  void Call(const ListTablesRequest& request, const CallOptions& options,
            Callback<ListTablesResponse> done) override;
  void Call(const ListStreamsRequest& request, const CallOptions& options,
            Callback<ListStreamsResponse> done) override;
  void Call(const DescribeClusterRequest& request, const CallOptions& options,
            Callback<DescribeClusterResponse> done) override;
  void Call(const TagRequest& request, const CallOptions& options,
            Callback<TagResponse> done) override;
  void Call(const UntagRequest& request, const CallOptions& options,
            Callback<UntagResponse> done) override;
  void Call(const ListTagsRequest& request, const CallOptions& options,
            Callback<ListTagsResponse> done) override;

  // REQUIRES: the mock is owned by a std::shared_ptr.
  std::unique_ptr<PageStream> Stream(const QueryRequest& request,
                                     const CallOptions& options) override;
  std::unique_ptr<PageStream> Stream(const ScanRequest& request,
                                     const CallOptions& options) override;

  // What each read of a watch gives. Without a handler it fails as calls do.
  using WatchHandler =
      std::function<absl::StatusOr<WatchBatch>(const WatchRequest&)>;
  void OnWatch(WatchHandler handler) {
    absl::MutexLock lock(&mutex_);
    watch_handler_ = std::move(handler);
  }
  std::unique_ptr<WatchStream> Watch(const WatchRequest& request,
                                     const CallOptions& options) override;

 private:
  template <typename Request>
  struct Slot {
    Handler<Request> handler;
    size_t calls = 0;
  };

  template <typename Request>
  void Answer(const char* name, const Request& request,
              Callback<ResponseOf<Request>> done);

  mutable absl::Mutex mutex_;
  WatchHandler watch_handler_ ABSL_GUARDED_BY(mutex_);
  std::tuple<Slot<GetItemRequest>, Slot<PutItemRequest>,
             Slot<DeleteItemRequest>, Slot<UpdateItemRequest>,
             Slot<QueryRequest>, Slot<ScanRequest>, Slot<BatchGetRequest>,
             Slot<BatchWriteRequest>, Slot<TransactWriteRequest>,
             Slot<TransactGetRequest>, Slot<ExecuteStatementRequest>,
             Slot<BatchExecuteRequest>, Slot<ExecuteTransactionRequest>,
             Slot<CreateTableRequest>, Slot<DescribeTableRequest>,
             Slot<UpdateTableRequest>, Slot<UpdateIndexPropagationRequest>,
             Slot<UpdateTimeToLiveRequest>, Slot<DescribeTimeToLiveRequest>,
             Slot<DeleteTableRequest>, Slot<ListTablesRequest>,
             Slot<ListStreamsRequest>, Slot<DescribeClusterRequest>,
             Slot<TagRequest>, Slot<UntagRequest>, Slot<ListTagsRequest>>
      slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet
