// SPDX-License-Identifier: Apache-2.0
//
// Random statements against a table, an interpreter of a few lines, and the
// operations that were there before: what a SELECT finds, what a write does and
// answers, and what a Scan sees in the end. PALLET_TEST_SEED=n runs one seed
// again.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "pallet/v1/query.pb.h"
#include "tests/testing/seed.h"
#include "tests/unit/service/handlers/partiql_fixture.h"

namespace pallet::service {
namespace {

using Value = std::variant<int, std::string>;
using Row = std::map<std::string, Value>;  // with pk and sk
using KeyOf = std::pair<std::string, int>;

std::string TextOf(const Value& value) {
  if (const int* number = std::get_if<int>(&value))
    return absl::StrCat(*number);
  return absl::StrCat("'", std::get<std::string>(value), "'");
}

std::string TextOf(const Row& row) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : row) {
    parts.push_back(absl::StrCat(name, "=", TextOf(value)));
  }
  return absl::StrCat("{", absl::StrJoin(parts, " "), "}");
}

// A condition as text and as what it means.
struct Condition {
  std::string text;
  std::function<bool(const Row&)> holds;
};

const Value* Find(const Row& row, const std::string& name) {
  const auto it = row.find(name);
  return it == row.end() ? nullptr : &it->second;
}

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  int Pick(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }

  std::string Pk() { return std::string(1, static_cast<char>('a' + Pick(3))); }
  int Sk() { return Pick(5); }
  std::string Name() {
    static const char* const kNames[] = {"n", "s", "x", "pk", "sk"};
    return kNames[Pick(5)];
  }
  Value AValue(const std::string& name) {
    if (Pick(12) == 0) return Pick(2) == 0 ? Value(Pick(5)) : Value(Pk());
    if (name == "pk") return Pk();
    if (name == "s") return absl::StrCat(Pk(), Pk());
    return Pick(5);
  }

  Condition Any(int depth) {
    const int kind = Pick(depth > 0 ? 9 : 6);
    if (kind == 8) {
      Condition inner = Any(depth - 1);
      return {absl::StrCat("NOT (", inner.text, ")"),
              [inner](const Row& row) { return !inner.holds(row); }};
    }
    if (kind >= 6) {
      const bool all = kind == 6;
      Condition a = Any(depth - 1);
      Condition b = Any(depth - 1);
      return {
          absl::StrCat("(", a.text, all ? ") AND (" : ") OR (", b.text, ")"),
          [=](const Row& row) {
            return all ? a.holds(row) && b.holds(row)
                       : a.holds(row) || b.holds(row);
          }};
    }
    return Simple(kind, Name());
  }

  Condition Simple(int kind, const std::string& name) {
    if (kind == 0) return In(name);
    if (kind == 1) {
      const Value low = AValue(name);
      // Bounds of two types or in the wrong order are refused.
      Value high = low;
      if (int* number = std::get_if<int>(&high)) *number += Pick(3);
      return {
          absl::StrCat(name, " BETWEEN ", TextOf(low), " AND ", TextOf(high)),
          [=](const Row& row) {
            const Value* v = Find(row, name);
            return v != nullptr && v->index() == low.index() && *v >= low &&
                   *v <= high;
          }};
    }
    if (kind == 2) {
      const bool is = Pick(2) == 0;
      return {
          absl::StrCat(name, is ? " IS MISSING" : " IS NOT MISSING"),
          [=](const Row& row) { return (Find(row, name) == nullptr) == is; }};
    }
    if (kind == 3 && name != "n" && name != "sk") {
      const std::string prefix = Pk();
      return {absl::StrCat("begins_with(", name, ", '", prefix, "')"),
              [=](const Row& row) {
                const Value* v = Find(row, name);
                const auto* text =
                    v == nullptr ? nullptr : std::get_if<std::string>(v);
                return text != nullptr && absl::StartsWith(*text, prefix);
              }};
    }
    return Compare(name);
  }

  Condition In(const std::string& name) {
    std::vector<Value> values;
    std::vector<std::string> texts;
    for (int i = Pick(3); i >= 0; --i) {
      values.push_back(AValue(name));
      texts.push_back(TextOf(values.back()));
    }
    return {absl::StrCat(name, " IN [", absl::StrJoin(texts, ", "), "]"),
            [=](const Row& row) {
              const Value* v = Find(row, name);
              return v != nullptr && std::find(values.begin(), values.end(),
                                               *v) != values.end();
            }};
  }

  Condition Compare(const std::string& name) {
    static const char* const kOperators[] = {"=", "<>", "<", "<=", ">", ">="};
    const int op = Pick(3) == 0 ? Pick(6) : 0;
    const Value value = AValue(name);
    return {absl::StrCat(name, " ", kOperators[op], " ", TextOf(value)),
            [=](const Row& row) {
              const Value* v = Find(row, name);
              if (op == 1) return v == nullptr || *v != value;
              if (v == nullptr || v->index() != value.index()) return false;
              switch (op) {
                case 0:
                  return *v == value;
                case 2:
                  return *v < value;
                case 3:
                  return *v <= value;
                case 4:
                  return *v > value;
                default:
                  return *v >= value;
              }
            }};
  }

 private:
  std::mt19937_64 random_;
};

class PartiqlOracleTest : public PartiqlTest {
 protected:
  static std::string KeyText(const KeyOf& key) {
    return absl::StrCat("pk = '", key.first, "' AND sk = ", key.second);
  }

  void Insert() {
    const KeyOf key{writer_->Pk(), writer_->Sk()};
    Row row = {{"pk", key.first}, {"sk", key.second}};
    for (const char* name : {"n", "s", "x"}) {
      if (writer_->Pick(3) > 0) row[name] = writer_->AValue(name);
    }
    std::vector<std::string> parts;
    for (const auto& [name, value] : row) {
      parts.push_back(absl::StrCat("'", name, "': ", TextOf(value)));
    }
    const bool is_new = table_.emplace(key, row).second;
    Expect(
        absl::StrCat("INSERT INTO pairs VALUE {", absl::StrJoin(parts, ", "),
                     "}"),
        is_new ? "" : "DUPLICATE_ITEM: Duplicate primary key exists in table");
  }

  // Whether the other terms let a write of this key through.
  struct Target {
    KeyOf key;
    std::string text;
    bool holds = true;
  };
  Target Pick() {
    Target target{{writer_->Pk(), writer_->Sk()}, ""};
    target.text = KeyText(target.key);
    if (writer_->Pick(2) == 0) return target;
    const Condition more = writer_->Any(2);
    absl::StrAppend(&target.text, " AND (", more.text, ")");
    const auto row = table_.find(target.key);
    target.holds = row != table_.end() && more.holds(row->second);
    return target;
  }

  void Update() {
    const Target target = Pick();
    const auto it = table_.find(target.key);
    const bool writes = it != table_.end() && target.holds;
    std::string change;
    Row after = writes ? it->second : Row();
    if (writer_->Pick(2) == 0) {
      const Value value = writer_->AValue("x");
      change = absl::StrCat("SET x = ", TextOf(value), " REMOVE s");
      after["x"] = value;
      after.erase("s");
    } else {
      const int by = writer_->Pick(9) - 4;
      change = absl::StrCat("SET n = sk + ", by);
      after["n"] = target.key.second + by;
    }
    const std::string old = writes ? TextOf(it->second) : "";
    if (writes) it->second = after;
    Expect(absl::StrCat("UPDATE pairs ", change, " WHERE ", target.text,
                        " RETURNING ALL OLD *"),
           writes ? old : kFailed);
  }

  void Delete() {
    const Target target = Pick();
    const auto it = table_.find(target.key);
    std::string expected;
    if (it != table_.end()) {
      expected = target.holds ? TextOf(it->second) : kFailed;
      if (target.holds) table_.erase(it);
    }
    Expect(absl::StrCat("DELETE FROM pairs WHERE ", target.text,
                        " RETURNING ALL OLD *"),
           expected);
  }

  void Select() {
    Condition where = writer_->Any(3);
    if (writer_->Pick(2) == 0) {
      const Condition key =
          writer_->Pick(2) == 0 ? writer_->In("pk") : writer_->Compare("pk");
      const Condition rest = where;
      where = {
          absl::StrCat(key.text, " AND (", rest.text, ")"),
          [=](const Row& row) { return key.holds(row) && rest.holds(row); }};
    }
    std::vector<std::string> expected;
    for (const auto& [key, row] : table_) {
      if (where.holds(row)) expected.push_back(TextOf(row));
    }
    std::sort(expected.begin(), expected.end());
    const std::string text =
        absl::StrCat("SELECT * FROM pairs WHERE ", where.text);
    v1::ExecuteStatementRequest request = RequestOf(text);
    if (writer_->Pick(2) == 0) request.set_limit(1 + writer_->Pick(4));
    std::vector<std::string> found;
    while (true) {
      const auto page = Execute(request);
      if (!page.ok()) {
        // A key that is compared with a value of another type.
        ASSERT_THAT(std::string(page.status().message()),
                    ::testing::HasSubstr("type does not match schema type"))
            << text;
        ++refused_;
        return;
      }
      for (const v1::Item& item : page->items()) found.push_back(Short(item));
      if (!page->has_next_token()) break;
      request.set_next_token(page->next_token());
    }
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, expected) << text;
    if (!found.empty()) ++finds_;
  }

  void Expect(const std::string& statement, const std::string& answer) {
    ASSERT_EQ(Run(statement), answer) << statement;
  }

  static constexpr char kFailed[] =
      "CONDITIONAL_CHECK_FAILED: The conditional request failed";

  std::optional<Writer> writer_;
  std::map<KeyOf, Row> table_;
  int finds_ = 0;
  int refused_ = 0;
};

TEST_F(PartiqlOracleTest, StatementsDoWhatTheySay) {
  const uint64_t seed = testing::TestSeed();
  const int rounds = testing::TestRounds(1500);
  writer_.emplace(seed);
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    switch (writer_->Pick(6)) {
      case 0:
        Insert();
        break;
      case 1:
        Update();
        break;
      case 2:
        Delete();
        break;
      default:
        Select();
    }
  }
  // The same table through the operations that need no statements.
  absl::StatusOr<std::string> scanned = Send("Scan", [] {
    v1::ScanRequest scan;
    scan.set_table_name("pairs");
    return scan;
  }());
  ASSERT_TRUE(scanned.ok());
  v1::ScanResponse items;
  ASSERT_TRUE(items.ParseFromString(*scanned));
  std::vector<std::string> found;
  for (const v1::Item& item : items.items()) found.push_back(Short(item));
  std::vector<std::string> expected;
  for (const auto& [key, row] : table_) expected.push_back(TextOf(row));
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
  // The statements were not all of the kind that finds nothing.
  EXPECT_GT(finds_, rounds / 10);
  EXPECT_LT(refused_, rounds / 4);
}

}  // namespace
}  // namespace pallet::service
