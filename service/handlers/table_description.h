// SPDX-License-Identifier: Apache-2.0
//
// What a table says of itself: a catalog record and its counts as a
// TableDescription. Pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cluster/partition_host.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "pallet/v1/table.pb.h"
#include "service/index_keeper.h"

namespace pallet::service {

// Where this service says it is; part of every ARN.
inline constexpr char kRegion[] = "local";
inline constexpr char kAccount[] = "000000000000";

// arn:aws:dynamodb:<region>:<account>:table/<name>
std::string TableArn(absl::string_view name);

// As ACTIVE. `counts` has those of each index of the table.
v1::TableDescription Describe(const cluster::Table& table,
                              const cluster::TableCounts& counts);

// Adds to a description of the table how far its global indexes are. `indexes`
// may be null.
absl::Status AddProgress(const cluster::Table& table, IndexKeeper* indexes,
                         v1::TableDescription* description);

google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);

// "Requested resource not found: Table: <name> not found".
absl::Status DescribedTableNotFound(absl::string_view name);

}  // namespace pallet::service
