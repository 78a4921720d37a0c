// SPDX-License-Identifier: Apache-2.0
//
// Client: the whole API of a Pallet service, as a value to be copied freely.
//
//   absl::StatusOr<pallet::Client> client =
//       pallet::Client::Connect({.address = "localhost:8001"});
//   client->PutItem({.table = "cities",
//                    .item = {{"country", "DE"}, {"name", "Berlin"}}});
//   auto found = client->GetItem(
//       {.table = "cities", .key = {{"country", "DE"}, {"name", "Berlin"}}});
//   if (found.ok() && found->item) std::cout << *found->item << "\n";
//
// Every operation has two forms: GetItem waits and returns the answer;
// GetItemAsync returns at once and calls back on one of gRPC's threads.
// Operations that run at the same time share messages on the wire (see
// docs/adr/0012-client-retries-and-pipeline.md), so throughput comes from many
// operations under way: many threads, or the async forms.
//
// Errors carry a reason: model::ReasonOf(status). What may safely be repeated
// is, with backoff: reads always, a write only if it certainly was not sent or
// the service said that it did nothing.
//
// Thread-safe. Copies share one connection; the last one to die waits until the
// callbacks under way have returned, and must not die inside one of them. The
// forms that wait must not be called from a callback.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/item_range.h"
#include "client/options.h"
#include "client/requests.h"
#include "client/watch.h"

namespace pallet {

class Client {
 public:
  // Checks the options. The connection itself is made by the first operation,
  // and made anew whenever it breaks.
  static absl::StatusOr<Client> Connect(const ClientOptions& options);

  // For tests, and for connections of your own. Shared by the copies.
  explicit Client(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  absl::StatusOr<GetItemResponse> GetItem(const GetItemRequest& request,
                                          const CallOptions& options = {});
  void GetItemAsync(const GetItemRequest& request,
                    Callback<GetItemResponse> done,
                    const CallOptions& options = {});

  absl::StatusOr<PutItemResponse> PutItem(const PutItemRequest& request,
                                          const CallOptions& options = {});
  void PutItemAsync(const PutItemRequest& request,
                    Callback<PutItemResponse> done,
                    const CallOptions& options = {});

  absl::StatusOr<DeleteItemResponse> DeleteItem(
      const DeleteItemRequest& request, const CallOptions& options = {});
  void DeleteItemAsync(const DeleteItemRequest& request,
                       Callback<DeleteItemResponse> done,
                       const CallOptions& options = {});

  absl::StatusOr<UpdateItemResponse> UpdateItem(
      const UpdateItemRequest& request, const CallOptions& options = {});
  void UpdateItemAsync(const UpdateItemRequest& request,
                       Callback<UpdateItemResponse> done,
                       const CallOptions& options = {});

  // One page; see QueryItems and ScanItems for all of them.
  absl::StatusOr<QueryResponse> Query(const QueryRequest& request,
                                      const CallOptions& options = {});
  void QueryAsync(const QueryRequest& request, Callback<QueryResponse> done,
                  const CallOptions& options = {});

  absl::StatusOr<ScanResponse> Scan(const ScanRequest& request,
                                    const CallOptions& options = {});
  void ScanAsync(const ScanRequest& request, Callback<ScanResponse> done,
                 const CallOptions& options = {});

  // What the service left unprocessed is asked for again, with backoff.
  absl::StatusOr<BatchGetResponse> BatchGet(const BatchGetRequest& request,
                                            const CallOptions& options = {});
  void BatchGetAsync(const BatchGetRequest& request,
                     Callback<BatchGetResponse> done,
                     const CallOptions& options = {});

  absl::StatusOr<BatchWriteResponse> BatchWrite(
      const BatchWriteRequest& request, const CallOptions& options = {});
  void BatchWriteAsync(const BatchWriteRequest& request,
                       Callback<BatchWriteResponse> done,
                       const CallOptions& options = {});

  absl::StatusOr<TransactWriteResponse> TransactWrite(
      const TransactWriteRequest& request, const CallOptions& options = {});
  void TransactWriteAsync(const TransactWriteRequest& request,
                          Callback<TransactWriteResponse> done,
                          const CallOptions& options = {});

  absl::StatusOr<TransactGetResponse> TransactGet(
      const TransactGetRequest& request, const CallOptions& options = {});
  void TransactGetAsync(const TransactGetRequest& request,
                        Callback<TransactGetResponse> done,
                        const CallOptions& options = {});

  absl::StatusOr<ExecuteStatementResponse> ExecuteStatement(
      const ExecuteStatementRequest& request, const CallOptions& options = {});
  void ExecuteStatementAsync(const ExecuteStatementRequest& request,
                             Callback<ExecuteStatementResponse> done,
                             const CallOptions& options = {});

  absl::StatusOr<BatchExecuteResponse> BatchExecute(
      const BatchExecuteRequest& request, const CallOptions& options = {});
  void BatchExecuteAsync(const BatchExecuteRequest& request,
                         Callback<BatchExecuteResponse> done,
                         const CallOptions& options = {});

  absl::StatusOr<ExecuteTransactionResponse> ExecuteTransaction(
      const ExecuteTransactionRequest& request,
      const CallOptions& options = {});
  void ExecuteTransactionAsync(const ExecuteTransactionRequest& request,
                               Callback<ExecuteTransactionResponse> done,
                               const CallOptions& options = {});

  absl::StatusOr<TableDescription> CreateTable(
      const CreateTableRequest& request, const CallOptions& options = {});
  void CreateTableAsync(const CreateTableRequest& request,
                        Callback<TableDescription> done,
                        const CallOptions& options = {});

  absl::StatusOr<TableDescription> DescribeTable(
      const DescribeTableRequest& request, const CallOptions& options = {});
  void DescribeTableAsync(const DescribeTableRequest& request,
                          Callback<TableDescription> done,
                          const CallOptions& options = {});

  absl::StatusOr<TableDescription> UpdateTable(
      const UpdateTableRequest& request, const CallOptions& options = {});
  void UpdateTableAsync(const UpdateTableRequest& request,
                        Callback<TableDescription> done,
                        const CallOptions& options = {});

  // Pauses, resumes or delays how a global index follows its table.
  absl::StatusOr<TableDescription> UpdateIndexPropagation(
      const UpdateIndexPropagationRequest& request,
      const CallOptions& options = {});
  void UpdateIndexPropagationAsync(const UpdateIndexPropagationRequest& request,
                                   Callback<TableDescription> done,
                                   const CallOptions& options = {});

  // Begins and ends a table's time to live.
  absl::StatusOr<UpdateTimeToLiveResponse> UpdateTimeToLive(
      const UpdateTimeToLiveRequest& request, const CallOptions& options = {});
  void UpdateTimeToLiveAsync(const UpdateTimeToLiveRequest& request,
                             Callback<UpdateTimeToLiveResponse> done,
                             const CallOptions& options = {});

  absl::StatusOr<TimeToLiveDescription> DescribeTimeToLive(
      const DescribeTimeToLiveRequest& request,
      const CallOptions& options = {});
  void DescribeTimeToLiveAsync(const DescribeTimeToLiveRequest& request,
                               Callback<TimeToLiveDescription> done,
                               const CallOptions& options = {});

  absl::StatusOr<TableDescription> DeleteTable(
      const DeleteTableRequest& request, const CallOptions& options = {});
  void DeleteTableAsync(const DeleteTableRequest& request,
                        Callback<TableDescription> done,
                        const CallOptions& options = {});

  absl::StatusOr<ListTablesResponse> ListTables(
      const ListTablesRequest& request, const CallOptions& options = {});
  void ListTablesAsync(const ListTablesRequest& request,
                       Callback<ListTablesResponse> done,
                       const CallOptions& options = {});

  // Streams of a table or of all; Watch follows one.
  absl::StatusOr<ListStreamsResponse> ListStreams(
      const ListStreamsRequest& request, const CallOptions& options = {});
  void ListStreamsAsync(const ListStreamsRequest& request,
                        Callback<ListStreamsResponse> done,
                        const CallOptions& options = {});

  // The nodes, and what the one that is asked has.
  absl::StatusOr<DescribeClusterResponse> DescribeCluster(
      const DescribeClusterRequest& request = {},
      const CallOptions& options = {});
  void DescribeClusterAsync(const DescribeClusterRequest& request,
                            Callback<DescribeClusterResponse> done,
                            const CallOptions& options = {});

  absl::StatusOr<TagResponse> Tag(const TagRequest& request,
                                  const CallOptions& options = {});
  void TagAsync(const TagRequest& request, Callback<TagResponse> done,
                const CallOptions& options = {});

  absl::StatusOr<UntagResponse> Untag(const UntagRequest& request,
                                      const CallOptions& options = {});
  void UntagAsync(const UntagRequest& request, Callback<UntagResponse> done,
                  const CallOptions& options = {});

  absl::StatusOr<ListTagsResponse> ListTags(const ListTagsRequest& request,
                                            const CallOptions& options = {});
  void ListTagsAsync(const ListTagsRequest& request,
                     Callback<ListTagsResponse> done,
                     const CallOptions& options = {});

  // All items, page by page, each page an operation of its own.
  ItemRange QueryItems(const QueryRequest& request,
                       const CallOptions& options = {});
  ItemRange ScanItems(const ScanRequest& request,
                      const CallOptions& options = {});

  // All items on one stream, for the whole of something large. `limit` counts
  // the evaluated items of the whole stream.
  ItemRange StreamQuery(const QueryRequest& request,
                        const CallOptions& options = {});
  ItemRange StreamScan(const ScanRequest& request,
                       const CallOptions& options = {});

  // What happens to a table's items, as it happens (client/watch.h). Never null.
  std::unique_ptr<WatchStream> Watch(const WatchRequest& request,
                                     const CallOptions& options = {});

  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  // Shared because copies of a client are one connection.
  std::shared_ptr<Connection> connection_;
};

// The item a condition failed on, from the status of a write that asked for it
// with return_item_on_failure. nullopt if there is none.
std::optional<Item> FailedItem(const absl::Status& status);

// Of a transaction that was cancelled: one for each action, in its order. Empty
// if the status is no such one.
std::vector<CancellationReason> CancellationReasons(const absl::Status& status);

}  // namespace pallet
