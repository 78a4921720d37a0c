// SPDX-License-Identifier: Apache-2.0
#include "storage/verifier.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/partition_state.h"

namespace pallet::storage {
namespace {

absl::Status Disagreement(const std::string& what) {
  return model::MakeError(model::Reason::kDataLoss, what);
}

// In the order of their rows.
absl::StatusOr<std::vector<PartitionState>> PartitionsByRange(ImageRead& read) {
  std::vector<PartitionState> partitions;
  ASSIGN_OR_RETURN(ImageCursor cursor,
                   read.OpenCursor(DatabaseId::kPartitions, "", ""));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(""));
  while (cursor.Valid()) {
    ASSIGN_OR_RETURN(const PartitionId id, DecodePartitionKey(cursor.key()));
    ASSIGN_OR_RETURN(PartitionState state,
                     DecodePartitionState(id, cursor.value()));
    partitions.push_back(state);
    RETURN_IF_ERROR(cursor.Next());
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const PartitionState& a, const PartitionState& b) {
              return FirstRowKey(a.info) < FirstRowKey(b.info);
            });
  return partitions;
}

absl::Status RowsOutside(ImageRead& read, const std::string& begin,
                         const std::string& end) {
  if (!end.empty() && begin >= end) return absl::OkStatus();
  std::unique_ptr<RowCursor> cursor = read.Cursor(begin, end);
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  if (!cursor->Valid()) return absl::OkStatus();
  return Disagreement("a row lies in no partition");
}

absl::Status RowsOf(ImageRead& read, const PartitionInfo& partition) {
  const std::string begin = FirstRowKey(partition);
  const std::string end = EndRowKey(partition);
  uint64_t count = 0, bytes = 0;
  std::unique_ptr<RowCursor> cursor = read.Cursor(begin, end);
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  while (cursor->Valid()) {
    const RowView row = cursor->row();
    if (row.change_seq > partition.change_seq) {
      return Disagreement(
          absl::StrCat("a row of partition ", partition.id.value(),
                       " has change seq ", row.change_seq.value(),
                       ", the partition is at ", partition.change_seq.value()));
    }
    ++count;
    bytes += row.item_size;
    RETURN_IF_ERROR(cursor->Next());
  }
  if (count == partition.item_count && bytes == partition.item_bytes) {
    return absl::OkStatus();
  }
  return Disagreement(
      absl::StrCat("partition ", partition.id.value(), " says ",
                   partition.item_count, " items of ", partition.item_bytes,
                   " bytes; its rows are ", count, " of ", bytes));
}

}  // namespace

absl::Status VerifyPartitions(const Image& image) {
  ASSIGN_OR_RETURN(ImageRead read, image.Read());
  ASSIGN_OR_RETURN(const std::vector<PartitionState> partitions,
                   PartitionsByRange(read));
  std::string covered;  // all keys below are accounted for
  bool to_the_end = false;
  for (const PartitionState& state : partitions) {
    const std::string begin = FirstRowKey(state.info);
    if (to_the_end || begin < covered) {
      return Disagreement(
          absl::StrCat("partition ", state.info.id.value(), " overlaps"));
    }
    RETURN_IF_ERROR(RowsOutside(read, covered, begin));
    RETURN_IF_ERROR(RowsOf(read, state.info));
    covered = EndRowKey(state.info);
    to_the_end = covered.empty();
  }
  return to_the_end ? absl::OkStatus() : RowsOutside(read, covered, "");
}

}  // namespace pallet::storage
