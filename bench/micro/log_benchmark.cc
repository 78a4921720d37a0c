// SPDX-License-Identifier: Apache-2.0
//
// The log against a bare loop that writes and fdatasyncs the same bytes into a
// file that was zero-filled before. The two take turns batch by batch, so the
// disk's moods meet both; what counts is the ratio of their medians.
//
//   log_benchmark [directory]    -- a directory on the disk to be measured
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "storage/entry.h"
#include "storage/log.h"

namespace pallet::storage {
namespace {

constexpr uint64_t kBareBytes = uint64_t{16} << 20;

// What the log is measured against: one file, zero-filled, used in a circle.
class BareLoop {
 public:
  explicit BareLoop(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
    CHECK_GE(fd_, 0);
    const std::string zeros(1 << 20, '\0');
    for (uint64_t at = 0; at < kBareBytes; at += zeros.size()) {
      CHECK_EQ(pwrite(fd_, zeros.data(), zeros.size(), at),
               static_cast<ssize_t>(zeros.size()));
    }
    CHECK_EQ(fsync(fd_), 0);
  }
  ~BareLoop() { close(fd_); }

  void Write(const std::string& bytes) {
    if (at_ + bytes.size() > kBareBytes) at_ = 0;
    CHECK_EQ(pwrite(fd_, bytes.data(), bytes.size(), at_),
             static_cast<ssize_t>(bytes.size()));
    CHECK_EQ(fdatasync(fd_), 0);
    at_ += bytes.size();
  }

 private:
  const int fd_;
  uint64_t at_ = 0;
};

std::unique_ptr<Log> OpenLog(const std::string& directory) {
  CHECK_OK(FileSystem::Real()->CreateDirectory(directory));
  LogOptions options;
  options.directory = directory;
  options.first_segment_bytes = options.segment_bytes = uint64_t{16} << 20;
  auto recovered =
      RecoverLog(options.file_system, directory, FrameNumber(0),
                 [](const FrameView&) { return absl::OkStatus(); });
  CHECK_OK(recovered.status());
  auto log = Log::Open(options, *recovered);
  CHECK_OK(log.status());
  return *std::move(log);
}

// Appends and syncs one batch, and truncates so that segments are recycled.
void WriteBatch(Log* log, FrameBuilder* frame, absl::string_view entry) {
  frame->Add({RecordKind::kEntries, PartitionId(1), 1, 0, entry});
  const absl::StatusOr<FrameNumber> number = log->Append(frame);
  CHECK_OK(number.status());
  CHECK_OK(log->Sync());
}

void Truncate(Log* log) { CHECK_OK(log->TruncateBefore(log->last_frame())); }

// `count` puts of 1 KB, encoded as the store does.
std::string MakeEntry(int count) {
  EntryBuilder entry;
  for (int i = 0; i < count; ++i) {
    entry.Put(DatabaseId::kItems, "a key of forty bytes, more or less.....",
              std::string(1000, 'v'));
  }
  return std::string(entry.Finish({ChangeSeq(1), 1, 1}));
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

void Measure(const std::string& directory, int count, int batches) {
  std::filesystem::remove_all(directory + "/log");
  std::unique_ptr<Log> log = OpenLog(directory + "/log");
  BareLoop bare(directory + "/bare");
  FrameBuilder frame;
  const std::string entry = MakeEntry(count);
  WriteBatch(log.get(), &frame, entry);
  const std::string same_bytes(log->Metrics().bytes, 'b');
  // What is measured is the steady state, in which segments are recycled.
  while (log->Metrics().segments_recycled < 2) {
    WriteBatch(log.get(), &frame, std::string(1 << 20, 'w'));
    Truncate(log.get());
  }
  std::vector<double> log_us, bare_us;
  Clock* const clock = Clock::Real();
  for (int i = 0; i < batches; ++i) {
    const absl::Duration start = clock->Monotonic();
    WriteBatch(log.get(), &frame, entry);
    const absl::Duration middle = clock->Monotonic();
    bare.Write(same_bytes);
    const absl::Duration end = clock->Monotonic();
    log_us.push_back(absl::ToDoubleMicroseconds(middle - start));
    bare_us.push_back(absl::ToDoubleMicroseconds(end - middle));
    Truncate(log.get());
  }
  const double log_median = Median(log_us), bare_median = Median(bare_us);
  std::printf("%8d %8zu %10.0f %10.0f %10.0f %8.2f\n", count, same_bytes.size(),
              log_median, bare_median, count / log_median * 1e6,
              log_median / bare_median);
}

}  // namespace
}  // namespace pallet::storage

int main(int argc, char** argv) {
  const std::string directory =
      std::string(argc > 1 ? argv[1] : ".") + "/log_benchmark";
  std::filesystem::create_directories(directory);
  std::printf("%8s %8s %10s %10s %10s %8s\n", "records", "bytes", "log us",
              "bare us", "records/s", "ratio");
  for (int repeat = 0; repeat < 3; ++repeat) {
    pallet::storage::Measure(directory, 1, 2000);
    pallet::storage::Measure(directory, 10, 1000);
    pallet::storage::Measure(directory, 100, 500);
    pallet::storage::Measure(directory, 1000, 100);
  }
  std::filesystem::remove_all(directory);
  return 0;
}
