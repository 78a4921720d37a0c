// SPDX-License-Identifier: Apache-2.0
//
// FunctionWrite: a write made of two functions.
#pragma once

#include <cstddef>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "storage/store.h"

namespace pallet::service {

class FunctionWrite final : public storage::RowWrite {
 public:
  // As RowWrite::Decide and RowWrite::Done.
  using Decision = absl::AnyInvocable<absl::Status(storage::WriteContext&)>;
  using Finished = absl::AnyInvocable<void(const absl::Status&)>;

  FunctionWrite(storage::PartitionId partition, size_t bytes, Decision decide,
                Finished finished)
      : partition_(partition),
        bytes_(sizeof(*this) + bytes),
        decide_(std::move(decide)),
        finished_(std::move(finished)) {}

  storage::PartitionId partition() const override { return partition_; }
  size_t byte_size() const override { return bytes_; }
  absl::Status Decide(storage::WriteContext& context) override {
    return decide_(context);
  }
  void Done(const absl::Status& status) override { finished_(status); }

 private:
  const storage::PartitionId partition_;
  const size_t bytes_;
  Decision decide_;
  Finished finished_;
};

}  // namespace pallet::service
