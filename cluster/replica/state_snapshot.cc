// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/state_snapshot.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/row.h"
#include "storage/side_rows.h"

namespace pallet::cluster {
namespace {

constexpr uint8_t kChunkFormat = 1;
constexpr uint8_t kFirst = 1;
constexpr uint8_t kLast = 2;

}  // namespace

std::vector<std::pair<std::string, std::string>> RowRangesOf(
    const storage::PartitionInfo& partition) {
  std::vector<std::pair<std::string, std::string>> ranges;
  for (uint32_t i = 0; i <= partition.index_count; ++i) {
    ranges.emplace_back(storage::FirstRowKey(partition, i),
                        storage::EndRowKey(partition, i));
  }
  for (const storage::SideRange& range : storage::SideRangesOf(partition.id)) {
    ranges.emplace_back(range.begin, range.end);
  }
  return ranges;
}

absl::StatusOr<SnapshotChunk> DecodeSnapshotChunk(absl::string_view bytes) {
  SnapshotChunk chunk;
  uint8_t format = 0, flags = 0;
  uint64_t count = 0;
  bool sound = ConsumeU8(&bytes, &format) && format == kChunkFormat &&
               ConsumeU8(&bytes, &flags) && flags <= (kFirst | kLast);
  chunk.first = (flags & kFirst) != 0;
  chunk.last = (flags & kLast) != 0;
  if (sound && chunk.first) sound = ConsumeBytes(&bytes, &chunk.state);
  sound = sound && ConsumeVarint(&bytes, &count);
  for (; sound && count > 0; --count) {
    auto& [key, row] = chunk.rows.emplace_back();
    sound = ConsumeBytes(&bytes, &key) && ConsumeBytes(&bytes, &row);
  }
  if (sound && chunk.last) sound = ConsumeU64(&bytes, &chunk.newer_through);
  if (!sound || !bytes.empty()) {
    return model::MakeError(model::Reason::kDataLoss,
                            "a chunk of a snapshot is malformed");
  }
  return chunk;
}

StateSnapshotReader::StateSnapshotReader(Source source,
                                         const storage::PartitionState& state)
    : source_(std::move(source)),
      state_(state),
      ranges_(RowRangesOf(state.info)) {
  from_ = ranges_.front().first;
}

std::string StateSnapshotReader::Next(bool* last) {
  std::string rows;
  uint64_t count = 0;
  if (!failed_) {
    const absl::Status read =
        source_.read([&](storage::ReadTransaction& transaction) {
          return AddRows(transaction, &rows, &count);
        });
    if (!read.ok()) {
      source_.on_error(read);
      failed_ = true;
    }
  }
  *last = range_ == ranges_.size();
  std::string chunk;
  AppendU8(&chunk, kChunkFormat);
  AppendU8(&chunk, (begun_ ? 0 : kFirst) | (*last ? kLast : 0));
  if (!begun_) AppendBytes(&chunk, storage::EncodePartitionState(state_));
  AppendVarint(&chunk, count);
  chunk += rows;
  if (*last) AppendU64(&chunk, source_.newer_through());
  begun_ = true;
  return chunk;
}

absl::Status StateSnapshotReader::AddRows(storage::ReadTransaction& read,
                                          std::string* rows, uint64_t* count) {
  while (range_ < ranges_.size()) {
    const auto cursor = read.Cursor(from_, ranges_[range_].second);
    RETURN_IF_ERROR(cursor->SeekAtOrAfter(from_));
    while (cursor->Valid()) {
      if (rows->size() >= kSnapshotChunkBytes) {
        from_ = std::string(cursor->key());
        return absl::OkStatus();
      }
      AppendBytes(rows, cursor->key());
      AppendBytes(rows, storage::EncodeRow(cursor->row()));
      ++*count;
      RETURN_IF_ERROR(cursor->Next());
    }
    if (++range_ < ranges_.size()) from_ = ranges_[range_].first;
  }
  return absl::OkStatus();
}

}  // namespace pallet::cluster
