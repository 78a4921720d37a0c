// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/disk_recorder.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet::testing {
namespace {

std::atomic<DiskRecorder*> active{nullptr};

std::string DirectoryOf(const std::string& relative) {
  const size_t slash = relative.rfind('/');
  return slash == std::string::npos ? "" : relative.substr(0, slash);
}

std::string PathOfDescriptor(int descriptor) {
  std::string path(4096, '\0');
  const ssize_t size =
      readlink(absl::StrCat("/proc/self/fd/", descriptor).c_str(), path.data(),
               path.size());
  path.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return path;
}

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Puts `bytes` over `content`, which grows with zeros if it must.
void Overwrite(std::string* content, uint64_t offset, absl::string_view bytes) {
  if (content->size() < offset + bytes.size()) {
    content->resize(offset + bytes.size());
  }
  content->replace(offset, bytes.size(), bytes.data(), bytes.size());
}

}  // namespace

// --- Building crash images ---

// The durable state while the events pass by, and what is not durable yet.
struct DiskRecorder::Replay {
  Names names;
  std::vector<std::string> contents;
  std::map<FileId, std::vector<const Event*>> unsynced;
  std::map<std::string, std::vector<const Event*>> unsynced_names;

  void Pass(const Event& event) {
    switch (event.kind) {
      case Kind::kWrite:
        if (event.synced) {
          SyncRange(event);
          break;
        }
        [[fallthrough]];
      case Kind::kResize:
        unsynced[event.file].push_back(&event);
        break;
      case Kind::kSync:
        for (const Event* change : unsynced[event.file]) Apply(*change);
        unsynced.erase(event.file);
        break;
      case Kind::kSyncDirectory:
        for (const Event* change : unsynced_names[event.path]) Apply(*change);
        unsynced_names.erase(event.path);
        break;
      default:
        unsynced_names[DirectoryOf(event.path)].push_back(&event);
        break;
    }
  }

  void Apply(const Event& event) {
    switch (event.kind) {
      case Kind::kWrite:
        return Overwrite(&Content(event.file), event.offset, event.bytes);
      case Kind::kResize:
        Content(event.file).resize(event.offset);
        return;
      case Kind::kCreate:
        names[event.path] = {event.file, event.file < 0};
        return;
      case Kind::kRename: {
        auto found = names.find(event.from);
        if (found == names.end()) return;
        names[event.path] = found->second;
        names.erase(event.from);
        return;
      }
      case Kind::kRemove:
        names.erase(event.path);
        return;
      default:
        return;
    }
  }

  // A write that is synced by itself, and with it what it lies over.
  void SyncRange(const Event& event) {
    std::vector<const Event*>& changes = unsynced[event.file];
    std::vector<const Event*> others;
    for (const Event* change : changes) {
      const bool apart =
          change->kind == Kind::kWrite &&
          (change->offset + change->bytes.size() <= event.offset ||
           event.offset + event.bytes.size() <= change->offset);
      if (apart) {
        others.push_back(change);
      } else {
        Apply(*change);
      }
    }
    changes = std::move(others);
    Apply(event);
  }

  void LoseSome(Random& random) {
    for (auto& [directory, changes] : unsynced_names) {
      changes.resize(random.Between(0, changes.size()));
      for (const Event* change : changes) Apply(*change);
    }
    const uint64_t percent = random.OneIn(8)   ? 0
                             : random.OneIn(8) ? 100
                                               : random.Between(5, 95);
    for (auto& [file, changes] : unsynced) {
      for (const Event* change : changes) LosePart(*change, percent, random);
    }
  }

  void LosePart(const Event& event, uint64_t percent, Random& random) {
    if (event.kind == Kind::kResize) {
      if (random.Below(100) < percent) Apply(event);
      return;
    }
    std::string& content = Content(event.file);
    // The size may be there without the bytes.
    if (content.size() < event.offset + event.bytes.size() && random.OneIn(2)) {
      content.resize(event.offset + event.bytes.size());
    }
    if (random.OneIn(16)) {  // torn at any byte
      const size_t size = random.Between(0, event.bytes.size());
      Overwrite(&content, event.offset, event.bytes.substr(0, size));
      return;
    }
    const uint64_t unit = random.OneIn(2) ? 4096 : 512;
    for (uint64_t at = 0; at < event.bytes.size();) {
      const uint64_t size = std::min<uint64_t>(
          unit - (event.offset + at) % unit, event.bytes.size() - at);
      if (random.Below(100) < percent) {
        Overwrite(&content, event.offset + at, event.bytes.substr(at, size));
      }
      at += size;
    }
  }

  std::string& Content(FileId file) {
    if (contents.size() <= static_cast<size_t>(file)) contents.resize(file + 1);
    return contents[file];
  }

  void WriteTo(const std::string& target) {
    std::filesystem::create_directories(target);
    for (const auto& [path, node] : names) {  // parents sort first
      const std::string parent = DirectoryOf(path);
      if (!parent.empty() && names.count(parent) == 0) continue;
      const std::string full = absl::StrCat(target, "/", path);
      if (node.is_directory) {
        std::filesystem::create_directory(full);
      } else {
        std::ofstream(full, std::ios::binary) << Content(node.file);
      }
    }
  }
};

DiskRecorder::DiskRecorder(std::string directory)
    : directory_(std::filesystem::canonical(directory).string()) {
  Scan();
  DiskRecorder* expected = nullptr;
  CHECK(active.compare_exchange_strong(expected, this)) << "one at a time";
}

DiskRecorder::~DiskRecorder() { Stop(); }

void DiskRecorder::Stop() {
  DiskRecorder* expected = this;
  active.compare_exchange_strong(expected, nullptr);
}

size_t DiskRecorder::position() const {
  absl::MutexLock lock(&mutex_);
  return events_.size();
}

void DiskRecorder::SetFault(Fault fault) {
  absl::MutexLock lock(&mutex_);
  fault_ = std::move(fault);
}

void DiskRecorder::Scan() {
  absl::MutexLock lock(&mutex_);
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory_)) {
    const std::string path = entry.path().string();
    Node node = {.is_directory = entry.is_directory()};
    if (!node.is_directory) {
      struct stat status;
      CHECK_EQ(stat(path.c_str(), &status), 0);
      node.file = NewFile(status.st_ino, ReadWhole(path));
    }
    first_names_[path.substr(directory_.size() + 1)] = node;
  }
}

DiskRecorder::FileId DiskRecorder::NewFile(uint64_t inode,
                                           std::string content) {
  const FileId file = static_cast<FileId>(first_contents_.size());
  first_contents_.push_back(std::move(content));
  file_of_inode_[inode] = file;
  return file;
}

void DiskRecorder::BuildCrashImage(size_t position, Random& random,
                                   const std::string& target) const {
  CHECK(!std::filesystem::exists(target)) << target;
  Replay replay;
  {
    absl::MutexLock lock(&mutex_);
    CHECK_LE(position, events_.size());
    replay.names = first_names_;
    replay.contents = first_contents_;
    for (size_t i = 0; i < position; ++i) replay.Pass(events_[i]);
    replay.LoseSome(random);
  }
  replay.WriteTo(target);
}

// --- Standing in for the C library ---

// What the functions below do when a recorder is active. Each holds the lock
// over the real call, so that the record has the kernel's order.
class DiskRecorder::Hooks {
 public:
  // Null outside of the directory, or if nobody records.
  explicit Hooks(int descriptor) {
    recorder_ = active.load();
    if (recorder_ == nullptr) return;
    struct stat status;
    const int saved = errno;
    if (fstat(descriptor, &status) != 0 ||
        !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) ||
        !Relative(PathOfDescriptor(descriptor))) {
      recorder_ = nullptr;
    }
    errno = saved;
    if (recorder_ == nullptr) return;
    recorder_->mutex_.Lock();
    is_directory_ = S_ISDIR(status.st_mode);
    auto found = recorder_->file_of_inode_.find(status.st_ino);
    if (found != recorder_->file_of_inode_.end()) file_ = found->second;
    synced_ = (fcntl(descriptor, F_GETFL) & (O_DSYNC | O_SYNC)) != 0;
  }

  explicit Hooks(const char* path) {
    recorder_ = active.load();
    if (recorder_ == nullptr) return;
    if (!Relative(path)) {
      recorder_ = nullptr;
      return;
    }
    recorder_->mutex_.Lock();
  }

  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;
  ~Hooks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (recorder_ != nullptr) recorder_->mutex_.Unlock();
  }

  // True if the call shall fail; errno says how.
  bool Fails(absl::string_view operation) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (recorder_ == nullptr || !recorder_->fault_) return false;
    const int code = recorder_->fault_(operation, path_);
    if (code != 0) errno = code;
    return code != 0;
  }

  void Wrote(uint64_t offset, std::string bytes) {
    if (recorder_ == nullptr || file_ < 0) return;
    Add({.kind = Kind::kWrite,
         .file = file_,
         .offset = offset,
         .bytes = std::move(bytes),
         .synced = synced_});
  }
  void Resized(uint64_t size) {
    if (recorder_ == nullptr || file_ < 0) return;
    Add({.kind = Kind::kResize, .file = file_, .offset = size});
  }
  void Synced() {
    if (recorder_ == nullptr) return;
    if (is_directory_) {
      Add({.kind = Kind::kSyncDirectory, .path = path_});
    } else if (file_ >= 0) {
      Add({.kind = Kind::kSync, .file = file_});
    }
  }
  void Created(uint64_t inode) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (recorder_ == nullptr) return;
    Add({.kind = Kind::kCreate,
         .file = recorder_->NewFile(inode, ""),
         .path = path_});
  }
  void CreatedDirectory() {
    if (recorder_ == nullptr) return;
    Add({.kind = Kind::kCreate, .path = path_});
  }
  void RenamedFrom(const char* from) {
    if (recorder_ == nullptr) return;
    const std::string to = path_;
    if (!Relative(from)) path_ = from;
    Add({.kind = Kind::kRename, .path = to, .from = path_});
  }
  void Removed() {
    if (recorder_ == nullptr) return;
    Add({.kind = Kind::kRemove, .path = path_});
  }
  bool recording() const { return recorder_ != nullptr; }

 private:
  bool Relative(const std::string& path) {
    const std::string& root = recorder_->directory_;
    if (path == root) {
      path_.clear();
      return true;
    }
    if (!absl::StartsWith(path, root) || path[root.size()] != '/') return false;
    path_ = path.substr(root.size() + 1);
    return true;
  }

  void Add(Event event) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    recorder_->events_.push_back(std::move(event));
  }

  DiskRecorder* recorder_ = nullptr;
  std::string path_;  // relative
  bool is_directory_ = false;
  bool synced_ = false;  // opened with O_DSYNC
  FileId file_ = -1;
};

namespace {

using Hooks = DiskRecorder::Hooks;

std::string Gather(const iovec* vectors, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(vectors[i].iov_base),
                 vectors[i].iov_len);
  }
  return bytes;
}

ssize_t WriteAt(int descriptor, const void* buffer, size_t size, off_t offset) {
  Hooks hooks(descriptor);
  if (hooks.Fails("write")) return -1;
  const ssize_t written =
      syscall(SYS_pwrite64, descriptor, buffer, size, offset);
  if (written > 0 && hooks.recording()) {
    hooks.Wrote(static_cast<uint64_t>(offset),
                std::string(static_cast<const char*>(buffer),
                            static_cast<size_t>(written)));
  }
  return written;
}

ssize_t WriteHere(int descriptor, const void* buffer, size_t size) {
  Hooks hooks(descriptor);
  if (!hooks.recording()) return syscall(SYS_write, descriptor, buffer, size);
  if (hooks.Fails("write")) return -1;
  const ssize_t written = syscall(SYS_write, descriptor, buffer, size);
  if (written > 0) {
    // Where it ended, minus what was written: right with O_APPEND too.
    const off_t end = lseek(descriptor, 0, SEEK_CUR);
    hooks.Wrote(static_cast<uint64_t>(end - written),
                std::string(static_cast<const char*>(buffer),
                            static_cast<size_t>(written)));
  }
  return written;
}

int SyncFile(int descriptor) {
  Hooks hooks(descriptor);
  if (hooks.Fails("sync")) return -1;
  hooks.Synced();
  return 0;
}

// Makes nothing durable: the disk may still hold it in its cache.
int SyncRange(int descriptor, off_t offset, off_t size, unsigned int flags) {
  Hooks hooks(descriptor);
  if (hooks.Fails("sync range")) return -1;
  return static_cast<int>(
      syscall(SYS_sync_file_range, descriptor, offset, size, flags));
}

int Resize(int descriptor, off_t size) {
  Hooks hooks(descriptor);
  if (hooks.Fails("resize")) return -1;
  const int result = static_cast<int>(syscall(SYS_ftruncate, descriptor, size));
  if (result == 0) hooks.Resized(static_cast<uint64_t>(size));
  return result;
}

int OpenFile(int directory, const char* path, int flags, mode_t mode) {
  if ((flags & O_CREAT) == 0 || active.load() == nullptr) {
    return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
  }
  Hooks hooks(path);
  struct stat status;
  const bool existed = stat(path, &status) == 0;
  if (!existed && hooks.Fails("create")) return -1;
  const int descriptor =
      static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
  if (descriptor >= 0 && !existed && fstat(descriptor, &status) == 0) {
    hooks.Created(status.st_ino);
  } else if (descriptor >= 0 && (flags & O_TRUNC) != 0) {
    CHECK(!hooks.recording()) << "O_TRUNC of " << path << " is not recorded";
  }
  return descriptor;
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace pallet::testing

namespace recorder = pallet::testing;

extern "C" {

ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  return recorder::WriteAt(fd, buffer, size, offset);
}
ssize_t pwrite64(int fd, const void* buffer, size_t size, off64_t offset) {
  return recorder::WriteAt(fd, buffer, size, offset);
}
ssize_t pwritev(int fd, const iovec* vectors, int count, off_t offset) {
  const std::string bytes = recorder::Gather(vectors, count);
  return recorder::WriteAt(fd, bytes.data(), bytes.size(), offset);
}
ssize_t pwritev64(int fd, const iovec* vectors, int count, off64_t offset) {
  return pwritev(fd, vectors, count, offset);
}
ssize_t write(int fd, const void* buffer, size_t size) {
  return recorder::WriteHere(fd, buffer, size);
}
ssize_t writev(int fd, const iovec* vectors, int count) {
  const std::string bytes = recorder::Gather(vectors, count);
  return recorder::WriteHere(fd, bytes.data(), bytes.size());
}
int fsync(int fd) { return recorder::SyncFile(fd); }
int fdatasync(int fd) { return recorder::SyncFile(fd); }
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned int flags) {
  return recorder::SyncRange(fd, offset, size, flags);
}
// Only maps of read-only files are synced here: nothing to note.
int msync(void* address, size_t size, int flags) {
  return static_cast<int>(syscall(SYS_msync, address, size, flags));
}
int ftruncate(int fd, off_t size) noexcept {
  return recorder::Resize(fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  return recorder::Resize(fd, size);
}
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = recorder::ModeOf(flags, arguments);
  va_end(arguments);
  return recorder::OpenFile(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = recorder::ModeOf(flags, arguments);
  va_end(arguments);
  return recorder::OpenFile(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int rename(const char* from, const char* to) noexcept {
  recorder::Hooks hooks(to);
  if (hooks.Fails("rename")) return -1;
  const int result =
      static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
  if (result == 0) hooks.RenamedFrom(from);
  return result;
}
int unlink(const char* path) noexcept {
  recorder::Hooks hooks(path);
  if (hooks.Fails("remove")) return -1;
  const int result = static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  if (result == 0) hooks.Removed();
  return result;
}
int rmdir(const char* path) noexcept {
  recorder::Hooks hooks(path);
  const int result =
      static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
  if (result == 0) hooks.Removed();
  return result;
}
int remove(const char* path) noexcept {
  if (unlink(path) == 0) return 0;
  return errno == EISDIR ? rmdir(path) : -1;
}
int mkdir(const char* path, mode_t mode) noexcept {
  recorder::Hooks hooks(path);
  if (hooks.Fails("create")) return -1;
  const int result =
      static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
  if (result == 0) hooks.CreatedDirectory();
  return result;
}

}  // extern "C"
