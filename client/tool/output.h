// SPDX-License-Identifier: Apache-2.0
//
// What the tool prints: aligned tables and colours for a person on a terminal,
// JSON for a program, one object per line for what may be many. Results go to
// standard output, everything said about them to standard error.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/value.h"

namespace pallet::tool {

enum class OutputFormat { kAuto, kJson, kTable };

// How the program ends.
enum ExitCode {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kNotFound = 3,
  kUnreachable = 4,
};

class Output {
 public:
  // kAuto: a table on a terminal, JSON otherwise.
  Output(OutputFormat format, JsonStyle style);

  bool is_table() const { return is_table_; }

  void PrintItem(const Item& item);
  // Prints items as they come; a table when all (or many) are there. `first`
  // are the names of the columns to begin with.
  void BeginItems(std::vector<std::string> first);
  void AddItem(const Item& item);
  void EndItems();

  void PrintTables(const std::vector<std::string>& names);
  void PrintTable(const TableDescription& table);
  void PrintTags(const Tags& tags);
  void PrintTimeToLive(const TimeToLiveDescription& description);
  // Names and values, in order.
  void PrintFields(const std::vector<std::pair<std::string, Value>>& fields);

  // To standard error, for people: nothing of it is a result.
  void Say(absl::string_view message);
  // Prints the error and returns the exit code that stands for it.
  int Fail(const absl::Status& status);
  // The same for what was typed.
  int Misused(const absl::Status& status);

 private:
  void PrintPendingTable();
  void PrintError(absl::string_view message);

  const JsonStyle style_;
  bool is_table_;
  bool colour_out_;
  bool colour_err_;
  std::vector<std::string> first_columns_;
  std::vector<Item> pending_;
  size_t printed_ = 0;
};

// One line for a cell of a table.
std::string CellOf(const Value& value);

}  // namespace pallet::tool
