// SPDX-License-Identifier: Apache-2.0
//
// A stream record as clients see it: a pallet.v1.Record, encoded, with the item
// bytes as they are stored. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "model/key.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/streams/stream_record.h"
#include "storage/ids.h"

namespace pallet::service {

// Where a record stands.
struct RecordPlace {
  storage::PartitionId lineage;
  storage::ChangeSeq seq;
};

// kDataLoss if it makes no sense.
absl::StatusOr<std::string> EncodeRecordMessage(const model::KeySchema& key,
                                                storage::v1::StreamView view,
                                                const RecordPlace& place,
                                                const StreamRecordView& record);

}  // namespace pallet::service
