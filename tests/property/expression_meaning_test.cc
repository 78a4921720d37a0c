// SPDX-License-Identifier: Apache-2.0
//
// Random conditions, projections and updates over random items mean the same to
// the product, which works on bytes in one pass, and to the oracle, which works
// on trees one path at a time. PALLET_TEST_SEED=n runs one seed again.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "model/expression/condition.h"
#include "model/expression/parser.h"
#include "model/expression/projection.h"
#include "model/expression/update.h"
#include "model/item_codec.h"
#include "tests/property/expression_oracle.h"
#include "tests/testing/item_tree.h"
#include "tests/testing/seed.h"

namespace pallet::model::expression {
namespace {

using pallet::testing::EncodeTree;
using pallet::testing::OracleMatches;
using pallet::testing::OracleProject;
using pallet::testing::OracleUpdate;
using pallet::testing::TestRounds;
using pallet::testing::TestSeed;
using pallet::testing::Text;
using pallet::testing::TreeItem;
using pallet::testing::TreeOf;
using pallet::testing::TreeValue;
using Strings = std::map<std::string, std::string>;

// Few names, few values: so that things meet.
class Grower {
 public:
  explicit Grower(Random& random) : random_(random) {}

  TreeValue Value(int levels) {
    static const char* const kNumbers[] = {"-2", "0", "0.5", "1", "2", "10"};
    static const char* const kTexts[] = {"", "S", "a", "ab", "b"};
    TreeValue value;
    value.kind = static_cast<ValueKind>(1 + random_.Below(levels > 0 ? 10 : 6));
    switch (value.kind) {
      case ValueKind::kString:
      case ValueKind::kBinary:
        value.scalar = kTexts[random_.Below(std::size(kTexts))];
        break;
      case ValueKind::kNumber:
        value.scalar = kNumbers[random_.Below(std::size(kNumbers))];
        break;
      case ValueKind::kStringSet:
      case ValueKind::kBinarySet:
        Members(kTexts, std::size(kTexts), &value);
        break;
      case ValueKind::kNumberSet:
        Members(kNumbers, std::size(kNumbers), &value);
        break;
      case ValueKind::kMap:
        value.map = Map(levels - 1);
        break;
      case ValueKind::kList:
        for (uint64_t i = random_.Below(4); i > 0; --i) {
          value.list.push_back(Value(levels - 1));
        }
        break;
      case ValueKind::kNull:
        break;
      case ValueKind::kBool:
        value.boolean = random_.OneIn(2);
    }
    return value;
  }

  TreeItem Map(int levels) {
    TreeItem map;
    for (uint64_t i = random_.Below(4); i > 0; --i) map[Name()] = Value(levels);
    return map;
  }

  std::string Path() {
    std::string path = Name();
    while (random_.OneIn(2)) {
      path += random_.OneIn(2) ? "." + Name()
                               : absl::StrCat("[", random_.Below(4), "]");
    }
    return path;
  }

  // A placeholder for a value.
  std::string Literal(int levels = 1) {
    std::string name = absl::StrCat(":v", values_.size());
    values_[name] = EncodeTree(Value(levels));
    return name;
  }

  std::string Operand() {
    switch (random_.Below(5)) {
      case 0:
        return Literal();
      case 1:
        return absl::StrCat("size(", Path(), ")");
      default:
        return Path();
    }
  }

  std::string Term() {
    static const char* const kComparators[] = {"=", "<>", "<", "<=", ">", ">="};
    switch (random_.Below(8)) {
      case 0:
        return absl::StrCat("attribute_exists(", Path(), ")");
      case 1:
        return absl::StrCat("attribute_not_exists(", Path(), ")");
      case 2: {
        std::string name = absl::StrCat(":v", values_.size());
        values_[name] = testing::S(
            std::string(NameOf(static_cast<ValueKind>(1 + random_.Below(10)))));
        return absl::StrCat("attribute_type(", Path(), ",", name, ")");
      }
      case 3:
        return absl::StrCat("begins_with(", Operand(), ",", Operand(), ")");
      case 4:
        return absl::StrCat("contains(", Path(), ",", Operand(), ")");
      case 5:
        return absl::StrCat(Operand(), " BETWEEN ", Operand(), " AND ",
                            Operand());
      case 6:
        return absl::StrCat(Operand(), " IN (", Operand(), ",", Operand(), ")");
      default:
        return absl::StrCat(
            Operand(), kComparators[random_.Below(std::size(kComparators))],
            Operand());
    }
  }

  std::string Condition(int levels) {
    if (levels == 0 || random_.OneIn(2)) return Term();
    switch (random_.Below(3)) {
      case 0:
        return absl::StrCat("NOT ", Term());
      case 1:
        return absl::StrCat(Condition(levels - 1), " AND ",
                            Condition(levels - 1));
      default:
        return absl::StrCat(Condition(levels - 1), " OR ",
                            Condition(levels - 1));
    }
  }

  std::string Projection() {
    std::string text = Path();
    while (!random_.OneIn(3)) text += "," + Path();
    return text;
  }

  std::string RightSide() {
    switch (random_.Below(6)) {
      case 0:
        return Path();
      case 1:
        return absl::StrCat("if_not_exists(", Path(), ",", Literal(2), ")");
      case 2:
        return absl::StrCat("list_append(", Path(), ",if_not_exists(", Path(),
                            ",", Literal(2), "))");
      case 3:
        return absl::StrCat(Path(), random_.OneIn(2) ? "+" : "-", Literal());
      default:
        return Literal(2);
    }
  }

  std::string Update() {
    std::string text;
    const auto section = [&](absl::string_view name, auto action) {
      if (random_.OneIn(2)) return;
      absl::StrAppend(&text, name, " ", action());
      while (random_.OneIn(2)) absl::StrAppend(&text, ",", action());
      text += " ";
    };
    section("SET", [&] { return absl::StrCat(Path(), "=", RightSide()); });
    section("REMOVE", [&] { return Path(); });
    section("ADD", [&] { return absl::StrCat(Path(), " ", Literal()); });
    section("DELETE", [&] { return absl::StrCat(Path(), " ", Literal()); });
    return text;
  }

  const Strings& values() const { return values_; }

 private:
  std::string Name() {
    return std::string(1, static_cast<char>('a' + random_.Below(4)));
  }

  void Members(const char* const* texts, size_t count, TreeValue* set) {
    for (size_t i = 0; i < count; ++i) {
      if (random_.OneIn(2)) set->members.emplace_back(texts[i]);
    }
    if (set->members.empty()) set->members.emplace_back(texts[0]);
  }

  Random& random_;
  Strings values_;
};

class ExpressionMeaningTest : public ::testing::Test {
 protected:
  // Runs `round` until `accepted` expressions of it were well formed.
  template <typename Round>
  void Run(int wanted, Round round) {
    Random random(TestSeed());
    int accepted = 0;
    for (int i = 0; accepted < wanted; ++i) {
      ASSERT_LT(i, 100 * wanted) << "hardly any is accepted";
      Grower grower(random);
      const TreeItem item = grower.Map(3);
      if (round(grower, item)) ++accepted;
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }
};

TEST_F(ExpressionMeaningTest, Conditions) {
  int met = 0;
  Run(TestRounds(20000), [&](Grower& grower, const TreeItem& item) {
    const std::string text = grower.Condition(2);
    auto placeholders = Placeholders::Create(Strings{}, grower.values());
    const auto condition = ParseCondition("X", text, *placeholders);
    if (!condition.ok()) return false;
    const std::string bytes = EncodeTree(item);
    const bool expected = OracleMatches(*condition, item);
    EXPECT_EQ(Matches(*condition, ItemView(bytes)), expected)
        << text << " of " << Text(item);
    met += expected ? 1 : 0;
    return true;
  });
  EXPECT_GT(met, 0);
}

TEST_F(ExpressionMeaningTest, Projections) {
  Run(TestRounds(20000), [&](Grower& grower, const TreeItem& item) {
    const std::string text = grower.Projection();
    auto placeholders = Placeholders::Create(Strings{}, Strings{});
    const auto projection = ParseProjection(text, *placeholders);
    if (!projection.ok()) return false;
    std::vector<Path> paths;
    for (const std::string& path :
         std::vector<std::string>(absl::StrSplit(text, ','))) {
      const auto one = ParseCondition(
          "X", absl::StrCat("attribute_exists(", path, ")"), *placeholders);
      paths.push_back(one->operand(one->root(), 0).path);
    }
    const std::string bytes = EncodeTree(item);
    const std::string part =
        Project(projection->tree->targets, ItemView(bytes));
    EXPECT_TRUE(CheckCanonical(part).ok()) << text << " of " << Text(item);
    EXPECT_EQ(Text(TreeOf(ItemView(part))), Text(OracleProject(paths, item)))
        << text << " of " << Text(item);
    return true;
  });
}

TEST_F(ExpressionMeaningTest, Updates) {
  int applied = 0;
  Run(TestRounds(20000), [&](Grower& grower, const TreeItem& item) {
    const std::string text = grower.Update();
    auto placeholders = Placeholders::Create(Strings{}, grower.values());
    const auto update = ParseUpdate(text, *placeholders);
    if (!update.ok()) return false;
    const std::string bytes = EncodeTree(item);
    const auto updated = ApplyUpdate(*update, UpdateLanguage::kExpression,
                                     ItemView(bytes), ItemView(""));
    const auto expected = OracleUpdate(*update, item);
    EXPECT_EQ(updated.ok(), expected.has_value())
        << text << " of " << Text(item) << ": " << updated.status();
    if (!updated.ok() || !expected.has_value()) return true;
    ++applied;
    EXPECT_TRUE(CheckCanonical((*updated)->bytes).ok())
        << text << " of " << Text(item);
    EXPECT_EQ((*updated)->size, SizeOf(ItemView((*updated)->bytes)));
    EXPECT_EQ(Text(TreeOf(ItemView((*updated)->bytes))), Text(*expected))
        << text << " of " << Text(item);
    return true;
  });
  EXPECT_GT(applied, 0);
}

}  // namespace
}  // namespace pallet::model::expression
