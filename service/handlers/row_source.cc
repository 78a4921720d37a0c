// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/row_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/wire.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

using model::expression::PathTree;

absl::Status NoSuchIndex(absl::string_view name) {
  return model::ValidationError(
      absl::StrCat("The table does not have the specified index: ", name));
}

// Calls `visit` with each top-level attribute that the paths begin with.
template <typename Visit>
void ForEachAttribute(const PathTree& paths, Visit visit) {
  for (const uint32_t id : paths.root().children) {
    visit(NameOf(paths.node(id)));
  }
}

// Names in projection and filter that entries of the index never have.
std::vector<std::string> NotProjected(const model::GlobalIndex& index,
                                      const ItemLanguage& language) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (index.Projects(name)) return;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  if (language.projection.has_value()) {
    ForEachAttribute(language.projection->tree->targets, add);
  }
  if (language.filter.has_value()) {
    ForEachAttribute(language.filter->tree->reads, add);
  }
  return names;
}

}  // namespace

model::KeyAttributes RowSource::key() const {
  if (global != nullptr) return global->schema->key();
  return local != nullptr ? local->key() : table->key;
}

std::optional<model::IndexKeys> RowSource::index_keys() const {
  if (global != nullptr) return model::IndexKeys(*global->schema);
  if (local != nullptr) return model::IndexKeys(*local);
  return std::nullopt;
}

const std::vector<cluster::TablePartition>& RowSource::partitions() const {
  return global != nullptr ? global->partitions : table->partitions;
}

const cluster::TablePartition& RowSource::PartitionOf(uint64_t hash) const {
  return global != nullptr ? global->PartitionOf(hash)
                           : table->PartitionOf(hash);
}

absl::StatusOr<RowSource> SourceOf(const cluster::Table& table,
                                   const std::string* index_name) {
  RowSource source{.table = &table, .keyspace = table.keyspace};
  if (index_name == nullptr) return source;
  for (size_t i = 0; i < table.local_indexes.size(); ++i) {
    if (table.local_indexes[i].name() != *index_name) continue;
    source.local = &table.local_indexes[i];
    source.keyspace = table.KeyspaceOfLocalIndex(i);
    return source;
  }
  source.global = table.FindGlobalIndex(*index_name);
  if (source.global == nullptr) return NoSuchIndex(*index_name);
  source.keyspace = source.global->keyspace;
  return source;
}

absl::Status CheckGlobalRead(const RowSource& source, bool consistent_read,
                             wire::Select select,
                             const ItemLanguage& language) {
  if (source.global == nullptr) return absl::OkStatus();
  const model::GlobalIndex& index = *source.global->schema;
  if (consistent_read) {
    return model::ValidationError(
        "Consistent reads are not supported on global secondary indexes");
  }
  if (select == wire::SELECT_ALL_ATTRIBUTES &&
      index.projection().kind != model::ProjectionKind::kAll) {
    return model::ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES "
        "is not supported for global secondary index ",
        index.name(), " because its projection type is not ALL"));
  }
  const std::vector<std::string> missing = NotProjected(index, language);
  if (!missing.empty()) {
    return model::ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Global secondary index ",
        index.name(), " does not project [", absl::StrJoin(missing, ", "),
        "]"));
  }
  if (source.global->state == cluster::IndexState::kCreating) {
    return model::ValidationError(absl::StrCat(
        "Cannot read from backfilling global secondary index: ", index.name()));
  }
  return absl::OkStatus();
}

bool WantsMoreThanEntries(const RowSource& source, wire::Select select,
                          const ItemLanguage& language) {
  if (source.local == nullptr) return false;
  const model::LocalIndex& index = *source.local;
  if (index.projection().kind == model::ProjectionKind::kAll) return false;
  if (select == wire::SELECT_ALL_ATTRIBUTES) return true;
  if (!language.projection.has_value()) return false;
  bool more = false;
  ForEachAttribute(
      language.projection->tree->targets,
      [&](const std::string& name) { more = more || !index.Projects(name); });
  return more;
}

std::string EntryKey(const Router& router, const RowSource& source,
                     const model::IndexPlace& place) {
  const std::string row_key = storage::RowKey(
      source.table->keyspace, place.table_key, router.hash_seed());
  if (source.global != nullptr) {
    return storage::GlobalEntryKey(source.keyspace, place.key, row_key,
                                   router.hash_seed());
  }
  return storage::IndexRowKey(source.keyspace, row_key, *place.table_key.sort,
                              place.key.sort.front());
}

absl::Status CheckStillThere(const Router& router, const RowSource& source) {
  RETURN_IF_ERROR(router.CheckStillThere(*source.table));
  if (source.global == nullptr) return absl::OkStatus();
  const std::string& name = source.global->schema->name();
  const cluster::TablePtr table = router.host().FindTable(source.table->name);
  const cluster::GlobalIndex* index =
      table == nullptr ? nullptr : table->FindGlobalIndex(name);
  if (index != nullptr && index->id == source.global->id) {
    return absl::OkStatus();
  }
  return NoSuchIndex(name);
}

}  // namespace pallet::service
