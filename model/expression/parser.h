// SPDX-License-Identifier: Apache-2.0
//
// The one parser behind all expressions of a request: condition, filter and
// key condition are conditions; projections are lists of paths; an update is
// built from the same paths and operands.
//
//   projection := path (',' path)*
//   update     := section+                     each kind at most once
//   section    := SET path '=' sum (',' path '=' sum)* | REMOVE path (',' path)*
//               | (ADD | DELETE) path value (',' path value)*
//   sum        := operand (('+' | '-') operand)? | '(' sum ')'
//   condition  := and (OR and)*                and := not (AND not)*
//   not        := NOT* (comparison | function | '(' condition ')')
//   comparison := operand ('=' | '<>' | '<' | '<=' | '>' | '>=') operand
//               | operand BETWEEN operand AND operand
//               | operand IN '(' operand (',' operand)* ')'
//   operand    := path | value | function | '(' operand ')'
//   function   := identifier '(' operand (',' operand)* ')'
//   path       := (identifier | name) ('.' (identifier | name) | '[' integer
//   ']')*
//
// A syntax error ends the parse and is told before any other; the rest are
// collected and told in the order of Fault. Time is linear in the text; the
// stack is bounded by kMaxDepth. Errors are kValidation, "Invalid <kind>: ...".
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/expression/ast.h"
#include "model/expression/lexer.h"
#include "model/expression/operand_rules.h"
#include "model/expression/placeholders.h"

namespace pallet::model::expression {

inline constexpr size_t kMaxExpressionBytes = 4096;
inline constexpr int kMaxOperators = 300;  // operators and functions
inline constexpr size_t kMaxPathElements = 32;
// Parentheses within parentheses. Whatever nests deeper has either redundant
// ones or too many operators.
inline constexpr int kMaxDepth = kMaxOperators + 2;

class Parser {
 public:
  // `kind` is the parameter's name for messages ("FilterExpression"). Borrows
  // all three.
  Parser(absl::string_view kind, absl::string_view text,
         Placeholders& placeholders);

  // Each takes the whole text. REQUIRES: the first call on this parser.
  absl::StatusOr<Expression> ParseCondition();
  absl::StatusOr<Expression> ParseProjection();
  absl::StatusOr<Expression> ParseUpdate();

 private:
  struct Operand {
    NodeId id = 0;
    bool parenthesized = false;
  };

  // Where a bare operand may stand: nowhere, or alone in parentheses.
  enum class Bare { kNo, kInParentheses };

  absl::Status CheckSize() const;
  absl::StatusOr<Expression> Finish();

  absl::StatusOr<Operand> ParseOr(Bare bare);
  absl::StatusOr<Operand> ParseAnd(Bare bare);
  absl::StatusOr<Operand> ParseNot(Bare bare);
  absl::StatusOr<Operand> ParseComparison(Bare bare);
  absl::StatusOr<Operand> ParseParenthesized();
  absl::StatusOr<NodeId> ParseComparisonTail(NodeKind kind, NodeId first);
  absl::StatusOr<Operand> ParseOperand();
  absl::Status ParseOperands(Node& parent);  // operand (',' operand)* ')'
  absl::StatusOr<NodeId> ParseFunction();
  absl::StatusOr<Path> ParsePath();
  absl::Status ParsePathElement(Path& path);
  absl::Status ParseListIndex(Path& path);

  absl::Status ParseSection();
  absl::Status ParseAction(Section section);
  absl::StatusOr<Operand> ParseSum();
  void AddTarget(const Path& path);

  NodeId TakeValue();
  Name TakeName();
  NodeId Add(Node node);
  NodeId AddOperator(Node node);  // counted, its operands checked
  Operand Close(Operand inner);   // after ')'
  void CheckMisuse(NodeId id);
  void CheckAllowed(Function function);

  bool At(TokenKind kind) const { return current_.kind == kind; }
  void Advance();
  bool Accept(TokenKind kind);
  absl::Status Expect(TokenKind kind);

  absl::Status SyntaxError() const;
  absl::Status Error(absl::string_view message) const;
  void Report(Fault fault, std::string message);

  const absl::string_view kind_;
  const absl::string_view text_;
  Placeholders& placeholders_;
  Lexer lexer_;
  Token previous_;
  Token current_;
  Token next_;
  // The tree that expression_ has, while it may still change.
  const std::shared_ptr<Tree> tree_ = std::make_shared<Tree>();
  Expression expression_{tree_, {}};
  bool is_update_ = false;
  bool has_section_[4] = {};
  std::vector<Path> targets_;
  int operators_ = 0;
  int depth_ = 0;
  std::array<std::optional<std::string>, kFaults> faults_;
};

// For parameters that are conditions.
absl::StatusOr<Expression> ParseCondition(absl::string_view kind,
                                          absl::string_view text,
                                          Placeholders& placeholders);

// A ProjectionExpression and an UpdateExpression. Their targets are apart.
absl::StatusOr<Expression> ParseProjection(absl::string_view text,
                                           Placeholders& placeholders);
absl::StatusOr<Expression> ParseUpdate(absl::string_view text,
                                       Placeholders& placeholders);

// What the text of `tree` means with the values of another request, whose names
// are the same. nullopt if anything is wrong with it: parse it to learn what.
std::optional<Expression> Rebind(std::shared_ptr<const Tree> tree,
                                 Placeholders& placeholders);

}  // namespace pallet::model::expression
