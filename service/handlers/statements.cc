// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/statements.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/constraints.h"
#include "model/errors.h"
#include "model/partiql/parser.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/partiql/requests.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::partiql::Returning;
using model::partiql::Statement;

wire::ReturnValue ReturnValueOf(Returning returning) {
  switch (returning) {
    case Returning::kAllOld:
      return wire::RETURN_VALUE_ALL_OLD;
    case Returning::kModifiedOld:
      return wire::RETURN_VALUE_UPDATED_OLD;
    case Returning::kAllNew:
      return wire::RETURN_VALUE_ALL_NEW;
    case Returning::kModifiedNew:
      return wire::RETURN_VALUE_UPDATED_NEW;
  }
  return wire::RETURN_VALUE_UNSPECIFIED;
}

absl::Status CheckWrite(const Statement& statement) {
  if (statement.kind == Statement::Kind::kExists) {
    return model::ValidationError(
        "EXISTS() is only supported in ExecuteTransaction");
  }
  if (statement.kind == Statement::Kind::kDelete &&
      statement.returning.value_or(Returning::kAllOld) != Returning::kAllOld) {
    return model::ValidationError(
        absl::StrCat("Invalid returning clause: ", NameOf(*statement.returning),
                     ". Only RETURNING ALL OLD * is allowed in DELETE "
                     "statements."));
  }
  return absl::OkStatus();
}

template <typename Request>
StatementCall Encode(absl::string_view operation, const Statement& statement,
                     const WriteChoices& choices, Request* request) {
  request->set_return_consumed_capacity(choices.capacity);
  request->set_return_values_on_condition_check_failure(choices.on_failure);
  if (statement.returning.has_value()) {
    request->set_return_values(ReturnValueOf(*statement.returning));
  }
  return {operation, request->SerializeAsString()};
}

}  // namespace

absl::Status CheckStatementText(const std::string* text,
                                absl::string_view path) {
  model::Constraints constraints;
  CheckPresent(text != nullptr, path, &constraints);
  if (text != nullptr) {
    const auto characters = std::count_if(
        text->begin(), text->end(), [](char c) { return (c & 0xC0) != 0x80; });
    if (text->empty()) {
      constraints.CheckLength("", path, 1, 1);
    } else if (characters > static_cast<ptrdiff_t>(
                                model::partiql::kMaxStatementCharacters)) {
      // Its text would hide what is wrong with it.
      constraints.Violated(
          "...", path,
          absl::StrCat("have length less than or equal to ",
                       model::partiql::kMaxStatementCharacters));
    }
  }
  return constraints.ToStatus();
}

absl::StatusOr<Statement> ParseStatementOf(
    absl::string_view text, const partiql::Parameters& parameters) {
  ASSIGN_OR_RETURN(Statement statement, model::partiql::ParseStatement(text));
  RETURN_IF_ERROR(partiql::CheckParameters(statement, parameters));
  if (statement.kind != Statement::Kind::kSelect &&
      statement.index.has_value()) {
    return model::ValidationError(
        "Only the FROM clause of a SELECT can name an index");
  }
  return statement;
}

absl::StatusOr<cluster::TablePtr> TableOfStatement(const Router& router,
                                                   const Statement& statement) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(&statement.table));
  return router.Find(name);
}

absl::StatusOr<StatementCall> CallOfWrite(const Router& router,
                                          const Statement& statement,
                                          const partiql::Parameters& parameters,
                                          const WriteChoices& choices) {
  RETURN_IF_ERROR(CheckWrite(statement));
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   TableOfStatement(router, statement));
  switch (statement.kind) {
    case Statement::Kind::kInsert: {
      wire::PutItemRequest put;
      RETURN_IF_ERROR(
          partiql::FillInsert(statement, table->key, parameters, &put));
      return Encode("PutItem", statement, choices, &put);
    }
    case Statement::Kind::kUpdate: {
      wire::UpdateItemRequest update;
      RETURN_IF_ERROR(
          partiql::FillUpdate(statement, table->key, parameters, &update));
      return Encode("UpdateItem", statement, choices, &update);
    }
    default: {
      wire::DeleteItemRequest deletion;
      RETURN_IF_ERROR(
          partiql::FillDelete(statement, table->key, parameters, &deletion));
      return Encode("DeleteItem", statement, choices, &deletion);
    }
  }
}

absl::Status StatusOfWrite(Statement::Kind kind, const absl::Status& status) {
  if (!status.ok() && kind == Statement::Kind::kInsert &&
      model::ReasonOf(status) == model::Reason::kConditionalCheckFailed) {
    return model::MakeError(model::Reason::kDuplicateItem, kDuplicateItemText);
  }
  return partiql::AsOfStatement(status);
}

void RunCall(const OperationRegistry& registry, const StatementCall& call,
             const CallContext& context, Reply reply) {
  const Operation* operation = registry.Find(call.operation);
  CHECK(operation != nullptr) << call.operation;
  (*operation)(call.request, context, std::move(reply));
}

}  // namespace pallet::service
