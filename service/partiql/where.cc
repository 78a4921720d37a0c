// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/where.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/wire.h"

namespace pallet::service::partiql {
namespace {

using model::partiql::Literal;
using model::partiql::Term;
using Values = std::vector<std::string>;  // canonical

bool IsAttribute(const Term& term, absl::string_view name) {
  return term.kind == Term::Kind::kPath && !term.path.nested() &&
         term.path.attribute() == name;
}

bool IsLiteral(const Term& term) { return term.kind == Term::Kind::kLiteral; }

// The literal that the attribute is compared with by `=`, or null.
const Literal* EqualTo(const Term& term, absl::string_view name) {
  if (term.kind != Term::Kind::kEqual) return nullptr;
  const Term& a = term.operands[0];
  const Term& b = term.operands[1];
  if (IsAttribute(a, name) && IsLiteral(b)) return &b.literal;
  if (IsAttribute(b, name) && IsLiteral(a)) return &a.literal;
  return nullptr;
}

void Append(const Term& term, Terms* terms) {
  if (term.kind != Term::Kind::kAnd) return terms->push_back(&term);
  for (const Term& operand : term.operands) Append(operand, terms);
}

void AddOnce(std::string value, Values* values) {
  if (std::find(values->begin(), values->end(), value) == values->end()) {
    values->push_back(std::move(value));
  }
}

// Which values of an attribute a condition leaves.
class Fixer {
 public:
  Fixer(absl::string_view attribute, const Parameters& parameters)
      : attribute_(attribute), parameters_(parameters) {}

  struct Fixed {
    Values values;
    bool wholly = true;  // the condition says nothing else
  };

  // Nullopt: any.
  absl::StatusOr<std::optional<Fixed>> Fix(const Term& term) {
    if (const Literal* literal = EqualTo(term, attribute_)) {
      ASSIGN_OR_RETURN(std::string value,
                       CanonicalValueOf(*literal, parameters_));
      return Fixed{{std::move(value)}};
    }
    if (term.kind == Term::Kind::kIn) return FixIn(term);
    if (term.kind == Term::Kind::kOr) return FixOr(term);
    if (term.kind == Term::Kind::kAnd) return FixAnd(term);
    return std::nullopt;
  }

 private:
  absl::StatusOr<std::optional<Fixed>> FixIn(const Term& term) {
    if (!IsAttribute(term.operands[0], attribute_)) return std::nullopt;
    Fixed fixed;
    for (size_t i = 1; i < term.operands.size(); ++i) {
      if (!IsLiteral(term.operands[i])) return std::nullopt;
      ASSIGN_OR_RETURN(std::string value,
                       CanonicalValueOf(term.operands[i].literal, parameters_));
      AddOnce(std::move(value), &fixed.values);
    }
    return fixed;
  }

  // Each branch has to fix it.
  absl::StatusOr<std::optional<Fixed>> FixOr(const Term& term) {
    Fixed all;
    for (const Term& operand : term.operands) {
      ASSIGN_OR_RETURN(std::optional<Fixed> fixed, Fix(operand));
      if (!fixed.has_value()) return std::nullopt;
      all.wholly = all.wholly && fixed->wholly;
      for (std::string& value : fixed->values) {
        AddOnce(std::move(value), &all.values);
      }
    }
    return all;
  }

  // One term that fixes it will do.
  absl::StatusOr<std::optional<Fixed>> FixAnd(const Term& term) {
    for (const Term& operand : term.operands) {
      ASSIGN_OR_RETURN(std::optional<Fixed> fixed, Fix(operand));
      if (!fixed.has_value()) continue;
      fixed->wholly = false;
      return fixed;
    }
    return std::nullopt;
  }

  const absl::string_view attribute_;
  const Parameters& parameters_;
};

// Whether a key condition can say this of the attribute.
bool Narrows(const Term& term, absl::string_view name) {
  switch (term.kind) {
    case Term::Kind::kEqual:
    case Term::Kind::kLess:
    case Term::Kind::kLessOrEqual:
    case Term::Kind::kGreater:
    case Term::Kind::kGreaterOrEqual:
      return (IsAttribute(term.operands[0], name) &&
              IsLiteral(term.operands[1])) ||
             (IsAttribute(term.operands[1], name) &&
              IsLiteral(term.operands[0]));
    case Term::Kind::kBetween:
      return IsAttribute(term.operands[0], name) &&
             IsLiteral(term.operands[1]) && IsLiteral(term.operands[2]);
    case Term::Kind::kCall:
      return term.name == "begins_with" && term.operands.size() == 2 &&
             IsAttribute(term.operands[0], name) && IsLiteral(term.operands[1]);
    default:
      return false;
  }
}

// Takes the first term that fixes the partition; those that do wholly first.
absl::Status TakePartitions(absl::string_view attribute,
                            const Parameters& parameters, QueryWhere* where) {
  Fixer fixer(attribute, parameters);
  for (const bool wholly : {true, false}) {
    for (size_t i = 0; i < where->filter.size(); ++i) {
      ASSIGN_OR_RETURN(auto fixed, fixer.Fix(*where->filter[i]));
      if (!fixed.has_value() || fixed->wholly != wholly) continue;
      where->partitions = std::move(fixed->values);
      if (wholly) {
        where->filter.erase(where->filter.begin() + static_cast<ptrdiff_t>(i));
      }
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

}  // namespace

Terms ConjunctsOf(const std::optional<Term>& where) {
  Terms terms;
  if (where.has_value()) Append(*where, &terms);
  return terms;
}

absl::Status NoKeyInWhere() {
  return model::ValidationError(
      "Where clause does not contain a mandatory equality on all key "
      "attributes");
}

absl::StatusOr<KeyedWhere> SplitKey(const std::optional<Term>& where,
                                    const model::KeySchema& schema,
                                    const Parameters& parameters) {
  KeyedWhere split;
  split.rest = ConjunctsOf(where);
  const auto take = [&](const model::KeyAttribute& attribute) -> absl::Status {
    for (size_t i = 0; i < split.rest.size(); ++i) {
      const Literal* literal = EqualTo(*split.rest[i], attribute.name);
      if (literal == nullptr) continue;
      ASSIGN_OR_RETURN(const std::string value,
                       CanonicalValueOf(*literal, parameters));
      AppendMapEntry(1, attribute.name, value, &split.key);
      split.rest.erase(split.rest.begin() + static_cast<ptrdiff_t>(i));
      return absl::OkStatus();
    }
    return NoKeyInWhere();
  };
  RETURN_IF_ERROR(take(schema.partition));
  if (schema.sort.has_value()) RETURN_IF_ERROR(take(*schema.sort));
  return split;
}

absl::StatusOr<QueryWhere> SplitQuery(const std::optional<Term>& where,
                                      const model::KeyAttributes& key,
                                      const Parameters& parameters) {
  QueryWhere split;
  split.filter = ConjunctsOf(where);
  RETURN_IF_ERROR(
      TakePartitions(key.partition.front().name, parameters, &split));
  if (split.partitions.empty()) return split;
  if (split.partitions.size() > kMaxPartitionValues) {
    return model::ValidationError(
        absl::StrCat("The WHERE clause names ", split.partitions.size(),
                     " values of the partition key; at most ",
                     kMaxPartitionValues, " are supported"));
  }
  if (key.sort.empty()) {
    split.is_one_item = true;
    return split;
  }
  const std::string& sort = key.sort.front().name;
  const auto narrows = [&](const Term* term) { return Narrows(*term, sort); };
  const auto found =
      std::find_if(split.filter.begin(), split.filter.end(), narrows);
  if (found != split.filter.end()) {
    split.sort = *found;
    split.is_one_item = split.sort->kind == Term::Kind::kEqual;
    split.filter.erase(found);
  }
  return split;
}

}  // namespace pallet::service::partiql
