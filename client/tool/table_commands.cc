// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/tool/commands.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

// "name" or "name:N".
absl::StatusOr<KeyAttribute> ParseKeyAttribute(const std::string& text) {
  const size_t colon = text.rfind(':');
  KeyAttribute attribute{.name = text.substr(0, colon)};
  if (attribute.name.empty()) {
    return model::ValidationError("a key needs a name, as in --key country:S");
  }
  const std::string type =
      colon == std::string::npos ? "S" : text.substr(colon + 1);
  if (type == "S") {
    attribute.type = ScalarType::kString;
  } else if (type == "N") {
    attribute.type = ScalarType::kNumber;
  } else if (type == "B") {
    attribute.type = ScalarType::kBinary;
  } else {
    return model::ValidationError(
        absl::StrCat("\"", type, "\" is no type of a key: it is S (string), ",
                     "N (number) or B (binary)"));
  }
  return attribute;
}

absl::StatusOr<CreateTableRequest> ToRequest(const CreateOptions& options) {
  CreateTableRequest request{
      .table = options.table,
      .deletion_protection = options.deletion_protection};
  ASSIGN_OR_RETURN(request.key.partition, ParseKeyAttribute(options.key));
  if (!options.sort.empty()) {
    ASSIGN_OR_RETURN(request.key.sort, ParseKeyAttribute(options.sort));
  }
  return request;
}

}  // namespace

int ListTables(Session& session) {
  ListTablesRequest request;
  do {
    const auto page = session.client.ListTables(request);
    if (!page.ok()) return session.output.Fail(page.status());
    session.output.PrintTables(page->tables);
    request.start_table = page->last_table;
  } while (!request.start_table.empty());
  return kDone;
}

int CreateTable(Session& session, const CreateOptions& options) {
  const auto request = ToRequest(options);
  if (!request.ok()) return session.output.Misused(request.status());
  const auto table = session.client.CreateTable(*request);
  if (table.ok()) {
    session.output.PrintTable(*table);
    return kDone;
  }
  if (options.if_missing &&
      model::ReasonOf(table.status()) == model::Reason::kTableAlreadyExists) {
    return DescribeTable(session, options.table);
  }
  return session.output.Fail(table.status());
}

int DescribeTable(Session& session, const std::string& table) {
  const auto description = session.client.DescribeTable({.table = table});
  if (!description.ok()) return session.output.Fail(description.status());
  session.output.PrintTable(*description);
  return kDone;
}

int DeleteTable(Session& session, const std::string& table) {
  const auto description = session.client.DeleteTable({.table = table});
  if (!description.ok()) return session.output.Fail(description.status());
  session.output.Say(absl::StrCat("deleted ", table));
  return kDone;
}

}  // namespace pallet::tool
