// SPDX-License-Identifier: Apache-2.0
#include "storage/log.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/log_segment_pool.h"

namespace pallet::storage {
namespace {

constexpr uint64_t kGrowth = 4;  // each segment is so much larger than the last

absl::Status NoFrames(LogSegment&) { return absl::OkStatus(); }

class LogImpl final : public Log {
 public:
  LogImpl(LogOptions options, const RecoveredLog& recovered)
      : options_(std::move(options)),
        pool_({options_.directory, options_.file_system, options_.logger,
               options_.id_seed, options_.spare_segments}),
        covered_(recovered.last_frame == FrameNumber(0) ||
                 recovered.ends_with_marker),
        synced_(recovered.last_frame.value()),
        last_frame_(recovered.last_frame.value()),
        last_checksum_(recovered.last_checksum) {
    for (const RecoveredSegment& segment : recovered.segments) {
      closed_.push_back(
          {segment.header.seq, segment.file_bytes, segment.last_frame});
    }
  }

  ~LogImpl() override {
    // Without a segment the start failed: there is nothing to close.
    if (active_.file != nullptr && !closed_down_) Close().IgnoreError();
  }

  absl::Status Start(const RecoveredLog& recovered) {
    if (recovered.torn_tail) {
      options_.logger->Warning("log.torn_tail",
                               {{"directory", options_.directory},
                                {"segment", recovered.end.segment},
                                {"offset", recovered.end.offset},
                                {"last_frame", last_frame_.load()}});
    }
    const uint64_t last_seq =
        recovered.segments.empty() ? 0 : recovered.segments.back().header.seq;
    RETURN_IF_ERROR(RemoveLeftovers(recovered));
    uint64_t copied_bytes = 0;
    for (const UncoveredFrame& frame : recovered.uncovered) {
      copied_bytes += frame.header.frame_bytes();
    }
    const uint64_t bytes =
        std::max(options_.first_segment_bytes, kLogSector + copied_bytes);
    ASSIGN_OR_RETURN(LogSegment segment,
                     pool_.Make(last_seq + 1, bytes, [&](LogSegment& segment) {
                       return CopyFrames(recovered.uncovered, segment);
                     }));
    Use(std::move(segment), kLogSector + copied_bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<FrameNumber> Append(FrameBuilder* builder) override {
    RETURN_IF_ERROR(Health());
    CHECK(!closed_down_);
    const uint64_t bytes = builder->frame_bytes();
    if (bytes > active_.bytes - offset_) RETURN_IF_ERROR(Roll(bytes));
    const FrameNumber number(last_frame_ + 1);
    uint64_t checksum;
    const absl::string_view frame = builder->SealFrame(
        {active_.header.id, number, last_checksum_, FrameNumber(synced_)},
        &checksum);
    CHECK_EQ(frame.size(), bytes);
    if (const absl::Status status = active_.file->Write(offset_, frame);
        !status.ok()) {
      return Fence(status);
    }
    if (offset_ == first_frame_offset_) {
      // A store that never writes has no second segment.
      pool_.Prepare(active_.header.seq + 1, NextBytes());
    }
    offset_ += bytes;
    last_frame_ = number.value();
    last_checksum_ = checksum;
    covered_ = builder->record_count() == 0;
    builder->Clear();
    absl::MutexLock lock(&mutex_);
    ++metrics_.frames;
    metrics_.bytes += bytes;
    return number;
  }

  absl::Status Sync() override {
    RETURN_IF_ERROR(Health());
    if (synced_ == last_frame_) return absl::OkStatus();
    if (const absl::Status status = active_.file->SyncData(); !status.ok()) {
      return Fence(status);
    }
    synced_ = last_frame_.load();
    absl::MutexLock lock(&mutex_);
    ++metrics_.syncs;
    return absl::OkStatus();
  }

  absl::Status AppendMarker() override {
    RETURN_IF_ERROR(Sync());
    if (covered_) return absl::OkStatus();
    FrameBuilder marker;
    RETURN_IF_ERROR(Append(&marker).status());
    return Sync();
  }

  absl::Status TruncateBefore(FrameNumber number) override {
    RETURN_IF_ERROR(Health());
    absl::MutexLock truncation(&truncation_mutex_);
    std::vector<LogSegmentPool::GivenUp> segments;
    {
      absl::MutexLock lock(&mutex_);
      while (!closed_.empty() && closed_.front().last_frame < number &&
             closed_.front().last_frame < FrameNumber(synced_)) {
        // Those of the growing phase and those made for one large frame are
        // of no more use.
        const ClosedSegment& oldest = closed_.front();
        segments.push_back(
            {oldest.seq, oldest.bytes, oldest.bytes == options_.segment_bytes});
        closed_.pop_front();
      }
    }
    const absl::Status status = pool_.GiveUp(segments);
    return status.ok() ? status : Fence(status);
  }

  absl::Status Close() override {
    CHECK(!closed_down_);
    const absl::Status status = AppendMarker();
    closed_down_ = true;
    pool_.Stop();
    RETURN_IF_ERROR(status);
    // Behind the marker are only zeros, or a former life: nothing to read at
    // the next start.
    RETURN_IF_ERROR(active_.file->Truncate(offset_));
    return active_.file->SyncData();
  }

  absl::Status Health() const override {
    absl::MutexLock lock(&mutex_);
    return fenced_;
  }

  LogMetrics Metrics() const override {
    const LogSegmentPool::Counts counts = pool_.counts();
    absl::MutexLock lock(&mutex_);
    LogMetrics metrics = metrics_;
    metrics.segments = closed_.size() + 1 + counts.idle_files;
    metrics.segment_bytes = active_bytes_ + counts.idle_bytes;
    for (const ClosedSegment& segment : closed_) {
      metrics.segment_bytes += segment.bytes;
    }
    metrics.segments_made = counts.segments_made;
    metrics.segments_recycled = counts.segments_recycled;
    return metrics;
  }

  FrameNumber last_frame() const override { return FrameNumber(last_frame_); }

 private:
  struct ClosedSegment {
    uint64_t seq = 0;
    uint64_t bytes = 0;
    FrameNumber last_frame;  // in it or before it
  };

  // Files that are neither a segment of the log nor anything else's.
  absl::Status RemoveLeftovers(const RecoveredLog& recovered) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     options_.file_system->List(options_.directory));
    for (const std::string& name : names) {
      uint64_t seq;
      const bool before_the_log = ParseSegmentFileName(name, &seq) &&
                                  !recovered.segments.empty() &&
                                  seq < recovered.segments[0].header.seq;
      if (before_the_log || absl::EndsWith(name, ".log.tmp") ||
          absl::EndsWith(name, ".log.spare")) {
        RETURN_IF_ERROR(options_.file_system->Remove(
            absl::StrCat(options_.directory, "/", name)));
      }
    }
    return absl::OkStatus();
  }

  // Writes the frames, in a row, into a segment that has no name yet.
  absl::Status CopyFrames(const std::vector<UncoveredFrame>& frames,
                          LogSegment& segment) {
    uint64_t offset = kLogSector;
    std::string frame;
    std::vector<RecordView> records;
    for (const UncoveredFrame& uncovered : frames) {
      const std::string path = absl::StrCat(
          options_.directory, "/", SegmentFileName(uncovered.position.segment));
      ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                       options_.file_system->Open(path, OpenMode::kRead));
      frame.resize(uncovered.header.frame_bytes());
      records.clear();
      ASSIGN_OR_RETURN(
          const size_t count,
          file->Read(uncovered.position.offset, frame.size(), frame.data()));
      const absl::string_view payload = absl::string_view(frame).substr(
          kFrameHeaderBytes, uncovered.header.length);
      if (count != frame.size() ||
          !DecodeRecords(uncovered.header, payload, &records)) {
        return model::MakeError(
            model::Reason::kDataLoss,
            absl::StrCat(path, " offset ", uncovered.position.offset,
                         ": the frame was sound, and is not when read again"));
      }
      if (offset == kLogSector) last_checksum_ = uncovered.header.previous;
      FrameHeader header = uncovered.header;
      header.segment_id = segment.header.id;
      header.previous = last_checksum_;
      header.synced = last_frame();
      last_checksum_ = EncodeFrameHeader(header, frame.data());
      RETURN_IF_ERROR(segment.file->Write(offset, frame));
      offset += frame.size();
    }
    return absl::OkStatus();
  }

  // Goes on in the next segment, one that a frame of `bytes` fits in.
  absl::Status Roll(uint64_t bytes) {
    RETURN_IF_ERROR(Sync());
    const uint64_t seq = active_.header.seq + 1;
    const uint64_t wanted = std::max(NextBytes(), kLogSector + bytes);
    absl::StatusOr<LogSegment> next = pool_.Take(seq, wanted);
    if (next.ok() && next->bytes < kLogSector + bytes) {
      // The prepared one stays in the log, empty.
      MakeActive(*std::move(next));
      next = pool_.Make(seq + 1, wanted, NoFrames);
    }
    if (!next.ok()) {
      const bool may_pass =
          model::ReasonOf(next.status()) == model::Reason::kStorageFull;
      return may_pass ? next.status() : Fence(next.status());
    }
    MakeActive(*std::move(next));
    return absl::OkStatus();
  }

  void MakeActive(LogSegment next) {
    {
      absl::MutexLock lock(&mutex_);
      closed_.push_back({active_.header.seq, active_.bytes, last_frame()});
    }
    Use(std::move(next), kLogSector);
  }

  // Appends from `offset` on. REQUIRES: all before it is synced.
  void Use(LogSegment segment, uint64_t offset) {
    active_ = std::move(segment);
    offset_ = first_frame_offset_ = offset;
    absl::MutexLock lock(&mutex_);
    active_bytes_ = active_.bytes;
  }

  uint64_t NextBytes() const {
    return std::min(
        options_.segment_bytes,
        std::max(active_.bytes, options_.first_segment_bytes) * kGrowth);
  }

  absl::Status Fence(const absl::Status& status) {
    options_.logger->Error(
        "log.fenced", {{"directory", options_.directory}, {"error", status}});
    absl::MutexLock lock(&mutex_);
    if (fenced_.ok()) {
      fenced_ = model::MakeError(
          model::Reason::kStoreFenced,
          absl::StrCat("the log takes no more until a new start: ",
                       status.message()));
    }
    return fenced_;
  }

  const LogOptions options_;
  LogSegmentPool pool_;

  // The appending thread's own.
  LogSegment active_;
  uint64_t offset_ = 0;              // where the next frame goes
  uint64_t first_frame_offset_ = 0;  // of those appended to `active_`
  bool covered_;                     // the newest frame is a marker
  bool closed_down_ = false;
  std::atomic<uint64_t> synced_;  // this frame and all before it are
  std::atomic<uint64_t> last_frame_;
  uint64_t last_checksum_;

  // Lock order: truncation_mutex_, mutex_.
  absl::Mutex truncation_mutex_;
  mutable absl::Mutex mutex_;
  std::deque<ClosedSegment> closed_ ABSL_GUARDED_BY(mutex_);  // oldest first
  uint64_t active_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status fenced_ ABSL_GUARDED_BY(mutex_);
  LogMetrics metrics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Log>> Log::Open(LogOptions options,
                                               const RecoveredLog& recovered) {
  CHECK_EQ(options.first_segment_bytes % kLogSector, 0u);
  CHECK_EQ(options.segment_bytes % kLogSector, 0u);
  auto log = std::make_unique<LogImpl>(std::move(options), recovered);
  RETURN_IF_ERROR(log->Start(recovered));
  return log;
}

}  // namespace pallet::storage
