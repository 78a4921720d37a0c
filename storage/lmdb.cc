// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::storage::lmdb {
namespace {

constexpr uint32_t kMaxPins = 4;
// A growing file: LMDB writes neighbouring pages in one call, Linux then keeps
// them as one large folio, and each later write of a page in it walks over all
// its blocks (256 KB: 7 us a page instead of 2.4 us). So the file is filled ahead
// with zeros in small pieces.
constexpr size_t kGrowthBytes = size_t{16} << 10;
constexpr uint64_t kMinAheadBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxAheadBytes = uint64_t{4} << 20;
constexpr off_t kSyncSliceBytes = off_t{8} << 20;
constexpr MDB_dbi kMainDatabase = 1;  // names -> records of databases
constexpr MDB_dbi kFreeList = 0;      // LMDB's own: commit id -> page numbers

model::Reason ReasonOfCode(int code) {
  switch (code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
      return model::Reason::kStorageFull;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
      return model::Reason::kDataLoss;
    default:
      return model::Reason::kInternal;
  }
}

absl::Status Error(int code, absl::string_view attempt) {
  return model::MakeError(
      ReasonOfCode(code),
      absl::StrCat("LMDB: ", attempt, ": ", mdb_strerror(code)));
}

absl::Status Result(int code, absl::string_view attempt) {
  if (ABSL_PREDICT_TRUE(code == MDB_SUCCESS)) return absl::OkStatus();
  return Error(code, attempt);
}

MDB_val ToValue(absl::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

absl::string_view ToView(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

void CheckKey(absl::string_view key) {
  CHECK(!key.empty() && key.size() <= kMaxKeyBytes) << key.size();
}

std::string DataFile(const std::string& directory) {
  return absl::StrCat(directory, "/", kDataFileName);
}

// The commit a meta page tells of (LMDB's data format 1, 64 bits): behind the
// page header (16), magic, version, address and map size (24), two database
// records (48 each) and the last page's number (8).
uint64_t CommitOfMetaPage(const char* page) {
  constexpr size_t kOffset = 16 + 24 + 2 * 48 + 8;
  uint64_t id;
  std::memcpy(&id, page + kOffset, sizeof(id));
  return id;
}

}  // namespace

// --- Cursor ---

Cursor::Cursor(Cursor&& other) noexcept { *this = std::move(other); }

Cursor& Cursor::operator=(Cursor&& other) noexcept {
  std::swap(cursor_, other.cursor_);
  valid_ = std::exchange(other.valid_, false);
  key_ = other.key_;
  value_ = other.value_;
  return *this;
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

absl::Status Cursor::Move(int operation, absl::string_view key) {
  MDB_val found = ToValue(key);
  MDB_val value;
  const int code = mdb_cursor_get(cursor_, &found, &value,
                                  static_cast<MDB_cursor_op>(operation));
  valid_ = code == MDB_SUCCESS;
  if (valid_) {
    key_ = ToView(found);
    value_ = ToView(value);
    return absl::OkStatus();
  }
  if (code == MDB_NOTFOUND) return absl::OkStatus();
  return Error(code, "moving a cursor");
}

absl::Status Cursor::First() { return Move(MDB_FIRST); }
absl::Status Cursor::Last() { return Move(MDB_LAST); }

absl::Status Cursor::SeekAtOrAfter(absl::string_view key) {
  if (key.empty()) return First();
  CheckKey(key);
  return Move(MDB_SET_RANGE, key);
}

absl::Status Cursor::SeekExact(absl::string_view key) {
  CheckKey(key);
  return Move(MDB_SET_KEY, key);
}

absl::Status Cursor::Next() {
  CHECK(valid_);
  return Move(MDB_NEXT);
}

absl::Status Cursor::Previous() {
  CHECK(valid_);
  return Move(MDB_PREV);
}

absl::Status Cursor::DeleteAndNext() {
  CHECK(valid_);
  RETURN_IF_ERROR(Result(mdb_cursor_del(cursor_, 0), "deleting"));
  // LMDB leaves the cursor before the next key, and MDB_NEXT knows it.
  return Move(MDB_NEXT);
}

// --- Transactions ---

absl::StatusOr<std::optional<absl::string_view>> Transaction::Get(
    Database database, absl::string_view key) const {
  CheckKey(key);
  MDB_val lmdb_key = ToValue(key);
  MDB_val value;
  const int code = mdb_get(transaction_, database.handle_, &lmdb_key, &value);
  if (code == MDB_SUCCESS) return ToView(value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  return Error(code, "get");
}

absl::StatusOr<Cursor> Transaction::OpenCursor(Database database) const {
  MDB_cursor* cursor;
  RETURN_IF_ERROR(
      Result(mdb_cursor_open(transaction_, database.handle_, &cursor),
             "opening a cursor"));
  return Cursor(cursor);
}

uint64_t Transaction::id() const { return mdb_txn_id(transaction_); }

ReadTransaction::~ReadTransaction() {
  if (transaction_ != nullptr) environment_->GiveBack(transaction_);
}

absl::StatusOr<std::optional<absl::string_view>> ReadTransaction::RecordOf(
    absl::string_view database_name) const {
  return Get(Database(kMainDatabase), database_name);
}

WriteTransaction::~WriteTransaction() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

absl::Status WriteTransaction::Put(Database database, absl::string_view key,
                                   absl::string_view value) {
  CheckKey(key);
  MDB_val lmdb_key = ToValue(key);
  MDB_val lmdb_value = ToValue(value);
  return Result(
      mdb_put(transaction_, database.handle_, &lmdb_key, &lmdb_value, 0),
      "put");
}

absl::StatusOr<char*> WriteTransaction::Reserve(Database database,
                                                absl::string_view key,
                                                size_t size) {
  CheckKey(key);
  MDB_val lmdb_key = ToValue(key);
  MDB_val value = {size, nullptr};
  RETURN_IF_ERROR(Result(
      mdb_put(transaction_, database.handle_, &lmdb_key, &value, MDB_RESERVE),
      "put"));
  return static_cast<char*>(value.mv_data);
}

absl::StatusOr<bool> WriteTransaction::Delete(Database database,
                                              absl::string_view key) {
  CheckKey(key);
  MDB_val lmdb_key = ToValue(key);
  const int code = mdb_del(transaction_, database.handle_, &lmdb_key, nullptr);
  if (code == MDB_SUCCESS) return true;
  if (code == MDB_NOTFOUND) return false;
  return Error(code, "delete");
}

absl::Status WriteTransaction::Commit() {
  CHECK(transaction_ != nullptr);
  return Result(mdb_txn_commit(std::exchange(transaction_, nullptr)), "commit");
}

// --- Pin ---

Pin& Pin::operator=(Pin&& other) noexcept {
  std::swap(transaction_, other.transaction_);
  std::swap(id_, other.id_);
  return *this;
}

Pin::~Pin() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

// --- Environment ---

uint64_t MetaPages::commit_id() const {
  CHECK_EQ(bytes.size(), 2 * size_t{page_size});
  return std::max(CommitOfMetaPage(bytes.data()),
                  CommitOfMetaPage(bytes.data() + page_size));
}

absl::StatusOr<std::unique_ptr<Environment>> Environment::Open(
    const Options& options) {
  CHECK(!options.directory.empty());
  MDB_env* environment;
  RETURN_IF_ERROR(Result(mdb_env_create(&environment), "create"));
  absl::Cleanup close = [&] { mdb_env_close(environment); };
  RETURN_IF_ERROR(
      Result(mdb_env_set_mapsize(environment, options.map_size), "map size"));
  RETURN_IF_ERROR(Result(
      mdb_env_set_maxreaders(environment, options.max_readers + kMaxPins),
      "reader count"));
  RETURN_IF_ERROR(Result(mdb_env_set_maxdbs(environment, options.max_databases),
                         "databases"));
  const unsigned flags =
      MDB_NOTLS | MDB_NORDAHEAD | (options.sync_commits ? 0 : MDB_NOSYNC);
  RETURN_IF_ERROR(
      Result(mdb_env_open(environment, options.directory.c_str(), flags, 0600),
             absl::StrCat("opening ", options.directory)));
  CHECK_EQ(mdb_env_get_maxkeysize(environment), static_cast<int>(kMaxKeyBytes));
  std::move(close).Cancel();
  return std::unique_ptr<Environment>(new Environment(environment, options));
}

Environment::~Environment() {
  absl::MutexLock lock(&mutex_);
  CHECK_EQ(readers_, 0u) << "a read transaction outlives its environment";
  for (MDB_txn* transaction : idle_) mdb_txn_abort(transaction);
  mdb_env_close(environment_);
}

absl::StatusOr<std::vector<Database>> Environment::OpenDatabases(
    const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(WriteTransaction write, BeginWrite());
  std::vector<Database> databases;
  for (const std::string& name : names) {
    MDB_dbi handle;
    RETURN_IF_ERROR(Result(
        mdb_dbi_open(write.transaction_, name.c_str(), MDB_CREATE, &handle),
        absl::StrCat("opening database ", name)));
    databases.push_back(Database(handle));
  }
  RETURN_IF_ERROR(write.Commit());
  return databases;
}

absl::StatusOr<ReadTransaction> Environment::BeginRead() {
  MDB_txn* transaction = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Environment::CanBeginRead));
    ++readers_;
    if (!idle_.empty()) {
      transaction = idle_.back();
      idle_.pop_back();
    }
  }
  const int code =
      transaction != nullptr
          ? mdb_txn_renew(transaction)
          : mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction);
  if (code == MDB_SUCCESS) return ReadTransaction(this, transaction);
  if (transaction != nullptr) mdb_txn_abort(transaction);
  absl::MutexLock lock(&mutex_);
  --readers_;
  return Error(code, "beginning a read transaction");
}

void Environment::GiveBack(MDB_txn* transaction) {
  mdb_txn_reset(transaction);
  absl::MutexLock lock(&mutex_);
  --readers_;
  idle_.push_back(transaction);
}

absl::StatusOr<WriteTransaction> Environment::BeginWrite() {
  MDB_txn* transaction;
  RETURN_IF_ERROR(Result(mdb_txn_begin(environment_, nullptr, 0, &transaction),
                         "beginning a write transaction"));
  if (grow_ahead_) GrowFile();
  return WriteTransaction(this, transaction);
}

// Only speed depends on it: a failure is left for the commit to meet.
void Environment::GrowFile() {
  mdb_filehandle_t file;
  if (mdb_env_get_fd(environment_, &file) != MDB_SUCCESS) return;
  const Usage now = usage();
  const uint64_t used = now.allocated_pages * now.page_size;
  const uint64_t ahead = std::clamp(used / 8, kMinAheadBytes, kMaxAheadBytes);
  if (file_bytes_ == 0) file_bytes_ = lseek(file, 0, SEEK_END);
  file_bytes_ = std::max(file_bytes_, used);
  if (file_bytes_ >= used + ahead / 2) return;
  static const std::string* const zeros = new std::string(kGrowthBytes, '\0');
  const uint64_t end = std::min(used + ahead, now.map_pages * now.page_size);
  while (file_bytes_ < end) {
    const uint64_t count = std::min<uint64_t>(zeros->size(), end - file_bytes_);
    const ssize_t written = pwrite(file, zeros->data(), count, file_bytes_);
    if (written != static_cast<ssize_t>(count)) return;
    file_bytes_ += count;
  }
}

absl::StatusOr<Pin> Environment::PinLatest() const {
  Pin pin;
  RETURN_IF_ERROR(Result(
      mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &pin.transaction_),
      "pinning a state"));
  pin.id_ = mdb_txn_id(pin.transaction_);
  return pin;
}

absl::Status Environment::Sync() {
  // Slice by slice, each waited for: one large sync would fill the disk's queue,
  // and the log's small ones would stand behind it.
  mdb_filehandle_t file;
  RETURN_IF_ERROR(Result(mdb_env_get_fd(environment_, &file), "file"));
  struct stat info;
  if (fstat(file, &info) != 0) return Error(errno, "size");
  for (off_t offset = 0; offset < info.st_size; offset += kSyncSliceBytes) {
    // Tells of failed writes once, like fdatasync, which will not any more.
    if (sync_file_range(file, offset, kSyncSliceBytes,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER) != 0) {
      if (errno == ENOSYS) break;
      return Error(errno, "writing out");
    }
  }
  return Result(mdb_env_sync(environment_, 1), "sync");
}

absl::StatusOr<MetaPages> Environment::ReadMetaPages(const Pin& pin) const {
  mdb_filehandle_t file;
  RETURN_IF_ERROR(Result(mdb_env_get_fd(environment_, &file), "file"));
  MetaPages pages;
  pages.page_size = static_cast<uint32_t>(usage().page_size);
  pages.bytes.resize(2 * pages.page_size);
  const ssize_t got = pread(file, pages.bytes.data(), pages.bytes.size(), 0);
  if (got != static_cast<ssize_t>(pages.bytes.size())) {
    return Error(got < 0 ? errno : EIO, "reading the meta pages");
  }
  // LMDB writes commit n to meta page n & 1.
  const char* page = pages.bytes.data() + (pin.id() & 1) * pages.page_size;
  CHECK_EQ(CommitOfMetaPage(page), pin.id());
  return pages;
}

absl::Status Environment::RestoreMetaPages(FileSystem* file_system,
                                           const std::string& directory,
                                           const MetaPages& pages) {
  CHECK_EQ(pages.bytes.size(), 2 * size_t{pages.page_size});
  ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      file_system->Open(DataFile(directory), OpenMode::kReadWrite));
  RETURN_IF_ERROR(file->Write(0, pages.bytes));
  return file->Sync();
}

uint32_t Environment::SystemPageSize() {
  return static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
}

Usage Environment::usage() const {
  MDB_stat stat;
  MDB_envinfo info;
  CHECK_EQ(mdb_env_stat(environment_, &stat), MDB_SUCCESS);
  CHECK_EQ(mdb_env_info(environment_, &info), MDB_SUCCESS);
  return {.page_size = stat.ms_psize,
          .map_pages = info.me_mapsize / stat.ms_psize,
          .allocated_pages = info.me_last_pgno + 1};
}

absl::StatusOr<FreedPages> Environment::PagesFreedAfter(
    uint64_t commit_id) const {
  return CountFreed(commit_id + 1, UINT64_MAX);
}

absl::StatusOr<uint64_t> Environment::PagesFreedBefore(
    uint64_t commit_id) const {
  ASSIGN_OR_RETURN(const FreedPages freed, CountFreed(0, commit_id));
  return freed.pages;
}

absl::StatusOr<FreedPages> Environment::CountFreed(uint64_t first_commit,
                                                   uint64_t end) const {
  ASSIGN_OR_RETURN(const Pin now, PinLatest());
  MDB_cursor* cursor;
  RETURN_IF_ERROR(Result(mdb_cursor_open(now.transaction_, kFreeList, &cursor),
                         "free list"));
  absl::Cleanup close_cursor = [&] { mdb_cursor_close(cursor); };
  size_t first = first_commit;
  MDB_val key = {sizeof(first), &first};
  MDB_val numbers;  // their count, then the numbers
  FreedPages freed = {.newest_commit = now.id()};
  int code = mdb_cursor_get(cursor, &key, &numbers, MDB_SET_RANGE);
  for (; code == MDB_SUCCESS;
       code = mdb_cursor_get(cursor, &key, &numbers, MDB_NEXT)) {
    size_t commit;
    std::memcpy(&commit, key.mv_data, sizeof(commit));
    if (commit >= end) return freed;
    size_t count;
    std::memcpy(&count, numbers.mv_data, sizeof(count));
    freed.pages += count;
  }
  if (code != MDB_NOTFOUND) return Error(code, "reading the free list");
  return freed;
}

}  // namespace pallet::storage::lmdb
