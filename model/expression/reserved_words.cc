// SPDX-License-Identifier: Apache-2.0
#include "model/expression/reserved_words.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"

namespace pallet::model::expression {
namespace {

constexpr absl::string_view kWords[] = {
#include "model/expression/reserved_words.inc"
};
static_assert(std::size(kWords) == 573);

constexpr size_t kLongest = 14;  // LOCALTIMESTAMP

}  // namespace

bool IsReservedWord(absl::string_view word) {
  if (word.size() > kLongest) return false;
  std::array<char, kLongest> buffer;
  std::transform(word.begin(), word.end(), buffer.begin(), absl::ascii_toupper);
  const absl::string_view upper(buffer.data(), word.size());
  return std::binary_search(std::begin(kWords), std::end(kWords), upper);
}

absl::Span<const absl::string_view> ReservedWords() { return kWords; }

}  // namespace pallet::model::expression
