// SPDX-License-Identifier: Apache-2.0
//
// What one item costs the model: the way in, a look at one attribute, numbers.
// The item is 1 KB in ten attributes, two of them numbers. BM_Copy is the bare
// limit of the way in.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "model/item_codec.h"
#include "model/number.h"
#include "model/wire_format.h"

namespace pallet::model {
namespace {

std::string Field(char tag, absl::string_view payload) {
  WireWriter writer(payload.size() + 11);
  writer.Field(tag, payload);
  return std::move(writer).Finish();
}

std::string Entry(absl::string_view name, absl::string_view value) {
  return Field(BytesTag(1),
               Field(BytesTag(1), name) + Field(BytesTag(2), value));
}

std::vector<std::string> Entries() {
  std::vector<std::string> entries;
  for (int i = 0; i < 8; ++i) {
    entries.push_back(Entry(
        absl::StrCat("field", i),
        Field(BytesTag(1), std::string(115, static_cast<char>('a' + i)))));
  }
  entries.push_back(Entry("price", Field(BytesTag(2), "1234.56")));
  entries.push_back(Entry("year", Field(BytesTag(2), "1965")));
  return entries;
}

std::string CanonicalItem1K() {
  std::string wire;
  for (const std::string& entry : Entries()) wire += entry;
  return wire;
}

// The same attributes as a hash map would write them.
std::string UnsortedItem1K() {
  const std::vector<std::string> entries = Entries();
  std::string wire;
  for (size_t i = 0; i < entries.size(); ++i) {
    wire += entries[i * 7 % entries.size()];
  }
  return wire;
}

void BM_Copy(benchmark::State& state) {
  const std::string wire = CanonicalItem1K();
  for (auto _ : state) benchmark::DoNotOptimize(std::string(wire));
}
BENCHMARK(BM_Copy);

void Canonicalize(benchmark::State& state, const std::string& wire) {
  for (auto _ : state) {
    auto item = CanonicalizeItem(wire);
    if (!item.ok()) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(item);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(wire.size()));
}

void BM_CanonicalizeCanonical(benchmark::State& state) {
  Canonicalize(state, CanonicalItem1K());
}
BENCHMARK(BM_CanonicalizeCanonical);

void BM_CanonicalizeUnsorted(benchmark::State& state) {
  Canonicalize(state, UnsortedItem1K());
}
BENCHMARK(BM_CanonicalizeUnsorted);

void BM_CanonicalizeLarge(benchmark::State& state) {
  std::string wire;
  for (int i = 0; i < 30; ++i) {
    wire += Entry(absl::StrCat("field", 10 + i),
                  Field(BytesTag(1), std::string(10000, 'x')));
  }
  Canonicalize(state, wire);
}
BENCHMARK(BM_CanonicalizeLarge);

void BM_CanonicalizeNumberSet(benchmark::State& state) {
  std::string members;
  for (int i = 0; i < 1000; ++i) {
    members += Field(BytesTag(1), absl::StrCat(i * 7919 % 1000));
  }
  Canonicalize(state, Entry("ns", Field(BytesTag(5), members)));
}
BENCHMARK(BM_CanonicalizeNumberSet);

void BM_FindLast(benchmark::State& state) {
  const std::string bytes = CanonicalItem1K();
  for (auto _ : state) {
    benchmark::DoNotOptimize(ItemView(bytes).Find("year"));
  }
}
BENCHMARK(BM_FindLast);

void BM_SizeOf(benchmark::State& state) {
  const std::string bytes = CanonicalItem1K();
  for (auto _ : state) benchmark::DoNotOptimize(SizeOf(ItemView(bytes)));
}
BENCHMARK(BM_SizeOf);

void ParseAndPrint(benchmark::State& state, const std::string& text) {
  for (auto _ : state) {
    auto number = Number::Parse(text);
    benchmark::DoNotOptimize(number->ToString());
  }
}

void BM_NumberInteger(benchmark::State& state) { ParseAndPrint(state, "1965"); }
BENCHMARK(BM_NumberInteger);

void BM_NumberLong(benchmark::State& state) {
  ParseAndPrint(state, "-1234567890123456789.0123456789012345678");
}
BENCHMARK(BM_NumberLong);

void BM_NumberAdd(benchmark::State& state) {
  const Number a = Number::FromInteger(123456789);
  const Number b = Number::FromInteger(1);
  for (auto _ : state) benchmark::DoNotOptimize(Number::Add(a, b));
}
BENCHMARK(BM_NumberAdd);

void BM_NumberOrdered(benchmark::State& state) {
  const Number number = Number::FromInteger(123456789);
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    number.AppendOrdered(&bytes);
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(BM_NumberOrdered);

}  // namespace
}  // namespace pallet::model
