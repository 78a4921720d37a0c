// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what makes an image that is never synced by its commits safe.
//
// A pin (lmdb.h) holds the state of the last checkpoint, so that none of its
// pages is written again. Only the two meta pages are: those are saved in the
// checkpoint file. Whatever a crash does to later pages, writing the meta pages
// back gives that state, and the log the rest.
//
//   file  := magic "PALLETCP" | format u32 = 1 | image uuid 16 | number u64 |
//            page size u32 | meta page | meta page | log frame u64 |
//            count u32 | group* | checksum u64 (XXH3-64 of all before it)
//   group := partition u64 | applied index u64 | applied term u64 | term u64 |
//            vote u64 | commit u64 | truncated index u64 | truncated term u64 |
//            change seq u64 | count u32 | member u64*
//
//   writer thread (between commits)     | another thread
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
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/ids.h"
#include "storage/image.h"
#include "storage/lmdb.h"

namespace pallet::storage {

// A partition's replication state at the checkpoint. One copy uses `partition`,
// `applied_index` and `change_seq`.
struct CheckpointGroup {
  PartitionId partition;
  uint64_t applied_index = 0, applied_term = 0;
  uint64_t term = 0, vote = 0, commit = 0;
  uint64_t truncated_index = 0, truncated_term = 0;
  ChangeSeq change_seq;
  std::vector<uint64_t> members;

  friend bool operator==(const CheckpointGroup&,
                         const CheckpointGroup&) = default;
};

// What the store says of the state it pins.
struct CheckpointContents {
  uint64_t log_frame = 0;  // the last frame whose effects the image has
  std::vector<CheckpointGroup> groups;

  friend bool operator==(const CheckpointContents&,
                         const CheckpointContents&) = default;
};

struct CheckpointOptions {
  std::string directory;  // the store's: `checkpoint` and `image/` are in it
  uint64_t map_size = uint64_t{1} << 40;
  uint32_t max_readers = 512;
  // No checkpoint there: make a new, empty image (and remove a half-made one).
  // Say so only if the log is empty too. Otherwise that is kDataLoss.
  bool may_create = false;
  std::string new_uuid;  // 16 random bytes, for a new image
};

class Checkpoints;

struct OpenedImage {
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

  // Pins the image as it is now. Cheap. Call it where no image write is open:
  // on the thread that writes, between commits. kStoreFenced after a failed
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

  uint64_t completed() const;  // checkpoints finished since Open
  // Since a sync failed.
  bool failed() const;

 private:
  struct Pinned {
    lmdb::Pin pin;
    lmdb::MetaPages meta_pages;
    CheckpointContents contents;
  };

  Checkpoints(Image* image, std::string directory)
      : image_(image), directory_(std::move(directory)) {}
  absl::Status Write(const Pinned& pinned, uint64_t number) const;

  Image* const image_;
  const std::string directory_;

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
};

}  // namespace pallet::storage
