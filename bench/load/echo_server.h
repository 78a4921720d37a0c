// SPDX-License-Identifier: Apache-2.0
//
// EchoServer: a bare gRPC server that sends back what it gets, with the API and
// the channel arguments of palletd. What it reaches is the limit the transport
// sets; results are told as ratios to it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace pallet::bench {

inline constexpr char kEchoUnaryPath[] = "/pallet.bench.Echo/Unary";
inline constexpr char kEchoStreamPath[] = "/pallet.bench.Echo/Stream";

class EchoServer {
 public:
  // host:port or unix:path; port 0 takes any free one. With `answer_bytes`
  // every unary answer has that many bytes instead of the request's: the same
  // bytes both ways as an operation whose answer is larger than its request.
  static absl::StatusOr<std::unique_ptr<EchoServer>> Start(
      const std::string& address, size_t answer_bytes = 0);
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;
  // Cancels what is under way.
  ~EchoServer();

  const std::string& address() const;

 private:
  class Impl;
  explicit EchoServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::bench
