// SPDX-License-Identifier: Apache-2.0
#include "storage/image.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/checked_value.h"
#include "storage/row_cursor.h"

namespace pallet::storage {
namespace {

// Rows of `meta`, beside kNextLink (long_key.h):
//   "uuid"           -> 16 bytes
//   "format of" name -> u32, for each database
constexpr absl::string_view kUuid = "uuid";
constexpr absl::string_view kFormatOf = "format of ";
constexpr size_t kUuidBytes = 16;

// OK if this version knows the stored format of the database; makes the row if
// the database is new.
absl::Status CheckFormat(lmdb::WriteTransaction& write, lmdb::Database meta,
                         const DatabaseInfo& info) {
  const std::string key = absl::StrCat(kFormatOf, info.name);
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> stored,
                   GetChecked(write, meta, DatabaseId::kMeta, key));
  std::string known;
  AppendU32(&known, info.format);
  if (!stored.has_value()) return PutChecked(write, meta, key, known);
  if (*stored == known) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("image database ", info.name,
                   " has a format that this version does not know; it was "
                   "written by a newer one"));
}

}  // namespace

// --- ImageCursor ---

absl::Status ImageCursor::SeekAtOrAfter(absl::string_view key) {
  return Settle(
      cursor_.SeekAtOrAfter(std::max(key, absl::string_view(begin_))));
}

absl::Status ImageCursor::SeekAtOrBefore(absl::string_view key) {
  const bool clamped = !end_.empty() && key >= end_;
  if (clamped) key = end_;
  valid_ = false;
  RETURN_IF_ERROR(cursor_.SeekAtOrAfter(key));
  if (cursor_.valid() && cursor_.key() == key && !clamped) {
    return Settle(absl::OkStatus());
  }
  return Settle(cursor_.valid() ? cursor_.Previous() : cursor_.Last());
}

absl::Status ImageCursor::Next() {
  CHECK(valid_);
  return Settle(cursor_.Next());
}

absl::Status ImageCursor::Previous() {
  CHECK(valid_);
  return Settle(cursor_.Previous());
}

// The LMDB cursor was moved: takes what it stands on if that is inside the
// bounds.
absl::Status ImageCursor::Settle(absl::Status moved) {
  valid_ = false;
  RETURN_IF_ERROR(moved);
  if (!cursor_.valid() || cursor_.key() < begin_ ||
      (!end_.empty() && cursor_.key() >= end_)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(value_,
                   CheckValue(database_, cursor_.key(), cursor_.value()));
  valid_ = true;
  return absl::OkStatus();
}

// --- ImageRead ---

absl::StatusOr<std::optional<RowView>> ImageRead::Get(
    absl::string_view row_key) {
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> value,
                   FindRow(transaction_, image_->rows(), row_key));
  if (!value.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const RowView row, DecodeRow(*value));
  return row;
}

std::unique_ptr<RowCursor> ImageRead::Cursor(absl::string_view begin,
                                             absl::string_view end) {
  // Only a hint, so an error here is none of the caller's.
  const auto record = transaction_.RecordOf(InfoOf(DatabaseId::kItems).name);
  const lmdb::Usage usage = image_->environment_->usage();
  return OpenRowCursor(
      transaction_, image_->rows(), begin, end,
      record.ok() && record->has_value()
          ? ReadAhead::Create(**record, usage.page_size, usage.allocated_pages)
          : nullptr);
}

absl::StatusOr<std::optional<absl::string_view>> ImageRead::Get(
    DatabaseId database, absl::string_view key) {
  CHECK(database != DatabaseId::kItems);
  return GetChecked(transaction_, image_->database(database), database, key);
}

absl::StatusOr<ImageCursor> ImageRead::OpenCursor(DatabaseId database,
                                                  absl::string_view begin,
                                                  absl::string_view end) {
  CHECK(database != DatabaseId::kItems);
  ASSIGN_OR_RETURN(lmdb::Cursor cursor,
                   transaction_.OpenCursor(image_->database(database)));
  return ImageCursor(database, std::move(cursor), begin, end);
}

// --- ImageWrite ---

absl::Status ImageWrite::Put(DatabaseId database, absl::string_view key,
                             absl::string_view value) {
  CHECK(InfoOf(database).public_to_effects);
  if (database == DatabaseId::kItems) {
    return PutRow(transaction_, image_->rows(), key, value);
  }
  return PutChecked(transaction_, image_->database(database), key, value);
}

absl::Status ImageWrite::Delete(DatabaseId database, absl::string_view key) {
  CHECK(InfoOf(database).public_to_effects);
  if (database == DatabaseId::kItems) {
    return DeleteRow(transaction_, image_->rows(), key);
  }
  return transaction_.Delete(image_->database(database), key).status();
}

absl::Status ImageWrite::DeleteRange(DatabaseId database,
                                     absl::string_view begin,
                                     absl::string_view end) {
  CHECK(InfoOf(database).public_to_effects);
  if (database == DatabaseId::kItems) return DeleteRows(begin, end);
  ASSIGN_OR_RETURN(lmdb::Cursor cursor,
                   transaction_.OpenCursor(image_->database(database)));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(begin));
  while (cursor.valid() && (end.empty() || cursor.key() < end)) {
    RETURN_IF_ERROR(cursor.DeleteAndNext());
  }
  return absl::OkStatus();
}

// A row with a long key may take links with it, so each is found anew.
absl::Status ImageWrite::DeleteRows(absl::string_view begin,
                                    absl::string_view end) {
  std::string next(begin);
  while (true) {
    {
      const std::unique_ptr<RowCursor> cursor =
          OpenRowCursor(transaction_, image_->rows(), next, end, nullptr);
      RETURN_IF_ERROR(cursor->SeekAtOrAfter(next));
      if (!cursor->Valid()) return absl::OkStatus();
      next = std::string(cursor->key());
    }
    RETURN_IF_ERROR(DeleteRow(transaction_, image_->rows(), next));
  }
}

absl::Status ImageWrite::Apply(const Effect& effect) {
  switch (effect.op) {
    case EffectOp::kPut:
      return Put(effect.database, effect.key, effect.value);
    case EffectOp::kDelete:
      return Delete(effect.database, effect.key);
    case EffectOp::kDeleteRange:
      return DeleteRange(effect.database, effect.key, effect.value);
    case EffectOp::kIndexCounts:
    case EffectOp::kSchemaVersion:
      break;
  }
  CHECK(false) << static_cast<int>(effect.op);
}

absl::StatusOr<std::optional<absl::string_view>> ImageWrite::Get(
    DatabaseId database, absl::string_view key) {
  if (database == DatabaseId::kItems) {
    return FindRow(transaction_, image_->rows(), key);
  }
  return GetChecked(transaction_, image_->database(database), database, key);
}

absl::Status ImageWrite::Commit() { return transaction_.Commit(); }

// --- Image ---

absl::StatusOr<std::unique_ptr<Image>> Image::Open(const ImageOptions& options,
                                                   absl::string_view new_uuid) {
  ASSIGN_OR_RETURN(std::unique_ptr<lmdb::Environment> environment,
                   lmdb::Environment::Open({.directory = options.directory,
                                            .map_size = options.map_size,
                                            .max_readers = options.max_readers,
                                            .sync_commits = false}));
  std::unique_ptr<Image> image(new Image(std::move(environment)));
  // Before the first write: see checkpoint.h.
  ASSIGN_OR_RETURN(image->opening_pin_, image->environment_->PinLatest());
  std::vector<std::string> names;
  for (const DatabaseInfo& info : kDatabases) {
    names.push_back(std::string(info.name));
  }
  ASSIGN_OR_RETURN(image->databases_,
                   image->environment_->OpenDatabases(names));
  RETURN_IF_ERROR(image->ReadMeta(new_uuid));
  return image;
}

absl::Status Image::ReadMeta(absl::string_view new_uuid) {
  const lmdb::Database meta = database(DatabaseId::kMeta);
  ASSIGN_OR_RETURN(lmdb::WriteTransaction write, environment_->BeginWrite());
  for (const DatabaseInfo& info : kDatabases) {
    RETURN_IF_ERROR(CheckFormat(write, meta, info));
  }
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> stored,
                   GetChecked(write, meta, DatabaseId::kMeta, kUuid));
  if (stored.has_value()) {
    uuid_ = std::string(*stored);
  } else {
    CHECK_EQ(new_uuid.size(), kUuidBytes);
    uuid_ = std::string(new_uuid);
    RETURN_IF_ERROR(PutChecked(write, meta, kUuid, uuid_));
  }
  return write.Commit();
}

absl::StatusOr<ImageRead> Image::Read() const {
  ASSIGN_OR_RETURN(lmdb::ReadTransaction transaction,
                   environment_->BeginRead());
  return ImageRead(this, std::move(transaction));
}

absl::StatusOr<ImageWrite> Image::Write() {
  ASSIGN_OR_RETURN(lmdb::WriteTransaction transaction,
                   environment_->BeginWrite());
  return ImageWrite(this, std::move(transaction));
}

absl::Status Image::Verify() const {
  ASSIGN_OR_RETURN(ImageRead read, Read());
  RETURN_IF_ERROR(VerifyRows(read.transaction_, rows()));
  for (const DatabaseInfo& info : kDatabases) {
    if (info.id == DatabaseId::kItems || info.id == DatabaseId::kLongKeys) {
      continue;
    }
    ASSIGN_OR_RETURN(ImageCursor cursor, read.OpenCursor(info.id, "", ""));
    RETURN_IF_ERROR(cursor.SeekAtOrAfter(""));
    std::string last;
    while (cursor.Valid()) {
      if (cursor.key() <= last) {
        return DamagedRow(info.id, cursor.key(), "keys are out of order");
      }
      last = std::string(cursor.key());
      RETURN_IF_ERROR(cursor.Next());
    }
  }
  return absl::OkStatus();
}

ImageUsage Image::usage() const {
  const lmdb::Usage usage = environment_->usage();
  return {.map_bytes = usage.map_pages * usage.page_size,
          .allocated_bytes = usage.allocated_pages * usage.page_size};
}

}  // namespace pallet::storage
