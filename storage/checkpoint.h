// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what makes an image that is never synced by its commits safe.
//
// A pin (lmdb.h) holds the state of the last checkpoint, so that none of its
// pages is written again. Only the two meta pages are: those are saved in the
// checkpoint file. Whatever a crash does to later pages, writing the meta pages
// back gives that state, and the log the rest. The file: checkpoint_file.h.
//
//   between two commits                 | beside the writers
//   Begin: pin the state, copy the meta |
//   pages; go on with the next batch    | Finish: sync the log, sync the image,
//                                       | write checkpoint.tmp, sync, rename,
//                                       | sync the directory; end the old pin
//                                       | (then the caller drops log segments)
//
// What always holds:
//   1. The pages of the state in the checkpoint file are on the disk, and held
//      from before the first write after Open until a newer file is on the
//      disk.
//   2. A store has a checkpoint before its first append to the log.
//   3. After a failed sync no checkpoint is made again: what the kernel dropped
//      is unknown. The old file stays true.
//
// Thread-safe; Begin and Finish of one checkpoint pair up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"
#include "storage/checkpoint_file.h"
#include "storage/image.h"
#include "storage/lmdb.h"

namespace pallet::storage {

struct CheckpointOptions {
  std::string directory =
      {};  // the store's: `checkpoint` and `image/` are in it
  FileSystem* file_system = FileSystem::Real();
  uint64_t map_size = uint64_t{1} << 40;
  uint32_t max_readers = 512;
  // No checkpoint there: make a new, empty image (and remove a half-made one).
  // Say so only if the log is empty too. Otherwise that is kDataLoss.
  bool may_create = false;
  std::string new_uuid = {};  // kImageUuidBytes random bytes, for a new image
};

class Checkpoints;

struct OpenedImage {
  OpenedImage() = default;
  OpenedImage(OpenedImage&&) = default;
  OpenedImage& operator=(OpenedImage&& other);

  std::unique_ptr<Image> image;
  std::unique_ptr<Checkpoints> checkpoints;  // must be gone before `image`
  CheckpointContents contents;               // replay what comes after it
  bool created = false;
};

class Checkpoints {
 public:
  // Recovers the image as the checkpoint file has it, pinned. The caller holds
  // the store's lock. kFailedPrecondition for a newer format or another page
  // size; kDataLoss for a damaged file, or one of another image.
  static absl::StatusOr<OpenedImage> Open(const CheckpointOptions& options);
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Pins the image as it is now. Cheap. Call it where no image write is open
  // (Applier::AtCommitBoundary). kStoreFenced after a failed
  // sync. REQUIRES: none is in progress.
  absl::Status Begin(CheckpointContents contents);

  // Brings the begun checkpoint to the disk; takes as long as the disk does.
  // On an error it is dropped and the last one stays; Begin may be tried again
  // unless a sync failed.
  absl::Status Finish(absl::FunctionRef<absl::Status()> sync_log);

  bool in_progress() const;

  // About how many bytes of image pages were allocated since the newest Begin:
  // between half of the truth and the truth. The writer's trigger; cheap.
  absl::StatusOr<uint64_t> AllocatedBytes();

  // Bytes of the image's pages in use at the newest Begin.
  uint64_t LiveBytes() const;

  // Free bytes inside the image's file that the next write may use: those of
  // pages that no pin holds. Looks through the list of free pages.
  absl::StatusOr<uint64_t> ReusableBytes();

  uint64_t completed() const;  // checkpoints finished since Open
  // Since a sync failed.
  bool failed() const;

 private:
  struct Pinned {
    lmdb::Pin pin;
    lmdb::MetaPages meta_pages;
    CheckpointContents contents;
  };

  Checkpoints(FileSystem* file_system, const std::string& directory,
              Image* image);
  static absl::StatusOr<OpenedImage> Create(const CheckpointOptions& options);
  static absl::StatusOr<OpenedImage> Recover(const CheckpointOptions& options);
  absl::Status BringToDisk(const Pinned& pinned, uint64_t number,
                           absl::FunctionRef<absl::Status()> sync_log);
  absl::Status StartCounting(uint64_t commit_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const file_system_;
  const std::string directory_;  // the store's
  Image* const image_;

  mutable absl::Mutex mutex_;
  lmdb::Pin current_ ABSL_GUARDED_BY(mutex_);  // of the file on the disk
  std::unique_ptr<Pinned> next_ ABSL_GUARDED_BY(mutex_);
  uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;  // of the file on the disk
  uint64_t completed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  // Since the newest pin: what AllocatedBytes has added up so far.
  uint64_t counted_commit_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t freed_pages_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t first_page_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t live_pages_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pallet::storage
