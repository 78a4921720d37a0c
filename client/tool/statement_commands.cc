// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/tool/commands.h"
#include "client/tool/json_reader.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

absl::StatusOr<ExecuteStatementRequest> ToRequest(
    const StatementOptions& options, JsonStyle style) {
  ExecuteStatementRequest request;
  request.statement = options.statement;
  if (options.statement == "-") {
    request.statement.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  request.consistent_read = options.consistent;
  request.return_item_on_failure = true;
  for (const std::string& text : options.parameters) {
    absl::StatusOr<Item> item =
        JsonReader(style).ReadItem(absl::StrCat("{\"v\":", text, "}"));
    if (!item.ok() || item->size() != 1) {
      return model::ValidationError(
          absl::StrCat("--param ", text, ": no JSON value"));
    }
    request.parameters.push_back(item->at("v"));
  }
  return request;
}

}  // namespace

int RunStatement(Session& session, const StatementOptions& options) {
  absl::StatusOr<ExecuteStatementRequest> request =
      ToRequest(options, session.json_style);
  if (!request.ok()) return session.output.Misused(request.status());
  session.output.BeginItems({});
  int64_t printed = 0;
  do {
    const absl::StatusOr<ExecuteStatementResponse> page =
        session.client.ExecuteStatement(*request);
    if (!page.ok()) {
      session.output.EndItems();
      return session.output.Fail(page.status());
    }
    for (const Item& item : page->items) {
      session.output.AddItem(item);
      if (++printed == options.limit) break;
    }
    request->page_token = page->next_page_token;
  } while (!request->page_token.empty() && printed != options.limit);
  session.output.EndItems();
  return kDone;
}

}  // namespace pallet::tool
