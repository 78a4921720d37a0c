// SPDX-License-Identifier: Apache-2.0
//
// Requests and responses, as DynamoDB names and means them. They are plain
// aggregates, to be filled where they are used:
//
//   client.Query({.table = "cities",
//                 .key_condition = "country = :c AND begins_with(#n, :p)",
//                 .names = {{"#n", "name"}},
//                 .values = {{":c", "DE"}, {":p", "Ber"}},
//                 .limit = 10});
//
// An empty text or item is a member that was not given. Values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "client/cluster_requests.h"
#include "client/statement_requests.h"
#include "client/stream_requests.h"
#include "client/value.h"
#include "model/key.h"

namespace pallet {

using model::KeyAttribute;
using model::KeySchema;
using model::ScalarType;

// Expression placeholders ("#n") and what they stand for.
using Names = std::map<std::string, std::string>;

// ---- Single items

struct GetItemRequest {
  std::string table = {};
  Item key = {};
  bool consistent_read = false;
  std::string projection = {};
  Names names = {};
};

struct GetItemResponse {
  std::optional<Item> item = {};  // nullopt: there is none with this key
};

struct PutItemRequest {
  std::string table = {};
  Item item = {};
  bool return_old = false;
  std::string condition = {};
  Names names = {};
  Item values = {};
  // A failed condition brings the item it failed on; see FailedItem.
  bool return_item_on_failure = false;
  // 1..36 bytes, made by the caller: a repeat under it within ten minutes does
  // nothing again, so the library repeats the write whatever happened to the
  // first try. Costs a second record on disk. Empty: none.
  std::string token = {};
};

struct PutItemResponse {
  std::optional<Item> old_item;  // with return_old, if there was one
  std::string position;          // names this write, if the service says so
};

struct DeleteItemRequest {
  std::string table = {};
  Item key = {};
  bool return_old = false;
  std::string condition = {};
  Names names = {};
  Item values = {};
  bool return_item_on_failure = false;  // as PutItemRequest
  std::string token = {};               // as PutItemRequest
};

struct DeleteItemResponse {
  std::optional<Item> old_item;  // with return_old, if there was one
  std::string position;          // names this write, if the service says so
};

// What an UpdateItemResponse has of the item.
enum class ReturnedItem {
  kNone,
  kOld,         // as it was
  kNew,         // as it is now
  kUpdatedOld,  // the attributes that the update names, as they were
  kUpdatedNew,  // and as they are now
};

// Without an update expression: the item is made of its key if it is not there.
struct UpdateItemRequest {
  std::string table = {};
  Item key = {};
  std::string update = {};  // "SET a = :a REMOVE b"
  ReturnedItem returned = ReturnedItem::kNone;
  std::string condition = {};
  Names names = {};
  Item values = {};
  bool return_item_on_failure = false;  // as PutItemRequest
  std::string token = {};               // as PutItemRequest
};

struct UpdateItemResponse {
  std::optional<Item> item = {};  // what was asked for, if there is any
  std::string position = {};      // names this write, if the service says so
};

// ---- Pages of items

// How fresh a read of a global index must be; all that is set must hold. The
// read waits until it does, at most as long as the call's timeout, and then
// fails with kDeadlineExceeded and how far the index is behind. Tables and local
// indexes are always fresh. See Session for positions that are kept for you.
struct Freshness {
  bool strong = false;  // sees every write acknowledged before it began
  // Sees these writes: positions from their responses, at most 100.
  std::vector<std::string> positions = {};
  std::optional<absl::Duration> max_staleness = {};  // lags no more than this
};

struct QueryRequest {
  std::string table = {};
  std::string index = {};
  std::string key_condition = {};
  std::string filter = {};
  std::string projection = {};
  Names names = {};
  Item values = {};
  bool consistent_read = false;
  bool forward = true;  // by sort key, ascending
  bool count_only = false;
  std::optional<int> limit = {};  // of evaluated items, per page
  Item start_key = {};            // a last_key; the page begins behind it
  Freshness freshness = {};
};

struct ScanRequest {
  std::string table = {};
  std::string index = {};
  std::string filter = {};
  std::string projection = {};
  Names names = {};
  Item values = {};
  bool consistent_read = false;
  bool count_only = false;
  std::optional<int> limit = {};
  Item start_key = {};
  // The table is read in this many parts; this is the one numbered `segment`,
  // from 0.
  int total_segments = 1;
  int segment = 0;
  Freshness freshness = {};
};

// A page of a Query or Scan.
struct ItemPage {
  std::vector<Item> items = {};
  int count = 0;          // of items that passed the filter
  int scanned_count = 0;  // of items that were evaluated
  Item last_key = {};     // empty: this was the last page
};

using QueryResponse = ItemPage;
using ScanResponse = ItemPage;

// ---- Batches

// Keys of one table in a BatchGetRequest.
struct BatchGetKeys {
  std::vector<Item> keys = {};
  bool consistent_read = false;
  std::string projection = {};
  Names names = {};
};

// At most 100 keys.
struct BatchGetRequest {
  std::map<std::string, BatchGetKeys> tables = {};
};

struct BatchGetResponse {
  // In no order; what does not exist is not there.
  std::map<std::string, std::vector<Item>> items;
  // Still unread when the retries or the time ran out; empty if all was done.
  std::map<std::string, BatchGetKeys> unprocessed;
};

// Puts and deletes in one table in a BatchWriteRequest.
struct BatchWrites {
  std::vector<Item> puts = {};
  std::vector<Item> deletes = {};  // keys

  size_t size() const { return puts.size() + deletes.size(); }
};

// At most 25 puts and deletes.
struct BatchWriteRequest {
  std::map<std::string, BatchWrites> tables = {};
};

struct BatchWriteResponse {
  // Certainly not written when the retries or the time ran out; empty if all
  // was done.
  std::map<std::string, BatchWrites> unprocessed;
  // They name what was written: one for each partition, of all tables.
  std::vector<std::string> positions;
};

// ---- Transactions

// Up to 100 actions on different items of any tables, 4 MB in all: all of them or
// none. If none, the error is kTransactionCanceled; see CancellationReasons. What
// another transaction or write was in the way of is tried again with backoff.
struct TransactWriteRequest {
  struct Put {
    std::string table = {};
    Item item = {};
    std::string condition = {};
    Names names = {};
    Item values = {};
    bool return_item_on_failure = false;  // in the reason
  };
  struct Delete {
    std::string table = {};
    Item key = {};
    std::string condition = {};
    Names names = {};
    Item values = {};
    bool return_item_on_failure = false;
  };
  struct Update {
    std::string table = {};
    Item key = {};
    std::string update = {};
    std::string condition = {};
    Names names = {};
    Item values = {};
    bool return_item_on_failure = false;
  };
  // The item must meet the condition and is not written.
  struct Check {
    std::string table = {};
    Item key = {};
    std::string condition = {};
    Names names = {};
    Item values = {};
    bool return_item_on_failure = false;
  };
  using Action = std::variant<Put, Delete, Update, Check>;

  std::vector<Action> actions = {};
  // As PutItemRequest. Empty: the library makes one for this call, so that it
  // can repeat it; not if RetryOptions::max_attempts is 1.
  std::string token = {};
};

struct TransactWriteResponse {
  // One for each partition that was written.
  std::vector<std::string> positions = {};
};

// Up to 100 different items of any tables, 4 MB in all, as they were at one
// moment.
struct TransactGetRequest {
  struct Get {
    std::string table = {};
    Item key = {};
    std::string projection = {};
    Names names = {};
  };

  std::vector<Get> gets = {};
};

struct TransactGetResponse {
  // In the order of the request; nullopt for what is not there.
  std::vector<std::optional<Item>> items = {};
};

// Why an action was in the way of its transaction.
struct CancellationReason {
  // "None", "ConditionalCheckFailed", "TransactionConflict", "ValidationError"
  // and others, as DynamoDB has them.
  std::string code = {};
  std::string message = {};
  std::optional<Item> item = {};  // if asked for
};

// ---- Tables

enum class TableState { kUnknown, kCreating, kUpdating, kDeleting, kActive };

// "ACTIVE" and so on.
absl::string_view NameOf(TableState state);

// What the entries of an index have of their items.
enum class IndexProjection { kAll, kKeysOnly, kInclude };

// A second order of the items of each partition key; only at CreateTable.
struct LocalIndex {
  using Projection = IndexProjection;

  std::string name = {};
  KeyAttribute sort = {};
  Projection projection = Projection::kAll;
  std::vector<std::string> included = {};  // kInclude: beside the keys
};

// Another key for the items of a table, kept up behind the writes. Items that
// lack one of its attributes are not in it.
struct GlobalIndex {
  std::string name = {};
  std::vector<KeyAttribute> partition = {};  // 1..4
  std::vector<KeyAttribute> sort = {};       // at most 4
  IndexProjection projection = IndexProjection::kAll;
  std::vector<std::string> included = {};  // kInclude: beside the keys
};

enum class IndexState { kUnknown, kCreating, kUpdating, kDeleting, kActive };

// "ACTIVE" and so on.
absl::string_view NameOf(IndexState state);

// An item that an index could not take.
struct SkippedItem {
  Item key = {};  // in the table
  std::string reason = {};
};

// How far an index is behind its table.
struct IndexProgress {
  int64_t changes_behind = 0;
  absl::Duration time_behind = {};  // of the oldest of them
  // Of what the table held when the index came, 0..1; absent once it is filled.
  std::optional<double> backfill_fraction = {};
  int64_t items_skipped = 0;  // their values cannot be in the index's key
  std::vector<SkippedItem> skipped = {};  // the first of them
  // While it is filled: items of the table that it has read, of how many, how
  // fast over the last seconds, and how long the rest takes at that rate.
  std::optional<int64_t> items_read = {};
  std::optional<int64_t> items_total = {};
  std::optional<double> items_per_second = {};
  std::optional<absl::Duration> time_left = {};  // absent if it stands still
  // As UpdateIndexPropagation has set them.
  bool paused = false;
  absl::Duration delay = {};
};

struct GlobalIndexDescription {
  GlobalIndex index = {};
  IndexState state = IndexState::kUnknown;
  int64_t item_count = 0;
  int64_t size_bytes = 0;
  std::optional<IndexProgress> progress = {};
};

struct LocalIndexDescription {
  LocalIndex index = {};
  int64_t item_count = 0;
  int64_t size_bytes = 0;
};

using Tags = std::map<std::string, std::string>;

// What a table's stream has of each change.
enum class StreamView {
  kNone = 0,  // there is no stream
  kNewImage = 1,
  kOldImage = 2,
  kNewAndOldImages = 3,
  kKeysOnly = 4,
};

struct TableDescription {
  std::string name = {};
  std::string arn = {};
  std::string id = {};
  TableState state = TableState::kUnknown;
  KeySchema key = {};
  absl::Time created = {};
  int64_t item_count = 0;
  int64_t size_bytes = 0;
  int partition_count = 0;
  bool deletion_protection = false;
  std::vector<LocalIndexDescription> local_indexes = {};
  std::vector<GlobalIndexDescription> global_indexes = {};
  StreamView stream = StreamView::kNone;
  std::string latest_stream_arn = {};  // also of one that is disabled
};

struct CreateTableRequest {
  std::string table = {};
  KeySchema key = {};
  bool deletion_protection = false;
  std::vector<LocalIndex> local_indexes = {};    // at most 5
  std::vector<GlobalIndex> global_indexes = {};  // at most 25
  Tags tags = {};                                // at most 50
  StreamView stream = StreamView::kNone;
};

struct DescribeTableRequest {
  std::string table = {};
};

struct UpdateTableRequest {
  std::string table = {};
  std::optional<bool> deletion_protection = {};  // else nothing but this
  // They are CREATING until they have what the table holds, all in one pass.
  std::vector<GlobalIndex> create_indexes = {};
  std::vector<std::string> delete_indexes = {};  // names
  // Enables the stream, or (kNone) disables it.
  std::optional<StreamView> stream = {};
};

// How changes of a table come into one of its global indexes. Lasting.
struct UpdateIndexPropagationRequest {
  std::string table = {};
  std::string index = {};
  std::optional<bool> paused =
      {};  // the index takes nothing until it is resumed
  // Changes wait until they are so old; 0..1 h.
  std::optional<absl::Duration> delay = {};
};

// Names the attribute that tells when items expire, in seconds since 1970, or
// ends that. Expired items are deleted within about a second.
struct UpdateTimeToLiveRequest {
  std::string table = {};
  bool enabled = true;
  std::string attribute = {};
  // Expired items are not readable any more, even before they are deleted.
  std::optional<bool> hide_expired_items = {};
};
struct UpdateTimeToLiveResponse {};

struct DescribeTimeToLiveRequest {
  std::string table = {};
};

enum class TimeToLiveState {
  kUnknown,
  kEnabling,
  kDisabling,
  kEnabled,
  kDisabled
};

// "ENABLED" and so on.
absl::string_view NameOf(TimeToLiveState state);

struct TimeToLiveDescription {
  TimeToLiveState state = TimeToLiveState::kUnknown;
  std::string attribute = {};  // empty while it is disabled
  bool hide_expired_items = false;
};

struct DeleteTableRequest {
  std::string table = {};
};

// Adds tags to a table, or overwrites them. Tables are named by their ARN here
// (TableDescription::arn).
struct TagRequest {
  std::string table_arn = {};
  Tags tags = {};
};
struct TagResponse {};

struct UntagRequest {
  std::string table_arn = {};
  std::vector<std::string> keys = {};
};
struct UntagResponse {};

struct ListTagsRequest {
  std::string table_arn = {};
  std::string page_token = {};  // a next_page_token
};
struct ListTagsResponse {
  Tags tags = {};
  std::string next_page_token = {};  // empty: this was the last page
};

struct ListTablesRequest {
  std::optional<int> limit = {};  // 1..100
  std::string start_table = {};   // a last_table; the page begins behind it
};

struct ListTablesResponse {
  std::vector<std::string> tables;
  std::string last_table;  // empty: this was the last page
};

// ---- The response of a request

namespace internal {
template <typename Request>
struct ResponseTo;
// clang-format off
template <> struct ResponseTo<GetItemRequest> { using Type = GetItemResponse; };
template <> struct ResponseTo<PutItemRequest> { using Type = PutItemResponse; };
template <> struct ResponseTo<DeleteItemRequest> { using Type = DeleteItemResponse; };
template <> struct ResponseTo<UpdateItemRequest> { using Type = UpdateItemResponse; };
template <> struct ResponseTo<QueryRequest> { using Type = QueryResponse; };
template <> struct ResponseTo<ScanRequest> { using Type = ScanResponse; };
template <> struct ResponseTo<BatchGetRequest> { using Type = BatchGetResponse; };
template <> struct ResponseTo<BatchWriteRequest> { using Type = BatchWriteResponse; };
template <> struct ResponseTo<TransactWriteRequest> { using Type = TransactWriteResponse; };
template <> struct ResponseTo<TransactGetRequest> { using Type = TransactGetResponse; };
template <> struct ResponseTo<ExecuteStatementRequest> { using Type = ExecuteStatementResponse; };
template <> struct ResponseTo<BatchExecuteRequest> { using Type = BatchExecuteResponse; };
template <> struct ResponseTo<ExecuteTransactionRequest> { using Type = ExecuteTransactionResponse; };
template <> struct ResponseTo<CreateTableRequest> { using Type = TableDescription; };
template <> struct ResponseTo<DescribeTableRequest> { using Type = TableDescription; };
template <> struct ResponseTo<UpdateTableRequest> { using Type = TableDescription; };
template <> struct ResponseTo<UpdateIndexPropagationRequest> { using Type = TableDescription; };
template <> struct ResponseTo<UpdateTimeToLiveRequest> { using Type = UpdateTimeToLiveResponse; };
template <> struct ResponseTo<DescribeTimeToLiveRequest> { using Type = TimeToLiveDescription; };
template <> struct ResponseTo<DeleteTableRequest> { using Type = TableDescription; };
template <> struct ResponseTo<TagRequest> { using Type = TagResponse; };
template <> struct ResponseTo<UntagRequest> { using Type = UntagResponse; };
template <> struct ResponseTo<ListTagsRequest> { using Type = ListTagsResponse; };
template <> struct ResponseTo<ListTablesRequest> { using Type = ListTablesResponse; };
template <> struct ResponseTo<DescribeClusterRequest> { using Type = DescribeClusterResponse; };
template <> struct ResponseTo<ListStreamsRequest> { using Type = ListStreamsResponse; };
// clang-format on
}  // namespace internal

template <typename Request>
using ResponseOf = typename internal::ResponseTo<Request>::Type;

}  // namespace pallet
