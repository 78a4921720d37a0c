// SPDX-License-Identifier: Apache-2.0
//
// KeyConditionExpression: which rows a Query reads. Parsed before the table is
// looked up and bound to the table's key schema after, because DynamoDB checks
// in that order.
//
//   ASSIGN_OR_RETURN(const auto parsed, KeyConditionExpression::Parse(
//                        "artist = :a AND begins_with(song, :s)",
//                        placeholders));
//   ASSIGN_OR_RETURN(const KeyCondition condition, parsed.Bind(schema));
//
// Global indexes have keys of several attributes: `=` on each one of the
// partition, then the sort attributes from the first on without a gap, of which
// only the last one named may have another operator.
//
// Values; thread-safe once made. Errors are kValidation in DynamoDB's words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/expression/legacy.h"
#include "model/expression/placeholders.h"
#include "model/item_view.h"
#include "model/key.h"

namespace pallet::model {

enum class SortOperator {
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,
  kBeginsWith,
};

struct SortCondition {
  SortOperator op = SortOperator::kEqual;
  KeyValue bound;                 // the lower one of kBetween
  std::optional<KeyValue> upper;  // kBetween only; included, as is `bound`

  friend bool operator==(const SortCondition&, const SortCondition&) = default;
};

// One item collection, and the part of it the sort condition leaves.
struct KeyCondition {
  absl::InlinedVector<KeyValue, 1> partition;  // of each of its attributes
  std::vector<KeyValue> equal = {};  // of the first sort attributes, if any
  std::optional<SortCondition> sort = {};  // on the sort attribute behind them

  friend bool operator==(const KeyCondition&, const KeyCondition&) = default;
};

// REQUIRES: `sort` has the type of the condition's bounds.
bool Matches(const SortCondition& condition, const KeyValue& sort);

// Whether the condition leaves a row of these sort values, one of each sort
// attribute. REQUIRES: it was bound to their schema.
bool MatchesSort(const KeyCondition& condition,
                 absl::Span<const KeyValue> sort);

class KeyConditionExpression {
 public:
  // Everything that can be said without a schema.
  static absl::StatusOr<KeyConditionExpression> Parse(
      absl::string_view text, expression::Placeholders& placeholders);

  // The same from the legacy KeyConditions.
  static absl::StatusOr<KeyConditionExpression> FromLegacy(
      absl::Span<const expression::LegacyCondition> conditions);

  // Values are of the schema's types and within the limits of keys.
  absl::StatusOr<KeyCondition> Bind(const KeyAttributes& schema) const;

  // The attributes it names, in the order written.
  std::vector<absl::string_view> Attributes() const;

 private:
  friend class KeyConditionReader;  // builds it, in key_condition.cc

  // One condition on one attribute, written with the attribute on the left.
  struct Term {
    std::string attribute = {};
    SortOperator op = SortOperator::kEqual;
    // Canonical AttributeValues: one, or the two bounds of kBetween.
    std::vector<std::string> values = {};
  };

  KeyConditionExpression() = default;

  const Term* Find(absl::string_view attribute) const;
  static absl::StatusOr<SortCondition> BindSortTerm(
      const KeyAttribute& attribute, const Term& term);

  std::vector<Term> terms_;  // of different attributes
  bool legacy_ = false;
};

// A Query's ExclusiveStartKey: a key of the schema that the condition could
// have returned and that is not the only one it can return.
absl::StatusOr<Key> QueryStartKey(const KeySchema& schema,
                                  const KeyCondition& condition,
                                  ItemView start_key);

}  // namespace pallet::model
