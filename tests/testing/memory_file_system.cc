// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/memory_file_system.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace pallet::testing {
namespace {

using Content = MemoryFileSystem::Content;

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<Content> content, std::string path)
      : content_(std::move(content)), path_(std::move(path)) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size,
                              char* buffer) override {
    absl::MutexLock lock(&content_->mutex);
    if (offset >= content_->bytes.size()) return 0;
    return content_->bytes.copy(buffer, size, offset);
  }

  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    absl::MutexLock lock(&content_->mutex);
    if (offset + bytes.size() > content_->bytes.size()) {
      content_->bytes.resize(offset + bytes.size());
    }
    bytes.copy(content_->bytes.data() + offset, bytes.size());
    return absl::OkStatus();
  }

  absl::Status SyncData() override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }

  absl::Status Truncate(uint64_t size) override {
    absl::MutexLock lock(&content_->mutex);
    content_->bytes.resize(size);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    absl::MutexLock lock(&content_->mutex);
    return content_->bytes.size();
  }

  const std::string& path() const override { return path_; }

 private:
  const std::shared_ptr<Content> content_;
  const std::string path_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(std::shared_ptr<std::set<std::string>> locks, std::string path)
      : locks_(std::move(locks)), path_(std::move(path)) {}
  ~MemoryLock() override { locks_->erase(path_); }

 private:
  const std::shared_ptr<std::set<std::string>> locks_;
  const std::string path_;
};

absl::Status NoSuchFile(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": no such file"));
}

}  // namespace

bool MemoryFileSystem::HasDirectory(const std::string& path) const {
  return path.empty() || path == "." || path == "/" ||
         directories_.count(path) > 0;
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(
    const std::string& path, OpenMode mode) {
  absl::MutexLock lock(&mutex_);
  if (!HasDirectory(DirectoryOf(path))) return NoSuchFile(path);
  const auto found = files_.find(path);
  if (found == files_.end() &&
      (mode == OpenMode::kRead || mode == OpenMode::kReadWrite)) {
    return NoSuchFile(path);
  }
  if (found != files_.end() && mode == OpenMode::kCreateNew) {
    return absl::AlreadyExistsError(path);
  }
  std::shared_ptr<Content>& content = files_[path];
  if (content == nullptr) content = std::make_shared<Content>();
  return std::make_unique<MemoryFile>(content, path);
}

absl::Status MemoryFileSystem::CreateDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (!HasDirectory(DirectoryOf(path))) return NoSuchFile(path);
  directories_.insert(path);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return HasDirectory(path) ? absl::OkStatus() : NoSuchFile(path);
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (!HasDirectory(path)) return NoSuchFile(path);
  std::vector<std::string> names;
  const auto add = [&](const std::string& entry) {
    if (DirectoryOf(entry) == path) {
      names.push_back(entry.substr(entry.rfind('/') + 1));
    }
  };
  for (const auto& [name, content] : files_) add(name);
  for (const std::string& name : directories_) add(name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status MemoryFileSystem::Rename(const std::string& from,
                                      const std::string& to) {
  absl::MutexLock lock(&mutex_);
  const auto found = files_.find(from);
  if (found == files_.end()) return NoSuchFile(from);
  std::shared_ptr<Content> content = std::move(found->second);
  files_.erase(found);
  files_[to] = std::move(content);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (files_.erase(path) + directories_.erase(path) == 0) {
    return NoSuchFile(path);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryFileSystem::Exists(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return files_.count(path) > 0 || HasDirectory(path);
}

absl::StatusOr<uint64_t> MemoryFileSystem::FreeBytes(const std::string& path) {
  return std::numeric_limits<uint64_t>::max();
}

absl::StatusOr<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (!locks_->insert(path).second) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is locked"));
  }
  return std::make_unique<MemoryLock>(locks_, path);
}

}  // namespace pallet::testing
