// SPDX-License-Identifier: Apache-2.0
//
// The items of a file, one by one: JSON lines, a JSON array, CSV or TSV with
// the names in the first row. In CSV a key is of the type the table gives it,
// the columns named as numbers are numbers, the rest text; an empty field is no
// attribute. Errors name file and line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/value.h"

namespace pallet::tool {

struct ItemFileOptions {
  std::string path = {};    // "-": standard input
  std::string format = {};  // "json", "jsonl", "csv", "tsv"; empty: by the name
  JsonStyle json_style = JsonStyle::kPlain;
  KeySchema key = {};
  std::vector<std::string> numbers = {};
};

// How far the file is read, in the unit of `total`; 0: not known.
struct ItemFilePosition {
  int64_t done = 0;
  int64_t total = 0;
};

// Calls `use` with each item until one fails.
absl::Status ReadItemFile(
    const ItemFileOptions& options,
    absl::FunctionRef<absl::Status(Item, const ItemFilePosition&)> use);

// The size of the file in bytes; 0 if it is none.
int64_t SizeOfFile(const std::string& path);

}  // namespace pallet::tool
