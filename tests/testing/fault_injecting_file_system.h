// SPDX-License-Identifier: Apache-2.0
//
// FaultInjectingFileSystem: stands in the door to the disk. It passes all on to
// the file system it wraps, fails what it is told to fail, and remembers what
// was not synced so that it can be forgotten, as a power loss does.
//
//   FaultInjectingFileSystem disk(FileSystem::Real());
//   disk.FailSync(2, EIO);           // the second sync from now
//   disk.SetSpace(1 << 20);          // then ENOSPC
//   ...                              // close all files
//   disk.LosePower(&random);
//
// The model of a power loss:
//   1. Of the sectors (512 bytes) written since their file's last sync that
//      succeeded, any subset reaches the disk; the others are as before. The
//      same holds for a file's length.
//   2. A sync that fails brings nothing to the disk, and the kernel forgets
//   that
//      it owed: later syncs that succeed do not bring it either.
//   3. Of the names made, renamed and removed since their directory's last
//      sync, a prefix in their order reaches the disk.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"
#include "base/random.h"

namespace pallet::testing {

class FaultInjectingFileSystem final : public FileSystem {
 public:
  // `base` outlives it.
  explicit FaultInjectingFileSystem(FileSystem* base) : base_(base) {}

  // The nth from now (1: the next) fails with this errno, once; a failed write
  // has written its first half. 0 takes the order back. Syncs of files and
  // directories count together.
  void FailWrite(uint64_t n, int error);
  void FailSync(uint64_t n, int error);
  // Files may grow by this much; then ENOSPC. What is removed becomes free.
  void SetSpace(uint64_t bytes);
  void SetUnlimitedSpace();
  // What FreeBytes says, by turns; empty: the truth.
  void SetFreeBytesByTurns(std::vector<uint64_t> answers);

  // The process is dying: every change fails and changes nothing.
  void TurnAway(bool on);

  uint64_t writes() const;
  uint64_t syncs() const;  // that succeeded

  // What was not synced is lost: by `random`, or all of it if that is nullptr.
  // REQUIRES: no file is used again that was open before.
  void LosePower(Random* random);

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

 private:
  friend class FaultyFile;

  struct Sector {
    std::string before;      // shorter at the end of the file
    bool forgotten = false;  // by a sync that failed
  };
  // What a file owes the disk. Shared because an open file may lose its name.
  struct Debt {
    std::map<uint64_t, Sector> sectors;
    std::optional<uint64_t> size_before;
  };
  struct NameChange {
    enum { kCreate, kRename, kRemove } kind;
    std::string path;
    std::string from;                     // of a rename
    std::optional<std::string> replaced;  // what was under `path` before
  };

  // Counts down; true once, when it is due.
  struct Countdown {
    uint64_t left = 0;
    int error = 0;
    bool Due() { return left > 0 && --left == 0; }
  };

  absl::Status Write(File* base, Debt* debt, uint64_t offset,
                     absl::string_view bytes);
  absl::Status Truncate(File* base, Debt* debt, uint64_t size);
  absl::Status Sync(File* base, Debt* debt, bool data_only);
  absl::Status Owe(File* base, Debt* debt, uint64_t begin, uint64_t end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Debt>& DebtOf(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LoseSectors(const std::string& path, const Debt& debt, Random* random);
  void Undo(const NameChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const base_;
  mutable absl::Mutex mutex_;
  Countdown write_fault_ ABSL_GUARDED_BY(mutex_);
  Countdown sync_fault_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> free_bytes_by_turns_ ABSL_GUARDED_BY(mutex_);
  uint64_t free_bytes_asked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> space_ ABSL_GUARDED_BY(mutex_);
  bool turn_away_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::shared_ptr<Debt>> debts_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> names_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace pallet::testing
