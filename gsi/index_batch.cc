// SPDX-License-Identifier: Apache-2.0
#include "gsi/index_batch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "gsi/records.h"
#include "storage/side_rows.h"

namespace pallet::gsi {
namespace {

size_t ByteSizeOf(const IndexBatch& batch) {
  size_t size = sizeof(IndexBatchWrite);
  for (const Mutation& mutation : batch.mutations) {
    size += sizeof(mutation) + mutation.row_key.size() + mutation.bytes.size();
  }
  return size;
}

}  // namespace

absl::StatusOr<storage::ChangeSeq> ReadCursor(storage::RowReader& rows,
                                              storage::PartitionId target,
                                              storage::PartitionId lineage) {
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> row,
                   rows.Get(storage::CursorKey(target, lineage)));
  if (!row.has_value()) return storage::ChangeSeq(0);
  return DecodeCursor(row->item);
}

IndexBatchWrite::IndexBatchWrite(IndexBatch batch, Finished finished)
    : batch_(std::move(batch)),
      byte_size_(ByteSizeOf(batch_)),
      finished_(std::move(finished)) {}

absl::Status IndexBatchWrite::CheckCursor(storage::ChangeSeq cursor) const {
  const bool takes = batch_.expected.has_value() ? cursor == *batch_.expected
                                                 : cursor <= batch_.seq;
  if (takes) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("index partition ", batch_.target.value(), " is at change ",
                   cursor.value(), " of lineage ", batch_.lineage.value()));
}

absl::Status IndexBatchWrite::Decide(storage::WriteContext& context) {
  ASSIGN_OR_RETURN(outcome_.cursor,
                   ReadCursor(context, batch_.target, batch_.lineage));
  RETURN_IF_ERROR(CheckCursor(outcome_.cursor));
  for (const Mutation& mutation : batch_.mutations) {
    RETURN_IF_ERROR(Apply(mutation, context));
  }
  if (batch_.expected.has_value() && batch_.seq != outcome_.cursor) {
    context.PutSideRow(storage::CursorKey(batch_.target, batch_.lineage),
                       EncodeCursor(batch_.seq));
    outcome_.cursor = batch_.seq;
  }
  return absl::OkStatus();
}

absl::Status IndexBatchWrite::Apply(const Mutation& mutation,
                                    storage::WriteContext& context) {
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> old,
                   context.Get(mutation.row_key));
  if (mutation.is_delete()) {
    if (!old.has_value()) return absl::OkStatus();
    context.Delete(mutation.row_key);
  } else {
    // What the index has already is not written again.
    if (old.has_value() && old->item == mutation.bytes) {
      return absl::OkStatus();
    }
    context.Put(mutation.row_key, mutation.bytes, mutation.size);
  }
  ++outcome_.entries;
  return absl::OkStatus();
}

void IndexBatchWrite::Done(const absl::Status& status) {
  outcome_.status = status;
  finished_(outcome_);
}

}  // namespace pallet::gsi
