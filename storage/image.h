// SPDX-License-Identifier: Apache-2.0
//
// Image: what the log says, in the form that reads need: one LMDB environment
// with the databases of databases.h.
//
//   ASSIGN_OR_RETURN(ImageRead read, image->Read());
//   ASSIGN_OR_RETURN(std::optional<RowView> row, read.Get(row_key));
//
//   ASSIGN_OR_RETURN(ImageWrite write, image->Write());
//   RETURN_IF_ERROR(write.Put(DatabaseId::kItems, row_key, EncodeRow(row)));
//   RETURN_IF_ERROR(write.Commit());
//
// What always holds:
//   1. A stored value is checksum u32 | value, the checksum over key and value
//      (checked_value.h). Every read checks it: damage is kDataLoss naming the
//      database and a hash of the key, never a wrong answer.
//   2. Row keys of `items` have any length up to kMaxRowKeyBytes and keep their
//      order; how is long_key.h's business.
//   3. Nothing is durable by Commit: that is the log's and the checkpoint's
//   work
//      (checkpoint.h). A reader sees whole commits.
//
// Image is thread-safe; there is one write at a time. A read or write belongs
// to one thread at a time, a write to the thread that began it. Both, and their
// cursors, must be gone before the image; views die with their transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/databases.h"
#include "storage/entry.h"
#include "storage/lmdb.h"
#include "storage/long_key.h"
#include "storage/store.h"

namespace pallet::storage {

class Image;

struct ImageOptions {
  std::string directory = {};  // exists; the files in it are the image's own
  uint64_t map_size = uint64_t{1} << 40;
  uint32_t max_readers = 512;  // then Read waits: see lmdb::Environment
};

// Walks a database other than `items` in key order inside [begin, end). A seek
// stops at the bounds. An error leaves it invalid.
class ImageCursor {
 public:
  absl::Status SeekAtOrAfter(absl::string_view key);
  absl::Status SeekAtOrBefore(absl::string_view key);
  // REQUIRES: Valid().
  absl::Status Next();
  absl::Status Previous();

  bool Valid() const { return valid_; }
  absl::string_view key() const { return cursor_.key(); }
  absl::string_view value() const { return value_; }

 private:
  friend class ImageRead;
  ImageCursor(DatabaseId database, lmdb::Cursor cursor, absl::string_view begin,
              absl::string_view end)
      : database_(database),
        cursor_(std::move(cursor)),
        begin_(begin),
        end_(end) {}
  absl::Status Settle(absl::Status moved);

  DatabaseId database_;
  lmdb::Cursor cursor_;
  std::string begin_, end_;
  bool valid_ = false;
  absl::string_view value_;
};

// One state of the image.
class ImageRead final : public ReadTransaction {
 public:
  ImageRead(ImageRead&&) = default;

  // Rows of `items`.
  absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) override;
  std::unique_ptr<RowCursor> Cursor(absl::string_view begin,
                                    absl::string_view end) override;

  // The other databases. REQUIRES: `database` is not kItems.
  absl::StatusOr<std::optional<absl::string_view>> Get(DatabaseId database,
                                                       absl::string_view key);
  // An empty end is the end of the database.
  absl::StatusOr<ImageCursor> OpenCursor(DatabaseId database,
                                         absl::string_view begin,
                                         absl::string_view end);

  // The number of the commit it sees.
  uint64_t commit_id() const { return transaction_.id(); }

 private:
  friend class Image;
  ImageRead(const Image* image, lmdb::ReadTransaction transaction)
      : image_(image), transaction_(std::move(transaction)) {}

  const Image* image_;
  lmdb::ReadTransaction transaction_;
};

// One change of the image: all of it at Commit, or nothing.
class ImageWrite {
 public:
  ImageWrite(ImageWrite&&) = default;

  // Values of kItems are rows (row.h). kStorageFull leaves the write useless:
  // drop it.
  absl::Status Put(DatabaseId database, absl::string_view key,
                   absl::string_view value);
  // Nothing happens if the key is not there.
  absl::Status Delete(DatabaseId database, absl::string_view key);
  // Removes begin <= key < end; an empty end is the end of the database.
  absl::Status DeleteRange(DatabaseId database, absl::string_view begin,
                           absl::string_view end);

  // One of the three above.
  absl::Status Apply(const Effect& effect);

  // As this write sees it.
  absl::StatusOr<std::optional<absl::string_view>> Get(DatabaseId database,
                                                       absl::string_view key);

  // The number its commit will have.
  uint64_t commit_id() const { return transaction_.id(); }

  absl::Status Commit();

 private:
  friend class Image;
  absl::Status DeleteRows(absl::string_view begin, absl::string_view end);
  ImageWrite(const Image* image, lmdb::WriteTransaction transaction)
      : image_(image), transaction_(std::move(transaction)) {}

  const Image* image_;
  lmdb::WriteTransaction transaction_;
};

struct ImageUsage {
  uint64_t map_bytes = 0;        // reserved
  uint64_t allocated_bytes = 0;  // of the file
};

class Image {
 public:
  // Through Checkpoints::Open (checkpoint.h) only: that brings the files into a
  // state that may be opened. A new image gets `new_uuid`.
  static absl::StatusOr<std::unique_ptr<Image>> Open(
      const ImageOptions& options, absl::string_view new_uuid);
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // Short transactions, please: an open one keeps every page freed since.
  absl::StatusOr<ImageRead> Read() const;

  // Waits for another write to end.
  absl::StatusOr<ImageWrite> Write();

  // Walks every database: order, checksums, row formats, and that each link
  // leads to rows and each long key to a link. Long; one transaction.
  absl::Status Verify() const;

  ImageUsage usage() const;

  // 16 bytes, made with the image.
  const std::string& uuid() const { return uuid_; }

  lmdb::Environment& environment() const { return *environment_; }
  // The state that was there at Open, held since before anything was written.
  lmdb::Pin TakeOpeningPin() { return std::move(opening_pin_); }

 private:
  friend class ImageRead;
  friend class ImageWrite;
  explicit Image(std::unique_ptr<lmdb::Environment> environment)
      : environment_(std::move(environment)) {}
  absl::Status ReadMeta(absl::string_view new_uuid);
  lmdb::Database database(DatabaseId id) const {
    return databases_[static_cast<size_t>(id)];
  }
  RowDatabases rows() const {
    return {database(DatabaseId::kItems), database(DatabaseId::kLongKeys),
            database(DatabaseId::kMeta)};
  }

  std::unique_ptr<lmdb::Environment> environment_;
  lmdb::Pin opening_pin_;                  // gone before its environment
  std::vector<lmdb::Database> databases_;  // by DatabaseId
  std::string uuid_;
};

}  // namespace pallet::storage
