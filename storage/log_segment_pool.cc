// SPDX-License-Identifier: Apache-2.0
#include "storage/log_segment_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

// Small on purpose: Linux keeps what one call wrote as one large folio, and each
// later write into it walks over all its blocks (4 KB into 1 MB: 19 us; into
// 16 KB: 2.4 us).
constexpr size_t kZerosBytes = size_t{16} << 10;
// Few dirty pages at a time, so that the log's own syncs do not wait for many.
constexpr uint64_t kSyncEveryBytes = uint64_t{8} << 20;

absl::Status WriteZeros(File* file, uint64_t begin, uint64_t end) {
  const std::string zeros(std::min<uint64_t>(kZerosBytes, end - begin), '\0');
  uint64_t unsynced = 0;
  while (begin < end) {
    const uint64_t count = std::min<uint64_t>(zeros.size(), end - begin);
    RETURN_IF_ERROR(
        file->Write(begin, absl::string_view(zeros).substr(0, count)));
    begin += count;
    unsynced += count;
    if (unsynced >= kSyncEveryBytes) {
      RETURN_IF_ERROR(file->SyncData());
      unsynced = 0;
    }
  }
  return absl::OkStatus();
}

// Lack of space is the only failure that may pass.
absl::Status AsReason(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return model::MakeError(
      model::Reason::kStorageFull,
      absl::StrCat("no room for a log segment: ", status.message()));
}

}  // namespace

LogSegmentPool::LogSegmentPool(Options options)
    : options_(std::move(options)),
      random_(options_.id_seed != 0 ? options_.id_seed : RealSeed()),
      thread_("log-segments", [this] { Work(); }) {}

LogSegmentPool::~LogSegmentPool() { Stop(); }

absl::StatusOr<LogSegment> LogSegmentPool::Make(
    uint64_t seq, uint64_t bytes,
    absl::FunctionRef<absl::Status(LogSegment&)> write) {
  const std::string temporary = absl::StrCat(PathOf(seq), ".tmp");
  absl::StatusOr<LogSegment> segment = Fill(seq, bytes, temporary, write);
  absl::Status status = segment.status();
  if (status.ok()) {
    status = options_.file_system->Rename(temporary, PathOf(seq));
  }
  if (!status.ok()) {
    // What is left of it is removed by the next start at the latest.
    options_.file_system->Remove(temporary).IgnoreError();
    return AsReason(status);
  }
  if (status = options_.file_system->SyncDirectory(options_.directory);
      !status.ok()) {
    return absl::AbortedError(
        absl::StrCat("a log segment has no certain name: ", status.ToString()));
  }
  return segment;
}

absl::StatusOr<LogSegment> LogSegmentPool::Fill(
    uint64_t seq, uint64_t bytes, const std::string& temporary,
    absl::FunctionRef<absl::Status(LogSegment&)> write) {
  LogSegment segment;
  const std::optional<Spare> spare = TakeSpare(bytes);
  {
    absl::MutexLock lock(&mutex_);
    segment.header = {seq, random_.Next()};
    ++(spare ? counts_.segments_recycled : counts_.segments_made);
  }
  FileSystem* const files = options_.file_system;
  if (spare) RETURN_IF_ERROR(files->Rename(spare->path, temporary));
  segment.bytes = spare ? spare->bytes : bytes;
  ASSIGN_OR_RETURN(segment.file,
                   files->Open(temporary, OpenMode::kOpenOrCreate));
  if (!spare) {
    RETURN_IF_ERROR(segment.file->Truncate(0));
    RETURN_IF_ERROR(WriteZeros(segment.file.get(), kLogSector, bytes));
  }
  RETURN_IF_ERROR(segment.file->Write(0, EncodeSegmentHeader(segment.header)));
  RETURN_IF_ERROR(write(segment));
  RETURN_IF_ERROR(segment.file->Sync());
  return segment;
}

void LogSegmentPool::Prepare(uint64_t seq, uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  CHECK(!order_.has_value() && !next_.has_value()) << seq;
  failure_ = absl::OkStatus();
  order_ = Order{seq, bytes};
}

absl::StatusOr<LogSegment> LogSegmentPool::Take(uint64_t seq, uint64_t bytes) {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &LogSegmentPool::IsIdle));
    if (next_.has_value()) {
      LogSegment segment = *std::exchange(next_, std::nullopt);
      CHECK_EQ(segment.header.seq, seq);
      return segment;
    }
    if (!failure_.ok() &&
        model::ReasonOf(failure_) != model::Reason::kStorageFull) {
      return failure_;
    }
  }
  return Make(seq, bytes, [](LogSegment&) { return absl::OkStatus(); });
}

void LogSegmentPool::Work() {
  while (true) {
    Order order;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LogSegmentPool::HasWork));
      if (stopping_) return;
      order = *order_;
    }
    absl::StatusOr<LogSegment> segment = Make(
        order.seq, order.bytes, [](LogSegment&) { return absl::OkStatus(); });
    if (!segment.ok()) {
      options_.logger->Warning("log.segment_not_prepared",
                               {{"directory", options_.directory},
                                {"segment", order.seq},
                                {"error", segment.status()}});
    }
    absl::MutexLock lock(&mutex_);
    if (segment.ok()) {
      next_ = *std::move(segment);
    } else {
      failure_ = segment.status();
    }
    order_.reset();
  }
}

absl::Status LogSegmentPool::GiveUp(const std::vector<GivenUp>& segments) {
  if (segments.empty()) return absl::OkStatus();
  size_t room;
  {
    absl::MutexLock lock(&mutex_);
    room = options_.spares - std::min(options_.spares, spares_.size());
  }
  std::vector<Spare> spares;
  for (const GivenUp& segment : segments) {
    const std::string path = PathOf(segment.seq);
    if (!segment.may_be_spare || spares.size() == room) {
      RETURN_IF_ERROR(options_.file_system->Remove(path));
      continue;
    }
    spares.push_back({absl::StrCat(path, ".spare"), segment.bytes});
    RETURN_IF_ERROR(options_.file_system->Rename(path, spares.back().path));
  }
  RETURN_IF_ERROR(options_.file_system->SyncDirectory(options_.directory));
  absl::MutexLock lock(&mutex_);
  spares_.insert(spares_.end(), spares.begin(), spares.end());
  return absl::OkStatus();
}

std::optional<LogSegmentPool::Spare> LogSegmentPool::TakeSpare(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(
      spares_.begin(), spares_.end(),
      [bytes](const Spare& spare) { return spare.bytes >= bytes; });
  if (found == spares_.end()) return std::nullopt;
  Spare spare = *found;
  spares_.erase(found);
  return spare;
}

void LogSegmentPool::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
  absl::MutexLock lock(&mutex_);
  // If one stays behind: a spare is removed by the next start, a segment
  // without frames is an ordinary part of the log.
  if (next_.has_value()) {
    options_.file_system->Remove(PathOf(next_->header.seq)).IgnoreError();
    next_.reset();
  }
  for (const Spare& spare : spares_) {
    options_.file_system->Remove(spare.path).IgnoreError();
  }
  spares_.clear();
}

LogSegmentPool::Counts LogSegmentPool::counts() const {
  absl::MutexLock lock(&mutex_);
  Counts counts = counts_;
  if (next_.has_value()) {
    ++counts.idle_files;
    counts.idle_bytes += next_->bytes;
  }
  for (const Spare& spare : spares_) {
    ++counts.idle_files;
    counts.idle_bytes += spare.bytes;
  }
  return counts;
}

std::string LogSegmentPool::PathOf(uint64_t seq) const {
  return absl::StrCat(options_.directory, "/", SegmentFileName(seq));
}

}  // namespace pallet::storage
