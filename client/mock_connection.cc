// SPDX-License-Identifier: Apache-2.0
#include "client/mock_connection.h"

#include "absl/strings/str_cat.h"
#include "client/item_range.h"
#include "model/errors.h"

namespace pallet {

template <typename Request>
void MockConnection::Answer(const char* name, const Request& request,
                            Callback<ResponseOf<Request>> done) {
  Handler<Request> handler;
  {
    absl::MutexLock lock(&mutex_);
    Slot<Request>& slot = std::get<Slot<Request>>(slots_);
    ++slot.calls;
    handler = slot.handler;
  }
  if (!handler) {
    return done(model::MakeError(model::Reason::kNotBuilt,
                                 absl::StrCat("the mock has no ", name)));
  }
  done(handler(request));
}

void MockConnection::Call(const GetItemRequest& request, const CallOptions&,
                          Callback<GetItemResponse> done) {
  Answer("GetItem", request, std::move(done));
}

void MockConnection::Call(const PutItemRequest& request, const CallOptions&,
                          Callback<PutItemResponse> done) {
  Answer("PutItem", request, std::move(done));
}

void MockConnection::Call(const DeleteItemRequest& request, const CallOptions&,
                          Callback<DeleteItemResponse> done) {
  Answer("DeleteItem", request, std::move(done));
}

void MockConnection::Call(const UpdateItemRequest& request, const CallOptions&,
                          Callback<UpdateItemResponse> done) {
  Answer("UpdateItem", request, std::move(done));
}

void MockConnection::Call(const QueryRequest& request, const CallOptions&,
                          Callback<QueryResponse> done) {
  Answer("Query", request, std::move(done));
}

void MockConnection::Call(const ScanRequest& request, const CallOptions&,
                          Callback<ScanResponse> done) {
  Answer("Scan", request, std::move(done));
}

void MockConnection::Call(const BatchGetRequest& request, const CallOptions&,
                          Callback<BatchGetResponse> done) {
  Answer("BatchGet", request, std::move(done));
}

void MockConnection::Call(const BatchWriteRequest& request, const CallOptions&,
                          Callback<BatchWriteResponse> done) {
  Answer("BatchWrite", request, std::move(done));
}

void MockConnection::Call(const TransactWriteRequest& request,
                          const CallOptions&,
                          Callback<TransactWriteResponse> done) {
  Answer("TransactWrite", request, std::move(done));
}

void MockConnection::Call(const TransactGetRequest& request, const CallOptions&,
                          Callback<TransactGetResponse> done) {
  Answer("TransactGet", request, std::move(done));
}

void MockConnection::Call(const ExecuteStatementRequest& request,
                          const CallOptions&,
                          Callback<ExecuteStatementResponse> done) {
  Answer("ExecuteStatement", request, std::move(done));
}

void MockConnection::Call(const BatchExecuteRequest& request,
                          const CallOptions&,
                          Callback<BatchExecuteResponse> done) {
  Answer("BatchExecute", request, std::move(done));
}

void MockConnection::Call(const ExecuteTransactionRequest& request,
                          const CallOptions&,
                          Callback<ExecuteTransactionResponse> done) {
  Answer("ExecuteTransaction", request, std::move(done));
}

void MockConnection::Call(const CreateTableRequest& request, const CallOptions&,
                          Callback<TableDescription> done) {
  Answer("CreateTable", request, std::move(done));
}

void MockConnection::Call(const DescribeTableRequest& request,
                          const CallOptions&, Callback<TableDescription> done) {
  Answer("DescribeTable", request, std::move(done));
}

void MockConnection::Call(const UpdateTableRequest& request, const CallOptions&,
                          Callback<TableDescription> done) {
  Answer("UpdateTable", request, std::move(done));
}

void MockConnection::Call(const UpdateIndexPropagationRequest& request,
                          const CallOptions&, Callback<TableDescription> done) {
  Answer("UpdateIndexPropagation", request, std::move(done));
}

void MockConnection::Call(const UpdateTimeToLiveRequest& request,
                          const CallOptions&,
                          Callback<UpdateTimeToLiveResponse> done) {
  Answer("UpdateTimeToLive", request, std::move(done));
}

void MockConnection::Call(const DescribeTimeToLiveRequest& request,
                          const CallOptions&,
                          Callback<TimeToLiveDescription> done) {
  Answer("DescribeTimeToLive", request, std::move(done));
}

void MockConnection::Call(const DeleteTableRequest& request, const CallOptions&,
                          Callback<TableDescription> done) {
  Answer("DeleteTable", request, std::move(done));
}

void MockConnection::Call(const ListTablesRequest& request, const CallOptions&,
                          Callback<ListTablesResponse> done) {
  Answer("ListTables", request, std::move(done));
}

void MockConnection::Call(const ListStreamsRequest& request, const CallOptions&,
                          Callback<ListStreamsResponse> done) {
  Answer("ListStreams", request, std::move(done));
}

void MockConnection::Call(const DescribeClusterRequest& request,
                          const CallOptions&,
                          Callback<DescribeClusterResponse> done) {
  Answer("DescribeCluster", request, std::move(done));
}

void MockConnection::Call(const TagRequest& request, const CallOptions&,
                          Callback<TagResponse> done) {
  Answer("Tag", request, std::move(done));
}

void MockConnection::Call(const UntagRequest& request, const CallOptions&,
                          Callback<UntagResponse> done) {
  Answer("Untag", request, std::move(done));
}

void MockConnection::Call(const ListTagsRequest& request, const CallOptions&,
                          Callback<ListTagsResponse> done) {
  Answer("ListTags", request, std::move(done));
}

std::unique_ptr<PageStream> MockConnection::Stream(const QueryRequest& request,
                                                   const CallOptions& options) {
  return PagesOf(shared_from_this(), request, options);
}

std::unique_ptr<PageStream> MockConnection::Stream(const ScanRequest& request,
                                                   const CallOptions& options) {
  return PagesOf(shared_from_this(), request, options);
}

namespace {

class MockWatch final : public WatchStream {
 public:
  MockWatch(MockConnection::WatchHandler handler, const WatchRequest& request)
      : handler_(std::move(handler)), request_(request) {}

  void Next(Callback<WatchBatch> done) override {
    if (handler_) return done(handler_(request_));
    done(model::MakeError(model::Reason::kNotBuilt,
                          "nobody answers Watch of this mock"));
  }

 private:
  const MockConnection::WatchHandler handler_;
  const WatchRequest request_;
};

}  // namespace

std::unique_ptr<WatchStream> MockConnection::Watch(const WatchRequest& request,
                                                   const CallOptions&) {
  absl::MutexLock lock(&mutex_);
  return std::make_unique<MockWatch>(watch_handler_, request);
}

}  // namespace pallet
