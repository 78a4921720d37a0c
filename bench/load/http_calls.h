// SPDX-License-Identifier: Apache-2.0
//
// HTTP as bare as it gets: keep-alive connections that send bytes and count
// answers, and a Beast server that answers every request with the same bytes.
// The same client drives both it and the DynamoDB JSON port, so that their
// ratio says something about the port alone.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/closed_loop.h"
#include "bench/load/raw_calls.h"

namespace pallet::bench {

// POSTs to `address` as operation `target` ("GetItem"), one connection for
// each operation in flight. An answer that is not 200 is a failure.
LoadResult RunHttp(const std::string& address, const std::string& target,
                   const MakeRequest& make, const LoadOptions& options);

class BeastServer {
 public:
  // host:port. One thread per core.
  static absl::StatusOr<std::unique_ptr<BeastServer>> Start(
      const std::string& address, size_t answer_bytes);
  BeastServer(const BeastServer&) = delete;
  BeastServer& operator=(const BeastServer&) = delete;
  ~BeastServer();

 private:
  class Impl;
  explicit BeastServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::bench
