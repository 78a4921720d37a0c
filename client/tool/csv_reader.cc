// SPDX-License-Identifier: Apache-2.0
#include "client/tool/csv_reader.h"

namespace pallet::tool {

bool CsvReader::ReadRow(std::vector<std::string>* fields) {
  while (ReadAnyRow(fields)) {
    if (fields->size() > 1 || !fields->front().empty()) return true;
  }
  return false;
}

bool CsvReader::ReadAnyRow(std::vector<std::string>* fields) {
  fields->assign(1, "");
  line_ = next_line_;
  bool quoted = false;
  int c = in_.get();
  if (c == EOF) return false;
  for (; c != EOF; c = in_.get()) {
    if (c == '\n') ++next_line_;
    if (quoted) {
      if (c != '"') {
        fields->back() += static_cast<char>(c);
      } else if (in_.peek() == '"') {
        fields->back() += static_cast<char>(in_.get());
      } else {
        quoted = false;
      }
    } else if (c == '"' && fields->back().empty()) {
      quoted = true;
    } else if (c == separator_) {
      fields->emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || in_.peek() != '\n') {
      fields->back() += static_cast<char>(c);
    }
  }
  return true;
}

}  // namespace pallet::tool
