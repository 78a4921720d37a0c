// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/tool/commands.h"
#include "client/tool/json_reader.h"
#include "client/tool/text_table.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

int Misused(Session& session, const absl::Status& status) {
  return session.output.Misused(status);
}

// The JSON object an option holds; `option` names it in errors.
absl::StatusOr<Item> ReadOption(absl::string_view option,
                                const std::string& text, JsonStyle style) {
  if (text.empty()) return Item();
  absl::StatusOr<Item> item = JsonReader(style).ReadItem(text);
  if (!item.ok()) {
    return model::ValidationError(
        absl::StrCat(option, ": ", item.status().message()));
  }
  return item;
}

absl::StatusOr<Item> ReadItemOrInput(absl::string_view option,
                                     const std::string& text, JsonStyle style) {
  if (text != "-") return ReadOption(option, text, style);
  const std::string input{std::istreambuf_iterator<char>(std::cin),
                          std::istreambuf_iterator<char>()};
  return ReadOption("standard input", input, style);
}

template <typename Request>
absl::Status SetNames(const ExpressionOptions& options, Request* request) {
  ASSIGN_OR_RETURN(const Item names,
                   ReadOption("--names", options.names, JsonStyle::kPlain));
  for (const auto& [placeholder, name] : names) {
    const std::string* text = name.AsString();
    if (text == nullptr) {
      return model::ValidationError(
          "--names: a JSON object of strings, as in {\"#n\": \"name\"}");
    }
    request->names[placeholder] = *text;
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status SetExpressions(const ExpressionOptions& options, JsonStyle style,
                            Request* request) {
  RETURN_IF_ERROR(SetNames(options, request));
  ASSIGN_OR_RETURN(request->values,
                   ReadOption("--values", options.values, style));
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<Request> ToRead(const ReadOptions& options, JsonStyle style) {
  Request request;
  request.table = options.table;
  request.index = options.index;
  request.filter = options.filter;
  request.projection = options.projection;
  request.consistent_read = options.consistent;
  request.count_only = options.count;
  RETURN_IF_ERROR(SetExpressions(options.expressions, style, &request));
  // Without a filter no page need be larger than what is printed.
  if (options.limit > 0 && options.filter.empty()) {
    request.limit = static_cast<int>(std::min<int64_t>(options.limit, 1000));
  }
  return request;
}

// The table's key attributes, to be the first columns.
std::vector<std::string> KeyColumns(Session& session, const std::string& table,
                                    const std::string& projection) {
  if (!session.output.is_table() || !projection.empty()) return {};
  const auto description = session.client.DescribeTable({.table = table});
  if (!description.ok()) return {};
  std::vector<std::string> columns = {description->key.partition.name};
  if (description->key.sort.has_value()) {
    columns.push_back(description->key.sort->name);
  }
  return columns;
}

int PrintItems(Session& session, const ReadOptions& options, ItemRange range) {
  session.output.BeginItems(
      KeyColumns(session, options.table, options.projection));
  int64_t printed = 0;
  for (const absl::StatusOr<Item>& item : range) {
    if (!item.ok()) {
      session.output.EndItems();
      return session.output.Fail(item.status());
    }
    session.output.AddItem(*item);
    if (++printed == options.limit) break;
  }
  session.output.EndItems();
  return kDone;
}

void PrintCounts(Session& session, int64_t count, int64_t scanned) {
  session.output.PrintFields({{"count", count}, {"scanned", scanned}});
}

// All pages of a request with count_only.
template <typename Request, typename Call>
int PrintCount(Session& session, Request request, Call call) {
  int64_t count = 0;
  int64_t scanned = 0;
  request.limit.reset();
  do {
    const absl::StatusOr<ItemPage> page = call(request);
    if (!page.ok()) return session.output.Fail(page.status());
    count += page->count;
    scanned += page->scanned_count;
    request.start_key = page->last_key;
  } while (!request.start_key.empty());
  PrintCounts(session, count, scanned);
  return kDone;
}

template <typename Request>
absl::StatusOr<Request> ToWrite(const WriteOptions& options, JsonStyle style) {
  Request request;
  request.table = options.table;
  request.condition = options.condition;
  request.return_old = options.return_old;
  request.return_item_on_failure = !options.condition.empty();
  RETURN_IF_ERROR(SetExpressions(options.expressions, style, &request));
  return request;
}

template <typename Response>
int PrintWritten(Session& session, const absl::StatusOr<Response>& response) {
  if (!response.ok()) return session.output.Fail(response.status());
  if (response->old_item) session.output.PrintItem(*response->old_item);
  return kDone;
}

}  // namespace

int PutItem(Session& session, const WriteOptions& options) {
  auto request = ToWrite<PutItemRequest>(options, session.json_style);
  if (!request.ok()) return Misused(session, request.status());
  auto item = ReadItemOrInput("the item", options.item, session.json_style);
  if (!item.ok()) return Misused(session, item.status());
  request->item = *std::move(item);
  return PrintWritten(session, session.client.PutItem(*request));
}

int DeleteItem(Session& session, const WriteOptions& options) {
  auto request = ToWrite<DeleteItemRequest>(options, session.json_style);
  if (!request.ok()) return Misused(session, request.status());
  auto key = ReadItemOrInput("--key", options.item, session.json_style);
  if (!key.ok()) return Misused(session, key.status());
  request->key = *std::move(key);
  return PrintWritten(session, session.client.DeleteItem(*request));
}

int UpdateItem(Session& session, const UpdateOptions& options) {
  UpdateItemRequest request{
      .table = options.table,
      .update = options.update,
      .returned = options.returned,
      .condition = options.condition,
      .return_item_on_failure = !options.condition.empty()};
  if (auto status =
          SetExpressions(options.expressions, session.json_style, &request);
      !status.ok()) {
    return Misused(session, status);
  }
  auto key = ReadItemOrInput("--key", options.key, session.json_style);
  if (!key.ok()) return Misused(session, key.status());
  request.key = *std::move(key);
  const auto response = session.client.UpdateItem(request);
  if (!response.ok()) return session.output.Fail(response.status());
  if (response->item.has_value()) session.output.PrintItem(*response->item);
  return kDone;
}

int GetItem(Session& session, const GetOptions& options) {
  GetItemRequest request{.table = options.table,
                         .consistent_read = options.consistent,
                         .projection = options.projection};
  if (auto status = SetNames(options.expressions, &request); !status.ok()) {
    return Misused(session, status);
  }
  auto key = ReadOption("--key", options.key, session.json_style);
  if (!key.ok()) return Misused(session, key.status());
  request.key = *std::move(key);
  const auto response = session.client.GetItem(request);
  if (!response.ok()) return session.output.Fail(response.status());
  if (!response->item.has_value()) {
    session.output.Say(absl::StrCat("no item with the key ",
                                    ToJson(request.key, JsonStyle::kPlain)));
    return kNotFound;
  }
  session.output.PrintItem(*response->item);
  return kDone;
}

int Query(Session& session, const ReadOptions& options) {
  auto request = ToRead<QueryRequest>(options, session.json_style);
  if (!request.ok()) return Misused(session, request.status());
  request->key_condition = options.key_condition;
  request->forward = !options.reverse;
  if (options.count) {
    return PrintCount(session, *request, [&](const QueryRequest& page) {
      return session.client.Query(page);
    });
  }
  return PrintItems(session, options, session.client.QueryItems(*request));
}

int Scan(Session& session, const ReadOptions& options) {
  auto request = ToRead<ScanRequest>(options, session.json_style);
  if (!request.ok()) return Misused(session, request.status());
  if (options.segment >= 0) {
    request->segment = options.segment;
    request->total_segments = options.segments;
  }
  if (options.count) {
    return PrintCount(session, *request, [&](const ScanRequest& page) {
      return session.client.Scan(page);
    });
  }
  if (options.limit > 0 || options.segment >= 0 || options.segments == 1) {
    return PrintItems(session, options, session.client.ScanItems(*request));
  }
  session.output.BeginItems(
      KeyColumns(session, options.table, options.projection));
  const absl::Status status = ScanAll(session.client, *request,
                                      options.segments, [&](const Item& item) {
                                        session.output.AddItem(item);
                                        return absl::OkStatus();
                                      });
  session.output.EndItems();
  return status.ok() ? kDone : session.output.Fail(status);
}

}  // namespace pallet::tool
