// SPDX-License-Identifier: Apache-2.0
//
// Text for people: tables with aligned columns, numbers with their thousands
// apart, sizes and durations. Pure functions and values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pallet::tool {

// How many columns of a terminal the UTF-8 text takes, counting each character
// as one.
size_t WidthOf(absl::string_view text);

// The text, or its beginning and an ellipsis, in at most `width` columns.
std::string Shortened(absl::string_view text, size_t width);

class TextTable {
 public:
  // A column is as wide as its widest cell, up to `max_width`.
  explicit TextTable(std::vector<std::string> header, size_t max_width = 40)
      : max_width_(max_width), rows_{std::move(header)} {}

  void AddRow(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
  }

  // Columns whose cells are all numbers stand to the right. `colour`: the
  // header is bold.
  std::string ToString(bool colour) const;

 private:
  const size_t max_width_;
  std::vector<std::vector<std::string>> rows_;
};

// "1,234,567"
std::string WithThousands(int64_t number);

// "1.5 MB"
std::string HumanBytes(int64_t bytes);

// "4s", "2m 05s", "1h 10m"
std::string HumanDuration(absl::Duration duration);

}  // namespace pallet::tool
