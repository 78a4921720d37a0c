// SPDX-License-Identifier: Apache-2.0
//
// Disk recorder: notes every write, sync and change of a directory below one
// directory, and builds from that what a disk may hold after a power loss.
//
//   DiskRecorder recorder(directory);
//   ... work; acknowledged.push_back(recorder.position()) ...
//   recorder.Stop();
//   recorder.BuildCrashImage(position, random, elsewhere);
//
// It stands in for the C library's write, pwrite, writev, pwritev, fsync,
// fdatasync, sync_file_range, msync, ftruncate, fallocate, open, rename, unlink, mkdir and rmdir
// in the whole test program, so it sees LMDB's calls as well as ours. Memory
// written through a map is not seen (LMDB's lock file is; it holds no data).
// No sync is done in a program that links this, only noted: that makes it fast.
//
// What a power loss leaves (BuildCrashImage):
//   1. What a file held at its last sync before the moment.
//   2. Of each later write any subset of its pages or sectors, or a part cut at
//      any byte; a later truncation or growth happened or not.
//   3. Of a directory what it held at its last sync, and of its later changes
//      (create, rename, remove) the first so-and-so many. A synced file without
//      a synced name may be gone.
//   What was there when the recorder was made counts as synced.
//
// One at a time. Thread-safe. Not for sanitizer builds, which stand in for the
// same calls.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"

namespace pallet::testing {

class DiskRecorder {
 public:
  // `directory` exists; nobody has a file in it open for writing.
  explicit DiskRecorder(std::string directory);
  DiskRecorder(const DiskRecorder&) = delete;
  DiskRecorder& operator=(const DiskRecorder&) = delete;
  ~DiskRecorder();

  // Nothing is recorded any more; the record stays.
  void Stop();

  // How many events there are: a moment for BuildCrashImage.
  size_t position() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes `target` (which must not exist) as `directory` may be after a power
  // loss at `position`.
  void BuildCrashImage(size_t position, Random& random,
                       const std::string& target) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Asked before each call, with its name ("write", "sync", "rename", ...) and
  // the path below the directory; an errno other than 0 makes it fail. Runs
  // under the recorder's lock.
  using Fault =
      std::function<int(absl::string_view operation, absl::string_view path)>;
  void SetFault(Fault fault) ABSL_LOCKS_EXCLUDED(mutex_);

  // For the functions that stand in; not for tests.
  class Hooks;

 private:
  using FileId = int;  // index in first_contents_

  enum class Kind {
    kWrite,  // `bytes` at `offset`; durable at once if `synced`
    kResize,
    kSync,
    kCreate,  // and mkdir
    kRename,
    kRemove,
    kSyncDirectory,
  };

  struct Event {
    Kind kind;
    FileId file = -1;
    uint64_t offset = 0;  // kResize: the new size
    std::string bytes = {};
    bool synced = false;
    std::string path = {};  // relative; of a rename its target
    std::string from = {};
  };

  // A file or (content unused) a directory.
  struct Node {
    FileId file = -1;
    bool is_directory = false;
  };
  using Names = std::map<std::string, Node>;

  struct Replay;

  void Scan();
  FileId NewFile(uint64_t inode, std::string content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string directory_;
  mutable absl::Mutex mutex_;
  Names first_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> first_contents_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, FileId> file_of_inode_ ABSL_GUARDED_BY(mutex_);
  std::vector<Event> events_ ABSL_GUARDED_BY(mutex_);
  Fault fault_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::testing
