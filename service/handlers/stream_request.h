// SPDX-License-Identifier: Apache-2.0
//
// The rules of a table's stream for CreateTable and UpdateTable: checks with
// DynamoDB's messages, and what goes into the catalog record. Pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/constraints.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table.pb.h"
#include "service/handlers/table_settings.h"

namespace pallet::service {

// So many closed ones of a table may be kept; a further one is refused.
inline constexpr int kMaxClosedStreams = 100;

void CheckStream(bool is_given, const v1::StreamSpecification& wanted,
                 model::Constraints* constraints);

// Adds a stream of that label, or closes the one that is open.
absl::Status SetStream(SettingOf setting, const v1::StreamSpecification& wanted,
                       const std::string& label, absl::Time now,
                       storage::v1::TableRecord* record);

}  // namespace pallet::service
