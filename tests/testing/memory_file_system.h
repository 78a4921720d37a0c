// SPDX-License-Identifier: Apache-2.0
//
// MemoryFileSystem: files of a test's own, without a disk. Directories exist
// once made (the root "" and "/" always do); syncs have nothing to do. Wrap it
// in a FaultInjectingFileSystem to give it a disk's faults. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"

namespace pallet::testing {

class MemoryFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                             OpenMode mode) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<bool> Exists(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) override;

  // A file's bytes, shared because an open file outlives its name.
  struct Content {
    absl::Mutex mutex;
    std::string bytes ABSL_GUARDED_BY(mutex);
  };

 private:
  bool HasDirectory(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_
      ABSL_GUARDED_BY(mutex_);
  std::set<std::string> directories_ ABSL_GUARDED_BY(mutex_);
  // Shared because a lock may outlive the file system.
  const std::shared_ptr<std::set<std::string>> locks_ =
      std::make_shared<std::set<std::string>>();
};

}  // namespace pallet::testing
