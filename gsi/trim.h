// SPDX-License-Identifier: Apache-2.0
//
// Trimming: takes changes out of a lineage that all indexes have.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "gsi/topology.h"
#include "storage/ids.h"

namespace pallet::gsi {

inline constexpr uint64_t kTrimmedAtOnce = 1024;

// Removes the first kTrimmedAtOnce changes up to `through`, durably. Returns up
// to where there are none any more: `through` if that was all.
absl::StatusOr<storage::ChangeSeq> TrimChanges(const Source& source,
                                               storage::ChangeSeq through);

}  // namespace pallet::gsi
