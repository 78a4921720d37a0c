// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a PartiQL statement: an answer, no crash, no long stack; what
// parses prints, and what was printed parses and prints the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "model/partiql/parser.h"
#include "tests/testing/print_statement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto statement = pallet::model::partiql::ParseStatement(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  // What is refused has no printed form.
  if (!statement.ok() || statement->count.has_value()) return 0;
  const std::string printed = pallet::testing::Print(*statement);
  const auto again = pallet::model::partiql::ParseStatement(printed);
  // It has more parentheses than there were.
  if (!again.ok() && absl::StrContains(again.status().message(), "too deeply"))
    return 0;
  CHECK(again.ok()) << printed << ": " << again.status();
  CHECK_EQ(pallet::testing::Print(*again), printed);
  return 0;
}
