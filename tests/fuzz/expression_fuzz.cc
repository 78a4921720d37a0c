// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an expression: an answer, no crash, no long stack; what parses
// prints and parses back equal. The first byte picks the kind of expression.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "model/expression/condition.h"
#include "model/expression/key_condition.h"
#include "model/expression/parser.h"
#include "model/expression/projection.h"
#include "model/expression/update.h"
#include "model/item_codec.h"
#include "tests/testing/print_expression.h"
#include "tests/testing/wire_values.h"

namespace pallet::model {
namespace {

using expression::Placeholders;
using testing::PrintedExpression;

Placeholders SomePlaceholders() {
  const std::map<std::string, std::string> names = {{"#a", "a b"},
                                                    {"#b", "year"}};
  const std::map<std::string, std::string> values = {
      {":b", testing::B("\x01")},  {":l", testing::List({})},
      {":n", testing::N("1")},     {":s", testing::S("S")},
      {":t", testing::Bool(true)}, {":z", testing::StringSet({"S"})}};
  return *Placeholders::Create(names, values);
}

// Has what the seeds of the corpus ask for.
std::string SomeItem() {
  using namespace testing;  // NOLINT: the short names of values
  return ItemOf(
      {{"a", Map({{"b", N("7")}, {"c", List({S("x"), N("1"), Map({})})}})},
       {"b", List({S("S"), List({N("2")}), Null()})},
       {"c", StringSet({"S", "T"})},
       {"d", B("\x01\x02")},
       {"e", N("-12.5")},
       {"f", S("TS")}});
}

void FuzzCondition(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto parsed = expression::ParseCondition("X", text, placeholders);
  if (!parsed.ok()) return;
  const std::string item = SomeItem();
  expression::Matches(*parsed, ItemView(item));
  expression::Matches(*parsed, ItemView(""));
  CHECK(expression::Rebind(parsed->tree, placeholders).has_value());
  const PrintedExpression printed = testing::Print(*parsed);
  auto its_own = Placeholders::Create(printed.names, printed.values);
  CHECK_OK(its_own.status());
  if (printed.text.size() > expression::kMaxExpressionBytes) return;
  const auto again = expression::ParseCondition("X", printed.text, *its_own);
  CHECK_OK(again.status());
  CHECK(testing::SameTree(*parsed, *again)) << printed.text;
}

void FuzzKeyCondition(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto parsed = KeyConditionExpression::Parse(text, placeholders);
  if (!parsed.ok()) return;
  const KeySchema schema = {{"a", ScalarType::kString},
                            {{"b", ScalarType::kNumber}}};
  if (const auto condition = parsed->Bind(schema); condition.ok()) {
    CHECK(condition->partition.size() == 1 && condition->equal.empty());
    CHECK(condition->partition[0].type == ScalarType::kString);
  }
  const IndexKeySchema wide = {
      {{"a", ScalarType::kString}},
      {{"b", ScalarType::kNumber}, {"c", ScalarType::kString}}};
  if (const auto condition = parsed->Bind(wide); condition.ok()) {
    const std::vector<KeyValue> sort = {{ScalarType::kNumber, "1"},
                                        {ScalarType::kString, "x"}};
    MatchesSort(*condition, sort);
    CHECK(condition->equal.empty() || condition->sort.has_value());
  }
}

void FuzzProjection(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto projection = expression::ParseProjection(text, placeholders);
  if (!projection.ok()) return;
  const std::string item = SomeItem();
  const std::string part =
      expression::Project(projection->tree->targets, ItemView(item));
  CHECK_OK(CheckCanonical(part));
}

void FuzzUpdate(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto update = expression::ParseUpdate(text, placeholders);
  if (!update.ok()) return;
  const std::string item = SomeItem();
  for (const bool exists : {true, false}) {
    const auto updated = expression::ApplyUpdate(
        *update, expression::UpdateLanguage::kExpression,
        exists ? std::optional<ItemView>(item) : std::nullopt, ItemView(""));
    if (!updated.ok() || !updated->has_value()) continue;
    CHECK_OK(CheckCanonical((*updated)->bytes));
  }
}

}  // namespace
}  // namespace pallet::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data + 1),
                               size - 1);
  switch (data[0] % 4) {
    case 0:
      pallet::model::FuzzCondition(text);
      break;
    case 1:
      pallet::model::FuzzKeyCondition(text);
      break;
    case 2:
      pallet::model::FuzzProjection(text);
      break;
    default:
      pallet::model::FuzzUpdate(text);
  }
  return 0;
}
