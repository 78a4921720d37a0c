// SPDX-License-Identifier: Apache-2.0
//
// JSON text to items. Plain JSON by what it looks like:
//   {"name": "Berlin", "population": 3769000, "tags": ["a"]}   S, N, L ...
// or typed JSON, DynamoDB's way:
//   {"name": {"S": "Berlin"}, "population": {"N": "3769000"}}
// Numbers keep every digit. Errors are kValidation and say where.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/json.h"
#include "client/value.h"

namespace pallet::tool {

// Reuses its buffers from text to text. Used by one thread.
class JsonReader {
 public:
  explicit JsonReader(JsonStyle style);
  ~JsonReader();

  // One object.
  absl::StatusOr<Item> ReadItem(absl::string_view text);

  // Calls `use` with each object of an array, and the array's length, until one
  // fails.
  using Use = absl::FunctionRef<absl::Status(Item item, size_t total)>;
  absl::Status ReadArray(absl::string_view text, Use use);

 private:
  class Parser;
  const std::unique_ptr<Parser> parser_;
};

}  // namespace pallet::tool
