// SPDX-License-Identifier: Apache-2.0
//
// NodeDirectory: the data directory of a node, held by one process.
//
//   <data>/LOCK          held while the process lives
//   <data>/node          NodeRecord: who this node is, how many stores it has
//   <data>/catalog/      cluster/catalog.h
//   <data>/store-<k>/    storage/store.h, k from 0
//
// A directory is made in this order, so that a crash leaves what the next start
// can finish: LOCK, node (not founded), catalog, stores, node (founded). Once
// it is founded, a missing part is damage and nothing is made again.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file.h"

namespace pallet::cluster {

// What the directory looks like. A directory of a higher number than
// kNewestDiskFormat is refused. A new one has the first format, and gets a
// higher one when something is stored that older versions do not know.
inline constexpr uint32_t kFirstDiskFormat = 1;
inline constexpr uint32_t kLocalIndexDiskFormat = 2;  // logs and images tell of
                                                      // local indexes
// They tell of changes and cursors too, and of what partitions keep them for.
inline constexpr uint32_t kGlobalIndexDiskFormat = 3;
// And of stream records.
inline constexpr uint32_t kStreamDiskFormat = 4;
// And of when items expire.
inline constexpr uint32_t kTimeToLiveDiskFormat = 5;
// And of replicas: it belongs to a cluster, and one node alone cannot use it.
inline constexpr uint32_t kReplicaDiskFormat = 6;
inline constexpr uint32_t kNewestDiskFormat = 6;
inline constexpr uint32_t kMaxStores = 1024;

struct NodeDirectoryOptions {
  std::string path = {};
  // For a directory made now. 1..kMaxStores.
  uint32_t store_count = 4;
  FileSystem* file_system = FileSystem::Real();
  Clock* clock = Clock::Real();
};

class NodeDirectory {
 public:
  // Makes the directory if it is not there or empty. kFailedPrecondition if
  // another process holds it, a newer version made it, or it is full of
  // something else; kDataLoss if its node file is damaged, or it is founded and
  // a part is missing.
  static absl::StatusOr<std::unique_ptr<NodeDirectory>> Open(
      const NodeDirectoryOptions& options);
  NodeDirectory(const NodeDirectory&) = delete;
  NodeDirectory& operator=(const NodeDirectory&) = delete;
  ~NodeDirectory();

  // 16 bytes each. Both new for a new directory.
  const std::string& node_id() const { return node_id_; }
  const std::string& incarnation() const { return incarnation_; }
  uint32_t store_count() const { return store_count_; }

  bool founded() const { return founded_; }
  // Its partitions are replicas of a cluster.
  bool replicated() const { return disk_format_ >= kReplicaDiskFormat; }
  // Durable on return. REQUIRES: catalog and stores have been made.
  absl::Status MarkFounded();

  // The directory has at least this format. Durable on return.
  absl::Status RaiseDiskFormat(uint32_t format);

  std::string catalog_directory() const;
  std::string store_directory(uint32_t number) const;

 private:
  explicit NodeDirectory(const NodeDirectoryOptions& options);

  absl::Status Lock();
  absl::Status MakeNew();
  absl::Status MakeParts();
  absl::Status CheckParts();
  absl::Status ReadNode();
  absl::Status WriteNode();
  std::string node_path() const;

  const NodeDirectoryOptions options_;
  std::unique_ptr<FileLock> lock_;
  std::string node_id_;
  std::string incarnation_;
  uint32_t store_count_ = 0;
  uint32_t disk_format_ = kFirstDiskFormat;
  bool founded_ = false;
  absl::Time created_;
};

}  // namespace pallet::cluster
