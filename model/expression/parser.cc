// SPDX-License-Identifier: Apache-2.0
#include "model/expression/parser.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/reserved_words.h"

namespace pallet::model::expression {
namespace {

constexpr uint32_t kMaxListIndex = 0x7FFFFFFF;

constexpr Function kFunctions[] = {
    Function::kAttributeExists, Function::kAttributeNotExists,
    Function::kAttributeType,   Function::kBeginsWith,
    Function::kContains,        Function::kSize,
    Function::kIfNotExists,     Function::kListAppend,
};

// By name; functions, unlike keywords, mind their case.
std::optional<Function> FunctionNamed(absl::string_view name) {
  for (Function function : kFunctions) {
    if (NameOf(function) == name) return function;
  }
  return std::nullopt;
}

std::optional<NodeKind> ComparisonOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEqual:
      return NodeKind::kEqual;
    case TokenKind::kNotEqual:
      return NodeKind::kNotEqual;
    case TokenKind::kLess:
      return NodeKind::kLess;
    case TokenKind::kLessOrEqual:
      return NodeKind::kLessOrEqual;
    case TokenKind::kGreater:
      return NodeKind::kGreater;
    case TokenKind::kGreaterOrEqual:
      return NodeKind::kGreaterOrEqual;
    case TokenKind::kBetween:
      return NodeKind::kBetween;
    case TokenKind::kIn:
      return NodeKind::kIn;
    default:
      return std::nullopt;
  }
}

}  // namespace

Parser::Parser(absl::string_view kind, absl::string_view text,
               Placeholders& placeholders)
    : kind_(kind), text_(text), placeholders_(placeholders), lexer_(text) {
  if (text.size() > kMaxExpressionBytes) return;  // CheckSize refuses it
  current_ = lexer_.Next();
  next_ = lexer_.Next();
}

absl::StatusOr<Expression> Parser::ParseCondition() {
  RETURN_IF_ERROR(CheckSize());
  ASSIGN_OR_RETURN(const Operand root, ParseOr(Bare::kNo));
  tree_->root = root.id;
  return Finish();
}

absl::StatusOr<Expression> Parser::ParseProjection() {
  RETURN_IF_ERROR(CheckSize());
  do {
    ASSIGN_OR_RETURN(Path path, ParsePath());
    AddTarget(path);
  } while (Accept(TokenKind::kComma));
  return Finish();
}

absl::Status Parser::CheckSize() const {
  if (text_.empty()) return Error("The expression can not be empty;");
  if (text_.size() > kMaxExpressionBytes) {
    return Error(
        absl::StrCat("Expression size has exceeded the maximum allowed size; "
                     "expression size: ",
                     text_.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Expression> Parser::Finish() {
  if (!At(TokenKind::kEnd)) return SyntaxError();
  if (operators_ > kMaxOperators) {
    return Error(absl::StrCat(
        "The expression contains too many operators; operator count: ",
        operators_));
  }
  for (const std::optional<std::string>& fault : faults_) {
    if (fault.has_value()) return Error(*fault);
  }
  for (Node& node : tree_->nodes) {
    if (node.kind == NodeKind::kPath) node.slot = tree_->reads.Add(node.path);
  }
  return std::move(expression_);
}

absl::StatusOr<Parser::Operand> Parser::ParseOr(Bare bare) {
  ASSIGN_OR_RETURN(const Operand first, ParseAnd(bare));
  if (!At(TokenKind::kOr)) return first;
  Node node{.kind = NodeKind::kOr, .operands = {first.id}};
  while (Accept(TokenKind::kOr)) {
    ASSIGN_OR_RETURN(const Operand operand, ParseAnd(Bare::kNo));
    node.operands.push_back(operand.id);
  }
  return Operand{AddOperator(std::move(node))};
}

absl::StatusOr<Parser::Operand> Parser::ParseAnd(Bare bare) {
  ASSIGN_OR_RETURN(const Operand first, ParseNot(bare));
  if (!At(TokenKind::kAnd)) return first;
  Node node{.kind = NodeKind::kAnd, .operands = {first.id}};
  while (Accept(TokenKind::kAnd)) {
    ASSIGN_OR_RETURN(const Operand operand, ParseNot(Bare::kNo));
    node.operands.push_back(operand.id);
  }
  return Operand{AddOperator(std::move(node))};
}

absl::StatusOr<Parser::Operand> Parser::ParseNot(Bare bare) {
  int negations = 0;  // a loop: 1,000 of them need no stack
  while (Accept(TokenKind::kNot)) ++negations;
  if (negations == 0) return ParseComparison(bare);
  ASSIGN_OR_RETURN(Operand operand, ParseComparison(Bare::kNo));
  for (; negations > 0; --negations) {
    operand = {AddOperator({.kind = NodeKind::kNot, .operands = {operand.id}})};
  }
  return operand;
}

absl::StatusOr<Parser::Operand> Parser::ParseComparison(Bare bare) {
  ASSIGN_OR_RETURN(const Operand first, At(TokenKind::kOpenParenthesis)
                                            ? ParseParenthesized()
                                            : ParseOperand());
  const Node& node = expression_.node(first.id);
  const bool is_function = node.kind == NodeKind::kFunction;
  const bool is_condition = IsCondition(node);
  const std::optional<NodeKind> comparison = ComparisonOf(current_.kind);
  if (comparison.has_value() && (is_function || !is_condition)) {
    ASSIGN_OR_RETURN(const NodeId id,
                     ParseComparisonTail(*comparison, first.id));
    return Operand{id};
  }
  if (is_condition) return first;
  if (bare == Bare::kInParentheses && At(TokenKind::kCloseParenthesis)) {
    return first;
  }
  if (!is_function) return SyntaxError();
  CheckMisuse(first.id);
  return first;
}

absl::StatusOr<NodeId> Parser::ParseComparisonTail(NodeKind kind,
                                                   NodeId first) {
  Advance();
  Node node{.kind = kind, .operands = {first}};
  if (kind == NodeKind::kIn) {
    RETURN_IF_ERROR(Expect(TokenKind::kOpenParenthesis));
    RETURN_IF_ERROR(ParseOperands(node));
  } else {
    ASSIGN_OR_RETURN(const Operand second, ParseOperand());
    node.operands.push_back(second.id);
  }
  if (kind == NodeKind::kBetween) {
    RETURN_IF_ERROR(Expect(TokenKind::kAnd));
    ASSIGN_OR_RETURN(const Operand third, ParseOperand());
    node.operands.push_back(third.id);
  }
  for (NodeId id : node.operands) {
    if (IsCondition(expression_.node(id))) CheckMisuse(id);
  }
  return AddOperator(std::move(node));
}

// A condition, or an operand that a comparison follows.
absl::StatusOr<Parser::Operand> Parser::ParseParenthesized() {
  if (++depth_ > kMaxDepth) {
    return Error("The expression has redundant parentheses;");
  }
  const absl::Cleanup leave = [this] { --depth_; };
  RETURN_IF_ERROR(Expect(TokenKind::kOpenParenthesis));
  ASSIGN_OR_RETURN(const Operand inner, ParseOr(Bare::kInParentheses));
  RETURN_IF_ERROR(Expect(TokenKind::kCloseParenthesis));
  return Close(inner);
}

absl::StatusOr<Parser::Operand> Parser::ParseOperand() {
  switch (current_.kind) {
    case TokenKind::kValue:
      return Operand{TakeValue()};
    case TokenKind::kOpenParenthesis: {
      if (++depth_ > kMaxDepth) {
        return Error("The expression has redundant parentheses;");
      }
      const absl::Cleanup leave = [this] { --depth_; };
      Advance();
      ASSIGN_OR_RETURN(const Operand inner, ParseOperand());
      RETURN_IF_ERROR(Expect(TokenKind::kCloseParenthesis));
      return Close(inner);
    }
    case TokenKind::kIdentifier:
      if (next_.kind == TokenKind::kOpenParenthesis) {
        ASSIGN_OR_RETURN(const NodeId id, ParseFunction());
        return Operand{id};
      }
      [[fallthrough]];
    default: {
      ASSIGN_OR_RETURN(Path path, ParsePath());
      return Operand{Add({.kind = NodeKind::kPath, .path = std::move(path)})};
    }
  }
}

absl::Status Parser::ParseOperands(Node& parent) {
  do {
    ASSIGN_OR_RETURN(const Operand operand, ParseOperand());
    parent.operands.push_back(operand.id);
  } while (Accept(TokenKind::kComma));
  return Expect(TokenKind::kCloseParenthesis);
}

absl::StatusOr<NodeId> Parser::ParseFunction() {
  if (++depth_ > kMaxDepth) {
    return Error("The expression contains too many operators;");
  }
  const absl::Cleanup leave = [this] { --depth_; };
  const absl::string_view name = current_.text;
  Advance();
  Advance();  // '('
  Node node{.kind = NodeKind::kFunction};
  RETURN_IF_ERROR(ParseOperands(node));
  for (NodeId id : node.operands) {
    if (IsCondition(expression_.node(id))) CheckMisuse(id);
  }
  const std::optional<Function> function = FunctionNamed(name);
  if (!function.has_value()) {
    Report(Fault::kUnknownFunction,
           absl::StrCat("Invalid function name; function: ", name));
    return Add(std::move(node));
  }
  node.function = *function;
  CheckAllowed(*function);
  return AddOperator(std::move(node));
}

absl::StatusOr<Path> Parser::ParsePath() {
  Path path;
  RETURN_IF_ERROR(ParsePathElement(path));
  while (true) {
    if (Accept(TokenKind::kDot)) {
      RETURN_IF_ERROR(ParsePathElement(path));
    } else if (Accept(TokenKind::kOpenBracket)) {
      RETURN_IF_ERROR(ParseListIndex(path));
    } else {
      break;
    }
  }
  if (path.elements.size() > kMaxPathElements) {
    Report(Fault::kPath,
           absl::StrCat("The document path has too many nesting levels; "
                        "nesting levels: ",
                        path.elements.size()));
  }
  return path;
}

absl::Status Parser::ParsePathElement(Path& path) {
  if (!At(TokenKind::kIdentifier) && !At(TokenKind::kName)) {
    return SyntaxError();
  }
  path.elements.emplace_back(TakeName());
  return absl::OkStatus();
}

absl::Status Parser::ParseListIndex(Path& path) {
  if (!At(TokenKind::kInteger)) return SyntaxError();
  uint32_t index = 0;
  if (!absl::SimpleAtoi(current_.text, &index) || index > kMaxListIndex) {
    Report(Fault::kPath,
           absl::StrCat("List index is not within the allowable range; "
                        "index: [",
                        current_.text, "]"));
  }
  Advance();
  path.elements.emplace_back(index);
  return Expect(TokenKind::kCloseBracket);
}

NodeId Parser::TakeValue() {
  Node node{.kind = NodeKind::kValue};
  node.slot = expression_.values.size();
  expression_.values.push_back(placeholders_.FindValue(current_.text));
  tree_->value_placeholders.emplace_back(current_.text);
  if (expression_.values.back() == nullptr) {
    Report(Fault::kUndefined,
           absl::StrCat("An expression attribute value used in expression is "
                        "not defined; attribute value: ",
                        current_.text));
  }
  Advance();
  return Add(std::move(node));
}

Name Parser::TakeName() {
  const Token token = current_;
  Advance();
  if (token.kind == TokenKind::kName) {
    auto name = placeholders_.FindName(token.text);
    if (name != nullptr) {
      tree_->name_placeholders.emplace_back(token.text);
      return Name(std::move(name));
    }
    Report(Fault::kUndefined,
           absl::StrCat("An expression attribute name used in the document "
                        "path is not defined; attribute name: ",
                        token.text));
  } else if (IsReservedWord(token.text)) {
    Report(Fault::kReservedWord,
           absl::StrCat("Attribute name is a reserved keyword; reserved "
                        "keyword: ",
                        token.text));
  }
  return Name(std::string(token.text));
}

NodeId Parser::Add(Node node) {
  tree_->nodes.push_back(std::move(node));
  return tree_->nodes.size() - 1;
}

NodeId Parser::AddOperator(Node node) {
  const bool joins = node.kind == NodeKind::kAnd || node.kind == NodeKind::kOr;
  operators_ += joins ? static_cast<int>(node.operands.size()) - 1 : 1;
  if (std::optional<Finding> finding = CheckOperands(expression_, node)) {
    Report(finding->fault, std::move(finding->message));
  }
  return Add(std::move(node));
}

Parser::Operand Parser::Close(Operand inner) {
  if (inner.parenthesized) {
    Report(Fault::kParentheses, "The expression has redundant parentheses;");
  }
  return {inner.id, true};
}

// A function where its result cannot stand.
void Parser::CheckMisuse(NodeId id) {
  const Node& node = expression_.node(id);
  if (node.kind != NodeKind::kFunction) return;
  Report(Fault::kMisusedFunction,
         absl::StrCat("The function is not allowed to be used this way in an "
                      "expression; function: ",
                      NameOf(node.function)));
}

void Parser::CheckAllowed(Function function) {
  const bool of_updates =
      function == Function::kIfNotExists || function == Function::kListAppend;
  if (of_updates == is_update_) return;
  Report(Fault::kMisusedFunction,
         absl::StrCat("The function is not allowed in ",
                      is_update_ ? "an update" : "a condition",
                      " expression; function: ", NameOf(function)));
}

void Parser::Advance() {
  previous_ = current_;
  current_ = next_;
  next_ = lexer_.Next();
}

bool Parser::Accept(TokenKind kind) {
  if (!At(kind)) return false;
  Advance();
  return true;
}

absl::Status Parser::Expect(TokenKind kind) {
  return Accept(kind) ? absl::OkStatus() : SyntaxError();
}

// Shows the token that does not fit, with its neighbours.
absl::Status Parser::SyntaxError() const {
  const size_t begin = previous_.offset;
  const size_t end = At(TokenKind::kEnd) ? text_.size() : next_.end();
  return Error(absl::StrCat(
      "Syntax error; token: \"", At(TokenKind::kEnd) ? "<EOF>" : current_.text,
      "\", near: \"", text_.substr(begin, end - begin), "\""));
}

absl::Status Parser::Error(absl::string_view message) const {
  return EnvelopedValidationError(
      absl::StrCat("Invalid ", kind_, ": ", message));
}

void Parser::Report(Fault fault, std::string message) {
  std::optional<std::string>& slot = faults_[static_cast<size_t>(fault)];
  if (!slot.has_value()) slot = std::move(message);
}

absl::StatusOr<Expression> ParseCondition(absl::string_view kind,
                                          absl::string_view text,
                                          Placeholders& placeholders) {
  return Parser(kind, text, placeholders).ParseCondition();
}

absl::StatusOr<Expression> ParseProjection(absl::string_view text,
                                           Placeholders& placeholders) {
  return Parser("ProjectionExpression", text, placeholders).ParseProjection();
}

absl::StatusOr<Expression> ParseUpdate(absl::string_view text,
                                       Placeholders& placeholders) {
  return Parser("UpdateExpression", text, placeholders).ParseUpdate();
}

std::optional<Expression> Rebind(std::shared_ptr<const Tree> tree,
                                 Placeholders& placeholders) {
  Expression expression{std::move(tree), {}};
  for (const std::string& name : expression.tree->name_placeholders) {
    if (placeholders.FindName(name) == nullptr) return std::nullopt;
  }
  expression.values.reserve(expression.tree->value_placeholders.size());
  for (const std::string& name : expression.tree->value_placeholders) {
    expression.values.push_back(placeholders.FindValue(name));
    if (expression.values.back() == nullptr) return std::nullopt;
  }
  for (const Node& node : expression.tree->nodes) {
    if (CheckOperands(expression, node).has_value()) return std::nullopt;
  }
  for (const Action& action : expression.tree->actions) {
    if (CheckAction(expression, action).has_value()) return std::nullopt;
  }
  return expression;
}

}  // namespace pallet::model::expression
