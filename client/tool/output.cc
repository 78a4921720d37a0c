// SPDX-License-Identifier: Apache-2.0
#include "client/tool/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "client/client.h"
#include "client/tool/text_table.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

// A table is printed after this many rows; the next ones begin another.
constexpr size_t kTableRows = 1000;
// More columns than this make no table anybody reads.
constexpr size_t kTableColumns = 12;

bool WantsColour(int file) {
  return isatty(file) != 0 && getenv("NO_COLOR") == nullptr;
}

std::string Describe(const KeyAttribute& attribute) {
  return absl::StrCat(attribute.name, " (", model::NameOf(attribute.type), ")");
}

std::string Describe(const std::vector<KeyAttribute>& attributes) {
  return absl::StrJoin(attributes, ", ",
                       [](std::string* out, const KeyAttribute& each) {
                         absl::StrAppend(out, Describe(each));
                       });
}

using Fields = std::vector<std::pair<std::string, Value>>;

void AddFields(const GlobalIndexDescription& described, Fields* fields) {
  const GlobalIndex& index = described.index;
  const std::string name = absl::StrCat("index ", index.name);
  const auto add = [&](absl::string_view what, Value value) {
    fields->push_back({absl::StrCat(name, " ", what), std::move(value)});
  };
  std::string key = Describe(index.partition);
  if (!index.sort.empty()) {
    absl::StrAppend(&key, " / ", Describe(index.sort));
  }
  fields->push_back({name, std::move(key)});
  add("state", std::string(NameOf(described.state)));
  add("entries", described.item_count);
  add("bytes", described.size_bytes);
  if (!described.progress.has_value()) return;
  const IndexProgress& progress = *described.progress;
  add("changes behind", progress.changes_behind);
  add("ms behind", absl::ToInt64Milliseconds(progress.time_behind));
  if (progress.backfill_fraction.has_value()) {
    add("filled",
        absl::StrFormat("%.1f %%", 100 * *progress.backfill_fraction));
  }
  if (progress.items_total.has_value()) {
    add("items read", progress.items_read.value_or(0));
    add("items to read", *progress.items_total);
    add("items per second",
        static_cast<int64_t>(progress.items_per_second.value_or(0)));
    add("time left", progress.time_left.has_value()
                         ? absl::FormatDuration(absl::Trunc(
                               *progress.time_left, absl::Milliseconds(100)))
                         : "unknown");
  }
  if (progress.paused) add("paused", true);
  if (progress.delay > absl::ZeroDuration()) {
    add("delay", absl::FormatDuration(progress.delay));
  }
  if (progress.items_skipped > 0) add("skipped", progress.items_skipped);
  for (size_t i = 0; i < progress.skipped.size(); ++i) {
    const SkippedItem& skipped = progress.skipped[i];
    add(absl::StrCat("skipped ", i + 1),
        absl::StrCat(ToJson(skipped.key, JsonStyle::kPlain), ": ",
                     skipped.reason));
  }
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kNotFound;
    case absl::StatusCode::kUnavailable:
      return kUnreachable;
    default:
      return kFailed;
  }
}

}  // namespace

std::string CellOf(const Value& value) {
  if (const std::string* text = value.AsString()) return *text;
  return ToJson(value, JsonStyle::kPlain);
}

Output::Output(OutputFormat format, JsonStyle style)
    : style_(style),
      is_table_(format == OutputFormat::kTable ||
                (format == OutputFormat::kAuto && isatty(STDOUT_FILENO) != 0)),
      colour_out_(WantsColour(STDOUT_FILENO)),
      colour_err_(WantsColour(STDERR_FILENO)) {}

void Output::PrintItem(const Item& item) {
  if (!is_table_) {
    std::cout << ToJson(item, style_) << "\n";
    return;
  }
  TextTable table({"ATTRIBUTE", "TYPE", "VALUE"}, 100);
  for (const auto& [name, value] : item) {
    table.AddRow(
        {name, std::string(model::NameOf(value.kind())), CellOf(value)});
  }
  std::cout << table.ToString(colour_out_);
}

void Output::BeginItems(std::vector<std::string> first) {
  first_columns_ = std::move(first);
  pending_.clear();
  printed_ = 0;
}

void Output::AddItem(const Item& item) {
  ++printed_;
  if (!is_table_) {
    std::cout << ToJson(item, style_) << "\n";
    return;
  }
  pending_.push_back(item);
  if (pending_.size() == kTableRows) PrintPendingTable();
}

void Output::EndItems() {
  PrintPendingTable();
  if (is_table_) {
    Say(absl::StrCat(WithThousands(printed_),
                     printed_ == 1 ? " item" : " items"));
  }
}

void Output::PrintPendingTable() {
  if (pending_.empty()) return;
  std::vector<std::string> columns = first_columns_;
  for (const Item& item : pending_) {
    for (const auto& [name, value] : item) {
      if (columns.size() == kTableColumns) break;
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
        columns.push_back(name);
      }
    }
  }
  TextTable table(columns);
  for (const Item& item : pending_) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) {
      const Value* value = item.Find(column);
      cells.push_back(value == nullptr ? "" : CellOf(*value));
    }
    table.AddRow(std::move(cells));
  }
  std::cout << table.ToString(colour_out_);
  pending_.clear();
}

void Output::PrintTables(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (is_table_) {
      std::cout << name << "\n";
    } else {
      std::cout << ToJson(Value(name), JsonStyle::kPlain) << "\n";
    }
  }
}

void Output::PrintTimeToLive(const TimeToLiveDescription& description) {
  std::vector<std::pair<std::string, Value>> fields = {
      {"status", NameOf(description.state)}};
  if (!description.attribute.empty()) {
    fields.push_back({"attribute", description.attribute});
    fields.push_back({"hide_expired", description.hide_expired_items});
  }
  PrintFields(fields);
}

void Output::PrintTags(const Tags& tags) {
  std::vector<std::pair<std::string, Value>> fields;
  for (const auto& [key, value] : tags) fields.push_back({key, value});
  PrintFields(fields);
}

void Output::PrintTable(const TableDescription& table) {
  Fields fields = {{"name", table.name},
                   {"state", std::string(NameOf(table.state))},
                   {"partition_key", Describe(table.key.partition)}};
  if (table.key.sort.has_value()) {
    fields.push_back({"sort_key", Describe(*table.key.sort)});
  }
  for (const LocalIndexDescription& each : table.local_indexes) {
    fields.push_back({absl::StrCat("local_index ", each.index.name),
                      Describe(each.index.sort)});
    fields.push_back({absl::StrCat("local_index ", each.index.name, " entries"),
                      each.item_count});
  }
  for (const GlobalIndexDescription& each : table.global_indexes) {
    AddFields(each, &fields);
  }
  fields.insert(fields.end(),
                {{"items", table.item_count},
                 {"bytes", table.size_bytes},
                 {"partitions", table.partition_count},
                 {"created", absl::FormatTime(absl::RFC3339_sec, table.created,
                                              absl::UTCTimeZone())},
                 {"deletion_protection", table.deletion_protection},
                 {"arn", table.arn}});
  PrintFields(fields);
}

void Output::PrintFields(
    const std::vector<std::pair<std::string, Value>>& fields) {
  if (is_table_) {
    size_t width = 0;
    for (const auto& [name, value] : fields) {
      width = std::max(width, name.size());
    }
    for (const auto& [name, value] : fields) {
      const std::optional<int64_t> number =
          value.AsNumber() ? value.AsNumber()->ToInt64() : std::nullopt;
      std::cout << name << std::string(width + 2 - name.size(), ' ')
                << (number ? WithThousands(*number) : CellOf(value)) << "\n";
    }
    return;
  }
  // Not an item, whose names would be sorted: the order tells a story.
  std::string json;
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&json, json.empty() ? "{" : ",");
    AppendJsonString(name, &json);
    absl::StrAppend(&json, ":", ToJson(value, JsonStyle::kPlain));
  }
  std::cout << json << "}\n";
}

void Output::Say(absl::string_view message) { std::cerr << message << "\n"; }

void Output::PrintError(absl::string_view message) {
  std::cout.flush();
  std::cerr << (colour_err_ ? "\x1b[31merror:\x1b[0m " : "error: ") << message;
}

int Output::Misused(const absl::Status& status) {
  PrintError(status.message());
  std::cerr << "\n";
  return kWrongUsage;
}

int Output::Fail(const absl::Status& status) {
  CHECK(!status.ok());
  PrintError(status.message());
  const model::ReasonInfo& reason = model::InfoOf(model::ReasonOf(status));
  if (reason.reason != model::Reason::kInternal) {
    std::cerr << " (" << reason.name << ")";
  } else if (status.code() == absl::StatusCode::kUnavailable) {
    std::cerr << "\nIs the service running? --address says where it is.";
  }
  std::cerr << "\n";
  if (const std::optional<Item> item = FailedItem(status)) {
    std::cerr << "the item is: " << *item << "\n";
  }
  return ExitCodeOf(status);
}

}  // namespace pallet::tool
