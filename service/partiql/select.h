// SPDX-License-Identifier: Apache-2.0
//
// SELECT: Queries, one for each value of the partition key that WHERE names,
// or a Scan; page by page.
//
// Checked on the caller's thread by Prepare, read on the read pool by Run.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/partiql/statement.h"
#include "pallet/wire/v1/statement.pb.h"
#include "service/expression_cache.h"
#include "service/operation.h"
#include "service/partiql/columns.h"
#include "service/partiql/next_token.h"
#include "service/partiql/where.h"
#include "service/router.h"

namespace pallet::service::partiql {

class Select {
 public:
  // `cache` outlives this. REQUIRES: the statement is a SELECT, and has its
  // parameters.
  static absl::StatusOr<std::unique_ptr<Select>> Prepare(
      const Router& router, ExpressionCache* cache,
      wire::v1::ExecuteStatementRequest request,
      model::partiql::Statement statement);

  // One page: an encoded ExecuteStatementResponse.
  absl::StatusOr<std::string> Run(const CallContext& context) const;

 private:
  struct Progress;

  Select(const Router& router, ExpressionCache* cache,
         wire::v1::ExecuteStatementRequest request,
         model::partiql::Statement statement)
      : router_(router),
        cache_(cache),
        request_(std::move(request)),
        statement_(std::move(statement)) {}

  absl::Status Plan();
  absl::Status CheckSource() const;
  absl::Status CheckProjected() const;
  absl::Status PlanOrder(const model::KeyAttributes& key);
  // Reads behind a place: what a Query or Scan answers.
  absl::StatusOr<std::string> ReadPage(const Place& place,
                                       const Progress& progress) const;
  template <typename Request>
  absl::Status FillRead(const Place& place, const Progress& progress,
                        Request* request) const;
  void Take(std::string page, Progress* progress) const;
  absl::StatusOr<std::string> Respond(Progress progress) const;

  const Router router_;
  ExpressionCache* const cache_;
  const wire::v1::ExecuteStatementRequest request_;
  const model::partiql::Statement statement_;
  cluster::TablePtr table_;  // lent to the rest
  std::string partition_attribute_;
  Columns columns_;
  QueryWhere where_;
  bool descending_ = false;
  std::string binding_;
  Place start_;
};

}  // namespace pallet::service::partiql
