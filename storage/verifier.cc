// SPDX-License-Identifier: Apache-2.0
#include "storage/verifier.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::storage {
namespace {

absl::Status Disagreement(const std::string& what) {
  return model::MakeError(model::Reason::kDataLoss, what);
}

// The rows of a partition in one of its keyspaces.
struct Share {
  PartitionInfo partition;
  uint32_t ordinal = 0;

  std::string begin() const { return FirstRowKey(partition, ordinal); }
  std::string end() const { return EndRowKey(partition, ordinal); }
};

// In the order of their rows.
absl::StatusOr<std::vector<Share>> SharesByRange(ImageRead& read) {
  std::vector<Share> shares;
  ASSIGN_OR_RETURN(ImageCursor cursor,
                   read.OpenCursor(DatabaseId::kPartitions, "", ""));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(""));
  while (cursor.Valid()) {
    ASSIGN_OR_RETURN(const PartitionId id, DecodePartitionKey(cursor.key()));
    ASSIGN_OR_RETURN(const PartitionState state,
                     DecodePartitionState(id, cursor.value()));
    for (uint32_t i = 0; i <= state.info.index_count; ++i) {
      shares.push_back({state.info, i});
    }
    RETURN_IF_ERROR(cursor.Next());
  }
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
    return a.begin() < b.begin();
  });
  return shares;
}

absl::Status RowsOutside(ImageRead& read, const std::string& begin,
                         const std::string& end) {
  if (!end.empty() && begin >= end) return absl::OkStatus();
  std::unique_ptr<RowCursor> cursor = read.Cursor(begin, end);
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  if (!cursor->Valid()) return absl::OkStatus();
  return Disagreement("a row lies in no partition");
}

absl::Status RowsOf(ImageRead& read, const Share& share) {
  const PartitionInfo& partition = share.partition;
  RowCounts counts;
  std::unique_ptr<RowCursor> cursor = read.Cursor(share.begin(), share.end());
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(share.begin()));
  while (cursor->Valid()) {
    const RowView row = cursor->row();
    if (row.change_seq > partition.change_seq) {
      return Disagreement(
          absl::StrCat("a row of partition ", partition.id.value(),
                       " has change seq ", row.change_seq.value(),
                       ", the partition is at ", partition.change_seq.value()));
    }
    ++counts.rows;
    counts.bytes += row.item_size;
    RETURN_IF_ERROR(cursor->Next());
  }
  const RowCounts said = CountsOf(partition, share.ordinal);
  if (counts == said) return absl::OkStatus();
  return Disagreement(
      absl::StrCat("partition ", partition.id.value(), " says ", said.rows,
                   " items of ", said.bytes, " bytes in keyspace ",
                   KeyspaceOf(partition, share.ordinal).value(),
                   "; its rows are ", counts.rows, " of ", counts.bytes));
}

// Each belongs to a partition, and is not of its future.
absl::Status SideRows(ImageRead& read, const std::vector<Share>& shares) {
  absl::flat_hash_map<PartitionId, ChangeSeq> seqs;
  for (const Share& share : shares) {
    seqs[share.partition.id] = share.partition.change_seq;
  }
  const std::string begin = HashPrefix(kFirstSideKeyspace, 0);
  std::unique_ptr<RowCursor> cursor = read.Cursor(begin, "");
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  while (cursor->Valid()) {
    const PartitionId owner = OwnerOfSideRow(cursor->key());
    const auto at = seqs.find(owner);
    if (at == seqs.end()) return Disagreement("a side row of no partition");
    if (cursor->row().change_seq > at->second) {
      return Disagreement(absl::StrCat("a side row of partition ",
                                       owner.value(), " is of its future"));
    }
    RETURN_IF_ERROR(cursor->Next());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyPartitions(const Image& image) {
  ASSIGN_OR_RETURN(ImageRead read, image.Read());
  ASSIGN_OR_RETURN(const std::vector<Share> shares, SharesByRange(read));
  std::string covered;  // all keys below are accounted for
  bool to_the_end = false;
  for (const Share& share : shares) {
    const std::string begin = share.begin();
    if (to_the_end || begin < covered) {
      return Disagreement(
          absl::StrCat("partition ", share.partition.id.value(), " overlaps"));
    }
    RETURN_IF_ERROR(RowsOutside(read, covered, begin));
    RETURN_IF_ERROR(RowsOf(read, share));
    covered = share.end();
    to_the_end = covered.empty();
  }
  if (!to_the_end) {
    RETURN_IF_ERROR(
        RowsOutside(read, covered, HashPrefix(kFirstSideKeyspace, 0)));
  }
  return SideRows(read, shares);
}

}  // namespace pallet::storage
