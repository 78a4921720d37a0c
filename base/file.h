// SPDX-License-Identifier: Apache-2.0
//
// FileSystem: the only door to files and directories, so that tests can stand
// in it: fail a write, fill the disk, forget what was not synced.
//
// What holds (as POSIX has it, said here because durability rests on it):
//   1. Written bytes survive a power loss only after SyncData or Sync.
//   2. A file made, renamed or removed survives one only after SyncDirectory
//      of its directory.
//   3. After a failed sync the bytes are in an unknown state, and a later sync
//      that succeeds proves nothing: the kernel has forgotten them.
//
// Errors carry the path and errno's text: kNotFound, kAlreadyExists,
// kResourceExhausted (disk full, quota), kPermissionDenied and the like as
// absl::ErrnoToStatus maps them. File and FileSystem are thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pallet {

// An open file. The destructor closes it (without a sync).
class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `offset` into `buffer`; fewer only at the end
  // of the file. Returns how many.
  virtual absl::StatusOr<size_t> Read(uint64_t offset, size_t size,
                                      char* buffer) = 0;

  // Writes all of `bytes` at `offset` and lets the file grow if it must. After
  // an error any part of them may be written.
  virtual absl::Status Write(uint64_t offset, absl::string_view bytes) = 0;

  // fdatasync: the bytes and the size.
  virtual absl::Status SyncData() = 0;
  // fsync: that and the rest of the inode.
  virtual absl::Status Sync() = 0;

  virtual absl::Status Truncate(uint64_t size) = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;

  virtual const std::string& path() const = 0;
};

// Held while alive; the lock is freed by the kernel if the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kOpenOrCreate,
  kCreateNew,  // must not exist
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                                     OpenMode mode) = 0;

  // OK if it exists. The parent must exist.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // The names in it, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) = 0;

  // Replaces `to` if it exists.
  virtual absl::Status Rename(const std::string& from,
                              const std::string& to) = 0;
  // A file or an empty directory.
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::StatusOr<bool> Exists(const std::string& path) = 0;

  // What an ordinary user may still write on the disk that holds `path`.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) = 0;

  // Locks the file (made if it does not exist) against every other process
  // and every other Lock of this one; kFailedPrecondition if it is taken.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) = 0;

  // The machine's files. Lives as long as the process.
  static FileSystem* Real();
};

// The whole content.
absl::StatusOr<std::string> ReadFile(FileSystem* file_system,
                                     const std::string& path);

// Replaces the content of `path` so that a crash leaves the old or the new,
// whole: `path`.tmp, sync, rename, sync of the directory. Durable on return.
absl::Status ReplaceFile(FileSystem* file_system, const std::string& path,
                         absl::string_view content);

// "a/b" -> "a", "b" -> ".".
std::string DirectoryOf(absl::string_view path);

}  // namespace pallet
