// SPDX-License-Identifier: Apache-2.0
#include "client/remote_connection.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/batch_loop.h"
#include "client/cluster_stub.h"
#include "client/codec.h"
#include "client/grpc_stub.h"
#include "client/retry_loop.h"
#include "client/stream_pages.h"
#include "client/watch_stream.h"
#include "model/errors.h"

namespace pallet {
namespace {

class RemoteConnection final
    : public Connection,
      public std::enable_shared_from_this<RemoteConnection> {
 public:
  RemoteConnection(const ClientOptions& options, std::unique_ptr<Stub> stub,
                   Clock* clock, uint64_t seed)
      : default_timeout_(options.timeout),
        repeats_(options.retry.max_attempts > 1),
        stub_(std::move(stub)),
        context_(stub_.get(), clock, RetryPolicy(options.retry), seed) {}

  ~RemoteConnection() override { stub_->Shutdown(); }

#define PALLET_CALL(Request)                                    \
  void Call(const Request& request, const CallOptions& options, \
            Callback<ResponseOf<Request>> done) override {      \
    Start(request, options, std::move(done));                   \
  }
  PALLET_CALL(GetItemRequest)
  PALLET_CALL(PutItemRequest)
  PALLET_CALL(DeleteItemRequest)
  PALLET_CALL(UpdateItemRequest)
  PALLET_CALL(QueryRequest)
  PALLET_CALL(ScanRequest)
  PALLET_CALL(TransactGetRequest)
  PALLET_CALL(ExecuteStatementRequest)
  PALLET_CALL(BatchExecuteRequest)
  PALLET_CALL(CreateTableRequest)
  PALLET_CALL(DescribeTableRequest)
  PALLET_CALL(UpdateTableRequest)
  PALLET_CALL(UpdateIndexPropagationRequest)
  PALLET_CALL(UpdateTimeToLiveRequest)
  PALLET_CALL(DescribeTimeToLiveRequest)
  PALLET_CALL(DeleteTableRequest)
  PALLET_CALL(ListTablesRequest)
  PALLET_CALL(ListStreamsRequest)
  PALLET_CALL(DescribeClusterRequest)
  PALLET_CALL(TagRequest)
  PALLET_CALL(UntagRequest)
  PALLET_CALL(ListTagsRequest)
#undef PALLET_CALL

  void Call(const BatchGetRequest& request, const CallOptions& options,
            Callback<BatchGetResponse> done) override {
    StartBatch(&context_, request, TimeoutOf(options), std::move(done));
  }
  void Call(const BatchWriteRequest& request, const CallOptions& options,
            Callback<BatchWriteResponse> done) override {
    StartBatch(&context_, request, TimeoutOf(options), std::move(done));
  }

  void Call(const TransactWriteRequest& request, const CallOptions& options,
            Callback<TransactWriteResponse> done) override {
    StartOnce(request, options, std::move(done));
  }
  void Call(const ExecuteTransactionRequest& request,
            const CallOptions& options,
            Callback<ExecuteTransactionResponse> done) override {
    StartOnce(request, options, std::move(done));
  }

  std::unique_ptr<PageStream> Stream(const QueryRequest& request,
                                     const CallOptions& options) override {
    return StreamPages(&context_, shared_from_this(), request, options);
  }
  std::unique_ptr<PageStream> Stream(const ScanRequest& request,
                                     const CallOptions& options) override {
    return StreamPages(&context_, shared_from_this(), request, options);
  }
  std::unique_ptr<WatchStream> Watch(const WatchRequest& request,
                                     const CallOptions& options) override {
    return OpenWatch(&context_, shared_from_this(), request, options);
  }

 private:
  absl::Duration TimeoutOf(const CallOptions& options) const {
    return options.timeout.value_or(default_timeout_);
  }

  // Under a token of its own, if it has none and may be repeated: the service
  // keeps a record of each.
  template <typename Request>
  void StartOnce(const Request& request, const CallOptions& options,
                 Callback<ResponseOf<Request>> done) {
    if (!request.token.empty() || !repeats_) {
      return Start(request, options, std::move(done));
    }
    Request with_token = request;
    with_token.token = absl::BytesToHexString(RealEntropy(16));
    Start(with_token, options, std::move(done));
  }

  template <typename Request>
  void Start(const Request& request, const CallOptions& options,
             Callback<ResponseOf<Request>> done) {
    RetryLoop::Start(&context_, internal::MethodFor(request),
                     internal::Encode(request), TimeoutOf(options),
                     [done = std::move(done)](
                         absl::StatusOr<absl::string_view> response) mutable {
                       if (!response.ok()) return done(response.status());
                       done(internal::Decode<Request>(*response));
                     });
  }

  const absl::Duration default_timeout_;
  const bool repeats_;
  const std::unique_ptr<Stub> stub_;
  RetryContext context_;
};

absl::Status CheckOptions(const ClientOptions& options) {
  if (AddressesIn(options.address).empty()) {
    return model::ValidationError("the client's address is empty");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return model::ValidationError("the client's timeout is not positive");
  }
  if (options.retry.max_attempts < 1) {
    return model::ValidationError("retry.max_attempts is less than 1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Connection>> MakeRemoteConnection(
    const ClientOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const std::vector<std::string> addresses = AddressesIn(options.address);
  std::unique_ptr<Stub> stub;
  if (addresses.size() > 1) {
    const auto of_node = [options](const std::string& address) {
      ClientOptions node = options;
      node.address = address;
      return MakeGrpcStub(node, Clock::Real());
    };
    stub = MakeClusterStub(addresses, of_node, Clock::Real());
  } else {
    stub = MakeGrpcStub(options, Clock::Real());
  }
  return MakeRemoteConnection(options, std::move(stub), Clock::Real(),
                              RealSeed());
}

std::shared_ptr<Connection> MakeRemoteConnection(const ClientOptions& options,
                                                 std::unique_ptr<Stub> stub,
                                                 Clock* clock, uint64_t seed) {
  return std::make_shared<RemoteConnection>(options, std::move(stub), clock,
                                            seed);
}

}  // namespace pallet
