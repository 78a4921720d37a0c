// SPDX-License-Identifier: Apache-2.0
#include "client/tool/text_table.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pallet::tool {
namespace {

bool IsContinuation(char c) { return (c & 0xC0) == 0x80; }

bool IsNumber(absl::string_view text) {
  if (text.empty()) return true;
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
  double value;
  return absl::SimpleAtod(digits, &value);
}

}  // namespace

size_t WidthOf(absl::string_view text) {
  return text.size() - std::count_if(text.begin(), text.end(), IsContinuation);
}

std::string Shortened(absl::string_view text, size_t width) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return c >= 0 && (c < ' ' || c == '\x7f'); }, ' ');
  if (WidthOf(line) <= width) return line;
  size_t end = 0;
  for (size_t shown = 0; end < line.size(); ++end) {
    if (!IsContinuation(line[end]) && shown++ == width - 1) break;
  }
  return line.substr(0, end) + "…";
}

std::string TextTable::ToString(bool colour) const {
  const size_t columns = rows_.front().size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> right(columns, rows_.size() > 1);
  for (size_t row = 0; row < rows_.size(); ++row) {
    for (size_t i = 0; i < columns; ++i) {
      const std::string& cell = rows_[row][i];
      widths[i] = std::max(widths[i], std::min(WidthOf(cell), max_width_));
      if (row > 0 && !IsNumber(cell)) right[i] = false;
    }
  }
  std::string out;
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (row == 0 && colour) out += "\x1b[1m";
    std::string line;
    for (size_t i = 0; i < columns; ++i) {
      const std::string cell = Shortened(rows_[row][i], max_width_);
      const std::string padding(widths[i] - WidthOf(cell), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", right[i] ? padding : "", cell,
                      right[i] ? "" : padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, row == 0 && colour ? "\x1b[0m" : "", "\n");
  }
  return out;
}

std::string WithThousands(int64_t number) {
  std::string text = absl::StrCat(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t i = text.size(); i > first + 3;) {
    i -= 3;
    text.insert(i, 1, ',');
  }
  return text;
}

std::string HumanBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, value, kUnits[unit]);
}

std::string HumanDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrFormat("%ds", seconds);
  if (seconds < 3600) {
    return absl::StrFormat("%dm %02ds", seconds / 60, seconds % 60);
  }
  return absl::StrFormat("%dh %02dm", seconds / 3600, seconds / 60 % 60);
}

}  // namespace pallet::tool
