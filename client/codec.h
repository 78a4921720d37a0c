// SPDX-License-Identifier: Apache-2.0
//
// Requests to encoded messages of pallet.v1 and encoded responses back, one
// overload per request. Items pass as bytes (the wire twin): encoding builds no
// protobuf object for an item, decoding parses none. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/requests.h"
#include "client/stub.h"

namespace pallet::internal {

// The rpc that takes `Request`.
template <typename Request>
const Method& MethodOf();
// The same where it is safe to repeat: with a token, or as a read.
template <typename Request>
const Method& MethodToRepeatOf();
extern const Method kStreamQuery;
extern const Method kStreamScan;

std::string Encode(const GetItemRequest& request);
std::string Encode(const PutItemRequest& request);
std::string Encode(const DeleteItemRequest& request);
std::string Encode(const UpdateItemRequest& request);
std::string Encode(const QueryRequest& request);
std::string Encode(const ScanRequest& request);
std::string Encode(const BatchGetRequest& request);
std::string Encode(const BatchWriteRequest& request);
std::string Encode(const TransactWriteRequest& request);
std::string Encode(const TransactGetRequest& request);
std::string Encode(const ExecuteStatementRequest& request);
std::string Encode(const BatchExecuteRequest& request);
std::string Encode(const ExecuteTransactionRequest& request);
std::string Encode(const CreateTableRequest& request);
std::string Encode(const DescribeTableRequest& request);
std::string Encode(const UpdateTableRequest& request);
std::string Encode(const UpdateIndexPropagationRequest& request);
std::string Encode(const UpdateTimeToLiveRequest& request);
std::string Encode(const DescribeTimeToLiveRequest& request);
std::string Encode(const DeleteTableRequest& request);
std::string Encode(const ListTablesRequest& request);
std::string Encode(const ListStreamsRequest& request);
std::string Encode(const DescribeClusterRequest& request);
std::string Encode(const TagRequest& request);
std::string Encode(const UntagRequest& request);
std::string Encode(const ListTagsRequest& request);

// A StreamQueryRequest or StreamScanRequest. `resume_token` empty: from the
// start.
std::string EncodeStream(const QueryRequest& request,
                         absl::string_view resume_token);
std::string EncodeStream(const ScanRequest& request,
                         absl::string_view resume_token);

// kDataLoss, for bytes that are no response.
absl::Status UnreadableAnswer();

// kDataLoss if `encoded` is no such response.
template <typename Request>
absl::StatusOr<ResponseOf<Request>> Decode(absl::string_view encoded);

// Whether all its statements are SELECTs.
bool IsRead(const ExecuteStatementRequest& request);
bool IsRead(const BatchExecuteRequest& request);

// How the request travels.
template <typename Request>
const Method& MethodFor(const Request& request) {
  if constexpr (requires { IsRead(request); }) {
    if (IsRead(request)) return MethodToRepeatOf<Request>();
  }
  if constexpr (requires { request.token; }) {
    if (!request.token.empty()) return MethodToRepeatOf<Request>();
  }
  return MethodOf<Request>();
}

// A StreamQueryResponse or StreamScanResponse.
struct StreamedPage {
  ItemPage page;
  std::string resume_token;  // empty: this was the last page
};
absl::StatusOr<StreamedPage> DecodeStreamed(absl::string_view encoded);

}  // namespace pallet::internal
