// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/staged_snapshot.h"

#include <xxhash.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::cluster {
namespace {

constexpr size_t kHeaderBytes = 12;
// A row has at most 400 KB and its key; a chunk ends with the row that fills it.
constexpr uint32_t kMostChunkBytes = uint32_t{16} << 20;

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("the snapshot ", path, " ", what));
}

absl::Status ReadWhole(File& file, uint64_t offset, size_t size,
                       std::string* bytes) {
  bytes->resize(size);
  ASSIGN_OR_RETURN(const size_t read, file.Read(offset, size, bytes->data()));
  if (read != size) return Damaged(file.path(), "ends too early");
  return absl::OkStatus();
}

}  // namespace

std::string StagedSnapshots::PathOf(storage::PartitionId partition) const {
  return absl::StrCat(directory_, "/", partition.value());
}

std::string StagedSnapshots::PathOf(storage::PartitionId partition,
                                    uint64_t index) const {
  return absl::StrCat(PathOf(partition), "-", index);
}

absl::Status StagedSnapshots::Open() {
  RETURN_IF_ERROR(file_system_->CreateDirectory(directory_));
  RETURN_IF_ERROR(file_system_->SyncDirectory(DirectoryOf(directory_)));
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   file_system_->List(directory_));
  for (const std::string& name : names) {
    if (absl::StrContains(name, '-')) continue;
    RETURN_IF_ERROR(file_system_->Remove(absl::StrCat(directory_, "/", name)));
  }
  return absl::OkStatus();
}

void StagedSnapshots::Begin(storage::PartitionId partition) {
  Incoming incoming;
  auto file = file_system_->Open(PathOf(partition), OpenMode::kOpenOrCreate);
  incoming.status = file.status();
  if (file.ok()) {
    incoming.file = *std::move(file);
    incoming.status = incoming.file->Truncate(0);
  }
  incoming_[partition] = std::move(incoming);
}

void StagedSnapshots::Add(storage::PartitionId partition,
                          absl::string_view chunk) {
  const auto it = incoming_.find(partition);
  if (it == incoming_.end() || !it->second.status.ok()) return;
  Incoming& incoming = it->second;
  if (chunk.size() > kMostChunkBytes) {
    incoming.status = Damaged(PathOf(partition), "has too large a chunk");
    return;
  }
  std::string framed;
  framed.reserve(kHeaderBytes + chunk.size());
  AppendU32(&framed, static_cast<uint32_t>(chunk.size()));
  AppendU64(&framed, XXH3_64bits(chunk.data(), chunk.size()));
  framed.append(chunk.data(), chunk.size());
  incoming.status = incoming.file->Write(incoming.bytes, framed);
  incoming.bytes += framed.size();
}

absl::Status StagedSnapshots::Seal(storage::PartitionId partition,
                                   uint64_t index) {
  const auto it = incoming_.find(partition);
  if (it == incoming_.end()) {
    return absl::InternalError("a snapshot ends that never began");
  }
  const absl::Status status = it->second.status;
  incoming_.erase(it);
  RETURN_IF_ERROR(status);
  return file_system_->Rename(PathOf(partition), PathOf(partition, index));
}

absl::Status StagedSnapshots::Sync(storage::PartitionId partition,
                                   uint64_t index) const {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      file_system_->Open(PathOf(partition, index), OpenMode::kReadWrite));
  RETURN_IF_ERROR(file->Sync());
  return file_system_->SyncDirectory(directory_);
}

absl::Status StagedSnapshots::Read(
    storage::PartitionId partition, uint64_t index,
    absl::FunctionRef<absl::Status(const SnapshotChunk&)> body) const {
  const std::string path = PathOf(partition, index);
  absl::StatusOr<std::unique_ptr<File>> opened =
      file_system_->Open(path, OpenMode::kRead);
  if (!opened.ok()) return Damaged(path, opened.status().message());
  File& file = **opened;
  uint64_t offset = 0;
  bool first = true, last = false;
  std::string header, bytes;
  while (!last) {
    RETURN_IF_ERROR(ReadWhole(file, offset, kHeaderBytes, &header));
    const uint32_t length = LoadU32(header.data());
    if (length > kMostChunkBytes) return Damaged(path, "has a bad length");
    RETURN_IF_ERROR(ReadWhole(file, offset + kHeaderBytes, length, &bytes));
    if (XXH3_64bits(bytes.data(), length) != LoadU64(header.data() + 4)) {
      return Damaged(path, "has a chunk with a wrong checksum");
    }
    ASSIGN_OR_RETURN(const SnapshotChunk chunk, DecodeSnapshotChunk(bytes));
    if (chunk.first != first) return Damaged(path, "does not begin");
    RETURN_IF_ERROR(body(chunk));
    first = false;
    last = chunk.last;
    offset += kHeaderBytes + length;
  }
  return absl::OkStatus();
}

absl::Status StagedSnapshots::Remove(storage::PartitionId partition,
                                     uint64_t index) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   file_system_->List(directory_));
  for (const std::string& name : names) {
    const std::vector<std::string> parts = absl::StrSplit(name, '-');
    uint64_t owner = 0, end = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &owner) ||
        !absl::SimpleAtoi(parts[1], &end) || owner != partition.value() ||
        end > index) {
      continue;
    }
    RETURN_IF_ERROR(file_system_->Remove(absl::StrCat(directory_, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace pallet::cluster
