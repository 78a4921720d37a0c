// SPDX-License-Identifier: Apache-2.0
#include "storage/checkpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/checkpoint_file.h"

namespace pallet::storage {
namespace {

std::string ImageDirectory(const std::string& store_directory) {
  return absl::StrCat(store_directory, "/image");
}

std::string CheckpointPath(const std::string& store_directory) {
  return absl::StrCat(store_directory, "/checkpoint");
}

// The image's uuid beside its data, so that a checkpoint of another image is
// noticed before its meta pages are written.
std::string IdentityPath(const std::string& store_directory) {
  return absl::StrCat(ImageDirectory(store_directory), "/identity");
}

absl::Status DataLoss(absl::string_view message) {
  return model::MakeError(model::Reason::kDataLoss, message);
}

// An error of a file, with the reason a caller can tell its users.
absl::Status Typed(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return model::MakeError(model::Reason::kStorageFull, status.message());
  }
  return status;
}

absl::StatusOr<uint64_t> DataFileBytes(FileSystem* file_system,
                                       const std::string& store_directory) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      file_system->Open(absl::StrCat(ImageDirectory(store_directory), "/",
                                     lmdb::kDataFileName),
                        OpenMode::kRead));
  return file->Size();
}

absl::Status SyncNothing() { return absl::OkStatus(); }

absl::StatusOr<std::unique_ptr<Image>> OpenImage(
    const CheckpointOptions& options) {
  return Image::Open({.directory = ImageDirectory(options.directory),
                      .map_size = options.map_size,
                      .max_readers = options.max_readers},
                     options.new_uuid);
}

// That this file may bring back this image; asked before anything is written.
absl::Status CheckFits(const CheckpointFile& file,
                       const CheckpointOptions& options) {
  if (file.meta_pages.page_size != lmdb::Environment::SystemPageSize()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the image in ", options.directory, " has pages of ",
        file.meta_pages.page_size, " bytes, this machine has pages of ",
        lmdb::Environment::SystemPageSize()));
  }
  const absl::StatusOr<std::string> identity =
      ReadFile(options.file_system, IdentityPath(options.directory));
  if (!identity.ok()) {
    return DataLoss(
        absl::StrCat("the image of the checkpoint in ", options.directory,
                     " is not there: ", identity.status().message()));
  }
  if (*identity != file.image_uuid) {
    return DataLoss(absl::StrCat("the checkpoint in ", options.directory,
                                 " is that of another image"));
  }
  const absl::StatusOr<uint64_t> bytes =
      DataFileBytes(options.file_system, options.directory);
  if (!bytes.ok() || *bytes < file.image_bytes) {
    return DataLoss(
        absl::StrCat("the data file of the image in ", options.directory,
                     " should have ", file.image_bytes, " bytes: ",
                     bytes.ok() ? absl::StrCat("it has ", *bytes)
                                : std::string(bytes.status().message())));
  }
  return absl::OkStatus();
}

// A crash may have left a half-made image.
absl::Status RemoveOldImage(FileSystem* file_system,
                            const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   file_system->List(directory));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(file_system->Remove(absl::StrCat(directory, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace

OpenedImage& OpenedImage::operator=(OpenedImage&& other) {
  checkpoints = std::move(other.checkpoints);  // before its image
  image = std::move(other.image);
  contents = std::move(other.contents);
  created = other.created;
  return *this;
}

Checkpoints::Checkpoints(FileSystem* file_system, const std::string& directory,
                         Image* image)
    : file_system_(file_system), directory_(directory), image_(image) {}

absl::StatusOr<OpenedImage> Checkpoints::Open(
    const CheckpointOptions& options) {
  ASSIGN_OR_RETURN(const bool exists, options.file_system->Exists(
                                          CheckpointPath(options.directory)));
  if (exists) return Recover(options);
  if (options.may_create) return Create(options);
  return DataLoss(absl::StrCat("there is a log in ", options.directory,
                               " but no checkpoint"));
}

absl::StatusOr<OpenedImage> Checkpoints::Create(
    const CheckpointOptions& options) {
  FileSystem* const file_system = options.file_system;
  const std::string image_directory = ImageDirectory(options.directory);
  RETURN_IF_ERROR(Typed(file_system->CreateDirectory(image_directory)));
  RETURN_IF_ERROR(Typed(RemoveOldImage(file_system, image_directory)));
  RETURN_IF_ERROR(Typed(file_system->SyncDirectory(options.directory)));

  OpenedImage opened;
  opened.created = true;
  ASSIGN_OR_RETURN(opened.image, OpenImage(options));
  // Syncs the directory too, and so the name of the data file.
  RETURN_IF_ERROR(Typed(ReplaceFile(
      file_system, IdentityPath(options.directory), opened.image->uuid())));
  opened.checkpoints.reset(
      new Checkpoints(file_system, options.directory, opened.image.get()));
  RETURN_IF_ERROR(opened.checkpoints->Begin({}));
  RETURN_IF_ERROR(opened.checkpoints->Finish(SyncNothing));
  opened.image->TakeOpeningPin();  // the state before there was anything
  return opened;
}

absl::StatusOr<OpenedImage> Checkpoints::Recover(
    const CheckpointOptions& options) {
  ASSIGN_OR_RETURN(
      const std::string bytes,
      ReadFile(options.file_system, CheckpointPath(options.directory)));
  ASSIGN_OR_RETURN(CheckpointFile file, DecodeCheckpoint(bytes));
  RETURN_IF_ERROR(CheckFits(file, options));
  RETURN_IF_ERROR(Typed(lmdb::Environment::RestoreMetaPages(
      options.file_system, ImageDirectory(options.directory),
      file.meta_pages)));

  OpenedImage opened;
  opened.contents = std::move(file.contents);
  ASSIGN_OR_RETURN(opened.image, OpenImage(options));
  opened.checkpoints.reset(new Checkpoints(
      options.file_system, options.directory, opened.image.get()));
  lmdb::Pin pin = opened.image->TakeOpeningPin();
  if (pin.id() != file.meta_pages.commit_id() ||
      opened.image->uuid() != file.image_uuid) {
    return DataLoss(absl::StrCat("the image in ", options.directory,
                                 " is not that of its checkpoint"));
  }
  Checkpoints& checkpoints = *opened.checkpoints;
  absl::MutexLock lock(&checkpoints.mutex_);
  checkpoints.number_ = file.number + 1;
  RETURN_IF_ERROR(checkpoints.StartCounting(pin.id()));
  checkpoints.current_ = std::move(pin);
  return opened;
}

absl::Status Checkpoints::Begin(CheckpointContents contents) {
  absl::MutexLock lock(&mutex_);
  CHECK(next_ == nullptr) << "a checkpoint is in progress";
  if (failed_) {
    return model::MakeError(model::Reason::kStoreFenced,
                            "a sync of the image or the log failed");
  }
  const lmdb::Environment& environment = image_->environment();
  ASSIGN_OR_RETURN(lmdb::Pin pin, environment.PinLatest());
  ASSIGN_OR_RETURN(lmdb::MetaPages pages, environment.ReadMetaPages(pin));
  RETURN_IF_ERROR(StartCounting(pin.id()));
  next_ = std::make_unique<Pinned>(
      Pinned{std::move(pin), std::move(pages), std::move(contents)});
  return absl::OkStatus();
}

absl::Status Checkpoints::Finish(absl::FunctionRef<absl::Status()> sync_log) {
  const Pinned* pinned;
  uint64_t number;
  {
    absl::MutexLock lock(&mutex_);
    CHECK(next_ != nullptr) << "no checkpoint was begun";
    pinned = next_.get();
    number = number_;
  }
  // Only we end what is in progress, so `pinned` stays without the lock.
  const absl::Status status = BringToDisk(*pinned, number, sync_log);
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<Pinned> ended = std::move(next_);
  // After an error either file may be what a crash leaves. The older pin keeps
  // the newer state whole too: nothing freed since the older one is used again.
  if (!status.ok()) return status;
  current_ = std::move(ended->pin);
  ++number_;
  ++completed_;
  return absl::OkStatus();
}

absl::Status Checkpoints::BringToDisk(
    const Pinned& pinned, uint64_t number,
    absl::FunctionRef<absl::Status()> sync_log) {
  // The length that the sync makes durable: a file that is shorter later has
  // lost pages, and reading those through the map would end the process.
  ASSIGN_OR_RETURN(const uint64_t image_bytes,
                   DataFileBytes(file_system_, directory_));
  absl::Status synced = sync_log();
  if (synced.ok()) synced = image_->environment().Sync();
  if (!synced.ok()) {
    absl::MutexLock lock(&mutex_);
    failed_ = true;
    return synced;
  }
  return Typed(ReplaceFile(file_system_, CheckpointPath(directory_),
                           EncodeCheckpoint({.image_uuid = image_->uuid(),
                                             .number = number,
                                             .image_bytes = image_bytes,
                                             .meta_pages = pinned.meta_pages,
                                             .contents = pinned.contents})));
}

bool Checkpoints::in_progress() const {
  absl::MutexLock lock(&mutex_);
  return next_ != nullptr;
}

absl::Status Checkpoints::StartCounting(uint64_t commit_id) {
  const lmdb::Environment& environment = image_->environment();
  ASSIGN_OR_RETURN(const uint64_t free_pages,
                   environment.PagesFreedBefore(UINT64_MAX));
  counted_commit_ = commit_id;
  freed_pages_ = 0;
  first_page_count_ = environment.usage().allocated_pages;
  live_pages_ = first_page_count_ - free_pages;
  return absl::OkStatus();
}

uint64_t Checkpoints::LiveBytes() const {
  absl::MutexLock lock(&mutex_);
  return live_pages_ * image_->environment().usage().page_size;
}

absl::StatusOr<uint64_t> Checkpoints::AllocatedBytes() {
  absl::MutexLock lock(&mutex_);
  const lmdb::Environment& environment = image_->environment();
  ASSIGN_OR_RETURN(const lmdb::FreedPages freed,
                   environment.PagesFreedAfter(counted_commit_));
  counted_commit_ = freed.newest_commit;
  freed_pages_ += freed.pages;
  // A changed page is a new one and an old one freed; new pages come from the
  // end of the file once no free ones are left.
  const lmdb::Usage usage = environment.usage();
  return usage.page_size *
         std::max(freed_pages_, usage.allocated_pages - first_page_count_);
}

absl::StatusOr<uint64_t> Checkpoints::ReusableBytes() {
  absl::MutexLock lock(&mutex_);
  const lmdb::Environment& environment = image_->environment();
  ASSIGN_OR_RETURN(const uint64_t pages,
                   environment.PagesFreedBefore(current_.id()));
  return pages * environment.usage().page_size;
}

uint64_t Checkpoints::completed() const {
  absl::MutexLock lock(&mutex_);
  return completed_;
}

bool Checkpoints::failed() const {
  absl::MutexLock lock(&mutex_);
  return failed_;
}

}  // namespace pallet::storage
