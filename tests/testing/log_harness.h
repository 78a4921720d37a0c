// SPDX-License-Identifier: Apache-2.0
//
// LogHarness: a log on files in memory that fail and forget on demand. What is
// appended and what a recovery delivers are kept as texts, one a frame, so that
// they can be compared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/log.h"
#include "tests/testing/fault_injecting_file_system.h"
#include "tests/testing/memory_file_system.h"

namespace pallet::testing {

// Keeps the lines as text.
class KeepingLogger final : public Logger {
 public:
  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  void Write(LogLevel level, absl::string_view event, Fields fields) override {
    absl::MutexLock lock(&mutex_);
    lines_.push_back(LogLineAsText(absl::UnixEpoch(), level, event, fields));
  }

  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

// "7: 3/1=abc 4/9=de": frame number, then partition/index=payload of each
// record; long payloads by their length.
inline std::string TextOf(const storage::FrameView& frame) {
  std::string text = absl::StrCat(frame.number.value(), ":");
  for (const storage::RecordView& record : frame.records) {
    absl::StrAppend(&text, " ", record.partition.value(), "/", record.index,
                    "=");
    if (record.payload.size() <= 64) {
      absl::StrAppend(&text, record.payload);
    } else {
      absl::StrAppend(&text, record.payload.substr(0, 16), "...",
                      record.payload.size());
    }
  }
  return text;
}

class LogHarness {
 public:
  LogHarness() {
    CHECK_OK(memory_.CreateDirectory("log"));
    options_.directory = "log";
    options_.file_system = &disk_;
    options_.logger = &logger_;
    options_.first_segment_bytes = 8 << 10;
    options_.segment_bytes = 32 << 10;
    options_.id_seed = 1;
  }

  // Reads the log; what it delivers is in delivered().
  absl::StatusOr<storage::RecoveredLog> Recover(uint64_t after = 0) {
    delivered_.clear();
    return storage::RecoverLog(&disk_, "log", storage::FrameNumber(after),
                               [this](const storage::FrameView& frame) {
                                 delivered_.push_back(TextOf(frame));
                                 return absl::OkStatus();
                               });
  }

  absl::Status Open(uint64_t after = 0) {
    log_.reset();
    ++options_.id_seed;
    ASSIGN_OR_RETURN(const storage::RecoveredLog recovered, Recover(after));
    ASSIGN_OR_RETURN(log_, storage::Log::Open(options_, recovered));
    return absl::OkStatus();
  }

  // One frame with one record.
  absl::Status Append(absl::string_view payload) {
    storage::FrameBuilder builder;
    builder.Add({storage::RecordKind::kEntries, storage::PartitionId(1),
                 ++index_, 0, payload});
    ASSIGN_OR_RETURN(const storage::FrameNumber number, log_->Append(&builder));
    const storage::RecordView record = {storage::RecordKind::kEntries,
                                        storage::PartitionId(1), index_, 0,
                                        payload};
    appended_.push_back(TextOf({number, {&record, 1}}));
    return absl::OkStatus();
  }
  absl::Status AppendAndSync(absl::string_view payload) {
    RETURN_IF_ERROR(Append(payload));
    return log_->Sync();
  }

  // The process dies: what was written stays in the page cache. (The destructor
  // would close the log properly, so its writes are turned away.)
  void Kill() {
    disk_.TurnAway(true);
    log_.reset();
    disk_.TurnAway(false);
  }
  void LosePower(Random* random = nullptr) {
    Kill();
    disk_.LosePower(random);
  }

  // Turns one bit around, where it is on the disk.
  void Flip(const std::string& path, uint64_t offset, int bit = 0) {
    auto file = memory_.Open(path, OpenMode::kReadWrite);
    CHECK_OK(file.status());
    char byte;
    CHECK_EQ(*(*file)->Read(offset, 1, &byte), 1u);
    byte ^= 1 << bit;
    CHECK_OK((*file)->Write(offset, {&byte, 1}));
  }

  static std::string SegmentPath(uint64_t seq) {
    return absl::StrCat("log/", storage::SegmentFileName(seq));
  }

  storage::Log& log() { return *log_; }
  bool log_is_open() const { return log_ != nullptr; }
  storage::LogOptions& options() { return options_; }
  MemoryFileSystem& memory() { return memory_; }
  FaultInjectingFileSystem& disk() { return disk_; }
  KeepingLogger& logger() { return logger_; }
  // Without markers.
  std::vector<std::string> delivered() const {
    std::vector<std::string> frames;
    for (const std::string& frame : delivered_) {
      if (frame.back() != ':') frames.push_back(frame);
    }
    return frames;
  }
  const std::vector<std::string>& appended() const { return appended_; }

 private:
  MemoryFileSystem memory_;
  FaultInjectingFileSystem disk_{&memory_};
  KeepingLogger logger_;
  storage::LogOptions options_;
  std::unique_ptr<storage::Log> log_;
  uint64_t index_ = 0;
  std::vector<std::string> appended_;
  std::vector<std::string> delivered_;
};

}  // namespace pallet::testing
