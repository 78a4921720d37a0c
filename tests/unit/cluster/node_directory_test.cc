// SPDX-License-Identifier: Apache-2.0
#include "cluster/node_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/random.h"
#include "cluster/record_codec.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/testing/fault_injecting_file_system.h"
#include "tests/testing/memory_file_system.h"

namespace pallet::cluster {
namespace {

using testing::FaultInjectingFileSystem;
using ::testing::HasSubstr;
using testing::MemoryFileSystem;

class NodeDirectoryTest : public ::testing::Test {
 protected:
  NodeDirectoryOptions Options(uint32_t stores = 2) {
    return {.path = "/data", .store_count = stores, .file_system = &disk_};
  }

  absl::StatusOr<std::unique_ptr<NodeDirectory>> Open(uint32_t stores = 2) {
    return NodeDirectory::Open(Options(stores));
  }

  // As catalog and stores do.
  void FillParts(const NodeDirectory& directory) {
    Write(directory.catalog_directory() + "/data.mdb", "x");
    for (uint32_t i = 0; i < directory.store_count(); ++i) {
      Write(directory.store_directory(i) + "/checkpoint", "x");
    }
  }

  void Found() {
    auto directory = Open();
    ASSERT_TRUE(directory.ok()) << directory.status();
    FillParts(**directory);
    ASSERT_TRUE((*directory)->MarkFounded().ok());
  }

  void Write(const std::string& path, absl::string_view content) {
    ASSERT_TRUE(ReplaceFile(&disk_, path, content).ok()) << path;
  }

  std::string ErrorOfOpening(model::Reason reason) {
    const absl::Status status = Open().status();
    EXPECT_EQ(model::ReasonOf(status), reason) << status;
    return std::string(status.message());
  }

  MemoryFileSystem memory_;
  FaultInjectingFileSystem disk_{&memory_};
};

TEST_F(NodeDirectoryTest, Example) {
  auto directory = Open();
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ((*directory)->store_count(), 2u);
  EXPECT_EQ((*directory)->node_id().size(), 16u);
  EXPECT_FALSE((*directory)->founded());
  EXPECT_EQ((*directory)->catalog_directory(), "/data/catalog");
  EXPECT_EQ((*directory)->store_directory(1), "/data/store-1");
  EXPECT_TRUE(*disk_.Exists("/data/store-1"));
}

TEST_F(NodeDirectoryTest, KnowsItselfAgain) {
  auto directory = Open(3);
  ASSERT_TRUE(directory.ok());
  const std::string node_id = (*directory)->node_id();
  const std::string incarnation = (*directory)->incarnation();
  EXPECT_NE(node_id, incarnation);
  FillParts(**directory);
  ASSERT_TRUE((*directory)->MarkFounded().ok());
  directory->reset();
  // The number of stores is what it was made with.
  directory = Open(5);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ((*directory)->node_id(), node_id);
  EXPECT_EQ((*directory)->incarnation(), incarnation);
  EXPECT_EQ((*directory)->store_count(), 3u);
  EXPECT_TRUE((*directory)->founded());
}

TEST_F(NodeDirectoryTest, TheSecondOneIsRefused) {
  auto first = Open();
  ASSERT_TRUE(first.ok());
  const absl::Status second = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second));
  EXPECT_EQ(second.message(),
            "another process uses the data directory /data (it holds "
            "/data/LOCK)");
  first->reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(NodeDirectoryTest, ADirectoryOfANewerVersionIsRefused) {
  Found();
  storage::v1::NodeRecord record;
  record.set_format(1);
  record.set_disk_format(kNewestDiskFormat + 1);
  Write("/data/node", EncodeRecord("node", record));
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            absl::StrCat("/data has format ", kNewestDiskFormat + 1,
                         ", and this version of pallet knows formats up to ",
                         kNewestDiskFormat, ": start a newer version"));
}

TEST_F(NodeDirectoryTest, TheFormatIsRaisedWhenSomethingNeedsIt) {
  const auto format = [&] {
    storage::v1::NodeRecord record;
    const absl::Status read =
        DecodeRecord("node", "node", *ReadFile(&disk_, "/data/node"), &record);
    EXPECT_TRUE(read.ok()) << read;
    return record.disk_format();
  };
  Found();
  EXPECT_EQ(format(), kFirstDiskFormat);
  auto directory = Open();
  ASSERT_TRUE(directory.ok());
  EXPECT_EQ(format(), kFirstDiskFormat);
  ASSERT_TRUE((*directory)->RaiseDiskFormat(kLocalIndexDiskFormat).ok());
  EXPECT_EQ(format(), kLocalIndexDiskFormat);
  ASSERT_TRUE((*directory)->RaiseDiskFormat(kFirstDiskFormat).ok());
  directory->reset();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(format(), kLocalIndexDiskFormat);
}

TEST_F(NodeDirectoryTest, ADamagedNodeFileIsDataLoss) {
  Found();
  std::string node = *ReadFile(&disk_, "/data/node");
  node.back() ^= 1;
  Write("/data/node", node);
  EXPECT_THAT(ErrorOfOpening(model::Reason::kDataLoss),
              HasSubstr("/data/node is damaged"));
}

TEST_F(NodeDirectoryTest, AMissingOrEmptyPartIsDataLoss) {
  Found();
  ASSERT_TRUE(disk_.Remove("/data/store-1/checkpoint").ok());
  EXPECT_EQ(ErrorOfOpening(model::Reason::kDataLoss),
            "/data/store-1 is missing or empty");
  ASSERT_TRUE(disk_.Remove("/data/store-1").ok());
  EXPECT_EQ(ErrorOfOpening(model::Reason::kDataLoss),
            "/data/store-1 is missing or empty");
  ASSERT_TRUE(disk_.Remove("/data/catalog/data.mdb").ok());
  EXPECT_EQ(ErrorOfOpening(model::Reason::kDataLoss),
            "/data/catalog is missing or empty");
}

TEST_F(NodeDirectoryTest, SomebodyElsesDirectoryIsLeftAlone) {
  ASSERT_TRUE(disk_.CreateDirectory("/data").ok());
  Write("/data/thesis.txt", "precious");
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("thesis.txt"));
  EXPECT_FALSE(*disk_.Exists("/data/node"));
}

TEST_F(NodeDirectoryTest, AFailureAnywhereInTheMakingCanBeRepeated) {
  // Fails the nth sync, loses power, and starts again, for each n there is.
  for (uint64_t n = 1;; ++n) {
    MemoryFileSystem memory;
    FaultInjectingFileSystem disk(&memory);
    const NodeDirectoryOptions options = {
        .path = "/data", .store_count = 2, .file_system = &disk};
    disk.FailSync(n, EIO);
    const bool succeeded = NodeDirectory::Open(options).ok();
    disk.FailSync(0, 0);
    Random random(n);
    disk.LosePower(&random);
    const auto again = NodeDirectory::Open(options);
    ASSERT_TRUE(again.ok()) << "sync " << n << ": " << again.status();
    EXPECT_FALSE((*again)->founded());
    EXPECT_TRUE(*disk.Exists("/data/store-1"));
    if (succeeded) {
      EXPECT_GE(n, 5u);
      break;
    }
  }
}

}  // namespace
}  // namespace pallet::cluster
