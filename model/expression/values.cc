// SPDX-License-Identifier: Apache-2.0
#include "model/expression/values.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "model/number.h"
#include "model/wire_format.h"

namespace pallet::model::expression {
namespace {

using internal::CompareBytes;

int CompareMembers(ValueKind set, absl::string_view a, absl::string_view b) {
  return set == ValueKind::kNumberSet ? Number::CompareNormal(a, b)
                                      : CompareBytes(a, b);
}

// Walks the members of both in order and keeps those that `keep` names by where
// they are: -1 in a alone, 0 in both, 1 in b alone.
template <typename Keep>
std::string Merge(ValueView a, ValueView b, Keep keep) {
  CHECK(a.kind() == b.kind() && IsSet(a.kind()));
  const SetView set_a = a.set(), set_b = b.set();
  const size_t size = a.encoded().size() + b.encoded().size();
  WireWriter writer(size + 16);
  const WireWriter::Open open =
      writer.Begin(BytesTag(static_cast<int>(a.kind())), size);
  auto at_a = set_a.begin(), at_b = set_b.begin();
  while (at_a != set_a.end() || at_b != set_b.end()) {
    const int order = at_b == set_b.end() ? -1
                      : at_a == set_a.end()
                          ? 1
                          : CompareMembers(a.kind(), *at_a, *at_b);
    const int side = order < 0 ? -1 : order > 0 ? 1 : 0;
    if (keep(side)) {
      writer.Field(internal::kRepeatedTag, side > 0 ? *at_b : *at_a);
    }
    if (side <= 0) ++at_a;
    if (side >= 0) ++at_b;
  }
  writer.End(open);
  return std::move(writer).Finish();
}

}  // namespace

int CompareScalars(ValueView a, ValueView b) {
  CHECK(a.kind() == b.kind() && IsOrdered(a.kind()));
  if (a.kind() == ValueKind::kNumber) {
    return Number::CompareNormal(a.scalar(), b.scalar());
  }
  const int order = CompareBytes(a.scalar(), b.scalar());
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

bool HasSubstring(absl::string_view text, absl::string_view part) {
  if (part.empty()) return true;
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

std::string Union(ValueView a, ValueView b) {
  return Merge(a, b, [](int) { return true; });
}

std::optional<std::string> Difference(ValueView a, ValueView b) {
  std::string left = Merge(a, b, [](int side) { return side < 0; });
  if (left.size() == 2) return std::nullopt;  // tag and length
  return left;
}

std::string EncodeScalar(ValueKind kind, absl::string_view payload) {
  WireWriter writer(payload.size() + 11);
  writer.Field(BytesTag(static_cast<int>(kind)), payload);
  return std::move(writer).Finish();
}

// As deep as the value is nested: kMaxNesting at most.
int NestingOf(ValueView value) {
  int deepest = 0;
  if (value.kind() == ValueKind::kMap) {
    for (const AttributeView entry : value.map()) {
      deepest = std::max(deepest, 1 + NestingOf(entry.value));
    }
  } else if (value.kind() == ValueKind::kList) {
    for (const ValueView element : value.list()) {
      deepest = std::max(deepest, 1 + NestingOf(element));
    }
  }
  return deepest;
}

}  // namespace pallet::model::expression
