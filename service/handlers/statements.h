// SPDX-License-Identifier: Apache-2.0
//
// What ExecuteStatement, BatchExecuteStatement and ExecuteTransaction share:
// statements that are parsed and checked, and single statements as operations
// of other names (service/partiql/requests.h).
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/partiql/statement.h"
#include "pallet/wire/v1/item_types.pb.h"
#include "service/operation.h"
#include "service/partiql/literals.h"
#include "service/router.h"

namespace pallet::service {

// A constraint of the request: 1 to 8,192 characters.
absl::Status CheckStatementText(const std::string* text,
                                absl::string_view path);

// Of a text that keeps that constraint. The parameters fit.
absl::StatusOr<model::partiql::Statement> ParseStatementOf(
    absl::string_view text, const partiql::Parameters& parameters);

// The table of a statement that writes, or reads one item.
absl::StatusOr<cluster::TablePtr> TableOfStatement(
    const Router& router, const model::partiql::Statement& statement);

// An operation that does what a statement says.
struct StatementCall {
  absl::string_view operation;  // "PutItem"
  std::string request = {};     // encoded
};

// Of an INSERT, UPDATE or DELETE.
struct WriteChoices {
  wire::v1::ReturnConsumedCapacity capacity =
      wire::v1::RETURN_CONSUMED_CAPACITY_UNSPECIFIED;
  wire::v1::ReturnValuesOnConditionCheckFailure on_failure =
      wire::v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_UNSPECIFIED;
};
absl::StatusOr<StatementCall> CallOfWrite(
    const Router& router, const model::partiql::Statement& statement,
    const partiql::Parameters& parameters, const WriteChoices& choices);

// What a write's operation answered, as its statement tells it: an INSERT's
// failed condition is DUPLICATE_ITEM.
absl::Status StatusOfWrite(model::partiql::Statement::Kind kind,
                           const absl::Status& status);

// The same reason in a TransactionCancellation.
inline constexpr char kDuplicateItemCode[] = "DuplicateItem";
inline constexpr char kDuplicateItemText[] =
    "Duplicate primary key exists in table";

// Calls an operation of the registry. REQUIRES: it is there.
void RunCall(const OperationRegistry& registry, const StatementCall& call,
             const CallContext& context, Reply reply);

}  // namespace pallet::service
