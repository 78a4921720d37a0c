// SPDX-License-Identifier: Apache-2.0
//
// Any text: what parses has one normal form, ordered bytes that decode to it
// and a size that both ways of counting agree on. Any bytes: what decodes as an
// ordered number encodes to the same bytes.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "model/number.h"

namespace {

using pallet::model::Number;

std::string Ordered(const Number& number) {
  std::string bytes;
  number.AppendOrdered(&bytes);
  return bytes;
}

void CheckText(absl::string_view text) {
  const absl::StatusOr<Number> number = Number::Parse(text);
  const bool normal = Number::IsNormal(text);
  if (!number.ok()) {
    CHECK(!normal) << text;
    return;
  }
  const std::string plain = number->ToString();
  CHECK_EQ(normal, plain == text) << text;
  CHECK(Number::IsNormal(plain)) << plain;
  CHECK(Number::FromNormal(plain) == *number) << plain;
  CHECK_EQ(Number::SizeInItem(plain), number->size_in_item()) << plain;

  const std::string bytes = Ordered(*number) + "x";
  absl::string_view rest = bytes;
  const absl::StatusOr<Number> decoded = Number::DecodeOrdered(&rest);
  CHECK(decoded.ok() && *decoded == *number) << plain;
  CHECK(rest == "x") << plain;

  const absl::StatusOr<Number> zero = Number::Subtract(*number, *number);
  CHECK(zero.ok() && zero->is_zero()) << plain;
}

void CheckOrdered(absl::string_view bytes) {
  absl::string_view rest = bytes;
  const absl::StatusOr<Number> number = Number::DecodeOrdered(&rest);
  if (!number.ok()) return;
  CHECK(Ordered(*number) == bytes.substr(0, bytes.size() - rest.size()));
  CHECK(Number::FromNormal(number->ToString()) == *number);
}

// Two texts around a blank: order and arithmetic agree.
void CheckPair(absl::string_view text) {
  const size_t blank = text.find(' ');
  if (blank == absl::string_view::npos) return;
  const absl::StatusOr<Number> a = Number::Parse(text.substr(0, blank));
  const absl::StatusOr<Number> b = Number::Parse(text.substr(blank + 1));
  if (!a.ok() || !b.ok()) return;
  const int order = Number::Compare(*a, *b);
  CHECK_EQ(Number::Compare(*b, *a), -order);
  const int bytes_order = Ordered(*a).compare(Ordered(*b));
  CHECK_EQ(order, bytes_order < 0 ? -1 : (bytes_order > 0 ? 1 : 0));
  const absl::StatusOr<Number> difference = Number::Subtract(*a, *b);
  if (!difference.ok()) return;
  CHECK_EQ(order, Number::Compare(*difference, Number()));
  const absl::StatusOr<Number> again = Number::Add(*difference, *b);
  CHECK(again.ok() && *again == *a) << text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  CheckText(input);
  CheckOrdered(input);
  CheckPair(input);
  return 0;
}
