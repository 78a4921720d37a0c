// SPDX-License-Identifier: Apache-2.0
//
// A service of a few lines behind a real gRPC server in this process: it
// answers what a test says, breaks when told, and counts what it sees.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pallet/v1/item_service.pb.h"

namespace pallet::testing {

class FakeService {
 public:
  FakeService();
  ~FakeService();

  // Listens on the port it had before, or on a new one. An abrupt stop breaks
  // every connection.
  void Start();
  void Stop();
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // nullopt: never answered. By default a GetItem finds its key.
  std::function<std::optional<v1::PipelineResult>(const v1::PipelineOperation&)>
      on_operation;
  // The messages a call of another method gets, and how it ends.
  struct Answer {
    std::vector<std::string> messages;
    grpc::Status status;
  };
  std::function<Answer(const std::string& method, const std::string& request)>
      on_call;

  // The next frames are read, counted, and answered by ending the stream.
  std::atomic<int> frames_to_break = 0;
  std::atomic<bool> reverse = false;

  std::atomic<int> streams = 0;
  std::atomic<int> frames = 0;
  std::atomic<int> operations = 0;

 private:
  int port_ = 0;
  // A gRPC service belongs to one server.
  std::unique_ptr<grpc::CallbackGenericService> grpc_service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace pallet::testing
