// SPDX-License-Identifier: Apache-2.0
//
// LMDB as small classes: the one door to <lmdb.h>. An Environment is a
// directory with an ordered map of bytes to bytes per named database, many
// readers, one writer.
//
//   ASSIGN_OR_RETURN(auto environment, lmdb::Environment::Open({.directory =
//   d})); ASSIGN_OR_RETURN(auto databases,
//   environment->OpenDatabases({"tables"})); ASSIGN_OR_RETURN(auto write,
//   environment->BeginWrite()); RETURN_IF_ERROR(write.Put(databases[0], "key",
//   "value")); RETURN_IF_ERROR(write.Commit());
//
// What always holds:
//   1. Views (keys, values) die with their transaction; those of a write
//      transaction die with its next change.
//   2. A read transaction sees the last commit before it began, for as long as
//      it lives, and keeps the pages of that state from being used again: hold
//      it briefly.
//   3. Keys have 1..kMaxKeyBytes bytes; anything else is a bug of the caller's.
//   4. Errors: no room in the map or on the disk is kStorageFull, a broken file
//      kDataLoss, what the system refused kInternal. "Not there" is no error.
//
// Always MDB_NOTLS | MDB_NORDAHEAD, never MDB_WRITEMAP or MDB_NOLOCK. No
// directory may be open twice in a process, nor in two processes.
//
// Environment is thread-safe. A transaction and its cursors are used by one
// thread at a time; a write transaction stays on the thread that began it. They
// must be gone before their environment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace pallet::storage::lmdb {

inline constexpr size_t kMaxKeyBytes = 511;
inline constexpr absl::string_view kDataFileName = "data.mdb";

class Environment;

struct Options {
  std::string directory = {};             // exists
  uint64_t map_size = uint64_t{1} << 30;  // reserved address space; never grows
  uint32_t max_readers = 126;             // read transactions at once
  uint32_t max_databases = 32;
  bool sync_commits = true;  // false: MDB_NOSYNC, durable only by checkpoint
};

// A named database of one environment. A value; as long-lived as that.
class Database {
 public:
  Database() = default;

 private:
  friend class Environment;
  friend class Transaction;
  friend class ReadTransaction;
  friend class WriteTransaction;
  explicit Database(unsigned handle) : handle_(handle) {}
  unsigned handle_ = ~0u;
};

// Walks a database in key order. Must be gone before its transaction ends.
//   for (s = c.First(); s.ok() && c.valid(); s = c.Next()) use c.key(),
//   c.value();
class Cursor {
 public:
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&& other) noexcept;
  ~Cursor();

  absl::Status First();
  absl::Status Last();
  // To the first key at or after `key`.
  absl::Status SeekAtOrAfter(absl::string_view key);
  // To `key` itself; not valid if it is not there.
  absl::Status SeekExact(absl::string_view key);
  // REQUIRES: valid().
  absl::Status Next();
  absl::Status Previous();
  // Removes what the cursor stands on and moves to the key after it.
  // REQUIRES: valid(), a cursor of a write transaction.
  absl::Status DeleteAndNext();

  bool valid() const { return valid_; }
  absl::string_view key() const { return key_; }
  absl::string_view value() const { return value_; }

 private:
  friend class Transaction;
  explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
  absl::Status Move(int operation, absl::string_view key = {});

  MDB_cursor* cursor_ = nullptr;
  bool valid_ = false;
  absl::string_view key_;
  absl::string_view value_;
};

// What reading and writing have in common.
class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::StatusOr<std::optional<absl::string_view>> Get(
      Database database, absl::string_view key) const;
  absl::StatusOr<Cursor> OpenCursor(Database database) const;

  // The number of the commit it sees (a write transaction's: its own).
  uint64_t id() const;

 protected:
  friend class Environment;
  Transaction(Environment* environment, MDB_txn* transaction)
      : environment_(environment), transaction_(transaction) {}
  ~Transaction() = default;

  Environment* environment_;
  MDB_txn* transaction_;  // null once moved from or ended
};

// Borrowed from the environment's pool, given back by the destructor.
class ReadTransaction : public Transaction {
 public:
  ReadTransaction(ReadTransaction&& other) noexcept
      : Transaction(other.environment_,
                    std::exchange(other.transaction_, nullptr)) {}
  ReadTransaction& operator=(ReadTransaction&&) = delete;
  ~ReadTransaction();

  // LMDB's own record of a named database, inside the map (read_ahead.h).
  absl::StatusOr<std::optional<absl::string_view>> RecordOf(
      absl::string_view database_name) const;

 private:
  friend class Environment;
  using Transaction::Transaction;
};

// Its destructor drops what was not committed.
class WriteTransaction : public Transaction {
 public:
  WriteTransaction(WriteTransaction&& other) noexcept
      : Transaction(other.environment_,
                    std::exchange(other.transaction_, nullptr)) {}
  WriteTransaction& operator=(WriteTransaction&&) = delete;
  ~WriteTransaction();

  absl::Status Put(Database database, absl::string_view key,
                   absl::string_view value);
  // Makes room for a value of `size` bytes and returns it; the caller fills it
  // before it does anything else with the transaction.
  absl::StatusOr<char*> Reserve(Database database, absl::string_view key,
                                size_t size);
  // Returns whether the key was there.
  absl::StatusOr<bool> Delete(Database database, absl::string_view key);

  // Ends the transaction, whatever it returns; on error nothing was changed.
  absl::Status Commit();

 private:
  friend class Environment;
  using Transaction::Transaction;
};

// Holds the state of one commit: while it lives, none of that state's pages is
// used again. Read through ReadTransaction, not through it. May be dropped by
// any thread.
class Pin {
 public:
  Pin() = default;
  Pin(Pin&& other) noexcept { *this = std::move(other); }
  Pin& operator=(Pin&& other) noexcept;
  ~Pin();

  bool held() const { return transaction_ != nullptr; }
  uint64_t id() const { return id_; }  // the commit it holds

 private:
  friend class Environment;
  MDB_txn* transaction_ = nullptr;
  uint64_t id_ = 0;
};

// The first two pages of the data file: where the newest states begin.
struct MetaPages {
  uint32_t page_size = 0;
  std::string bytes;  // 2 * page_size

  // The newest commit they tell of. REQUIRES: bytes.size() == 2 * page_size.
  uint64_t commit_id() const;
};

struct FreedPages {
  uint64_t pages = 0;
  uint64_t newest_commit = 0;  // counted up to here
};

struct Usage {
  uint64_t page_size = 0;
  uint64_t map_pages = 0;
  uint64_t allocated_pages = 0;  // up to the last page ever used
};

class Environment {
 public:
  // Makes the files if there are none.
  static absl::StatusOr<std::unique_ptr<Environment>> Open(
      const Options& options);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  // In the order of `names`; makes those that are missing, in one commit. Call
  // it once, before any other transaction but Pin.
  absl::StatusOr<std::vector<Database>> OpenDatabases(
      const std::vector<std::string>& names);

  // Waits while `max_readers` are open: so a thread that holds one must not
  // begin another.
  absl::StatusOr<ReadTransaction> BeginRead() ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until the other writer, if there is one, is done.
  absl::StatusOr<WriteTransaction> BeginWrite();

  // Holds the last commit. At most four at once, beside the readers.
  absl::StatusOr<Pin> PinLatest() const;

  // Everything committed before the call is on the disk when it returns OK.
  // After an error nothing is known of any unsynced page, ever.
  absl::Status Sync();

  // REQUIRES: no commit since `pin` was made.
  absl::StatusOr<MetaPages> ReadMetaPages(const Pin& pin) const;

  // Puts saved meta pages back into the closed environment in `directory`, and
  // syncs: the next Open sees the state they tell of.
  static absl::Status RestoreMetaPages(FileSystem* file_system,
                                       const std::string& directory,
                                       const MetaPages& pages);

  // The page size an environment made on this machine has.
  static uint32_t SystemPageSize();

  Usage usage() const;

  // How many pages commits after `commit_id` took out of use. Costs one look-up
  // per such commit.
  absl::StatusOr<FreedPages> PagesFreedAfter(uint64_t commit_id) const;

  // How many pages are free that commits before `commit_id` took out of use:
  // with a pin on that commit, and no older reader, those a write may use.
  absl::StatusOr<uint64_t> PagesFreedBefore(uint64_t commit_id) const;

 private:
  friend class ReadTransaction;
  Environment(MDB_env* environment, const Options& options)
      : environment_(environment),
        max_readers_(options.max_readers),
        grow_ahead_(!options.sync_commits) {}
  // Keeps zeros written behind the last page, inside a write transaction.
  void GrowFile();
  // Free pages by the commits from `first` to before `end`.
  absl::StatusOr<FreedPages> CountFreed(uint64_t first, uint64_t end) const;
  void GiveBack(MDB_txn* transaction) ABSL_LOCKS_EXCLUDED(mutex_);
  bool CanBeginRead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return readers_ < max_readers_;
  }

  MDB_env* const environment_;
  const uint32_t max_readers_;
  const bool grow_ahead_;
  uint64_t file_bytes_ = 0;  // the writer's; 0 before its first transaction
  absl::Mutex mutex_;
  uint32_t readers_ ABSL_GUARDED_BY(mutex_) = 0;        // handed out
  std::vector<MDB_txn*> idle_ ABSL_GUARDED_BY(mutex_);  // reset, may be renewed
};

}  // namespace pallet::storage::lmdb
