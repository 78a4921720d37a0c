// SPDX-License-Identifier: Apache-2.0
//
// Expressions over an item of 1 KB in ten attributes: what a request pays once
// (parse, or finding a tree that is there already), and what it pays for each
// item (filter, project, update).
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "benchmark/benchmark.h"
#include "model/expression/condition.h"
#include "model/expression/parser.h"
#include "model/expression/projection.h"
#include "model/expression/update.h"
#include "model/partiql/parser.h"
#include "tests/testing/wire_values.h"

namespace pallet::model::expression {
namespace {

using testing::ItemOf;
using testing::List;
using testing::Map;
using testing::N;
using testing::S;
using Strings = std::map<std::string, std::string>;

const std::string& Item1K() {
  static const std::string item = [] {
    testing::Attributes attributes;
    for (int i = 0; i < 6; ++i) {
      attributes.emplace_back(absl::StrCat("field", i),
                              S(std::string(140, static_cast<char>('a' + i))));
    }
    attributes.emplace_back(
        "info", Map({{"tags", List({S("new"), S("sale")})}, {"x", N("7")}}));
    attributes.emplace_back("pk", S("user#1234567"));
    attributes.emplace_back("price", N("1234.56"));
    attributes.emplace_back("version", N("41"));
    return ItemOf(attributes);
  }();
  return item;
}

constexpr char kFilter[] =
    "price > :p AND begins_with(field0, :a) AND info.x = :x";
constexpr char kSmall[] = "attribute_not_exists(pk)";
constexpr char kUpdate[] =
    "SET version = version + :one, info.x = :x, price = :p";

const Strings& Values() {
  static const Strings values = {
      {":p", N("100")}, {":a", S("aaa")}, {":x", N("7")}, {":one", N("1")}};
  return values;
}

Placeholders MakePlaceholders() {
  auto placeholders = Placeholders::Create(Strings{}, Values());
  CHECK_OK(placeholders.status());
  return *std::move(placeholders);
}

Expression Condition(absl::string_view text) {
  Placeholders placeholders = MakePlaceholders();
  auto condition = ParseCondition("X", text, placeholders);
  CHECK_OK(condition.status());
  return *std::move(condition);
}

void BM_Placeholders(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(MakePlaceholders());
}
BENCHMARK(BM_Placeholders);

void Parse(benchmark::State& state, const char* text) {
  Placeholders placeholders = MakePlaceholders();
  for (auto _ : state) {
    auto condition = ParseCondition("X", text, placeholders);
    CHECK_OK(condition.status());
    benchmark::DoNotOptimize(condition);
  }
}
void BM_ParseSmall(benchmark::State& state) { Parse(state, kSmall); }
BENCHMARK(BM_ParseSmall);
void BM_ParseFilter(benchmark::State& state) { Parse(state, kFilter); }
BENCHMARK(BM_ParseFilter);

void BM_ParseUpdate(benchmark::State& state) {
  Placeholders placeholders = MakePlaceholders();
  for (auto _ : state) {
    auto update = ParseUpdate(kUpdate, placeholders);
    CHECK_OK(update.status());
    benchmark::DoNotOptimize(update);
  }
}
BENCHMARK(BM_ParseUpdate);

// What a cache would do instead: find the text, give the tree other values.
void Rebound(benchmark::State& state, const char* text) {
  Placeholders placeholders = MakePlaceholders();
  absl::flat_hash_map<std::string, std::shared_ptr<const Tree>> trees;
  trees[text] = Condition(text).tree;
  for (auto _ : state) {
    auto condition =
        Rebind(trees.find(std::string(text))->second, placeholders);
    CHECK(condition.has_value());
    benchmark::DoNotOptimize(condition);
  }
}
void BM_RebindSmall(benchmark::State& state) { Rebound(state, kSmall); }
BENCHMARK(BM_RebindSmall);
void BM_RebindFilter(benchmark::State& state) { Rebound(state, kFilter); }
BENCHMARK(BM_RebindFilter);

void Filter(benchmark::State& state, const char* text) {
  const Expression condition = Condition(text);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Matches(condition, ItemView(Item1K())));
  }
  state.SetItemsProcessed(state.iterations());
}
void BM_FilterSmall(benchmark::State& state) { Filter(state, kSmall); }
BENCHMARK(BM_FilterSmall);
void BM_Filter(benchmark::State& state) { Filter(state, kFilter); }
BENCHMARK(BM_Filter);

void BM_ParseStatement(benchmark::State& state) {
  constexpr char kStatement[] =
      "SELECT pk, price, info.x FROM \"shop-items\".\"by-price\" WHERE pk = ? "
      "AND price BETWEEN 10 AND 99.5 AND begins_with(info.name, 'tea')";
  for (auto _ : state) {
    auto statement = partiql::ParseStatement(kStatement);
    CHECK_OK(statement.status());
    benchmark::DoNotOptimize(statement);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(sizeof(kStatement) - 1));
}
BENCHMARK(BM_ParseStatement);

// 8,192 characters, which is all a statement may have.
void BM_ParseLongStatement(benchmark::State& state) {
  std::string text = "INSERT INTO items VALUE {'pk': [";
  while (text.size() < 8180) text += "{'a': 1}, ";
  text += "1]}";
  for (auto _ : state) {
    auto statement = partiql::ParseStatement(text);
    CHECK_OK(statement.status());
    benchmark::DoNotOptimize(statement);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_ParseLongStatement);

void BM_Project(benchmark::State& state) {
  Placeholders placeholders = MakePlaceholders();
  const auto projection = ParseProjection("pk, price, info.x", placeholders);
  CHECK_OK(projection.status());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        Project(projection->tree->targets, ItemView(Item1K())));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Project);

void BM_Update(benchmark::State& state) {
  Placeholders placeholders = MakePlaceholders();
  const auto update = ParseUpdate(kUpdate, placeholders);
  CHECK_OK(update.status());
  const std::string key = ItemOf({{"pk", S("user#1234567")}});
  for (auto _ : state) {
    auto item = ApplyUpdate(*update, UpdateLanguage::kExpression,
                            ItemView(Item1K()), ItemView(key));
    CHECK_OK(item.status());
    benchmark::DoNotOptimize(item);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Update);

}  // namespace
}  // namespace pallet::model::expression
