// SPDX-License-Identifier: Apache-2.0
//
// The rules of on-demand ceilings and warm throughput of tables and their
// global indexes, and of a table's encryption, for CreateTable and UpdateTable:
// checks with DynamoDB's messages, and what goes into the catalog record. Encryption and warm throughput are kept and
// reported, nothing is done about them. Pure functions.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "model/constraints.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table.pb.h"

namespace pallet::service {

// The two requests differ in words and in what they allow.
enum class SettingOf { kNewTable, kExistingTable };

// Whether the message says anything: an empty one is as good as absent.
bool SaysSomething(const v1::OnDemandThroughput& throughput);
bool SaysSomething(const v1::WarmThroughput& throughput);

// Merges the ceilings member by member; -1 takes one away. REQUIRES: the
// record's billing mode is the one the request leads to.
absl::Status SetOnDemandThroughput(SettingOf setting,
                                   const v1::OnDemandThroughput& wanted,
                                   storage::v1::TableRecord* record);
absl::Status SetOnDemandThroughput(SettingOf setting,
                                   const v1::OnDemandThroughput& wanted,
                                   const storage::v1::TableRecord& table,
                                   storage::v1::GlobalIndexRecord* index);

// What the table or index is ready for: never less than it was, than its provisioned
// throughput, or than what on-demand tables start with.
storage::v1::WarmThroughputRecord WarmThroughputOf(
    const storage::v1::TableRecord& record);
storage::v1::WarmThroughputRecord WarmThroughputOf(
    const storage::v1::TableRecord& table,
    const storage::v1::GlobalIndexRecord& index);
absl::Status SetWarmThroughput(SettingOf setting,
                               const v1::WarmThroughput& wanted,
                               storage::v1::TableRecord* record);
absl::Status SetWarmThroughput(SettingOf setting,
                               const v1::WarmThroughput& wanted,
                               const storage::v1::TableRecord& table,
                               storage::v1::GlobalIndexRecord* index);

void CheckEncryption(const v1::SseSpecification& wanted,
                     model::Constraints* constraints);
absl::Status SetEncryption(SettingOf setting,
                           const v1::SseSpecification& wanted,
                           storage::v1::TableRecord* record);

}  // namespace pallet::service
