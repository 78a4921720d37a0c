// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
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

// "name=key", "name=key=keys" or "name=key=a,b" cut at "=". `example` is for
// the error.
absl::StatusOr<std::vector<std::string>> SplitIndex(const std::string& text,
                                                    absl::string_view example) {
  std::vector<std::string> parts = absl::StrSplit(text, '=');
  if (parts.size() == 2 || parts.size() == 3) return parts;
  return model::ValidationError(
      absl::StrCat("\"", text, "\" is no index, as in ", example));
}

// What the third part says, if there is one.
template <typename Index>
void SetProjection(const std::vector<std::string>& parts, Index* index) {
  if (parts.size() == 2) return;
  if (parts[2] == "keys") {
    index->projection = IndexProjection::kKeysOnly;
  } else {
    index->projection = IndexProjection::kInclude;
    index->included = absl::StrSplit(parts[2], ',');
  }
}

// A key as for the table's.
absl::StatusOr<LocalIndex> ParseLocalIndex(const std::string& text) {
  ASSIGN_OR_RETURN(const std::vector<std::string> parts,
                   SplitIndex(text, "--local-index by-score=score:N"));
  LocalIndex index{.name = parts[0]};
  ASSIGN_OR_RETURN(index.sort, ParseKeyAttribute(parts[1]));
  SetProjection(parts, &index);
  return index;
}

absl::StatusOr<std::vector<KeyAttribute>> ParseKeyAttributes(
    const std::string& text) {
  std::vector<KeyAttribute> attributes;
  for (const auto& each : absl::StrSplit(text, ',')) {
    ASSIGN_OR_RETURN(attributes.emplace_back(),
                     ParseKeyAttribute(std::string(each)));
  }
  return attributes;
}

// A key of several attributes, in front of and behind a slash.
absl::StatusOr<GlobalIndex> ParseGlobalIndex(const std::string& text) {
  ASSIGN_OR_RETURN(const std::vector<std::string> parts,
                   SplitIndex(text, "by-zone=country,zone/population:N"));
  GlobalIndex index{.name = parts[0]};
  const size_t slash = parts[1].find('/');
  ASSIGN_OR_RETURN(index.partition,
                   ParseKeyAttributes(parts[1].substr(0, slash)));
  if (slash != std::string::npos) {
    ASSIGN_OR_RETURN(index.sort,
                     ParseKeyAttributes(parts[1].substr(slash + 1)));
  }
  SetProjection(parts, &index);
  return index;
}

absl::StatusOr<std::vector<GlobalIndex>> ParseGlobalIndexes(
    const std::vector<std::string>& texts) {
  std::vector<GlobalIndex> indexes;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(indexes.emplace_back(), ParseGlobalIndex(text));
  }
  return indexes;
}

absl::StatusOr<Tags> ParseTags(const std::vector<std::string>& texts) {
  Tags tags;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return model::ValidationError(
          absl::StrCat("\"", text, "\" is no tag, as in team=maps"));
    }
    tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return tags;
}

// Tags are given to ARNs.
absl::StatusOr<std::string> ArnOf(Session& session, const std::string& table) {
  ASSIGN_OR_RETURN(const TableDescription description,
                   session.client.DescribeTable({.table = table}));
  return description.arn;
}

absl::StatusOr<Tags> AllTags(Session& session, const std::string& table) {
  ListTagsRequest request;
  ASSIGN_OR_RETURN(request.table_arn, ArnOf(session, table));
  Tags tags;
  do {
    ASSIGN_OR_RETURN(const ListTagsResponse page,
                     session.client.ListTags(request));
    tags.insert(page.tags.begin(), page.tags.end());
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  return tags;
}

absl::StatusOr<CreateTableRequest> ToRequest(const CreateOptions& options) {
  CreateTableRequest request{
      .table = options.table,
      .deletion_protection = options.deletion_protection};
  ASSIGN_OR_RETURN(request.key.partition, ParseKeyAttribute(options.key));
  if (!options.sort.empty()) {
    ASSIGN_OR_RETURN(request.key.sort, ParseKeyAttribute(options.sort));
  }
  for (const std::string& text : options.local_indexes) {
    ASSIGN_OR_RETURN(LocalIndex index, ParseLocalIndex(text));
    request.local_indexes.push_back(std::move(index));
  }
  ASSIGN_OR_RETURN(request.global_indexes, ParseGlobalIndexes(options.indexes));
  ASSIGN_OR_RETURN(request.tags, ParseTags(options.tags));
  return request;
}

int UpdatePropagation(Session& session,
                      const UpdateIndexPropagationRequest& request) {
  const auto table = session.client.UpdateIndexPropagation(request);
  if (!table.ok()) return session.output.Fail(table.status());
  session.output.PrintTable(*table);
  return kDone;
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

int TimeToLive(Session& session, const TimeToLiveOptions& options) {
  UpdateTimeToLiveRequest request{.table = options.table,
                                  .enabled = options.attribute != "off",
                                  .attribute = options.attribute};
  if (!request.enabled) {
    const auto now =
        session.client.DescribeTimeToLive({.table = options.table});
    if (!now.ok()) return session.output.Fail(now.status());
    // The service wants to hear which one ends.
    request.attribute = now->attribute.empty() ? "none" : now->attribute;
  }
  if (options.hide_expired) request.hide_expired_items = true;
  if (!options.attribute.empty()) {
    const auto updated = session.client.UpdateTimeToLive(request);
    if (!updated.ok()) return session.output.Fail(updated.status());
  }
  const auto now = session.client.DescribeTimeToLive({.table = options.table});
  if (!now.ok()) return session.output.Fail(now.status());
  session.output.PrintTimeToLive(*now);
  return kDone;
}

int UpdateTable(Session& session, const UpdateTableOptions& options) {
  UpdateTableRequest request{.table = options.table,
                             .delete_indexes = options.drop_indexes};
  const auto created = ParseGlobalIndexes(options.add_indexes);
  if (!created.ok()) return session.output.Misused(created.status());
  request.create_indexes = *created;
  const auto table = session.client.UpdateTable(request);
  if (!table.ok()) return session.output.Fail(table.status());
  session.output.PrintTable(*table);
  return kDone;
}

int PauseIndex(Session& session, const PropagationOptions& options) {
  return UpdatePropagation(
      session,
      {.table = options.table, .index = options.index, .paused = true});
}

int ResumeIndex(Session& session, const PropagationOptions& options) {
  return UpdatePropagation(
      session,
      {.table = options.table, .index = options.index, .paused = false});
}

int DelayIndex(Session& session, const PropagationOptions& options) {
  absl::Duration delay;
  if (!absl::ParseDuration(options.delay, &delay)) {
    return session.output.Misused(model::ValidationError(absl::StrCat(
        "\"", options.delay, "\" is no duration, as in 500ms, 90s or 1h")));
  }
  return UpdatePropagation(
      session,
      {.table = options.table, .index = options.index, .delay = delay});
}

int DeleteTable(Session& session, const std::string& table) {
  const auto description = session.client.DeleteTable({.table = table});
  if (!description.ok()) return session.output.Fail(description.status());
  session.output.Say(absl::StrCat("deleted ", table));
  return kDone;
}

int ListTags(Session& session, const std::string& table) {
  const auto tags = AllTags(session, table);
  if (!tags.ok()) return session.output.Fail(tags.status());
  session.output.PrintTags(*tags);
  return kDone;
}

int Tag(Session& session, const std::string& table,
        const std::vector<std::string>& tags) {
  TagRequest request;
  const auto parsed = ParseTags(tags);
  if (!parsed.ok()) return session.output.Misused(parsed.status());
  request.tags = *parsed;
  const auto arn = ArnOf(session, table);
  if (!arn.ok()) return session.output.Fail(arn.status());
  request.table_arn = *arn;
  const auto done = session.client.Tag(request);
  return done.ok() ? kDone : session.output.Fail(done.status());
}

int Untag(Session& session, const std::string& table,
          const std::vector<std::string>& keys) {
  const auto arn = ArnOf(session, table);
  if (!arn.ok()) return session.output.Fail(arn.status());
  const auto done = session.client.Untag({.table_arn = *arn, .keys = keys});
  return done.ok() ? kDone : session.output.Fail(done.status());
}

}  // namespace pallet::tool
