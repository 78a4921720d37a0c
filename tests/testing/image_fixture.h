// SPDX-License-Identifier: Apache-2.0
//
// An image in a directory of its own, and short ways to write and read it.
#pragma once

#include <memory>
#include <string>

#include "base/check.h"
#include "storage/checkpoint.h"
#include "storage/image.h"
#include "storage/row.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {

// A row with this item; its size and change seq follow from it.
inline std::string RowOf(absl::string_view item) {
  return storage::EncodeRow({.change_seq = storage::ChangeSeq(7),
                             .item_size = static_cast<uint32_t>(item.size()),
                             .item = item});
}

class ImageFixture {
 public:
  ImageFixture() { CHECK_OK(Open()); }

  storage::CheckpointOptions options() const {
    return {.directory = directory_.path(),
            .map_size = uint64_t{1} << 32,
            .may_create = true,
            .new_uuid = "0123456789abcdef"};
  }

  absl::Status Open() {
    Close();
    absl::StatusOr<storage::OpenedImage> opened =
        storage::Checkpoints::Open(options());
    if (!opened.ok()) return opened.status();
    opened_ = *std::move(opened);
    return absl::OkStatus();
  }

  void Close() {
    opened_.checkpoints.reset();
    opened_.image.reset();
  }

  // One commit of its own.
  void Put(absl::string_view row_key, absl::string_view item) {
    absl::StatusOr<storage::ImageWrite> write = image().Write();
    CHECK_OK(write.status());
    CHECK_OK(write->Put(storage::DatabaseId::kItems, row_key, RowOf(item)));
    CHECK_OK(write->Commit());
  }

  // The item, "nothing", or what went wrong.
  std::string Get(absl::string_view row_key) {
    absl::StatusOr<storage::ImageRead> read = image().Read();
    CHECK_OK(read.status());
    absl::StatusOr<std::optional<storage::RowView>> row = read->Get(row_key);
    if (!row.ok()) return std::string(row.status().message());
    return row->has_value() ? std::string((*row)->item) : "nothing";
  }

  storage::Image& image() { return *opened_.image; }
  storage::Checkpoints& checkpoints() { return *opened_.checkpoints; }
  storage::OpenedImage& opened() { return opened_; }
  const std::string& directory() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  storage::OpenedImage opened_;
};

}  // namespace pallet::testing
