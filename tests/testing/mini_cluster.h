// SPDX-License-Identifier: Apache-2.0
//
// MiniCluster: a running Pallet for tests, behind one interface whether it is
// in this process (fast, under sanitizers, debuggable) or a palletd of its own
// (which can be killed). One node for now.
//
//   ASSERT_OK_AND_ASSIGN(auto cluster, MiniCluster::Start({.kind = kind}));
//   auto stub = v1::ItemService::NewStub(cluster->Channel());
//   cluster->Kill(); cluster->Start(); ...
//
// One thread at a time, but for the addresses and channels.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/log.h"

namespace pallet::testing {

enum class NodeKind { kInProcess, kProcess };

struct MiniClusterOptions {
  NodeKind kind = NodeKind::kInProcess;
  std::string data_dir;            // the test's own
  std::vector<std::string> flags;  // as on palletd's command line
};

class MiniCluster {
 public:
  static absl::StatusOr<std::unique_ptr<MiniCluster>> Start(
      MiniClusterOptions options);
  MiniCluster() = default;
  MiniCluster(const MiniCluster&) = delete;
  MiniCluster& operator=(const MiniCluster&) = delete;
  virtual ~MiniCluster() = default;

  // Ends as on SIGTERM; the error if it did not end well.
  virtual absl::Status Stop() = 0;
  // kill -9. REQUIRES: kProcess.
  virtual void Kill() = 0;
  // After Stop or Kill: the same directory, other ports.
  virtual absl::Status Restart() = 0;

  virtual std::string grpc_address() const = 0;
  virtual std::string json_address() const = 0;
  virtual std::string admin_address() const = 0;

  // A new connection, with no limit on message sizes.
  std::shared_ptr<grpc::Channel> Channel() const;
};

}  // namespace pallet::testing
