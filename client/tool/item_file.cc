// SPDX-License-Identifier: Apache-2.0
#include "client/tool/item_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/tool/csv_reader.h"
#include "client/tool/json_reader.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

using Use = absl::FunctionRef<absl::Status(Item, const ItemFilePosition&)>;

absl::Status At(const std::string& path, int64_t line,
                const absl::Status& status) {
  return model::ValidationError(
      absl::StrCat(path, ":", line, ": ", status.message()));
}

// The items of JSON lines; `first` was already read from `in`.
absl::Status ReadLines(const ItemFileOptions& options, std::istream& in,
                       Use use) {
  JsonReader reader(options.json_style);
  ItemFilePosition position{.done = 0, .total = SizeOfFile(options.path)};
  std::string text;
  for (int64_t line = 1; std::getline(in, text); ++line) {
    position.done += text.size() + 1;
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    absl::StatusOr<Item> item = reader.ReadItem(text);
    if (!item.ok()) return At(options.path, line, item.status());
    RETURN_IF_ERROR(use(*std::move(item), position));
  }
  return absl::OkStatus();
}

absl::Status ReadWholeArray(const ItemFileOptions& options, std::istream& in,
                            Use use) {
  const std::string text{std::istreambuf_iterator<char>(in),
                         std::istreambuf_iterator<char>()};
  JsonReader reader(options.json_style);
  ItemFilePosition position;
  bool used_all = true;
  const absl::Status status =
      reader.ReadArray(text, [&](Item item, size_t total) {
        position.total = total;
        ++position.done;
        const absl::Status used = use(std::move(item), position);
        used_all = used.ok();
        return used;
      });
  if (status.ok() || !used_all) return status;
  return model::ValidationError(absl::StrCat(
      options.path, ", item ", position.done + 1, ": ", status.message()));
}

absl::StatusOr<Value> ParseField(const ItemFileOptions& options,
                                 const std::string& name,
                                 const std::string& text) {
  ScalarType type = ScalarType::kString;
  if (std::find(options.numbers.begin(), options.numbers.end(), name) !=
      options.numbers.end()) {
    type = ScalarType::kNumber;
  }
  if (name == options.key.partition.name) type = options.key.partition.type;
  if (options.key.sort && name == options.key.sort->name) {
    type = options.key.sort->type;
  }
  switch (type) {
    case ScalarType::kNumber: {
      ASSIGN_OR_RETURN(Number number,
                       Number::Parse(absl::StripAsciiWhitespace(text)));
      return number;
    }
    case ScalarType::kBinary: {
      Binary binary;
      if (!absl::Base64Unescape(text, &binary.bytes)) {
        return model::ValidationError(
            absl::StrCat(name, " is binary, but \"", text, "\" is no base64"));
      }
      return binary;
    }
    case ScalarType::kString:
      return text;
  }
  return text;
}

absl::StatusOr<Item> ParseRow(const ItemFileOptions& options,
                              const std::vector<std::string>& names,
                              const std::vector<std::string>& fields) {
  if (fields.size() > names.size()) {
    return model::ValidationError(absl::StrCat(
        fields.size(), " fields, but only ", names.size(), " names"));
  }
  Item item;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) continue;
    ASSIGN_OR_RETURN(Value value, ParseField(options, names[i], fields[i]));
    item.Set(names[i], std::move(value));
  }
  return item;
}

absl::Status ReadCsv(const ItemFileOptions& options, std::istream& in,
                     char separator, Use use) {
  CsvReader reader(&in, separator);
  std::vector<std::string> names;
  if (!reader.ReadRow(&names)) return absl::OkStatus();
  // A byte order mark is no part of a name.
  if (absl::StartsWith(names[0], "\xef\xbb\xbf")) names[0].erase(0, 3);
  ItemFilePosition position{.done = 0, .total = SizeOfFile(options.path)};
  std::vector<std::string> fields;
  while (reader.ReadRow(&fields)) {
    for (const std::string& field : fields) position.done += field.size() + 1;
    absl::StatusOr<Item> item = ParseRow(options, names, fields);
    if (!item.ok()) return At(options.path, reader.line(), item.status());
    RETURN_IF_ERROR(use(*std::move(item), position));
  }
  return absl::OkStatus();
}

// A file that ends in .json holds an array or lines: its first character tells.
bool HoldsArray(std::istream& in) { return (in >> std::ws).peek() == '['; }

absl::StatusOr<std::string> FormatOf(const ItemFileOptions& options) {
  if (!options.format.empty()) return options.format;
  if (options.path == "-") return std::string("json");
  for (const char* format : {"csv", "tsv", "json", "jsonl"}) {
    if (absl::EndsWithIgnoreCase(options.path, absl::StrCat(".", format))) {
      return std::string(format);
    }
  }
  if (absl::EndsWithIgnoreCase(options.path, ".ndjson")) {
    return std::string("jsonl");
  }
  return model::ValidationError(absl::StrCat(
      options.path, ": --format says what it is: json, jsonl, csv or tsv"));
}

}  // namespace

absl::Status ReadItemFile(const ItemFileOptions& options, Use use) {
  ASSIGN_OR_RETURN(const std::string format, FormatOf(options));
  std::ifstream file;
  if (options.path != "-") {
    file.open(options.path, std::ios::binary);
    if (!file) {
      return absl::NotFoundError(
          absl::StrCat("cannot read the file ", options.path));
    }
  }
  std::istream& in = options.path == "-" ? std::cin : file;
  if (format == "csv") return ReadCsv(options, in, ',', use);
  if (format == "tsv") return ReadCsv(options, in, '\t', use);
  if (format == "json" && HoldsArray(in)) {
    return ReadWholeArray(options, in, use);
  }
  return ReadLines(options, in, use);
}

int64_t SizeOfFile(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

}  // namespace pallet::tool
