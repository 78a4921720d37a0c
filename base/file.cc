// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace pallet {
namespace {

absl::Status ErrnoStatus(absl::string_view what, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

// An owned descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class RealFile final : public File {
 public:
  RealFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size,
                              char* buffer) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t count =
          pread(fd_.get(), buffer + done, size - done, offset + done);
      if (count == 0) break;
      if (count > 0) done += count;
      if (count < 0 && errno != EINTR) return ErrnoStatus("read", path_);
    }
    return done;
  }

  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          pwrite(fd_.get(), bytes.data(), bytes.size(), offset);
      if (count < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus("write", path_);
      }
      bytes.remove_prefix(count);
      offset += count;
    }
    return absl::OkStatus();
  }

  // A sync that was interrupted may have lost pages already: no retry.
  absl::Status SyncData() override {
    if (fdatasync(fd_.get()) != 0) return ErrnoStatus("fdatasync", path_);
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    if (fsync(fd_.get()) != 0) return ErrnoStatus("fsync", path_);
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    if (ftruncate(fd_.get(), size) != 0) return ErrnoStatus("truncate", path_);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat info;
    if (fstat(fd_.get(), &info) != 0) return ErrnoStatus("stat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  const std::string& path() const override { return path_; }

 private:
  const Descriptor fd_;
  const std::string path_;
};

class RealLock final : public FileLock {
 public:
  explicit RealLock(int fd) : fd_(fd) {}

 private:
  const Descriptor fd_;  // closing it unlocks
};

class RealFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                             OpenMode mode) override {
    const int fd = OpenRetrying(path, FlagsOf(mode));
    if (fd < 0) return ErrnoStatus("open", path);
    return std::make_unique<RealFile>(fd, path);
  }

  absl::Status CreateDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), 0755) == 0) return absl::OkStatus();
    const int error = errno;
    struct stat info;
    if (error == EEXIST && stat(path.c_str(), &info) == 0 &&
        S_ISDIR(info.st_mode)) {
      return absl::OkStatus();
    }
    return absl::ErrnoToStatus(error, absl::StrCat("mkdir ", path));
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const Descriptor directory(OpenRetrying(path, O_RDONLY | O_DIRECTORY));
    if (directory.get() < 0) return ErrnoStatus("open", path);
    if (fsync(directory.get()) != 0) return ErrnoStatus("fsync", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    DIR* const directory = opendir(path.c_str());
    if (directory == nullptr) return ErrnoStatus("list", path);
    const absl::Cleanup close = [directory] { closedir(directory); };
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const dirent* const entry = readdir(directory);
      if (entry == nullptr) break;
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return ErrnoStatus("list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoStatus("rename", absl::StrCat(from, " to ", to));
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (remove(path.c_str()) != 0) return ErrnoStatus("remove", path);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Exists(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return ErrnoStatus("stat", path);
  }

  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info;
    if (statvfs(path.c_str(), &info) != 0) return ErrnoStatus("statvfs", path);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) override {
    Descriptor fd(OpenRetrying(path, O_RDWR | O_CREAT));
    if (fd.get() < 0) return ErrnoStatus("open", path);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus("lock", path);
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is locked: another process uses it"));
    }
    return std::make_unique<RealLock>(fd.release());
  }

 private:
  static int FlagsOf(OpenMode mode) {
    switch (mode) {
      case OpenMode::kRead:
        return O_RDONLY;
      case OpenMode::kReadWrite:
        return O_RDWR;
      case OpenMode::kOpenOrCreate:
        return O_RDWR | O_CREAT;
      case OpenMode::kCreateNew:
        return O_RDWR | O_CREAT | O_EXCL;
    }
    CHECK(false) << static_cast<int>(mode);
    return 0;
  }
};

}  // namespace

FileSystem* FileSystem::Real() {
  static RealFileSystem file_system;
  return &file_system;
}

absl::StatusOr<std::string> ReadFile(FileSystem* file_system,
                                     const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                   file_system->Open(path, OpenMode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string content(size, '\0');
  ASSIGN_OR_RETURN(const size_t count,
                   file->Read(0, content.size(), content.data()));
  content.resize(count);
  return content;
}

absl::Status ReplaceFile(FileSystem* file_system, const std::string& path,
                         absl::string_view content) {
  const std::string temporary = path + ".tmp";
  ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                   file_system->Open(temporary, OpenMode::kOpenOrCreate));
  RETURN_IF_ERROR(file->Truncate(0));
  RETURN_IF_ERROR(file->Write(0, content));
  RETURN_IF_ERROR(file->Sync());
  file.reset();
  RETURN_IF_ERROR(file_system->Rename(temporary, path));
  return file_system->SyncDirectory(DirectoryOf(path));
}

std::string DirectoryOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace pallet
