// SPDX-License-Identifier: Apache-2.0
//
// RawService: a gRPC service whose methods take and give ByteBuffers, named by
// the descriptor of the public contract. Generated service classes parse into
// pallet.v1 messages; ours must not (docs/adr/0011-grpc-front-end.md), and so
// every rpc of the contract is served, built or not, without a line for each.
//
// It uses the handlers that generated code uses (grpc::internal).
#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <string>

namespace pallet::service {

class RawService : public grpc::Service {
 public:
  using UnaryMethod = std::function<grpc::ServerUnaryReactor*(
      grpc::CallbackServerContext*, const grpc::ByteBuffer*,
      grpc::ByteBuffer*)>;
  using StreamMethod =
      std::function<grpc::ServerWriteReactor<grpc::ByteBuffer>*(
          grpc::CallbackServerContext*, const grpc::ByteBuffer*)>;
  using BidiMethod = std::function<grpc::ServerBidiReactor<
      grpc::ByteBuffer, grpc::ByteBuffer>*(grpc::CallbackServerContext*)>;

  // `path`: "/pallet.v1.ItemService/GetItem".
  void AddUnary(std::string path, UnaryMethod method);
  void AddServerStream(std::string path, StreamMethod method);
  void AddBidi(std::string path, BidiMethod method);

 private:
  int Register(std::string path, grpc::internal::RpcMethod::RpcType type);

  std::deque<std::string> paths_;  // gRPC keeps pointers to them
  int methods_ = 0;
};

// "/pallet.v1.ItemService/GetItem".
std::string PathOf(const google::protobuf::MethodDescriptor& method);

}  // namespace pallet::service
