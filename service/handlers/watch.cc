// SPDX-License-Identifier: Apache-2.0
//
// Watch: a table's changes as they happen, by its stream; its items first, if
// asked for. service/streams/watch.h says how nothing is lost or told twice.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/change_service.pb.h"
#include "service/crypto.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/item_language.h"
#include "service/position.h"
#include "service/router.h"
#include "service/streams/shards.h"
#include "service/streams/watch.h"
#include "service/validation.h"
#include "service/wire.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

constexpr absl::Duration kLeastHeartbeat = absl::Milliseconds(10);
constexpr absl::Duration kMostHeartbeat = absl::Minutes(10);
constexpr int kMostPositions = 100;

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

absl::Status NoStream(absl::string_view table) {
  return model::MakeError(
      model::Reason::kResourceNotFound,
      absl::StrCat("Table ", table,
                   " has no enabled stream: enable one to watch it"));
}

absl::Status CheckRequest(const wire::WatchRequest& request,
                          absl::Duration heartbeat) {
  if (heartbeat < kLeastHeartbeat || heartbeat > kMostHeartbeat) {
    return Invalid("heartbeat_interval must be from 10 ms to 10 minutes");
  }
  if (request.has_resume_token() && request.snapshot()) {
    return Invalid("a resume_token excludes snapshot");
  }
  if (request.positions_size() == 0) return absl::OkStatus();
  if (request.has_resume_token() || request.snapshot()) {
    return Invalid("positions exclude snapshot and resume_token");
  }
  if (request.positions_size() > kMostPositions) {
    return Invalid("a watch takes at most 100 positions");
  }
  return absl::OkStatus();
}

absl::StatusOr<model::KeyValue> PartitionKeyOf(
    const cluster::Table& table, const wire::WatchRequest& request) {
  const model::KeySchema partition_only{table.key.partition, std::nullopt};
  ASSIGN_OR_RETURN(const model::CanonicalItem item,
                   model::CanonicalizeItem(request.partition_key()));
  ASSIGN_OR_RETURN(
      model::Key key,
      model::KeyOfKeyItem(partition_only, model::ItemView(item.bytes)));
  return std::move(key.partition);
}

// What tells this watch from others of the table.
uint64_t FilterOf(const wire::WatchRequest& request, absl::string_view prefix) {
  const std::string hash =
      Sha256(absl::StrCat(request.filter_expression(), "\n", prefix));
  return LoadU64(hash.data());
}

// The stream that is open; with a token its own, which may be closed by now.
absl::StatusOr<TableStreamRef> StreamOf(const HandlerOptions& options,
                                        const cluster::TablePtr& table,
                                        const WatchToken* token) {
  for (const storage::v1::StreamRecord& stream : table->record->streams()) {
    const bool is_it =
        token != nullptr ? stream.id() == token->stream : !stream.has_closed();
    if (is_it &&
        IsKept(stream, options.clock->Now(), options.stream_retention)) {
      return TableStreamRef{table, &stream};
    }
  }
  return NoStream(table->name);
}

// From now on, or from the table as it is.
absl::Status BeginNow(const HandlerOptions& options, bool with_items,
                      const std::optional<uint64_t>& hash,
                      const TableStreamRef& stream, WatchToken* token) {
  for (const cluster::TablePartition& partition : stream.table->partitions) {
    if (hash.has_value() && !partition.range.Contains(*hash)) continue;
    WatchPlace& place = token->places.emplace_back();
    place.lineage = partition.id;
    ASSIGN_OR_RETURN(place.after, HeadOf(*options.host, partition));
    place.is_full = !with_items;
  }
  return absl::OkStatus();
}

// All changes behind the place are kept.
absl::Status CheckKept(const HandlerOptions& options,
                       const TableStreamRef& stream, const WatchPlace& place) {
  for (const cluster::TablePartition& partition : stream.table->partitions) {
    if (partition.id != place.lineage) continue;
    ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                     ReadShard(*options.host, partition, stream.id()));
    if (!shard.has_value() ||
        place.after < std::max(shard->start, shard->trimmed)) {
      return TrimmedDataAccess();
    }
  }
  return absl::OkStatus();
}

// Moves the places, which are at the heads, back to the writes. A position is not
// signed: one that is ahead of all writes would pass changes over.
absl::Status BeginBehind(const HandlerOptions& options,
                         const wire::WatchRequest& request,
                         const TableStreamRef& stream, WatchToken* token) {
  bool any = false;
  const std::vector<WatchPlace> heads = token->places;
  for (const std::string& bytes : request.positions()) {
    ASSIGN_OR_RETURN(const Position position, DecodePosition(bytes));
    if (position.table != token->table) continue;
    for (size_t i = 0; i < heads.size(); ++i) {
      WatchPlace& place = token->places[i];
      if (place.lineage != position.lineage) continue;
      if (position.seq > heads[i].after) {
        return Invalid("a position is of a write that the table does not have");
      }
      place.after = std::min(place.after, position.seq);
      any = true;
      RETURN_IF_ERROR(CheckKept(options, stream, place));
    }
  }
  if (!any) return Invalid("no position is of what is to be watched");
  return absl::OkStatus();
}

absl::Status CheckToken(const WatchToken& token, const cluster::Table& table,
                        uint64_t filter) {
  if (token.filter != filter) {
    return Invalid("the resume_token is of a watch with another filter");
  }
  for (const WatchPlace& place : token.places) {
    const bool known = std::any_of(
        table.partitions.begin(), table.partitions.end(),
        [&](const auto& partition) { return partition.id == place.lineage; });
    if (!known) return Invalid("the resume_token is of other partitions");
  }
  return absl::OkStatus();
}

// The table as it is; or, for a token of a table that was deleted, as it was.
absl::StatusOr<cluster::TablePtr> TableOf(const HandlerOptions& options,
                                          const std::string& name,
                                          const WatchToken* token) {
  const auto map = options.host->map();
  cluster::TablePtr table = map->Find(name);
  if (token == nullptr && table == nullptr) {
    return TableNotFound(name, "Requested resource not found");
  }
  if (token == nullptr || (table != nullptr && table->id == token->table)) {
    return table;
  }
  for (const cluster::TablePtr& gone : map->gone()) {
    if (gone->id == token->table && gone->name == name) return gone;
  }
  return Invalid("the resume_token is of another table");
}

absl::StatusOr<std::unique_ptr<PageSource>> Watch(
    const HandlerOptions& options, const wire::WatchRequest& request,
    const CallContext& context) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  WatchOptions watch;
  if (request.has_heartbeat_interval()) {
    watch.heartbeat = absl::Seconds(request.heartbeat_interval().seconds()) +
                      absl::Nanoseconds(request.heartbeat_interval().nanos());
  }
  RETURN_IF_ERROR(CheckRequest(request, watch.heartbeat));
  ASSIGN_OR_RETURN(
      ItemLanguage language,
      ParseItemLanguage(LanguageOf(request), *options.expressions));
  watch.filter = std::move(language.filter);
  std::optional<WatchToken> token;
  if (request.has_resume_token()) {
    ASSIGN_OR_RETURN(token, DecodeWatchToken(request.resume_token(),
                                             options.host->incarnation()));
  }
  const WatchToken* const resumed = token.has_value() ? &*token : nullptr;
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   TableOf(options, name, resumed));
  ASSIGN_OR_RETURN(watch.stream, StreamOf(options, table, resumed));
  std::optional<uint64_t> hash;
  if (request.has_partition_key()) {
    ASSIGN_OR_RETURN(const model::KeyValue key,
                     PartitionKeyOf(*table, request));
    watch.prefix = storage::CollectionPrefix(table->keyspace, key,
                                             options.host->hash_seed());
    hash = storage::PlacementHash(key, options.host->hash_seed());
  }
  const uint64_t filter = FilterOf(request, watch.prefix);
  if (resumed != nullptr) {
    RETURN_IF_ERROR(CheckToken(*resumed, *table, filter));
    watch.token = *std::move(token);
  } else {
    watch.token = {table->id, watch.stream.id(), filter};
    RETURN_IF_ERROR(BeginNow(options, request.snapshot(), hash, watch.stream,
                             &watch.token));
    if (request.positions_size() > 0) {
      RETURN_IF_ERROR(
          BeginBehind(options, request, watch.stream, &watch.token));
    }
  }
  watch.host = options.host;
  watch.hub = options.watches;
  watch.clock = options.clock;
  watch.context = context;
  return OpenWatch(std::move(watch));
}

}  // namespace

void RegisterWatch(const HandlerOptions& options, OperationRegistry* registry) {
  registry->AddStream("Watch", Streamed<wire::WatchRequest>(
                                   [options](const wire::WatchRequest& request,
                                             const CallContext& context) {
                                     return Watch(options, request, context);
                                   }));
}

}  // namespace pallet::service
