// SPDX-License-Identifier: Apache-2.0
//
// What a WHERE clause says about keys, and what is left of it.
//
// Pure functions that borrow the statement; errors are kValidation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/key.h"
#include "model/partiql/statement.h"
#include "service/partiql/expression_writer.h"
#include "service/partiql/literals.h"

namespace pallet::service::partiql {

// Of a statement about one item.
struct KeyedWhere {
  std::string key;  // an encoded Item of the table's key attributes
  Terms rest;       // the other terms of the clause, which all must hold
};

// kValidation unless the clause fixes each key attribute by `=`.
absl::StatusOr<KeyedWhere> SplitKey(
    const std::optional<model::partiql::Term>& where,
    const model::KeySchema& schema, const Parameters& parameters);

// "Where clause does not contain a mandatory equality on all key attributes".
absl::Status NoKeyInWhere();

// Of a SELECT.
struct QueryWhere {
  // Canonical values of the partition attribute, each once: a Query for each.
  // Empty: the clause fixes none, it is a Scan.
  std::vector<std::string> partitions;
  // The condition on the sort attribute that narrows the Query, if any.
  const model::partiql::Term* sort = nullptr;
  // It and the partition are fixed by `=`.
  bool is_one_item = false;
  Terms filter;
};

inline constexpr size_t kMaxPartitionValues = 50;

// REQUIRES: `key` has one partition and at most one sort attribute.
absl::StatusOr<QueryWhere> SplitQuery(
    const std::optional<model::partiql::Term>& where,
    const model::KeyAttributes& key, const Parameters& parameters);

// The terms that a clause joins by AND.
Terms ConjunctsOf(const std::optional<model::partiql::Term>& where);

}  // namespace pallet::service::partiql
