// SPDX-License-Identifier: Apache-2.0
//
// How the records of pallet/storage/v1/catalog.proto are stored:
//
//   stored   := format u8 = 1 | checksum u64 | protobuf bytes
//   checksum := XXH3-64 of: length of the key u64 | key | protobuf bytes
//
// Integers are big endian. The key is part of the checksum, so a sound record
// under a wrong key is noticed too. Pure functions; thread-safe. On disk since
// format 1: change only with a migration and an ADR.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class MessageLite;
}

namespace pallet::cluster {

// The formats of the records' fields. A record is written in the lowest one
// that says what it has to say, so that an older version can read what it
// understands.
inline constexpr uint32_t kRecordFormat = 1;
// Tables with local indexes: who does not know them must not write to them.
inline constexpr uint32_t kIndexedTableFormat = 2;
// The same with global indexes.
inline constexpr uint32_t kGlobalIndexTableFormat = 3;
// Tables that keep the sizes of item collections.
inline constexpr uint32_t kCollectionSizesTableFormat = 4;
// Tables with streams.
inline constexpr uint32_t kStreamTableFormat = 5;
// Tables with a time to live.
inline constexpr uint32_t kTimeToLiveTableFormat = 6;
inline constexpr uint32_t kNewestRecordFormat = 6;  // the highest it reads

std::string EncodeRecord(absl::string_view key,
                         const google::protobuf::MessageLite& record);

// kDataLoss, naming `what`, if `stored` is not what EncodeRecord made for this
// key; kFailedPrecondition if a newer version wrote it.
absl::Status DecodeRecord(absl::string_view what, absl::string_view key,
                          absl::string_view stored,
                          google::protobuf::MessageLite* record);

// OK if this version knows that format of `what`; kFailedPrecondition with
// advice if not.
absl::Status CheckFormat(absl::string_view what, uint32_t format,
                         uint32_t newest_known);

}  // namespace pallet::cluster
