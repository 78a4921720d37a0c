// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an expression: an answer, no crash, no long stack; what parses
// prints and parses back equal. The first byte picks the kind of expression.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/check.h"
#include "model/expression/key_condition.h"
#include "model/expression/parser.h"
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
      {":b", testing::B("\x01")},
      {":l", testing::List({})},
      {":n", testing::N("1")},
      {":s", testing::S("S")},
      {":t", testing::Bool(true)}};
  return *Placeholders::Create(names, values);
}

void FuzzCondition(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto parsed = expression::ParseCondition("X", text, placeholders);
  if (!parsed.ok()) return;
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
  const auto condition = parsed->Bind(schema);
  if (!condition.ok()) return;
  CHECK(condition->partition.type == ScalarType::kString);
}

void FuzzProjection(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  const auto paths = expression::ParseProjection(text, placeholders);
  if (!paths.ok()) return;
  for (const expression::Path& path : *paths) {
    CHECK_LE(path.elements.size(), expression::kMaxPathElements);
  }
}

}  // namespace
}  // namespace pallet::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data + 1),
                               size - 1);
  switch (data[0] % 3) {
    case 0:
      pallet::model::FuzzCondition(text);
      break;
    case 1:
      pallet::model::FuzzKeyCondition(text);
      break;
    default:
      pallet::model::FuzzProjection(text);
  }
  return 0;
}
