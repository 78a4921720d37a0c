// SPDX-License-Identifier: Apache-2.0
//
// A batch in the log, in the image, and back from the log.
//
//   what the batch does to a partition   record         payload
//   kRows                                kEntries       puts and deletes of
//   rows kCreate                              kGroupCreate   keyspace, range,
//   epoch kDrop                                kGroupDrop     none kDeleteRange
//   kEntries       one range of rows kForget kEntries       delete of its own
//   state
//
// Invariants:
//   1. ApplyBatch and, for each of its records, ApplyRecord bring the image
//   into
//      the same state: what is replayed is what was done.
//   2. The state of a partition is written with its effects, in the same
//      transaction; its index moves by one with each record.
//
// Threads as the image has them.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/batch.h"
#include "storage/entry.h"
#include "storage/image.h"
#include "storage/log_format.h"
#include "storage/partition_state.h"

namespace pallet::storage {

using PartitionStates = absl::flat_hash_map<PartitionId, PartitionState>;

// The entry of a kRows record; the view dies with the next use of `entry`.
absl::string_view EncodeEntry(const PartitionBatch& partition,
                              EntryBuilder* entry);

// Fills the frame; `entry` is room to work in.
void AddRecords(Batch& batch, EntryBuilder* entry, FrameBuilder* frame);

absl::Status PutState(const PartitionState& state, ImageWrite& image);

absl::Status ApplyBatch(Batch& batch, ImageWrite& image);

// kDataLoss if the record does not follow from the partition's state.
absl::Status ApplyRecord(const RecordView& record, PartitionStates& partitions,
                         ImageWrite& image);

}  // namespace pallet::storage
