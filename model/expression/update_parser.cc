// SPDX-License-Identifier: Apache-2.0
//
// The part of the parser that is about the targets of updates and projections.
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/expression/parser.h"

namespace pallet::model::expression {
namespace {

constexpr Section kSections[] = {Section::kSet, Section::kRemove, Section::kAdd,
                                 Section::kDelete};

// Keywords, unlike functions, do not mind their case.
std::optional<Section> SectionNamed(const Token& token) {
  if (token.kind != TokenKind::kIdentifier) return std::nullopt;
  for (Section section : kSections) {
    if (absl::EqualsIgnoreCase(token.text, NameOf(section))) return section;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Expression> Parser::ParseUpdate() {
  RETURN_IF_ERROR(CheckSize());
  is_update_ = true;
  do {
    RETURN_IF_ERROR(ParseSection());
  } while (!At(TokenKind::kEnd));
  return Finish();
}

absl::Status Parser::ParseSection() {
  const std::optional<Section> section = SectionNamed(current_);
  if (!section.has_value()) return SyntaxError();
  bool& has_section = has_section_[static_cast<int>(*section)];
  if (has_section) {
    Report(Fault::kSection,
           absl::StrCat("The \"", NameOf(*section),
                        "\" section can only be used once in an update "
                        "expression;"));
  }
  has_section = true;
  Advance();
  do {
    RETURN_IF_ERROR(ParseAction(*section));
  } while (Accept(TokenKind::kComma));
  return absl::OkStatus();
}

absl::Status Parser::ParseAction(Section section) {
  Action action{.section = section};
  ASSIGN_OR_RETURN(action.path, ParsePath());
  if (section == Section::kSet) {
    RETURN_IF_ERROR(Expect(TokenKind::kEqual));
    ASSIGN_OR_RETURN(const Operand value, ParseSum());
    action.value = value.id;
  } else if (section != Section::kRemove) {
    if (!At(TokenKind::kValue)) return SyntaxError();
    action.value = TakeValue();
    ++operators_;
    if (std::optional<Finding> finding = CheckAction(expression_, action)) {
      Report(finding->fault, std::move(finding->message));
    }
  }
  AddTarget(action.path);
  tree_->actions.push_back(std::move(action));
  return absl::OkStatus();
}

absl::StatusOr<Parser::Operand> Parser::ParseSum() {
  Operand first;
  if (At(TokenKind::kOpenParenthesis)) {
    if (++depth_ > kMaxDepth) {
      return Error("The expression has redundant parentheses;");
    }
    const absl::Cleanup leave = [this] { --depth_; };
    Advance();
    ASSIGN_OR_RETURN(const Operand inner, ParseSum());
    RETURN_IF_ERROR(Expect(TokenKind::kCloseParenthesis));
    first = Close(inner);
  } else {
    ASSIGN_OR_RETURN(first, ParseOperand());
  }
  const NodeKind kind = expression_.node(first.id).kind;
  const bool is_sum = kind == NodeKind::kPlus || kind == NodeKind::kMinus;
  if (is_sum || (!At(TokenKind::kPlus) && !At(TokenKind::kMinus))) return first;
  Node node{.kind = At(TokenKind::kPlus) ? NodeKind::kPlus : NodeKind::kMinus,
            .operands = {first.id}};
  Advance();
  ASSIGN_OR_RETURN(const Operand second, ParseOperand());
  node.operands.push_back(second.id);
  return Operand{AddOperator(std::move(node))};
}

// Of several clashes the first is told.
void Parser::AddTarget(const Path& path) {
  constexpr size_t kClashes[] = {static_cast<size_t>(Fault::kOverlap),
                                 static_cast<size_t>(Fault::kConflict)};
  if (faults_[kClashes[0]].has_value() || faults_[kClashes[1]].has_value()) {
    return;
  }
  const auto clash = tree_->targets.AddApart(path);
  targets_.push_back(path);
  if (!clash.has_value()) return;
  Report(clash->conflict ? Fault::kConflict : Fault::kOverlap,
         absl::StrCat(
             "Two document paths ", clash->conflict ? "conflict" : "overlap",
             " with each other; must remove or rewrite one of these "
             "paths; path one: ",
             ToString(targets_[clash->first]), ", path two: ", ToString(path)));
}

}  // namespace pallet::model::expression
