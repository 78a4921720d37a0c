// SPDX-License-Identifier: Apache-2.0
//
// ExpressionWriter: the terms of a PartiQL statement in the language of the
// other operations' expressions. Each name and value becomes a placeholder; a
// name has one, however often it is used.
//
//   ExpressionWriter writer(parameters);
//   ASSIGN_OR_RETURN(const std::string text, writer.Condition({&where}));
//   request.set_filter_expression(text);
//   writer.MoveInto(&request);
//
// For one request. Errors are kValidation in DynamoDB's words.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/partiql/statement.h"
#include "service/partiql/literals.h"

namespace pallet::service::partiql {

using Terms = std::vector<const model::partiql::Term*>;

// What IN may be given, but for the partition key.
inline constexpr size_t kMaxCandidates = 100;

// How tightly a text holds together.
enum class Binding { kOr, kAnd, kNot, kComparison };

class ExpressionWriter {
 public:
  // Borrows the parameters.
  explicit ExpressionWriter(const Parameters& parameters)
      : parameters_(parameters) {}

  // All of the terms, joined by AND: one or more. In parentheses if it would
  // fall apart beside what binds like `within`.
  absl::StatusOr<std::string> Condition(const Terms& terms,
                                        Binding within = Binding::kOr);
  absl::StatusOr<std::string> Update(
      const std::vector<model::partiql::Assignment>& assignments);
  std::string Projection(absl::Span<const std::string> attributes);

  std::string Name(absl::string_view name);
  std::string Value(std::string canonical);

  // Puts the placeholders where a request has them.
  template <typename Request>
  void MoveInto(Request* request) {
    for (auto& [name, placeholder] : names_) {
      (*request->mutable_expression_attribute_names())[placeholder] = name;
    }
    if constexpr (requires {
                    request->mutable_expression_attribute_values();
                  }) {
      for (auto& [placeholder, value] : values_) {
        (*request->mutable_expression_attribute_values())[placeholder] =
            std::move(value);
      }
    }
  }

 private:
  using Term = model::partiql::Term;

  struct Text {
    std::string text;
    Binding binding = Binding::kComparison;
  };

  absl::StatusOr<Text> Write(const Term& term);
  absl::StatusOr<Text> WriteJoined(const Term& term);
  absl::StatusOr<Text> WriteNot(const Term& term);
  absl::StatusOr<Text> WriteComparison(const Term& term);
  absl::StatusOr<Text> WriteIn(const Term& term, absl::string_view operand);
  absl::StatusOr<Text> WriteIs(const Term& term);
  absl::StatusOr<Text> WriteCondition(const Term& call);
  absl::StatusOr<std::string> WriteWithin(const Term& term, Binding within);
  absl::StatusOr<std::string> Operand(const Term& term);
  absl::StatusOr<std::string> Operands(const Term& term, size_t begin,
                                       size_t end);
  absl::StatusOr<std::string> Assigned(const Term& term);
  absl::StatusOr<std::string> SetMembers(const model::partiql::Path& target,
                                         const Term& call);
  std::string PathText(const model::partiql::Path& path);

  const Parameters& parameters_;
  absl::flat_hash_map<std::string, std::string> names_;  // to placeholder
  std::map<std::string, std::string> values_;            // by placeholder
};

// The same error without the name of the parameter that no client wrote.
absl::Status AsOfStatement(const absl::Status& status);

}  // namespace pallet::service::partiql
