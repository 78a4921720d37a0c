// SPDX-License-Identifier: Apache-2.0
//
// ExecuteTransaction: up to 100 statements, all reads or all writes, as one
// TransactGetItems or TransactWriteItems.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "pallet/wire/v1/statement.pb.h"
#include "pallet/wire/v1/transaction.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/statements.h"
#include "service/handlers/transact.h"
#include "service/partiql/columns.h"
#include "service/partiql/requests.h"
#include "service/router.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::partiql::Statement;
using Request = wire::ExecuteTransactionRequest;

constexpr absl::string_view kName = "ExecuteTransaction";

absl::Status CheckConstraints(const Request& request) {
  model::Constraints constraints;
  const int size = request.transact_statements_size();
  if (size == 0) {
    constraints.Violated("[]", "transactStatements",
                         "have length greater than or equal to 1");
  } else if (size > kMaxTransactActions) {
    constraints.Violated("[...]", "transactStatements",
                         absl::StrCat("have length less than or equal to ",
                                      kMaxTransactActions));
  }
  RETURN_IF_ERROR(constraints.ToStatus());
  for (int i = 0; i < size; ++i) {
    RETURN_IF_ERROR(CheckStatementText(
        PALLET_OPTIONAL(request.transact_statements(i), statement),
        absl::StrCat("transactStatements.", i + 1, ".member.statement")));
  }
  return absl::OkStatus();
}

// What is wrong with a statement, and with which.
absl::Status InStatement(int i, const absl::Status& status) {
  if (status.ok() || model::ReasonOf(status) != model::Reason::kValidation) {
    return status;
  }
  return model::ValidationError(
      absl::StrCat("Validation failed in TransactStatements[", i,
                   "]: ", partiql::AsOfStatement(status).message()));
}

absl::Status CheckStatement(const Statement& statement) {
  if (statement.returning.has_value()) {
    return model::ValidationError(
        "RETURNING clause is not supported in ExecuteTransaction.");
  }
  if (statement.index.has_value()) {
    return model::ValidationError(
        "Reads on indices are not supported within transactions.");
  }
  if (statement.count.has_value() || !statement.order.empty()) {
    return model::ValidationError(
        absl::StrCat("COUNT and ORDER BY are not supported in ", kName));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Statement>> Parse(const Request& request) {
  std::vector<Statement> statements;
  for (int i = 0; i < request.transact_statements_size(); ++i) {
    const wire::ParameterizedStatement& each = request.transact_statements(i);
    absl::StatusOr<Statement> statement =
        ParseStatementOf(each.statement(), each.parameters());
    RETURN_IF_ERROR(InStatement(i, statement.status()));
    RETURN_IF_ERROR(InStatement(i, CheckStatement(*statement)));
    statements.push_back(*std::move(statement));
    if (statements.back().is_read() != statements.front().is_read()) {
      return model::ValidationError(
          "A transaction must consist of either read statements or write "
          "statements; both cannot be mixed in one transaction");
    }
  }
  return statements;
}

// Reads.
class ReadTransaction {
 public:
  absl::Status Add(const Router& router, const Statement& statement,
                   const wire::ParameterizedStatement& request) {
    ASSIGN_OR_RETURN(columns_.emplace_back(),
                     partiql::Columns::Create(statement.columns));
    ASSIGN_OR_RETURN(const cluster::TablePtr table,
                     TableOfStatement(router, statement));
    return partiql::FillGet(statement, table->key, request.parameters(),
                            columns_.back(), kName,
                            request_.add_transact_items()->mutable_get());
  }

  StatementCall Call(const Request& request) {
    request_.set_return_consumed_capacity(request.return_consumed_capacity());
    return {"TransactGetItems", request_.SerializeAsString()};
  }

  std::string ResponseOf(const std::string& encoded) const {
    wire::TransactGetItemsResponse read;
    CHECK(read.ParseFromString(encoded));
    wire::ExecuteTransactionResponse response;
    for (size_t i = 0; i < columns_.size(); ++i) {
      wire::ItemResponse* const item =
          read.mutable_responses(static_cast<int>(i));
      wire::StatementItemResponse* const told = response.add_responses();
      if (!item->has_item()) continue;
      told->set_item(columns_[i].picks()
                         ? columns_[i].Pick(model::ItemView(item->item()))
                         : std::move(*item->mutable_item()));
    }
    response.mutable_consumed_capacity()->Swap(
        read.mutable_consumed_capacity());
    return response.SerializeAsString();
  }

 private:
  wire::TransactGetItemsRequest request_;
  std::vector<partiql::Columns> columns_;
};

// Writes.
class WriteTransaction {
 public:
  absl::Status Add(const Router& router, const Statement& statement,
                   const wire::ParameterizedStatement& request) {
    ASSIGN_OR_RETURN(const cluster::TablePtr table,
                     TableOfStatement(router, statement));
    wire::TransactWriteItem* const action = request_.add_transact_items();
    is_insert_.push_back(statement.kind == Statement::Kind::kInsert);
    const auto fill = [&](auto* member, auto function) {
      member->set_return_values_on_condition_check_failure(
          request.return_values_on_condition_check_failure());
      return function(statement, table->key, request.parameters(), member);
    };
    switch (statement.kind) {
      case Statement::Kind::kInsert:
        return fill(action->mutable_put(), partiql::FillInsert<wire::Put>);
      case Statement::Kind::kUpdate:
        return fill(action->mutable_update(),
                    partiql::FillUpdate<wire::Update>);
      case Statement::Kind::kDelete:
        return fill(action->mutable_delete_(),
                    partiql::FillDelete<wire::Delete>);
      default:
        return fill(action->mutable_condition_check(), partiql::FillCheck);
    }
  }

  StatementCall Call(const Request& request) {
    request_.set_return_consumed_capacity(request.return_consumed_capacity());
    if (request.has_client_request_token()) {
      request_.set_client_request_token(request.client_request_token());
    }
    return {"TransactWriteItems", request_.SerializeAsString()};
  }

  static std::string ResponseOf(const std::string& encoded) {
    wire::TransactWriteItemsResponse written;
    CHECK(written.ParseFromString(encoded));
    wire::ExecuteTransactionResponse response;
    response.mutable_consumed_capacity()->Swap(
        written.mutable_consumed_capacity());
    return response.SerializeAsString();
  }

  // An INSERT's failed condition has a name of its own.
  absl::Status StatusOf(const absl::Status& status) const {
    wire::TransactionCancellation detail;
    std::string url;
    status.ForEachPayload([&](absl::string_view key, const absl::Cord& bytes) {
      if (!absl::EndsWith(key, ".TransactionCancellation")) return;
      if (detail.ParseFromString(std::string(bytes))) url = std::string(key);
    });
    if (url.empty()) return partiql::AsOfStatement(status);
    std::vector<std::string> codes;
    for (size_t i = 0; i < is_insert_.size(); ++i) {
      wire::CancellationReason* const reason =
          detail.mutable_cancellation_reasons(static_cast<int>(i));
      if (is_insert_[i] && reason->code() == "ConditionalCheckFailed") {
        reason->set_code(kDuplicateItemCode);
        reason->set_message(kDuplicateItemText);
      }
      codes.push_back(reason->code());
    }
    absl::Status renamed = model::WithCode(
        model::WithMessage(
            status, absl::StrCat("Transaction cancelled, please refer "
                                 "cancellation reasons for specific reasons [",
                                 absl::StrJoin(codes, ", "), "]")),
        status.code());
    renamed.SetPayload(url, absl::Cord(detail.SerializeAsString()));
    return renamed;
  }

 private:
  wire::TransactWriteItemsRequest request_;
  std::vector<bool> is_insert_;
};

template <typename Transaction>
absl::Status Fill(const Router& router, const Request& request,
                  const std::vector<Statement>& statements,
                  Transaction* transaction) {
  for (size_t i = 0; i < statements.size(); ++i) {
    const int number = static_cast<int>(i);
    RETURN_IF_ERROR(InStatement(
        number, transaction->Add(router, statements[i],
                                 request.transact_statements(number))));
  }
  return absl::OkStatus();
}

absl::Status Run(const Router& router, const OperationRegistry& registry,
                 const Request& request, const CallContext& context,
                 Reply* reply) {
  RETURN_IF_ERROR(CheckConstraints(request));
  ASSIGN_OR_RETURN(const std::vector<Statement> statements, Parse(request));
  if (statements.front().is_read()) {
    ReadTransaction read;
    RETURN_IF_ERROR(Fill(router, request, statements, &read));
    const StatementCall call = read.Call(request);
    RunCall(registry, call, context,
            [reply = std::move(*reply), read = std::move(read)](
                absl::StatusOr<std::string> answer) mutable {
              if (answer.ok()) return reply(read.ResponseOf(*answer));
              reply(partiql::AsOfStatement(answer.status()));
            });
    return absl::OkStatus();
  }
  WriteTransaction write;
  RETURN_IF_ERROR(Fill(router, request, statements, &write));
  const StatementCall call = write.Call(request);
  RunCall(registry, call, context,
          [reply = std::move(*reply), write = std::move(write)](
              absl::StatusOr<std::string> answer) mutable {
            if (answer.ok()) {
              return reply(WriteTransaction::ResponseOf(*answer));
            }
            reply(write.StatusOf(answer.status()));
          });
  return absl::OkStatus();
}

}  // namespace

void RegisterExecuteTransaction(const HandlerOptions& options,
                                OperationRegistry* registry) {
  registry->Add(
      std::string(kName),
      Submitted<Request>(
          [router = Router(options.host), registry](
              const Request& request, const CallContext& context, Reply reply) {
            const absl::Status status =
                Run(router, *registry, request, context, &reply);
            if (!status.ok()) reply(status);
          }));
}

}  // namespace pallet::service
