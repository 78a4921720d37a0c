// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/fault_injecting_file_system.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace pallet::testing {
namespace {

constexpr uint64_t kSector = 512;

absl::Status Fault(int error, const std::string& path) {
  return absl::ErrnoToStatus(error, "injected at " + path);
}

}  // namespace

class FaultyFile final : public File {
 public:
  FaultyFile(FaultInjectingFileSystem* owner, std::unique_ptr<File> base,
             std::shared_ptr<FaultInjectingFileSystem::Debt> debt)
      : owner_(owner), base_(std::move(base)), debt_(std::move(debt)) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size,
                              char* buffer) override {
    return base_->Read(offset, size, buffer);
  }
  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    return owner_->Write(base_.get(), debt_.get(), offset, bytes);
  }
  absl::Status SyncData() override {
    return owner_->Sync(base_.get(), debt_.get(), /*data_only=*/true);
  }
  absl::Status Sync() override {
    return owner_->Sync(base_.get(), debt_.get(), /*data_only=*/false);
  }
  absl::Status Truncate(uint64_t size) override {
    return owner_->Truncate(base_.get(), debt_.get(), size);
  }
  absl::StatusOr<uint64_t> Size() override { return base_->Size(); }
  const std::string& path() const override { return base_->path(); }

 private:
  FaultInjectingFileSystem* const owner_;
  const std::unique_ptr<File> base_;
  const std::shared_ptr<FaultInjectingFileSystem::Debt> debt_;
};

void FaultInjectingFileSystem::FailWrite(uint64_t n, int error) {
  absl::MutexLock lock(&mutex_);
  write_fault_ = {n, error};
}

void FaultInjectingFileSystem::FailSync(uint64_t n, int error) {
  absl::MutexLock lock(&mutex_);
  sync_fault_ = {n, error};
}

void FaultInjectingFileSystem::SetSpace(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  space_ = bytes;
}

void FaultInjectingFileSystem::SetFreeBytesByTurns(
    std::vector<uint64_t> answers) {
  absl::MutexLock lock(&mutex_);
  free_bytes_by_turns_ = std::move(answers);
}

void FaultInjectingFileSystem::SetUnlimitedSpace() {
  absl::MutexLock lock(&mutex_);
  space_.reset();
}

void FaultInjectingFileSystem::TurnAway(bool on) {
  absl::MutexLock lock(&mutex_);
  turn_away_ = on;
}

uint64_t FaultInjectingFileSystem::writes() const {
  absl::MutexLock lock(&mutex_);
  return writes_;
}

uint64_t FaultInjectingFileSystem::syncs() const {
  absl::MutexLock lock(&mutex_);
  return syncs_;
}

std::shared_ptr<FaultInjectingFileSystem::Debt>&
FaultInjectingFileSystem::DebtOf(const std::string& path) {
  std::shared_ptr<Debt>& debt = debts_[path];
  if (debt == nullptr) debt = std::make_shared<Debt>();
  return debt;
}

absl::Status FaultInjectingFileSystem::Owe(File* base, Debt* debt,
                                           uint64_t begin, uint64_t end) {
  ASSIGN_OR_RETURN(const uint64_t size, base->Size());
  if (!debt->size_before) debt->size_before = size;
  for (uint64_t at = begin / kSector * kSector; at < end; at += kSector) {
    const auto [found, is_new] = debt->sectors.try_emplace(at);
    found->second.forgotten = false;
    if (!is_new) continue;
    std::string before(kSector, '\0');
    ASSIGN_OR_RETURN(const size_t count,
                     base->Read(at, kSector, before.data()));
    before.resize(count);
    found->second.before = std::move(before);
  }
  return absl::OkStatus();
}

absl::Status FaultInjectingFileSystem::Write(File* base, Debt* debt,
                                             uint64_t offset,
                                             absl::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, base->path());
  ++writes_;
  int error = 0;
  size_t count = bytes.size();
  if (write_fault_.Due()) {
    error = write_fault_.error;
    count /= 2;
  }
  ASSIGN_OR_RETURN(const uint64_t size, base->Size());
  uint64_t growth = offset + count > size ? offset + count - size : 0;
  if (space_ && growth > *space_) {
    error = ENOSPC;
    count -= std::min<uint64_t>(count, growth - *space_);
    growth = *space_;
  }
  if (space_) *space_ -= growth;
  if (count > 0) {
    RETURN_IF_ERROR(Owe(base, debt, offset, offset + count));
    RETURN_IF_ERROR(base->Write(offset, bytes.substr(0, count)));
  }
  return error == 0 ? absl::OkStatus() : Fault(error, base->path());
}

absl::Status FaultInjectingFileSystem::Truncate(File* base, Debt* debt,
                                                uint64_t size) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, base->path());
  ASSIGN_OR_RETURN(const uint64_t old_size, base->Size());
  RETURN_IF_ERROR(Owe(base, debt, size, old_size));
  if (space_ && size < old_size) *space_ += old_size - size;
  return base->Truncate(size);
}

absl::Status FaultInjectingFileSystem::Sync(File* base, Debt* debt,
                                            bool data_only) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, base->path());
  if (sync_fault_.Due()) {
    for (auto& [at, sector] : debt->sectors) sector.forgotten = true;
    return Fault(sync_fault_.error, base->path());
  }
  RETURN_IF_ERROR(data_only ? base->SyncData() : base->Sync());
  ++syncs_;
  for (auto i = debt->sectors.begin(); i != debt->sectors.end();) {
    i = i->second.forgotten ? std::next(i) : debt->sectors.erase(i);
  }
  debt->size_before.reset();
  return absl::OkStatus();
}

void FaultInjectingFileSystem::LosePower(Random* random) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [path, debt] : debts_) LoseSectors(path, *debt, random);
  debts_.clear();
  size_t kept = random == nullptr ? 0 : random->Between(0, names_.size());
  while (names_.size() > kept) {
    Undo(names_.back());
    names_.pop_back();
  }
  names_.clear();
}

void FaultInjectingFileSystem::LoseSectors(const std::string& path,
                                           const Debt& debt, Random* random) {
  if (debt.sectors.empty() && !debt.size_before) return;
  const auto lost = [random] { return random == nullptr || random->OneIn(2); };
  // Losing all, nothing, or some: each must be likely.
  const bool lose_all = random != nullptr && random->OneIn(4);
  const bool keep_all = random != nullptr && !lose_all && random->OneIn(4);
  absl::StatusOr<std::unique_ptr<File>> file =
      base_->Open(path, OpenMode::kReadWrite);
  CHECK_OK(file.status());
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  CHECK_OK(size.status());
  const bool lose_size = debt.size_before && !keep_all && (lose_all || lost());
  const uint64_t new_size = lose_size ? *debt.size_before : *size;
  for (const auto& [at, sector] : debt.sectors) {
    if (!sector.forgotten && (keep_all || !(lose_all || lost()))) continue;
    std::string before = sector.before;
    before.resize(kSector, '\0');
    CHECK_OK((*file)->Write(at, before));
  }
  CHECK_OK((*file)->Truncate(new_size));
}

void FaultInjectingFileSystem::Undo(const NameChange& change) {
  switch (change.kind) {
    case NameChange::kCreate:
      CHECK_OK(base_->Remove(change.path));
      return;
    case NameChange::kRename:
      CHECK_OK(base_->Rename(change.path, change.from));
      break;
    case NameChange::kRemove:
      break;
  }
  if (!change.replaced) return;
  absl::StatusOr<std::unique_ptr<File>> file =
      base_->Open(change.path, OpenMode::kCreateNew);
  CHECK_OK(file.status());
  CHECK_OK((*file)->Write(0, *change.replaced));
}

absl::StatusOr<std::unique_ptr<File>> FaultInjectingFileSystem::Open(
    const std::string& path, OpenMode mode) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const bool existed, base_->Exists(path));
  if (turn_away_ && !existed) return Fault(EIO, path);
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, base_->Open(path, mode));
  if (!existed) names_.push_back({NameChange::kCreate, path, {}, {}});
  return std::make_unique<FaultyFile>(this, std::move(file), DebtOf(path));
}

absl::Status FaultInjectingFileSystem::CreateDirectory(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return base_->CreateDirectory(path);  // survives: stores make theirs once
}

absl::Status FaultInjectingFileSystem::SyncDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, path);
  if (sync_fault_.Due()) return Fault(sync_fault_.error, path);
  RETURN_IF_ERROR(base_->SyncDirectory(path));
  ++syncs_;
  names_.erase(std::remove_if(names_.begin(), names_.end(),
                              [&path](const NameChange& change) {
                                return DirectoryOf(change.path) == path;
                              }),
               names_.end());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FaultInjectingFileSystem::List(
    const std::string& path) {
  return base_->List(path);
}

absl::Status FaultInjectingFileSystem::Rename(const std::string& from,
                                              const std::string& to) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, from);
  NameChange change = {NameChange::kRename, to, from, {}};
  ASSIGN_OR_RETURN(const bool replaces, base_->Exists(to));
  if (replaces) {
    ASSIGN_OR_RETURN(change.replaced, ReadFile(base_, to));
  }
  RETURN_IF_ERROR(base_->Rename(from, to));
  debts_[to] = DebtOf(from);
  debts_.erase(from);
  names_.push_back(std::move(change));
  return absl::OkStatus();
}

absl::Status FaultInjectingFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (turn_away_) return Fault(EIO, path);
  const absl::StatusOr<std::string> content = ReadFile(base_, path);
  RETURN_IF_ERROR(base_->Remove(path));
  debts_.erase(path);
  if (content.ok()) {
    if (space_) *space_ += content->size();
    names_.push_back({NameChange::kRemove, path, {}, *content});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FaultInjectingFileSystem::Exists(const std::string& path) {
  return base_->Exists(path);
}

absl::StatusOr<uint64_t> FaultInjectingFileSystem::FreeBytes(
    const std::string& path) {
  {
    absl::MutexLock lock(&mutex_);
    if (!free_bytes_by_turns_.empty()) {
      return free_bytes_by_turns_[free_bytes_asked_++ %
                                  free_bytes_by_turns_.size()];
    }
    if (space_) return *space_;
  }
  return base_->FreeBytes(path);
}

absl::StatusOr<std::unique_ptr<FileLock>> FaultInjectingFileSystem::Lock(
    const std::string& path) {
  return base_->Lock(path);
}

}  // namespace pallet::testing
