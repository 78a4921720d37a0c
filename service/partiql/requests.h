// SPDX-License-Identifier: Apache-2.0
//
// From statements about one item to the requests of the other operations:
//
//   INSERT  -> PutItem or Put       if there is no such item
//   UPDATE  -> UpdateItem or Update if there is one, and WHERE's rest holds
//   DELETE  -> DeleteItem or Delete if WHERE's rest holds or there is none
//   EXISTS  -> ConditionCheck
//   SELECT  -> GetItem or Get
//
// Pure functions; errors are kValidation.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/key.h"
#include "model/partiql/statement.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/transaction.pb.h"
#include "service/partiql/columns.h"
#include "service/partiql/expression_writer.h"
#include "service/partiql/where.h"
#include "service/wire.h"

namespace pallet::service::partiql {

// `Put` has the item, the table's name and a condition.
template <typename Put>
absl::Status FillInsert(const model::partiql::Statement& statement,
                        const model::KeySchema& schema,
                        const Parameters& parameters, Put* put) {
  ASSIGN_OR_RETURN(std::string item, ItemOf(statement.item, parameters));
  ExpressionWriter writer(parameters);
  put->set_table_name(statement.table);
  put->set_item(std::move(item));
  put->set_condition_expression(absl::StrCat(
      "attribute_not_exists(", writer.Name(schema.partition.name), ")"));
  writer.MoveInto(put);
  return absl::OkStatus();
}

// "attribute_exists(key)", and what is left of WHERE.
inline absl::StatusOr<std::string> IfThere(const model::KeySchema& schema,
                                           const Terms& rest,
                                           ExpressionWriter* writer) {
  std::string text = absl::StrCat("attribute_exists(",
                                  writer->Name(schema.partition.name), ")");
  if (rest.empty()) return text;
  ASSIGN_OR_RETURN(const std::string more,
                   writer->Condition(rest, Binding::kAnd));
  return absl::StrCat(text, " AND ", more);
}

template <typename Update>
absl::Status FillUpdate(const model::partiql::Statement& statement,
                        const model::KeySchema& schema,
                        const Parameters& parameters, Update* update) {
  ASSIGN_OR_RETURN(KeyedWhere where,
                   SplitKey(statement.where, schema, parameters));
  ExpressionWriter writer(parameters);
  update->set_table_name(statement.table);
  update->set_key(std::move(where.key));
  ASSIGN_OR_RETURN(std::string text, writer.Update(statement.assignments));
  update->set_update_expression(std::move(text));
  ASSIGN_OR_RETURN(text, IfThere(schema, where.rest, &writer));
  update->set_condition_expression(std::move(text));
  writer.MoveInto(update);
  return absl::OkStatus();
}

template <typename Delete>
absl::Status FillDelete(const model::partiql::Statement& statement,
                        const model::KeySchema& schema,
                        const Parameters& parameters, Delete* deletion) {
  ASSIGN_OR_RETURN(KeyedWhere where,
                   SplitKey(statement.where, schema, parameters));
  ExpressionWriter writer(parameters);
  deletion->set_table_name(statement.table);
  deletion->set_key(std::move(where.key));
  if (!where.rest.empty()) {
    ASSIGN_OR_RETURN(const std::string text, writer.Condition(where.rest));
    deletion->set_condition_expression(
        absl::StrCat("attribute_not_exists(",
                     writer.Name(schema.partition.name), ") OR ", text));
  }
  writer.MoveInto(deletion);
  return absl::OkStatus();
}

inline absl::Status FillCheck(const model::partiql::Statement& statement,
                              const model::KeySchema& schema,
                              const Parameters& parameters,
                              wire::ConditionCheck* check) {
  absl::StatusOr<KeyedWhere> where =
      SplitKey(statement.where, schema, parameters);
  if (!where.ok() || where->rest.empty()) {
    return model::ValidationError(
        "EXISTS() must contain a single item read with additional condition");
  }
  ExpressionWriter writer(parameters);
  check->set_table_name(statement.table);
  check->set_key(std::move(where->key));
  ASSIGN_OR_RETURN(std::string text, IfThere(schema, where->rest, &writer));
  check->set_condition_expression(std::move(text));
  writer.MoveInto(check);
  return absl::OkStatus();
}

// The read of one item by its key and nothing else: for `operation`, which takes
// no others.
template <typename Get>
absl::Status FillGet(const model::partiql::Statement& statement,
                     const model::KeySchema& schema,
                     const Parameters& parameters, const Columns& columns,
                     absl::string_view operation, Get* get) {
  absl::StatusOr<KeyedWhere> where =
      SplitKey(statement.where, schema, parameters);
  if (!where.ok() && where.status() != NoKeyInWhere()) return where.status();
  if (!where.ok() || !where->rest.empty() || statement.index.has_value()) {
    return model::ValidationError(
        absl::StrCat("Select statements within ", operation,
                     " must specify the primary key in the where clause."));
  }
  ExpressionWriter writer(parameters);
  get->set_table_name(statement.table);
  get->set_key(std::move(where->key));
  if (!columns.attributes().empty()) {
    get->set_projection_expression(writer.Projection(columns.attributes()));
  }
  writer.MoveInto(get);
  return absl::OkStatus();
}

}  // namespace pallet::service::partiql
