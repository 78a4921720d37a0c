// SPDX-License-Identifier: Apache-2.0
//
// Rows of a CSV file (RFC 4180): fields may be quoted, quoted fields may hold
// commas, doubled quotes and line ends. Used by one thread.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace pallet::tool {

class CsvReader {
 public:
  // REQUIRES: `in` outlives the reader.
  explicit CsvReader(std::istream* in, char separator = ',')
      : in_(*in), separator_(separator) {}

  // The next row that is not empty; false at the end.
  bool ReadRow(std::vector<std::string>* fields);

  // Of the row read last, from 1.
  int line() const { return line_; }

 private:
  // Reads a row of any kind; false at the end.
  bool ReadAnyRow(std::vector<std::string>* fields);

  std::istream& in_;
  const char separator_;
  int line_ = 0;
  int next_line_ = 1;
};

}  // namespace pallet::tool
