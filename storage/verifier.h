// SPDX-License-Identifier: Apache-2.0
//
// Verifier: holds what the image says of itself against what is in it.
#pragma once

#include "absl/status/status.h"
#include "storage/image.h"

namespace pallet::storage {

// That each row lies in a partition, none is newer than its partition, and that
// items and bytes of each partition are what its rows come to. One state of the
// image, in one transaction. kDataLoss names the first disagreement.
absl::Status VerifyPartitions(const Image& image);

}  // namespace pallet::storage
