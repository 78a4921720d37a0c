// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "client/remote_connection.h"

namespace pallet {
namespace {

template <typename Request>
absl::StatusOr<ResponseOf<Request>> Wait(Connection& connection,
                                         const Request& request,
                                         const CallOptions& options) {
  absl::StatusOr<ResponseOf<Request>> answer;
  absl::Notification answered;
  connection.Call(request, options,
                  [&](absl::StatusOr<ResponseOf<Request>> result) {
                    answer = std::move(result);
                    answered.Notify();
                  });
  answered.WaitForNotification();
  return answer;
}

}  // namespace

absl::StatusOr<Client> Client::Connect(const ClientOptions& options) {
  ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection,
                   MakeRemoteConnection(options));
  return Client(std::move(connection));
}

absl::StatusOr<GetItemResponse> Client::GetItem(const GetItemRequest& request,
                                                const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::GetItemAsync(const GetItemRequest& request,
                          Callback<GetItemResponse> done,
                          const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<PutItemResponse> Client::PutItem(const PutItemRequest& request,
                                                const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::PutItemAsync(const PutItemRequest& request,
                          Callback<PutItemResponse> done,
                          const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<DeleteItemResponse> Client::DeleteItem(
    const DeleteItemRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::DeleteItemAsync(const DeleteItemRequest& request,
                             Callback<DeleteItemResponse> done,
                             const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<UpdateItemResponse> Client::UpdateItem(
    const UpdateItemRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::UpdateItemAsync(const UpdateItemRequest& request,
                             Callback<UpdateItemResponse> done,
                             const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<QueryResponse> Client::Query(const QueryRequest& request,
                                            const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::QueryAsync(const QueryRequest& request,
                        Callback<QueryResponse> done,
                        const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ScanResponse> Client::Scan(const ScanRequest& request,
                                          const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ScanAsync(const ScanRequest& request, Callback<ScanResponse> done,
                       const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<BatchGetResponse> Client::BatchGet(
    const BatchGetRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::BatchGetAsync(const BatchGetRequest& request,
                           Callback<BatchGetResponse> done,
                           const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<BatchWriteResponse> Client::BatchWrite(
    const BatchWriteRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::BatchWriteAsync(const BatchWriteRequest& request,
                             Callback<BatchWriteResponse> done,
                             const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TransactWriteResponse> Client::TransactWrite(
    const TransactWriteRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::TransactWriteAsync(const TransactWriteRequest& request,
                                Callback<TransactWriteResponse> done,
                                const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TransactGetResponse> Client::TransactGet(
    const TransactGetRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::TransactGetAsync(const TransactGetRequest& request,
                              Callback<TransactGetResponse> done,
                              const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ExecuteStatementResponse> Client::ExecuteStatement(
    const ExecuteStatementRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ExecuteStatementAsync(const ExecuteStatementRequest& request,
                                   Callback<ExecuteStatementResponse> done,
                                   const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<BatchExecuteResponse> Client::BatchExecute(
    const BatchExecuteRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::BatchExecuteAsync(const BatchExecuteRequest& request,
                               Callback<BatchExecuteResponse> done,
                               const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ExecuteTransactionResponse> Client::ExecuteTransaction(
    const ExecuteTransactionRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ExecuteTransactionAsync(const ExecuteTransactionRequest& request,
                                     Callback<ExecuteTransactionResponse> done,
                                     const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TableDescription> Client::CreateTable(
    const CreateTableRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::CreateTableAsync(const CreateTableRequest& request,
                              Callback<TableDescription> done,
                              const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TableDescription> Client::DescribeTable(
    const DescribeTableRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::DescribeTableAsync(const DescribeTableRequest& request,
                                Callback<TableDescription> done,
                                const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TableDescription> Client::UpdateTable(
    const UpdateTableRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::UpdateTableAsync(const UpdateTableRequest& request,
                              Callback<TableDescription> done,
                              const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TableDescription> Client::UpdateIndexPropagation(
    const UpdateIndexPropagationRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::UpdateIndexPropagationAsync(
    const UpdateIndexPropagationRequest& request,
    Callback<TableDescription> done, const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<UpdateTimeToLiveResponse> Client::UpdateTimeToLive(
    const UpdateTimeToLiveRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::UpdateTimeToLiveAsync(const UpdateTimeToLiveRequest& request,
                                   Callback<UpdateTimeToLiveResponse> done,
                                   const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TimeToLiveDescription> Client::DescribeTimeToLive(
    const DescribeTimeToLiveRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::DescribeTimeToLiveAsync(const DescribeTimeToLiveRequest& request,
                                     Callback<TimeToLiveDescription> done,
                                     const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TableDescription> Client::DeleteTable(
    const DeleteTableRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::DeleteTableAsync(const DeleteTableRequest& request,
                              Callback<TableDescription> done,
                              const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ListTablesResponse> Client::ListTables(
    const ListTablesRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ListTablesAsync(const ListTablesRequest& request,
                             Callback<ListTablesResponse> done,
                             const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ListStreamsResponse> Client::ListStreams(
    const ListStreamsRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ListStreamsAsync(const ListStreamsRequest& request,
                              Callback<ListStreamsResponse> done,
                              const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<DescribeClusterResponse> Client::DescribeCluster(
    const DescribeClusterRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::DescribeClusterAsync(const DescribeClusterRequest& request,
                                  Callback<DescribeClusterResponse> done,
                                  const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<TagResponse> Client::Tag(const TagRequest& request,
                                        const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::TagAsync(const TagRequest& request, Callback<TagResponse> done,
                      const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<UntagResponse> Client::Untag(const UntagRequest& request,
                                            const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::UntagAsync(const UntagRequest& request,
                        Callback<UntagResponse> done,
                        const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

absl::StatusOr<ListTagsResponse> Client::ListTags(
    const ListTagsRequest& request, const CallOptions& options) {
  return Wait(*connection_, request, options);
}

void Client::ListTagsAsync(const ListTagsRequest& request,
                           Callback<ListTagsResponse> done,
                           const CallOptions& options) {
  connection_->Call(request, options, std::move(done));
}

ItemRange Client::QueryItems(const QueryRequest& request,
                             const CallOptions& options) {
  return ItemRange(PagesOf(connection_, request, options));
}

ItemRange Client::ScanItems(const ScanRequest& request,
                            const CallOptions& options) {
  return ItemRange(PagesOf(connection_, request, options));
}

ItemRange Client::StreamQuery(const QueryRequest& request,
                              const CallOptions& options) {
  return ItemRange(connection_->Stream(request, options));
}

ItemRange Client::StreamScan(const ScanRequest& request,
                             const CallOptions& options) {
  return ItemRange(connection_->Stream(request, options));
}

std::unique_ptr<WatchStream> Client::Watch(const WatchRequest& request,
                                           const CallOptions& options) {
  return connection_->Watch(request, options);
}

}  // namespace pallet
