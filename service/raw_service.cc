// SPDX-License-Identifier: Apache-2.0
#include "service/raw_service.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace pallet::service {

using grpc::ByteBuffer;
using grpc::internal::RpcMethod;

void RawService::AddUnary(std::string path, UnaryMethod method) {
  MarkMethodRawCallback(
      Register(std::move(path), RpcMethod::NORMAL_RPC),
      new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
          std::move(method)));
}

void RawService::AddServerStream(std::string path, StreamMethod method) {
  MarkMethodRawCallback(Register(std::move(path), RpcMethod::SERVER_STREAMING),
                        new grpc::internal::CallbackServerStreamingHandler<
                            ByteBuffer, ByteBuffer>(std::move(method)));
}

void RawService::AddBidi(std::string path, BidiMethod method) {
  MarkMethodRawCallback(
      Register(std::move(path), RpcMethod::BIDI_STREAMING),
      new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
          std::move(method)));
}

int RawService::Register(std::string path, RpcMethod::RpcType type) {
  paths_.push_back(std::move(path));
  AddMethod(new grpc::internal::RpcServiceMethod(paths_.back().c_str(), type,
                                                 /*handler=*/nullptr));
  return methods_++;
}

std::string PathOf(const google::protobuf::MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

}  // namespace pallet::service
