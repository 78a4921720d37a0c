// SPDX-License-Identifier: Apache-2.0
//
// FrontEnd: what the calls of a server share: the operations and their
// counters, the read pool, the bounds. Filled before the first call, constant
// afterwards. And ServedOperation: an operation with its counters beside it,
// found once at start instead of at each call.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "service/call_gate.h"
#include "service/config.h"
#include "service/metrics.h"
#include "service/open_streams.h"
#include "service/operation.h"

namespace pallet::service {

struct ServedOperation {
  std::string name;                       // of the rpc: "GetItem"
  const Operation* run = nullptr;         // nullptr: not built
  const StreamOperation* open = nullptr;  // the same, of a streaming rpc
  OperationMetrics* metrics = nullptr;
};

struct FrontEnd {
  Clock* clock = nullptr;
  Logger* logger = nullptr;
  Executor* read_pool = nullptr;
  Metrics* metrics = nullptr;
  const OperationRegistry* operations = nullptr;
  GrpcConfig grpc;
  PipelineConfig pipeline;

  // At the field number of the request in PipelineOperation; the others have
  // no name.
  std::vector<ServedOperation> pipeline_members;
  CallGate gate;
  OpenStreams streams;

  // Nullptr for a number that is none.
  const ServedOperation* PipelineMember(int number) const {
    const size_t index = static_cast<size_t>(number);
    if (index >= pipeline_members.size()) return nullptr;
    const ServedOperation& member = pipeline_members[index];
    return member.name.empty() ? nullptr : &member;
  }
};

// The operation of this name with its counters, built or not.
ServedOperation Serve(absl::string_view name, const FrontEnd& front_end);

}  // namespace pallet::service
