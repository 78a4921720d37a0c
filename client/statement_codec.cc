// SPDX-License-Identifier: Apache-2.0
//
// The messages of PartiQL.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "client/codec.h"
#include "model/item_view.h"
#include "pallet/wire/v1/statement.pb.h"

namespace pallet::internal {
namespace {

namespace wire = ::pallet::wire::v1;

bool IsSelect(absl::string_view statement) {
  return absl::StartsWithIgnoreCase(
      absl::StripLeadingAsciiWhitespace(statement), "select");
}

template <typename Statement, typename Message>
void SetStatement(const Statement& statement, Message* message) {
  message->set_statement(statement.statement);
  for (const Value& value : statement.parameters) {
    const std::string item = Item{{"v", value}}.Encode();
    const absl::string_view bytes =
        (*model::ItemView(item).begin()).value.encoded();
    message->add_parameters(bytes.data(), bytes.size());
  }
  if (statement.return_item_on_failure) {
    message->set_return_values_on_condition_check_failure(
        wire::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  }
}

// "BATCH_STATEMENT_ERROR_CODE_DUPLICATE_ITEM" is "DuplicateItem".
std::string CodeOf(wire::BatchStatementErrorCode code) {
  absl::string_view name = wire::BatchStatementErrorCode_Name(code);
  absl::ConsumePrefix(&name, "BATCH_STATEMENT_ERROR_CODE_");
  std::string words;
  bool starts = true;
  for (const char c : name) {
    if (c != '_') words.push_back(starts ? c : absl::ascii_tolower(c));
    starts = c == '_';
  }
  return words;
}

}  // namespace

bool IsRead(const ExecuteStatementRequest& request) {
  return IsSelect(request.statement);
}

bool IsRead(const BatchExecuteRequest& request) {
  return std::all_of(request.statements.begin(), request.statements.end(),
                     [](const auto& each) { return IsSelect(each.statement); });
}

std::string Encode(const ExecuteStatementRequest& request) {
  wire::ExecuteStatementRequest message;
  SetStatement(request, &message);
  if (request.consistent_read) message.set_consistent_read(true);
  if (request.limit.has_value()) message.set_limit(*request.limit);
  if (!request.page_token.empty()) message.set_next_token(request.page_token);
  return message.SerializeAsString();
}

std::string Encode(const BatchExecuteRequest& request) {
  wire::BatchExecuteStatementRequest message;
  for (const BatchExecuteRequest::Statement& each : request.statements) {
    wire::BatchStatementRequest* const added = message.add_statements();
    SetStatement(each, added);
    if (each.consistent_read) added->set_consistent_read(true);
  }
  return message.SerializeAsString();
}

std::string Encode(const ExecuteTransactionRequest& request) {
  wire::ExecuteTransactionRequest message;
  for (const auto& each : request.statements) {
    SetStatement(each, message.add_transact_statements());
  }
  if (!request.token.empty()) message.set_client_request_token(request.token);
  return message.SerializeAsString();
}

template <>
absl::StatusOr<ExecuteStatementResponse> Decode<ExecuteStatementRequest>(
    absl::string_view encoded) {
  wire::ExecuteStatementResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  ExecuteStatementResponse response;
  for (const std::string& bytes : message.items()) {
    ASSIGN_OR_RETURN(response.items.emplace_back(), Item::Decode(bytes));
  }
  response.next_page_token = message.next_token();
  return response;
}

template <>
absl::StatusOr<BatchExecuteResponse> Decode<BatchExecuteRequest>(
    absl::string_view encoded) {
  wire::BatchExecuteStatementResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  BatchExecuteResponse response;
  for (const wire::BatchStatementResponse& each : message.responses()) {
    BatchExecuteResponse::Result& result = response.results.emplace_back();
    if (each.has_error()) {
      result.error_code = CodeOf(each.error().code());
      result.error_message = each.error().message();
      if (!each.error().has_item()) continue;
      ASSIGN_OR_RETURN(result.item, Item::Decode(each.error().item()));
    } else if (each.has_item()) {
      ASSIGN_OR_RETURN(result.item, Item::Decode(each.item()));
    }
  }
  return response;
}

template <>
absl::StatusOr<ExecuteTransactionResponse> Decode<ExecuteTransactionRequest>(
    absl::string_view encoded) {
  wire::ExecuteTransactionResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  ExecuteTransactionResponse response;
  for (const wire::StatementItemResponse& each : message.responses()) {
    std::optional<Item>& item = response.items.emplace_back();
    if (!each.has_item()) continue;
    ASSIGN_OR_RETURN(item, Item::Decode(each.item()));
  }
  return response;
}

}  // namespace pallet::internal
