// SPDX-License-Identifier: Apache-2.0
//
// A PartiQL statement as a tree of values: what was written, not yet what it
// means. Names, literals and numbers are as in the text; parameters are numbers
// of question marks.
//
// Values; as deep as the parser lets them be (parser.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/expression/path.h"

namespace pallet::model::partiql {

using expression::Path;

// Of a token, for messages: "1:8:5". Lines and columns count from 1, columns
// and lengths in characters.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
  uint32_t length = 0;
};
std::string ToString(const Position& position);

// A literal, or a parameter; lists, maps and sets may hold parameters.
struct Literal {
  enum class Kind {
    kNull,
    kBool,
    kNumber,
    kString,
    kParameter,
    kList,
    kMap,
    kSet,
  };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text = {};   // kString, or kNumber as written
  uint32_t parameter = 0;  // from 0
  std::vector<Literal> members = {};
  std::vector<std::string> names = {};  // of a kMap's members
  Position at = {};
};

// A condition or an operand.
struct Term {
  enum class Kind {
    kPath,
    kLiteral,
    kCall,
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kBetween,  // operand, lower, upper
    kIn,       // operand, candidates...
    kIs,       // operand
    kNot,
    kAnd,  // two or more
    kOr,   // two or more
    kPlus,
    kMinus,
  };

  Kind kind = Kind::kPath;
  Path path = {};
  Literal literal = {};
  // kCall: the function in small letters. kIs: the type in capitals.
  std::string name = {};
  std::vector<Term> operands = {};
  Position at = {};  // of a kCall's name and of a kPath's start
};

// SET path = value, or REMOVE path.
struct Assignment {
  Path target;
  std::optional<Term> value = {};  // nullopt: it is removed
};

struct OrderKey {
  Path path;
  bool descending = false;
};

enum class Returning { kAllOld, kModifiedOld, kAllNew, kModifiedNew };
// "RETURNING ALL OLD *".
absl::string_view NameOf(Returning returning);

struct Statement {
  enum class Kind {
    kSelect,
    kInsert,
    kUpdate,
    kDelete,
    kExists,  // of the SELECT that the other members tell
  };

  Kind kind = Kind::kSelect;
  std::string table = {};
  std::optional<std::string> index = {};
  std::vector<Path> columns = {};            // of a SELECT; empty: *
  std::optional<Position> count = {};        // SELECT COUNT(*), to be refused
  std::vector<OrderKey> order = {};          // of a SELECT
  Literal item = {};                         // of an INSERT
  std::vector<Assignment> assignments = {};  // of an UPDATE
  std::optional<Term> where = {};
  std::optional<Returning> returning = {};
  uint32_t parameters = 0;  // how many question marks

  bool is_read() const { return kind == Kind::kSelect; }
};

}  // namespace pallet::model::partiql
