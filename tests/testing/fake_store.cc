// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/fake_store.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::testing {

using storage::ChangeSeq;
using storage::HashRange;
using storage::KeyspaceId;
using storage::PartitionId;
using storage::PartitionInfo;
using storage::RowView;

namespace {

using Row = FakeStoreContent::Row;
using Rows = FakeStoreContent::Rows;

RowView ViewOf(const Row& row) {
  return {row.change_seq, row.item_size, row.item};
}

bool Holds(const PartitionInfo& partition, absl::string_view row_key) {
  CHECK_GE(row_key.size(), storage::kRowKeyPrefixBytes);
  return storage::OrdinalOf(partition, row_key) <= partition.index_count &&
         partition.range.Contains(LoadU64(row_key.data() + sizeof(uint32_t)));
}

absl::Status NoSuchPartition(PartitionId id) {
  return model::MakeError(model::Reason::kResourceNotFound,
                          absl::StrCat("no partition ", id.value()));
}

class Cursor final : public storage::RowCursor {
 public:
  Cursor(const Rows& rows, absl::string_view begin, absl::string_view end)
      : begin_(rows.lower_bound(std::string(begin))),
        end_(end.empty() ? rows.end() : rows.lower_bound(std::string(end))),
        rows_(rows),
        at_(end_) {}

  absl::Status SeekAtOrAfter(absl::string_view row_key) override {
    at_ = rows_.lower_bound(std::string(row_key));
    if (IsBefore(at_, begin_)) at_ = begin_;
    if (!IsBefore(at_, end_)) at_ = end_;
    return absl::OkStatus();
  }

  absl::Status SeekAtOrBefore(absl::string_view row_key) override {
    at_ = rows_.upper_bound(std::string(row_key));
    if (!IsBefore(at_, end_)) at_ = end_;
    if (!IsBefore(begin_, at_)) {
      at_ = end_;
    } else {
      --at_;
    }
    return absl::OkStatus();
  }

  absl::Status Next() override {
    CHECK(Valid());
    ++at_;
    return absl::OkStatus();
  }

  absl::Status Previous() override {
    CHECK(Valid());
    at_ = at_ == begin_ ? end_ : std::prev(at_);
    return absl::OkStatus();
  }

  bool Valid() const override { return at_ != end_; }
  absl::string_view key() const override { return at_->first; }
  RowView row() const override { return ViewOf(at_->second); }

 private:
  bool IsBefore(Rows::const_iterator a, Rows::const_iterator b) const {
    if (a == b || a == rows_.end()) return false;
    return b == rows_.end() || a->first < b->first;
  }

  const Rows::const_iterator begin_;
  const Rows::const_iterator end_;
  const Rows& rows_;
  Rows::const_iterator at_;
};

class Reader final : public storage::ReadTransaction {
 public:
  explicit Reader(const Rows& rows) : rows_(rows) {}

  absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) override {
    const auto row = rows_.find(std::string(row_key));
    if (row == rows_.end()) return std::nullopt;
    return ViewOf(row->second);
  }

  std::unique_ptr<storage::RowCursor> Cursor(absl::string_view begin,
                                             absl::string_view end) override {
    return std::make_unique<testing::Cursor>(rows_, begin, end);
  }

 private:
  const Rows& rows_;
};

// Collects effects over the rows as they are.
class Writer final : public storage::WriteContext {
 public:
  Writer(Rows& rows, PartitionInfo& partition)
      : rows_(rows), partition_(partition) {}

  absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) override {
    for (const auto* effects : {&effects_, &side_rows_}) {
      const auto effect = effects->find(std::string(row_key));
      if (effect == effects->end()) continue;
      if (!effect->second.has_value()) return std::nullopt;
      return ViewOf(*effect->second);
    }
    return Reader(rows_).Get(row_key);
  }

  void Put(absl::string_view row_key, absl::string_view item_bytes,
           uint32_t item_size) override {
    CHECK(Holds(partition_, row_key));
    if (storage::OrdinalOf(partition_, row_key) == 0) ++changed_;
    effects_[std::string(row_key)] =
        Row{LastChange(), item_size, std::string(item_bytes)};
  }

  void Delete(absl::string_view row_key) override {
    CHECK(Holds(partition_, row_key));
    const auto before = Get(row_key);
    const bool is_there = before.ok() && before->has_value();
    if (is_there && storage::OrdinalOf(partition_, row_key) == 0) ++changed_;
    effects_[std::string(row_key)] = std::nullopt;
  }

  ChangeSeq change_seq() const override {
    return ChangeSeq(LastChange().value() + 1);
  }

  void PutSideRow(absl::string_view row_key, absl::string_view bytes) override {
    side_rows_[std::string(row_key)] = Row{LastChange(), 0, std::string(bytes)};
  }

  void DeleteSideRow(absl::string_view row_key) override {
    side_rows_[std::string(row_key)] = std::nullopt;
  }

  uint64_t schema_version() const override { return partition_.schema_version; }

  void SetSchemaVersion(uint64_t version) override {
    partition_.schema_version = version;
  }

  bool HasStreamRecords() const {
    for (const auto& [key, row] : side_rows_) {
      if (row.has_value() && storage::IsStreamRow(key)) return true;
    }
    return false;
  }

  void Apply() {
    for (auto& [key, row] : side_rows_) {
      rows_.erase(key);
      if (row.has_value()) rows_[key] = std::move(*row);
    }
    partition_.change_seq = LastChange();
    for (auto& [key, row] : effects_) {
      const uint32_t ordinal = storage::OrdinalOf(partition_, key);
      storage::RowCounts counts = storage::CountsOf(partition_, ordinal);
      if (const auto old = rows_.find(key); old != rows_.end()) {
        --counts.rows;
        counts.bytes -= old->second.item_size;
        rows_.erase(old);
      }
      if (row.has_value()) {
        ++counts.rows;
        counts.bytes += row->item_size;
        rows_[key] = std::move(*row);
      }
      storage::SetCounts(ordinal, counts, &partition_);
    }
  }

 private:
  ChangeSeq LastChange() const {
    return ChangeSeq(partition_.change_seq.value() + changed_);
  }

  Rows& rows_;
  PartitionInfo& partition_;
  uint64_t changed_ = 0;  // rows of the table
  std::map<std::string, std::optional<Row>> effects_;
  std::map<std::string, std::optional<Row>> side_rows_;
};

}  // namespace

class FakeStore final : public storage::Store {
 public:
  FakeStore(FakeDisk* disk, std::string directory,
            std::shared_ptr<FakeStoreContent> content)
      : disk_(disk),
        directory_(std::move(directory)),
        content_(std::move(content)) {}

  absl::Status Submit(std::unique_ptr<storage::RowWrite> write) override {
    RETURN_IF_ERROR(disk_->Refusal(directory_));
    absl::Status decided;
    {
      absl::MutexLock lock(&content_->mutex);
      const auto partition = content_->partitions.find(write->partition());
      if (partition == content_->partitions.end()) {
        return NoSuchPartition(write->partition());
      }
      Writer writer(content_->rows, partition->second);
      decided = write->Decide(writer);
      const bool streams = decided.ok() && writer.HasStreamRecords();
      if (decided.ok()) writer.Apply();
      ++content_->metrics.writes;
      if (streams && stream_listener_ != nullptr) {
        stream_listener_->OnStreamRecords(write->partition());
      }
    }
    write->Done(decided);
    return absl::OkStatus();
  }

  absl::Status Read(absl::FunctionRef<absl::Status(storage::ReadTransaction&)>
                        body) override {
    absl::ReaderMutexLock lock(&content_->mutex);
    Reader reader(content_->rows);
    return body(reader);
  }

  absl::Status CreatePartition(PartitionId id, KeyspaceId keyspace,
                               HashRange range, uint32_t index_count) override {
    RETURN_IF_ERROR(disk_->Step("create a partition"));
    const absl::Cleanup after = [this] { disk_->CallHook(); };
    absl::MutexLock lock(&content_->mutex);
    PartitionInfo partition;
    partition.id = id;
    partition.keyspace = keyspace;
    partition.range = range;
    partition.index_count = index_count;
    const auto [at, made] = content_->partitions.emplace(id, partition);
    if (!made &&
        (at->second.keyspace != keyspace || !(at->second.range == range) ||
         at->second.index_count != index_count)) {
      return absl::AlreadyExistsError(
          absl::StrCat("another partition ", id.value()));
    }
    return absl::OkStatus();
  }

  absl::Status DropPartition(PartitionId id) override {
    RETURN_IF_ERROR(disk_->Step("drop a partition"));
    const absl::Cleanup after = [this] { disk_->CallHook(); };
    absl::MutexLock lock(&content_->mutex);
    const auto partition = content_->partitions.find(id);
    if (partition == content_->partitions.end()) return NoSuchPartition(id);
    for (auto row = content_->rows.begin(); row != content_->rows.end();) {
      const bool goes = storage::IsSideRow(row->first)
                            ? storage::OwnerOfSideRow(row->first) == id
                            : Holds(partition->second, row->first);
      row = goes ? content_->rows.erase(row) : std::next(row);
    }
    content_->partitions.erase(partition);
    return absl::OkStatus();
  }

  std::vector<PartitionInfo> Partitions() override {
    absl::ReaderMutexLock lock(&content_->mutex);
    std::vector<PartitionInfo> partitions;
    for (const auto& [id, info] : content_->partitions) {
      partitions.push_back(info);
    }
    return partitions;
  }

  absl::StatusOr<PartitionInfo> Partition(PartitionId id) override {
    absl::ReaderMutexLock lock(&content_->mutex);
    const auto partition = content_->partitions.find(id);
    if (partition == content_->partitions.end()) return NoSuchPartition(id);
    return partition->second;
  }

  // Nobody follows the changes of a fake.
  void SetChangeListener(storage::ChangeListener*) override {}
  void SetStreamListener(storage::StreamListener* listener) override {
    absl::MutexLock lock(&content_->mutex);
    stream_listener_ = listener;
  }
  absl::Status Checkpoint() override { return absl::OkStatus(); }
  absl::Status Verify() override { return absl::OkStatus(); }
  absl::Status Health() override { return disk_->Refusal(directory_); }

  storage::StoreMetrics Metrics() override {
    absl::ReaderMutexLock lock(&content_->mutex);
    return content_->metrics;
  }

 private:
  FakeDisk* const disk_;
  const std::string directory_;
  // Shared because the disk keeps it for the next store on this directory.
  const std::shared_ptr<FakeStoreContent> content_;
  storage::StreamListener* stream_listener_ = nullptr;
};

absl::StatusOr<std::unique_ptr<storage::Store>> FakeDisk::Open(
    const storage::StoreOptions& options) {
  RETURN_IF_ERROR(Step("open a store"));
  const absl::Cleanup after = [this] { CallHook(); };
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<FakeStoreContent>& content = contents_[options.directory];
  if (content == nullptr) content = std::make_shared<FakeStoreContent>();
  return std::make_unique<FakeStore>(this, options.directory, content);
}

void FakeDisk::CrashAfter(int operations) {
  absl::MutexLock lock(&mutex_);
  limit_ = operations;
  operations_ = 0;
}

int FakeDisk::operations() const {
  absl::MutexLock lock(&mutex_);
  return operations_;
}

void FakeDisk::RefuseWrites(absl::Status refusal,
                            absl::string_view directory_end) {
  absl::MutexLock lock(&mutex_);
  refusing_ = std::string(directory_end);
  refusal_ = std::move(refusal);
}

void FakeDisk::SetStepHook(std::function<void()> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeDisk::CopyFrom(const FakeDisk& other, absl::string_view from,
                        absl::string_view to) {
  absl::MutexLock other_lock(&other.mutex_);
  absl::MutexLock lock(&mutex_);
  for (const auto& [directory, content] : other.contents_) {
    CHECK(absl::StartsWith(directory, from)) << directory;
    auto copy = std::make_shared<FakeStoreContent>();
    absl::MutexLock content_lock(&content->mutex);
    absl::MutexLock copy_lock(&copy->mutex);
    copy->rows = content->rows;
    copy->partitions = content->partitions;
    contents_[absl::StrCat(to, directory.substr(from.size()))] = copy;
  }
}

void FakeDisk::CallHook() const {
  std::function<void()> hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = hook_;
  }
  if (hook) hook();
}

absl::Status FakeDisk::Step(absl::string_view what) {
  CallHook();
  absl::MutexLock lock(&mutex_);
  if (++operations_ > limit_ && limit_ >= 0) {
    return absl::UnavailableError(absl::StrCat("crashed, cannot ", what));
  }
  return absl::OkStatus();
}

absl::Status FakeDisk::Refusal(absl::string_view directory) const {
  absl::MutexLock lock(&mutex_);
  return absl::EndsWith(directory, refusing_) ? refusal_ : absl::OkStatus();
}

}  // namespace pallet::testing
