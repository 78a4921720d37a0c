// SPDX-License-Identifier: Apache-2.0
//
// Store: one log, one LMDB image, one writer. The unit of durability.
//
// The life of a write in here (ARCHITECTURE.md tells it with file names):
//   inbox -> evaluate (decides effects over all earlier writes) -> log append
//   and one fdatasync per batch -> memtable: readers see it -> answer.
// Batches pass these stages in order, each stage holding one batch, so that the
// next batch is evaluated while the last one syncs. Full memtables go into the
// image behind the answers, each as one transaction.
//
// Invariants:
//   1. Done() is called exactly once per accepted write, after its batch (and
//      every earlier one) is durable and visible, whatever it says: success,
//      failed condition, no-op or old values.
//   2. Readers see only durable state.
//   3. After a failed log sync or a failed apply the store is fenced: every
//   later
//      write is refused with kStoreFenced until a new start; writes whose fate
//      is open are told kOutcomeUnknown.
//   4. Nothing is lost or torn by kill -9 or power loss once Done(OK) was
//   called.
//
// Thread-safe. Callbacks run on the store's threads and must not block.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "storage/ids.h"
#include "storage/row.h"

namespace pallet::storage {

// Rows as one transaction sees them. Views die with the transaction.
// One thread at a time.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // The row, or nullopt. kDataLoss if the stored bytes fail their checksum.
  virtual absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) = 0;
};

// Walks rows of the items database in key order inside [begin, end).
// Usage: for (s = c->SeekFirst(); c->Valid(); c->Next()) use c->key(),
// c->row().
class RowCursor {
 public:
  virtual ~RowCursor() = default;

  // Move to the first row at or after `row_key`, or to the last one at or
  // before it. An error (kDataLoss) leaves the cursor invalid.
  virtual absl::Status SeekAtOrAfter(absl::string_view row_key) = 0;
  virtual absl::Status SeekAtOrBefore(absl::string_view row_key) = 0;
  virtual absl::Status Next() = 0;
  virtual absl::Status Previous() = 0;

  virtual bool Valid() const = 0;  // stands on a row inside the bounds
  virtual absl::string_view key() const = 0;  // whole row key
  virtual RowView row() const = 0;
};

class ReadTransaction : public RowReader {
 public:
  // Rows with begin <= key < end; an empty end is the end of the database.
  virtual std::unique_ptr<RowCursor> Cursor(absl::string_view begin,
                                            absl::string_view end) = 0;
};

// What a write may do while it is decided: read its rows as they will be when
// all earlier writes are durable and with its own effects so far, and say what
// they become. Views live as long as the decision.
class WriteContext : public RowReader {
 public:
  // The new item of a row: canonical bytes and their size by DynamoDB's rule.
  virtual void Put(absl::string_view row_key, absl::string_view item_bytes,
                   uint32_t item_size) = 0;
  virtual void Delete(absl::string_view row_key) = 0;
  // The change seq of the next row this write changes. Each changed row of the
  // table moves it by one; rows of local indexes carry that of the last change.
  // Deleting what is not there changes nothing.
  virtual ChangeSeq change_seq() const = 0;

  // Rows beside the items (side_rows.h): not counted, and moving no change seq.
  // Their change seq is that of the partition's last change. Deleting what is
  // not there is allowed. A lock is refused where an item is: what it holds is
  // to be put. REQUIRES: the row is the partition's.
  virtual void PutSideRow(absl::string_view row_key,
                          absl::string_view bytes) = 0;
  virtual void DeleteSideRow(absl::string_view row_key) = 0;

  // Which version of the table's indexes the partition keeps changes for.
  virtual uint64_t schema_version() const = 0;
  // REQUIRES: not lower than it is, and the write puts a row too.
  virtual void SetSchemaVersion(uint64_t version) = 0;
};

// One write to one partition: put, update, delete, conditional or several rows.
class RowWrite {
 public:
  virtual ~RowWrite() = default;

  virtual PartitionId partition() const = 0;
  // Bytes it will hold in the inbox; for admission.
  virtual size_t byte_size() const = 0;

  // Runs on the writer, once. Either makes effects and returns OK, or returns
  // an error (failed condition, validation) and any effects it made are
  // dropped. What it wants to answer it keeps to itself until Done.
  virtual absl::Status Decide(WriteContext& context) = 0;

  // The result of Decide once it may be told, or why the write did not happen.
  virtual void Done(const absl::Status& status) = 0;
};

struct PartitionInfo {
  PartitionId id;
  KeyspaceId keyspace;  // of the table
  HashRange range;
  uint64_t epoch = 0;
  ChangeSeq change_seq;
  uint64_t item_count = 0;
  uint64_t item_bytes = 0;  // by DynamoDB's rule
  uint32_t index_count = 0;
  std::array<RowCounts, kMaxLocalIndexes> indexes = {};
  uint64_t schema_version = 0;
};

// Is told of changes (side_rows.h) that have become durable and visible.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  // On the store's threads, before the writes are answered; must not block.
  virtual void OnChanges(PartitionId lineage) = 0;
};

// The same of stream records, and of shards that begin, end or are trimmed.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  // As OnChanges.
  virtual void OnStreamRecords(PartitionId lineage) = 0;
};

struct StoreOptions {
  std::string directory;
  Clock* clock = Clock::Real();
  FileSystem* file_system = FileSystem::Real();  // of all but the image
  Logger* logger = Logger::Real();
  uint64_t map_size = uint64_t{1} << 40;        // reserved address space, bytes
  uint64_t segment_bytes = uint64_t{64} << 20;  // log segments after the first
  uint64_t inbox_bytes = uint64_t{64}
                         << 20;  // waiting writes; then kThrottling
  uint32_t inbox_writes = 65536;
  uint64_t batch_bytes = uint64_t{8} << 20;  // a batch takes no more
  uint32_t batch_writes = 4096;
  // Durable rows in memory before one image transaction takes them. There may
  // be two such tables, each up to a batch larger.
  uint64_t memtable_bytes = uint64_t{8} << 20;
  // Image pages written between two checkpoints, at most; a quarter of it while
  // the image is small. Also the bytes of log.
  uint64_t checkpoint_bytes = uint64_t{1} << 30;
  uint64_t free_disk_reserve = uint64_t{256} << 20;  // below: kStorageFull
  uint32_t max_readers = 512;
};

struct StoreMetrics {
  uint64_t batches = 0, writes = 0, log_bytes = 0, syncs = 0, checkpoints = 0;
  uint64_t image_bytes = 0, log_segments = 0, inbox_writes = 0, inbox_bytes = 0;
  uint64_t replayed_frames = 0, torn_tails = 0, memtable_bytes = 0;
  bool fenced = false;
};

class Store {
 public:
  // Recovers: checkpoint, then log. kDataLoss if either is damaged beyond what
  // the rules of DESIGN 4 allow; kFailedPrecondition for a newer disk format.
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreOptions options);

  // Finishes what was accepted, writes a checkpoint, closes.
  virtual ~Store() = default;

  // Waits for nothing. If it returns an error (kThrottling, kStorageFull,
  // kStoreFenced, kResourceNotFound for a partition not here) the write was not
  // accepted and Done is not called.
  virtual absl::Status Submit(std::unique_ptr<RowWrite> write) = 0;

  // Runs `body` inside a short read transaction on this thread.
  virtual absl::Status Read(
      absl::FunctionRef<absl::Status(ReadTransaction&)> body) = 0;
  // As Read, for the rows of one partition: shows all that anybody was told of
  // before the call. `body` may be run twice.
  virtual absl::Status ReadPartition(
      PartitionId partition,
      absl::FunctionRef<absl::Status(ReadTransaction&)> body) {
    return Read(body);
  }

  // Durable on return. Idempotent: creating an equal partition again is OK.
  // REQUIRES: index_count <= kMaxLocalIndexes.
  virtual absl::Status CreatePartition(PartitionId id, KeyspaceId keyspace,
                                       HashRange range,
                                       uint32_t index_count) = 0;
  // Without local indexes.
  absl::Status CreatePartition(PartitionId id, KeyspaceId keyspace,
                               HashRange range) {
    return CreatePartition(id, keyspace, range, 0);
  }
  // Durable on return: the partition takes no more writes. Its rows are removed
  // in the background, in chunks through the log; survives restarts.
  virtual absl::Status DropPartition(PartitionId id) = 0;
  virtual std::vector<PartitionInfo> Partitions() = 0;
  virtual absl::StatusOr<PartitionInfo> Partition(PartitionId id) = 0;

  // Borrowed until it is replaced (null: by none); it is not called any more
  // when this returns. Not to be called from the listener.
  virtual void SetChangeListener(ChangeListener* listener) = 0;
  virtual void SetStreamListener(StreamListener* listener) = 0;

  // Takes one now and waits for it.
  virtual absl::Status Checkpoint() = 0;

  // Walks everything: order, checksums, long keys, counts against the rows.
  // kDataLoss names the first disagreement. Each walk sees one state, so the
  // image's file grows while it runs beside writes.
  virtual absl::Status Verify() = 0;

  // OK, or why the store refuses writes.
  virtual absl::Status Health() = 0;
  virtual StoreMetrics Metrics() = 0;
};

}  // namespace pallet::storage
