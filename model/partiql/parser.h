// SPDX-License-Identifier: Apache-2.0
//
// The parser of PartiQL's subset that DynamoDB has. Keywords in any case.
//
//   statement := (select | insert | update | from | delete
//               | EXISTS '(' select ')') ';'?
//   select    := SELECT ('*' | path (',' path)*) FROM table
//                (WHERE or)? (ORDER BY key (',' key)*)?
//   key       := path (ASC | DESC)?
//   insert    := INSERT INTO table VALUE literal
//   update    := UPDATE table change+ (WHERE or)? returning?
//   from      := FROM table (WHERE or)? change+ returning?
//   change    := SET path '=' sum (',' path '=' sum)* | REMOVE path (',' path)*
//   delete    := DELETE FROM table (WHERE or)? returning?
//   returning := RETURNING (ALL | MODIFIED) (OLD | NEW) '*'
//   table     := id ('.' id)?              the second one is an index
//   or        := and (OR and)*             and := not (AND not)*
//   not       := NOT* comparison
//   comparison:= operand (('=' | '<>' | '<' | '<=' | '>' | '>=') operand
//               | NOT? BETWEEN operand AND operand
//               | NOT? IN ('[' | '(') operand (',' operand)* (']' | ')')
//               | IS NOT? type)?
//   sum       := operand (('+' | '-') operand)?
//   operand   := literal | path | name '(' (operand (',' operand)*)? ')'
//              | '(' or ')'
//   path      := id ('.' id | '[' (integer | string) ']')*
//   id        := name | quoted
//   literal   := NULL | TRUE | FALSE | sign? number | string | parameter
//              | '[' literal,* ']' | '<<' literal,* '>>'
//              | '{' (string ':' literal),* '}'
//
// Time is linear in the text; the stack is bounded by kMaxDepth. Errors are
// kValidation in DynamoDB's words, "Statement wasn't well formed, can't be
// processed: ..." for the most part.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/partiql/statement.h"

namespace pallet::model::partiql {

inline constexpr size_t kMaxStatementCharacters = 8192;
// Parentheses and calls within each other.
inline constexpr int kMaxDepth = 302;
// Lists, maps and sets within each other; an item has less.
inline constexpr int kMaxLiteralDepth = 40;

absl::StatusOr<Statement> ParseStatement(absl::string_view text);

// "Statement wasn't well formed, can't be processed: <detail>".
absl::Status NotWellFormed(absl::string_view detail);

}  // namespace pallet::model::partiql
