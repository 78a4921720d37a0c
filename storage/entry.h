// SPDX-License-Identifier: Apache-2.0
//
// Entry: what one batch did to one partition: its new state and its effects, in
// order. The payload of a kEntries record.
//
//   entry  := change seq u64 | item count u64 | item bytes u64 | effect*
//   effect := 0x01 | database u8 | key bytes | value bytes     -- put
//           | 0x02 | database u8 | key bytes                   -- delete
//           | 0x03 | database u8 | begin bytes | end bytes     -- delete range
//           | 0x04 | partitions u8 | index bytes | counts bytes
//           | 0x05 | partitions u8 | empty bytes | schema version u64 as bytes
//   index  := u8                  -- counts of that local index, from 0, after
//   counts := rows u64 | bytes u64                           -- the entry
//   bytes  := varint length, then that many bytes (base/bytes.h)
//
// Effects of a range delete begin <= key < end; an empty end is the end of the
// database. Integers are big endian. The record's checksum covers the entry, so
// a decode that fails is a bug or damage: kDataLoss. Decoding is linear in the
// input whatever it holds, and allocates nothing. On disk since format 1.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/databases.h"
#include "storage/ids.h"

namespace pallet::storage {

// The partition after the entry.
struct EntryHeader {
  ChangeSeq change_seq;
  uint64_t item_count = 0;
  uint64_t item_bytes = 0;  // by DynamoDB's rule

  friend bool operator==(const EntryHeader&, const EntryHeader&) = default;
};

enum class EffectOp : uint8_t {
  kPut = 1,
  kDelete = 2,
  kDeleteRange = 3,
  kIndexCounts = 4,    // of the partition; not for the image
  kSchemaVersion = 5,  // likewise
};

struct Effect {
  EffectOp op = EffectOp::kPut;
  DatabaseId database = DatabaseId::kItems;
  absl::string_view key;    // of a range: its begin
  absl::string_view value;  // of a put; of a range: its end; else empty
};

struct IndexCounts {
  uint32_t index = 0;  // from 0
  RowCounts counts;
};

// What a kIndexCounts effect says. kDataLoss if it is no such thing.
absl::StatusOr<IndexCounts> DecodeIndexCounts(const Effect& effect);

// What a kSchemaVersion effect says. kDataLoss if it is no such thing.
absl::StatusOr<uint64_t> DecodeSchemaVersion(const Effect& effect);

// Builds one entry in a buffer that is kept from entry to entry.
class EntryBuilder {
 public:
  EntryBuilder() { Clear(); }

  void Clear();
  void Put(DatabaseId database, absl::string_view key, absl::string_view value);
  // A put whose value is in two pieces, so that a row needs no copy of its own.
  void Put(DatabaseId database, absl::string_view key,
           absl::string_view value_head, absl::string_view value_rest);
  void Delete(DatabaseId database, absl::string_view key);
  void DeleteRange(DatabaseId database, absl::string_view begin,
                   absl::string_view end);

  void SetIndexCounts(const IndexCounts& counts);
  void SetSchemaVersion(uint64_t version);

  bool empty() const;  // no effects
  size_t byte_size() const { return buffer_.size(); }

  // The whole entry; the view dies with the next call. More effects may follow.
  absl::string_view Finish(const EntryHeader& header);

 private:
  void Begin(EffectOp op, DatabaseId database, absl::string_view key);

  std::string buffer_;
};

// Walks the effects of an entry; they view into the payload.
//
//   ASSIGN_OR_RETURN(EntryReader reader, EntryReader::Open(payload));
//   Effect effect;
//   while (true) {
//     ASSIGN_OR_RETURN(const bool more, reader.Next(&effect));
//     if (!more) break;
//   }
class EntryReader {
 public:
  static absl::StatusOr<EntryReader> Open(absl::string_view payload);

  const EntryHeader& header() const { return header_; }

  // False at the end.
  absl::StatusOr<bool> Next(Effect* effect);

 private:
  EntryReader(const EntryHeader& header, absl::string_view rest)
      : header_(header), rest_(rest) {}
  absl::Status Damaged() const;

  EntryHeader header_;
  absl::string_view rest_;
};

}  // namespace pallet::storage
