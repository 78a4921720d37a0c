// SPDX-License-Identifier: Apache-2.0
//
// Doors: the same request through gRPC and through DynamoDB's JSON, each to a
// table of its own, and whether both say the same.
//
//   Doors doors(cluster.get());   // tables kOfGrpc and kOfJson are there
//   request.set_table_name(kTable);
//   Answer answer = doors.Compare("ItemService", "Query", request, &response);
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>

#include <string>

#include "tests/testing/mini_cluster.h"
#include "tests/testing/raw_connection.h"

namespace pallet::testing {

inline constexpr char kTable[] = "TwinTable";  // of requests in the making
inline constexpr char kOfGrpc[] = "TwinGrpc_";
inline constexpr char kOfJson[] = "TwinJson_";

// What a door said: an exception's name and text, or a response.
struct Answer {
  std::string exception;  // "" if it went well
  std::string text;
};

class Doors {
 public:
  using Message = google::protobuf::Message;

  explicit Doors(MiniCluster* cluster);

  Answer AskGrpc(const std::string& service, const std::string& operation,
                 const Message& request, Message* response);
  Answer AskJson(const std::string& operation, const Message& request,
                 Message* response);

  // Asks both and expects one answer, in `response` too.
  Answer Compare(const std::string& service, const std::string& operation,
                 const Message& request, Message* response);

 private:
  grpc::GenericStub stub_;
  RawConnection http_;
};

}  // namespace pallet::testing
