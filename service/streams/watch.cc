// SPDX-License-Identifier: Apache-2.0
#include "service/streams/watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/condition.h"
#include "model/item_view.h"
#include "model/key.h"
#include "pallet/v1/change_service.pb.h"
#include "service/streams/record_message.h"
#include "service/streams/shards.h"
#include "service/wire.h"
#include "storage/key_codec.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;

// Of one message.
constexpr int kMostRecords = 1000;
constexpr size_t kMostBytes = size_t{1} << 20;
// Rows looked at in one transaction, whether they are told or not.
constexpr int kMostLooks = 4000;

class Watch final : public PageSource {
 public:
  Watch(WatchOptions options, WatchHub::Seat seat)
      : options_(std::move(options)),
        seat_(std::move(seat)),
        token_(options_.token) {
    for (const WatchPlace& place : token_.places) {
      seen_.push_back({place.lineage, 0});
      for (const auto& partition : options_.stream.table->partitions) {
        if (partition.id == place.lineage) partitions_.push_back(&partition);
      }
    }
    CHECK_EQ(partitions_.size(), token_.places.size());
    drained_.resize(partitions_.size());
  }
  ~Watch() override { options_.hub->Forget(waiting_); }

  bool may_be_empty() const override { return true; }

  bool Awaits(absl::AnyInvocable<void()> ready) override {
    if (more_ || !greeted_ || IsDrained()) return false;
    waiting_ = options_.hub->Await(seen_, next_heartbeat_, std::move(ready));
    return waiting_ != 0;
  }

  absl::StatusOr<std::optional<std::string>> Next() override {
    RETURN_IF_ERROR(options_.context.Check());
    const bool was_full = IsFull();
    // Before anything is read: what comes behind it wakes us.
    for (WatchHub::Seen& each : seen_) {
      each.version = options_.hub->VersionOf(each.lineage);
    }
    message_.clear();
    told_ = 0;
    more_ = false;
    for (size_t i = 0; i < partitions_.size(); ++i) {
      // One after the other, so that none is starved.
      next_ = (next_ + 1) % partitions_.size();
      RETURN_IF_ERROR(Read(next_));
    }
    if (told_ == 0 && IsDrained()) return Ended();
    const absl::Duration now = options_.clock->Monotonic();
    const bool is_due = !greeted_ || now >= next_heartbeat_;
    if (told_ == 0 && !is_due && was_full == IsFull())
      return std::make_optional<std::string>();
    greeted_ = true;
    next_heartbeat_ = now + options_.heartbeat;
    v1::WatchResponse rest;
    rest.set_resume_token(
        EncodeWatchToken(token_, options_.host->incarnation()));
    rest.set_snapshot_complete(IsFull());
    AppendMessage(rest, &message_);
    return std::make_optional(std::move(message_));
  }

 private:
  bool IsFull() const {
    return std::all_of(token_.places.begin(), token_.places.end(),
                       [](const WatchPlace& place) { return place.is_full; });
  }
  bool IsDrained() const {
    return std::all_of(drained_.begin(), drained_.end(),
                       [](bool each) { return each; });
  }
  bool HasRoom() const {
    return told_ < kMostRecords && message_.size() < kMostBytes;
  }

  absl::Status Ended() const {
    return model::MakeError(
        model::Reason::kResourceNotFound,
        absl::StrCat("The stream of table ", options_.stream.table->name,
                     " is disabled: there is nothing more to watch"));
  }

  // What the lineage has behind its place.
  absl::Status Read(size_t number) {
    if (drained_[number]) return absl::OkStatus();
    if (!HasRoom()) {
      more_ = true;
      return absl::OkStatus();
    }
    const cluster::TablePartition& partition = *partitions_[number];
    // Before the transaction: it sees all up to the head, and maybe more.
    ASSIGN_OR_RETURN(const ChangeSeq head, HeadOf(*options_.host, partition));
    WatchPlace place = token_.places[number];
    bool drained = false;
    RETURN_IF_ERROR(options_.host->Read(
        partition, [&](storage::ReadTransaction& rows) -> absl::Status {
          looks_ = 0;
          ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                           ReadShard(rows, partition.id, options_.stream.id()));
          if (!shard.has_value()) return absl::OkStatus();
          if (place.after < shard->trimmed) return TrimmedDataAccess();
          ASSIGN_OR_RETURN(const bool all,
                           TellRecords(rows, partition.id, *shard, &place));
          if (!all) {
            more_ = true;
            return absl::OkStatus();
          }
          place.after = std::max(place.after, shard->end.value_or(head));
          if (!place.is_full) {
            RETURN_IF_ERROR(TellItems(rows, partition, &place));
            more_ = more_ || !place.is_full;
          }
          drained = shard->end.has_value() && place.is_full;
          return absl::OkStatus();
        }));
    token_.places[number] = std::move(place);
    drained_[number] = drained;
    return absl::OkStatus();
  }

  // False: there are more behind the place.
  absl::StatusOr<bool> TellRecords(storage::ReadTransaction& rows,
                                   storage::PartitionId lineage,
                                   const Shard& shard, WatchPlace* place) {
    const uint64_t stream = options_.stream.id();
    const std::string begin = storage::StreamRecordKey(
        lineage, stream, ChangeSeq(place->after.value() + 1));
    const std::string end =
        shard.end.has_value()
            ? storage::StreamRecordKey(lineage, stream,
                                       ChangeSeq(shard.end->value() + 1))
            : storage::StreamRecordsOf(lineage, stream).end;
    if (begin >= end) return true;
    const auto cursor = rows.Cursor(begin, end);
    RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
    while (cursor->Valid()) {
      if (!HasRoom() || ++looks_ > kMostLooks) return false;
      ASSIGN_OR_RETURN(const StreamRecordView record,
                       DecodeStreamRecord(cursor->row().item));
      const ChangeSeq seq = storage::SeqOfStreamRecordKey(cursor->key());
      RETURN_IF_ERROR(Tell(record, {lineage, seq}, *place));
      place->after = seq;
      RETURN_IF_ERROR(cursor->Next());
    }
    return true;
  }

  absl::Status Tell(const StreamRecordView& record, const RecordPlace& at,
                    const WatchPlace& place) {
    const cluster::Table& table = *options_.stream.table;
    if (!place.is_full || !options_.prefix.empty()) {
      ASSIGN_OR_RETURN(const std::string key_item,
                       KeyItemOf(table.key, record));
      ASSIGN_OR_RETURN(
          const model::Key key,
          model::KeyOfKeyItem(table.key, model::ItemView(key_item)));
      const std::string row_key =
          storage::RowKey(table.keyspace, key, options_.host->hash_seed());
      if (!place.is_full && row_key > place.copied) return absl::OkStatus();
      if (!absl::StartsWith(row_key, options_.prefix)) return absl::OkStatus();
    }
    if (options_.filter.has_value()) {
      const absl::string_view item =
          record.new_image.has_value()   ? *record.new_image
          : record.old_image.has_value() ? *record.old_image
                                         : record.key_item;
      if (!model::expression::Matches(*options_.filter,
                                      model::ItemView(item))) {
        return absl::OkStatus();
      }
    }
    return Add(record, at);
  }

  absl::Status Add(const StreamRecordView& record, const RecordPlace& at) {
    ASSIGN_OR_RETURN(
        const std::string message,
        EncodeRecordMessage(options_.stream.table->key,
                            options_.stream.record->view(), at, record));
    AppendField(v1::WatchResponse::kRecordsFieldNumber, message, &message_);
    ++told_;
    return absl::OkStatus();
  }

  // The next items, all of them as they are at `place->after`.
  absl::Status TellItems(storage::ReadTransaction& rows,
                         const cluster::TablePartition& partition,
                         WatchPlace* place) {
    const storage::KeyspaceId keyspace = options_.stream.table->keyspace;
    const std::string first =
        options_.prefix.empty()
            ? storage::HashPrefix(keyspace, partition.range.first)
            : options_.prefix;
    const std::string end = storage::PrefixEnd(
        options_.prefix.empty()
            ? storage::HashPrefix(keyspace, partition.range.last)
            : options_.prefix);
    const auto cursor = rows.Cursor(std::max(first, place->copied), end);
    RETURN_IF_ERROR(cursor->SeekAtOrAfter(std::max(first, place->copied)));
    while (cursor->Valid()) {
      if (!HasRoom() || ++looks_ > kMostLooks) return absl::OkStatus();
      if (cursor->key() != place->copied) {
        const storage::RowView row = cursor->row();
        if (!options_.filter.has_value() ||
            model::expression::Matches(*options_.filter,
                                       model::ItemView(row.item))) {
          RETURN_IF_ERROR(Add({.time = options_.clock->Now(),
                               .is_there = true,
                               .new_image = row.item},
                              {partition.id, row.change_seq}));
        }
        place->copied = std::string(cursor->key());
      }
      RETURN_IF_ERROR(cursor->Next());
    }
    place->is_full = true;
    place->copied.clear();
    return absl::OkStatus();
  }

  const WatchOptions options_;
  const WatchHub::Seat seat_;
  WatchToken token_;
  std::vector<const cluster::TablePartition*> partitions_;  // of the places
  std::vector<bool> drained_;
  std::vector<WatchHub::Seen> seen_;
  size_t next_ = 0;
  std::string message_;
  int told_ = 0;   // in it
  int looks_ = 0;  // in a transaction
  bool more_ = false;
  bool greeted_ = false;
  absl::Duration next_heartbeat_;
  WatchHub::Id waiting_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PageSource>> OpenWatch(WatchOptions options) {
  ASSIGN_OR_RETURN(WatchHub::Seat seat, options.hub->Enter());
  return std::make_unique<Watch>(std::move(options), std::move(seat));
}

}  // namespace pallet::service
