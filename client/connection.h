// SPDX-License-Identifier: Apache-2.0
//
// Connection: what a Client talks to. The library's own connection retries and
// speaks gRPC (client/remote_connection.h); a test passes a MockConnection
// (client/mock_connection.h) or its own.
//
//   Client (thin handle) -> Connection (retries) -> Stub (gRPC)
//
// Invariants every implementation keeps:
//   1. A callback is called exactly once, on any thread, perhaps before the
//      call returns.
//   2. A request is read before the call returns; it may die then.
//   3. Once the destructor has returned no callback is called any more.
// Errors carry their reason (model::ReasonOf). kOutcomeUnknown and
// kDeadlineExceeded say of a write that it may or may not have happened.
//
// Thread-safe. Callbacks must not block: they run on gRPC's threads.
#pragma once

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/requests.h"

namespace pallet {

struct WatchRequest;  // client/watch.h
class WatchStream;

struct CallOptions {
  // For the whole call, retries and waiting included. nullopt: the client's
  // default.
  std::optional<absl::Duration> timeout = {};
};

template <typename Response>
using Callback = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// Pages of items, one after the other, fetched when asked for. Destroying it
// cancels what is under way, whose callback may then never be called. Used by
// one thread at a time.
class PageStream {
 public:
  virtual ~PageStream() = default;

  // The page after the last one; nullopt behind the last. After an error: the
  // same error again. REQUIRES: the callback of the call before was called.
  virtual void Next(Callback<std::optional<ItemPage>> done) = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;

  virtual void Call(const GetItemRequest& request, const CallOptions& options,
                    Callback<GetItemResponse> done) = 0;
  virtual void Call(const PutItemRequest& request, const CallOptions& options,
                    Callback<PutItemResponse> done) = 0;
  virtual void Call(const DeleteItemRequest& request,
                    const CallOptions& options,
                    Callback<DeleteItemResponse> done) = 0;
  virtual void Call(const UpdateItemRequest& request,
                    const CallOptions& options,
                    Callback<UpdateItemResponse> done) = 0;
  virtual void Call(const QueryRequest& request, const CallOptions& options,
                    Callback<QueryResponse> done) = 0;
  virtual void Call(const ScanRequest& request, const CallOptions& options,
                    Callback<ScanResponse> done) = 0;
  virtual void Call(const BatchGetRequest& request, const CallOptions& options,
                    Callback<BatchGetResponse> done) = 0;
  virtual void Call(const BatchWriteRequest& request,
                    const CallOptions& options,
                    Callback<BatchWriteResponse> done) = 0;
  virtual void Call(const TransactWriteRequest& request,
                    const CallOptions& options,
                    Callback<TransactWriteResponse> done) = 0;
  virtual void Call(const TransactGetRequest& request,
                    const CallOptions& options,
                    Callback<TransactGetResponse> done) = 0;
  virtual void Call(const ExecuteStatementRequest& request,
                    const CallOptions& options,
                    Callback<ExecuteStatementResponse> done) = 0;
  virtual void Call(const BatchExecuteRequest& request,
                    const CallOptions& options,
                    Callback<BatchExecuteResponse> done) = 0;
  virtual void Call(const ExecuteTransactionRequest& request,
                    const CallOptions& options,
                    Callback<ExecuteTransactionResponse> done) = 0;
  virtual void Call(const CreateTableRequest& request,
                    const CallOptions& options,
                    Callback<TableDescription> done) = 0;
  virtual void Call(const DescribeTableRequest& request,
                    const CallOptions& options,
                    Callback<TableDescription> done) = 0;
  virtual void Call(const UpdateTableRequest& request,
                    const CallOptions& options,
                    Callback<TableDescription> done) = 0;
  virtual void Call(const UpdateIndexPropagationRequest& request,
                    const CallOptions& options,
                    Callback<TableDescription> done) = 0;
  virtual void Call(const UpdateTimeToLiveRequest& request,
                    const CallOptions& options,
                    Callback<UpdateTimeToLiveResponse> done) = 0;
  virtual void Call(const DescribeTimeToLiveRequest& request,
                    const CallOptions& options,
                    Callback<TimeToLiveDescription> done) = 0;
  virtual void Call(const DeleteTableRequest& request,
                    const CallOptions& options,
                    Callback<TableDescription> done) = 0;
  virtual void Call(const ListTablesRequest& request,
                    const CallOptions& options,
                    Callback<ListTablesResponse> done) = 0;
  virtual void Call(const ListStreamsRequest& request,
                    const CallOptions& options,
                    Callback<ListStreamsResponse> done) = 0;
  virtual void Call(const DescribeClusterRequest& request,
                    const CallOptions& options,
                    Callback<DescribeClusterResponse> done) = 0;
  virtual void Call(const TagRequest& request, const CallOptions& options,
                    Callback<TagResponse> done) = 0;
  virtual void Call(const UntagRequest& request, const CallOptions& options,
                    Callback<UntagResponse> done) = 0;
  virtual void Call(const ListTagsRequest& request, const CallOptions& options,
                    Callback<ListTagsResponse> done) = 0;

  // All that a query or scan finds, sent by the service as fast as it is read
  // and taken up again where a broken stream ended. A timeout counts per page.
  virtual std::unique_ptr<PageStream> Stream(const QueryRequest& request,
                                             const CallOptions& options) = 0;
  virtual std::unique_ptr<PageStream> Stream(const ScanRequest& request,
                                             const CallOptions& options) = 0;

  // What happens to a table, for as long as it is read.
  virtual std::unique_ptr<WatchStream> Watch(const WatchRequest& request,
                                             const CallOptions& options) = 0;
};

}  // namespace pallet
