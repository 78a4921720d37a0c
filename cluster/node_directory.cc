// SPDX-License-Identifier: Apache-2.0
#include "cluster/node_directory.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/record_codec.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"

namespace pallet::cluster {
namespace {

constexpr char kLockName[] = "LOCK";
constexpr char kNodeName[] = "node";
constexpr size_t kIdBytes = 16;

// What may stand in a directory that is not ours yet: what a start that got no
// further than the node file leaves, and what a file system puts there.
bool IsHarmless(absl::string_view name) {
  return name == kLockName || name == "node.tmp" || name == "lost+found";
}

}  // namespace

NodeDirectory::NodeDirectory(const NodeDirectoryOptions& options)
    : options_(options) {}

NodeDirectory::~NodeDirectory() = default;

absl::StatusOr<std::unique_ptr<NodeDirectory>> NodeDirectory::Open(
    const NodeDirectoryOptions& options) {
  CHECK(options.store_count >= 1 && options.store_count <= kMaxStores)
      << options.store_count;
  std::unique_ptr<NodeDirectory> directory(new NodeDirectory(options));
  FileSystem* files = options.file_system;
  RETURN_IF_ERROR(files->CreateDirectory(options.path));
  RETURN_IF_ERROR(files->SyncDirectory(DirectoryOf(options.path)));
  RETURN_IF_ERROR(directory->Lock());
  ASSIGN_OR_RETURN(const bool exists, files->Exists(directory->node_path()));
  if (exists) {
    RETURN_IF_ERROR(directory->ReadNode());
  } else {
    RETURN_IF_ERROR(directory->MakeNew());
  }
  RETURN_IF_ERROR(directory->founded_ ? directory->CheckParts()
                                      : directory->MakeParts());
  return directory;
}

absl::Status NodeDirectory::Lock() {
  auto lock =
      options_.file_system->Lock(absl::StrCat(options_.path, "/", kLockName));
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process uses the data directory ", options_.path,
                     " (it holds ", options_.path, "/", kLockName, ")"));
  }
  RETURN_IF_ERROR(lock.status());
  lock_ = *std::move(lock);
  return absl::OkStatus();
}

absl::Status NodeDirectory::MakeNew() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   options_.file_system->List(options_.path));
  for (const std::string& name : names) {
    if (IsHarmless(name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(options_.path, " is not empty (", name,
                     ") and has no node file: not a data directory of pallet"));
  }
  node_id_ = RealEntropy(kIdBytes);
  incarnation_ = RealEntropy(kIdBytes);
  store_count_ = options_.store_count;
  created_ = options_.clock->Now();
  return WriteNode();
}

absl::Status NodeDirectory::MakeParts() {
  RETURN_IF_ERROR(options_.file_system->CreateDirectory(catalog_directory()));
  for (uint32_t i = 0; i < store_count_; ++i) {
    RETURN_IF_ERROR(options_.file_system->CreateDirectory(store_directory(i)));
  }
  return options_.file_system->SyncDirectory(options_.path);
}

// A store or catalog that was emptied would open as a new one: refuse that.
absl::Status NodeDirectory::CheckParts() {
  std::vector<std::string> parts = {catalog_directory()};
  for (uint32_t i = 0; i < store_count_; ++i) {
    parts.push_back(store_directory(i));
  }
  for (const std::string& part : parts) {
    const auto names = options_.file_system->List(part);
    if (names.ok() && !names->empty()) continue;
    if (!names.ok() && !absl::IsNotFound(names.status())) {
      return names.status();
    }
    return model::MakeError(model::Reason::kDataLoss,
                            absl::StrCat(part, " is missing or empty"));
  }
  return absl::OkStatus();
}

absl::Status NodeDirectory::MarkFounded() {
  if (founded_) return absl::OkStatus();
  founded_ = true;
  return WriteNode();
}

absl::Status NodeDirectory::RaiseDiskFormat(uint32_t format) {
  CHECK_LE(format, kNewestDiskFormat);
  if (disk_format_ >= format) return absl::OkStatus();
  disk_format_ = format;
  return WriteNode();
}

absl::Status NodeDirectory::ReadNode() {
  ASSIGN_OR_RETURN(const std::string stored,
                   ReadFile(options_.file_system, node_path()));
  storage::v1::NodeRecord record;
  RETURN_IF_ERROR(DecodeRecord(node_path(), kNodeName, stored, &record));
  RETURN_IF_ERROR(CheckFormat(node_path(), record.format(), kRecordFormat));
  RETURN_IF_ERROR(
      CheckFormat(options_.path, record.disk_format(), kNewestDiskFormat));
  disk_format_ = record.disk_format();
  node_id_ = record.node_id();
  incarnation_ = record.incarnation();
  store_count_ = record.store_count();
  founded_ = record.founded();
  created_ = absl::FromUnixSeconds(record.created().seconds());
  return absl::OkStatus();
}

absl::Status NodeDirectory::WriteNode() {
  storage::v1::NodeRecord record;
  record.set_format(kRecordFormat);
  record.set_disk_format(disk_format_);
  record.set_node_id(node_id_);
  record.set_incarnation(incarnation_);
  record.set_store_count(store_count_);
  record.set_founded(founded_);
  record.mutable_created()->set_seconds(absl::ToUnixSeconds(created_));
  return ReplaceFile(options_.file_system, node_path(),
                     EncodeRecord(kNodeName, record));
}

std::string NodeDirectory::node_path() const {
  return absl::StrCat(options_.path, "/", kNodeName);
}

std::string NodeDirectory::catalog_directory() const {
  return absl::StrCat(options_.path, "/catalog");
}

std::string NodeDirectory::store_directory(uint32_t number) const {
  return absl::StrCat(options_.path, "/store-", number);
}

}  // namespace pallet::cluster
