// SPDX-License-Identifier: Apache-2.0
//
// ExecuteStatement: one PartiQL statement. A SELECT is read here, page by page;
// a write is the operation that it stands for (ADR 22).
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/statement.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/statements.h"
#include "service/partiql/next_token.h"
#include "service/partiql/select.h"
#include "service/router.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::partiql::Statement;

absl::Status CheckConstraints(const wire::ExecuteStatementRequest& request) {
  RETURN_IF_ERROR(
      CheckStatementText(PALLET_OPTIONAL(request, statement), "statement"));
  model::Constraints constraints;
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, INT32_MAX, "limit", &constraints);
  }
  if (request.has_next_token()) {
    if (request.next_token().size() > partiql::kMaxNextToken) {
      // Its text would hide what is wrong with it.
      constraints.Violated("...", "nextToken",
                           absl::StrCat("have length less than or equal to ",
                                        partiql::kMaxNextToken));
    } else {
      constraints.CheckLength(request.next_token(), "nextToken", 1,
                              partiql::kMaxNextToken);
    }
  }
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  CheckEnum(EnumRule::kReturnValuesOnConditionCheckFailure,
            request.return_values_on_condition_check_failure(),
            "returnValuesOnConditionCheckFailure", &constraints);
  return constraints.ToStatus();
}

struct SelectCall {
  std::unique_ptr<partiql::Select> request;
  CallContext context;
  Reply reply;
};

absl::StatusOr<std::string> RunSelect(
    const std::unique_ptr<partiql::Select>& select,
    const CallContext& context) {
  absl::StatusOr<std::string> page = select->Run(context);
  if (page.ok()) return page;
  return partiql::AsOfStatement(page.status());
}

// The three responses of writes are the same on the wire.
std::string ResponseOfWrite(const std::string& encoded) {
  wire::UpdateItemResponse written;
  CHECK(written.ParseFromString(encoded));
  wire::ExecuteStatementResponse response;
  if (!written.attributes().empty()) {
    response.add_items(std::move(*written.mutable_attributes()));
  }
  if (written.has_consumed_capacity()) {
    *response.mutable_consumed_capacity() = written.consumed_capacity();
  }
  return response.SerializeAsString();
}

class Statements {
 public:
  Statements(const HandlerOptions& options, const OperationRegistry* registry)
      : options_(options), registry_(registry), router_(options.host) {}

  // If this returns OK the reply will be called, and *reply is taken.
  absl::Status Run(const wire::ExecuteStatementRequest& request,
                   const CallContext& context, Reply* reply) const {
    RETURN_IF_ERROR(CheckConstraints(request));
    ASSIGN_OR_RETURN(
        Statement statement,
        ParseStatementOf(request.statement(), request.parameters()));
    if (statement.is_read()) {
      return Read(request, std::move(statement), context, reply);
    }
    ASSIGN_OR_RETURN(
        const StatementCall call,
        CallOfWrite(router_, statement, request.parameters(),
                    {request.return_consumed_capacity(),
                     request.return_values_on_condition_check_failure()}));
    RunCall(*registry_, call, context,
            [reply = std::move(*reply), kind = statement.kind](
                absl::StatusOr<std::string> written) mutable {
              if (written.ok()) return reply(ResponseOfWrite(*written));
              reply(StatusOfWrite(kind, written.status()));
            });
    return absl::OkStatus();
  }

 private:
  absl::Status Read(const wire::ExecuteStatementRequest& request,
                    Statement statement, const CallContext& context,
                    Reply* reply) const {
    ASSIGN_OR_RETURN(auto select, partiql::Select::Prepare(
                                      router_, options_.expressions.get(),
                                      request, std::move(statement)));
    // Shared because a refused task is destroyed, and the refusal needs it.
    auto call = std::make_shared<SelectCall>(
        SelectCall{std::move(select), context, std::move(*reply)});
    RunPooled(options_.read_pool, call, RunSelect);
    return absl::OkStatus();
  }

  const HandlerOptions options_;
  const OperationRegistry* const registry_;
  const Router router_;
};

}  // namespace

void RegisterExecuteStatement(const HandlerOptions& options,
                              OperationRegistry* registry) {
  registry->Add("ExecuteStatement",
                Submitted<wire::ExecuteStatementRequest>(
                    [statements = Statements(options, registry)](
                        const wire::ExecuteStatementRequest& request,
                        const CallContext& context, Reply reply) {
                      const absl::Status status =
                          statements.Run(request, context, &reply);
                      if (!status.ok()) reply(partiql::AsOfStatement(status));
                    }));
}

}  // namespace pallet::service
