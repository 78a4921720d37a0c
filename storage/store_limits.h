// SPDX-License-Identifier: Apache-2.0
//
// What a store's options come to: the same for one copy and for replicas. Pure
// functions.
#pragma once

#include <cstdint>

#include "storage/applier.h"
#include "storage/store.h"

namespace pallet::storage {

// How many image pages may be written before a checkpoint is due. The file
// holds those of two checkpoints beside the `live` ones, so a small image gets
// checkpoints more often, down to a quarter; so does one in a small map.
uint64_t CheckpointBytesOf(const StoreOptions& options, uint64_t live);

// The bounds of memtables: a small map has room for what two of them come to at
// their worst.
Applier::Options ApplierOptionsOf(const StoreOptions& options);

}  // namespace pallet::storage
