// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/tool/commands.h"
#include "client/tool/json_reader.h"
#include "client/watch.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

absl::StatusOr<WatchRequest> ToRequest(const TailOptions& options,
                                       JsonStyle style) {
  WatchRequest request{.table = options.table,
                       .filter = options.filter,
                       .snapshot = options.snapshot};
  if (!options.expressions.names.empty()) {
    ASSIGN_OR_RETURN(
        const Item names,
        JsonReader(JsonStyle::kPlain).ReadItem(options.expressions.names));
    for (const auto& [placeholder, name] : names) {
      if (name.AsString() == nullptr) {
        return model::ValidationError("--names is an object of strings");
      }
      request.names[placeholder] = *name.AsString();
    }
  }
  if (!options.expressions.values.empty()) {
    ASSIGN_OR_RETURN(request.values,
                     JsonReader(style).ReadItem(options.expressions.values));
  }
  return request;
}

const char* NameOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kInsert:
      return "INSERT";
    case ChangeKind::kModify:
      return "MODIFY";
    case ChangeKind::kRemove:
      return "REMOVE";
  }
  return "";
}

Item ToItem(const Change& change) {
  Item item{{"change", NameOf(change.kind)}, {"key", change.key}};
  if (change.old_item.has_value()) item.Set("old", *change.old_item);
  if (change.new_item.has_value()) item.Set("new", *change.new_item);
  return item;
}

}  // namespace

int ListStreams(Session& session) {
  ListStreamsRequest request;
  session.output.BeginItems({"table"});
  do {
    const auto page = session.client.ListStreams(request);
    if (!page.ok()) return session.output.Fail(page.status());
    for (const ListStreamsResponse::Stream& stream : page->streams) {
      // Its table may be gone, and another have the name.
      const auto table = session.client.DescribeTable({.table = stream.table});
      const bool enabled = table.ok() && table->stream != StreamView::kNone &&
                           table->latest_stream_arn == stream.arn;
      session.output.AddItem({{"table", stream.table},
                              {"stream", stream.arn},
                              {"enabled", enabled}});
    }
    request.start_stream_arn = page->last_stream_arn;
  } while (!request.start_stream_arn.empty());
  session.output.EndItems();
  return kDone;
}

int SetStream(Session& session, const std::string& table, StreamView view) {
  const auto updated =
      session.client.UpdateTable({.table = table, .stream = view});
  if (!updated.ok()) return session.output.Fail(updated.status());
  session.output.Say(
      absl::StrCat(view == StreamView::kNone ? "disabled " : "enabled ",
                   updated->latest_stream_arn));
  return kDone;
}

int TailStream(Session& session, const TailOptions& options) {
  const auto request = ToRequest(options, session.json_style);
  if (!request.ok()) return session.output.Misused(request.status());
  const auto watch = session.client.Watch(*request);
  int64_t printed = 0;
  while (true) {
    const absl::StatusOr<WatchBatch> batch = watch->Read();
    if (!batch.ok()) return session.output.Fail(batch.status());
    for (const Change& change : batch->changes) {
      session.output.PrintItem(ToItem(change));
      if (++printed == options.limit) return kDone;
    }
  }
}

}  // namespace pallet::tool
