// SPDX-License-Identifier: Apache-2.0
#include "service/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "service/message_bytes.h"

namespace pallet::service {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

void AddFile(const FileDescriptor* file, std::set<std::string>* seen,
             grpc::reflection::v1::FileDescriptorResponse* response) {
  if (!seen->insert(file->name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  response->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) {
    AddFile(file->dependency(i), seen, response);
  }
}

void AnswerFile(const FileDescriptor* file, const std::string& wanted,
                ServerReflectionResponse* response) {
  if (file == nullptr) {
    auto* error = response->mutable_error_response();
    error->set_error_code(grpc::StatusCode::NOT_FOUND);
    error->set_error_message(absl::StrCat(wanted, " is not known"));
    return;
  }
  std::set<std::string> seen;
  AddFile(file, &seen, response->mutable_file_descriptor_response());
}

ServerReflectionResponse Answer(const ServerReflectionRequest& request,
                                const std::vector<std::string>& service_names) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : service_names) {
        response.mutable_list_services_response()->add_service()->set_name(
            name);
      }
      break;
    case ServerReflectionRequest::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()),
                 request.file_by_filename(), &response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AnswerFile(
          pool.FindFileContainingSymbol(request.file_containing_symbol()),
          request.file_containing_symbol(), &response);
      break;
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      // proto3: there are none.
      response.mutable_all_extension_numbers_response()->set_base_type_name(
          request.all_extension_numbers_of_type());
      break;
    default:
      AnswerFile(nullptr, "what was asked for", &response);
  }
  return response;
}

// Reads a request, writes its answer, reads the next.
class ReflectionStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public DrainableStream {
 public:
  static ReflectionStream* Start(const std::vector<std::string>* service_names,
                                 OpenStreams* streams,
                                 grpc::CallbackServerContext* context) {
    auto stream =
        std::make_shared<ReflectionStream>(service_names, streams, context);
    stream->self_ = stream;
    streams->Add(stream);
    stream->StartRead(&stream->request_);
    return stream.get();
  }

  ReflectionStream(const std::vector<std::string>* service_names,
                   OpenStreams* streams, grpc::CallbackServerContext* context)
      : service_names_(service_names), streams_(streams), context_(context) {}

  void Drain() override {
    absl::MutexLock lock(&mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    auto bytes = MessageBytes::Of(request_);
    ServerReflectionRequest request;
    if (!bytes.ok() ||
        !request.ParseFromArray(bytes->view().data(),
                                static_cast<int>(bytes->view().size()))) {
      return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                                 "not a ServerReflectionRequest"));
    }
    response_ =
        WrapMessage(Answer(request, *service_names_).SerializeAsString());
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartRead(&request_);
  }

  void OnDone() override {
    {
      absl::MutexLock lock(&mutex_);
      context_ = nullptr;
    }
    streams_->Remove(this);
    self_.reset();
  }

  const std::vector<std::string>* const service_names_;
  OpenStreams* const streams_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  absl::Mutex mutex_;
  // Until OnDone.
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<ReflectionStream> self_;
};

}  // namespace

void AddReflection(const std::vector<std::string>* service_names,
                   OpenStreams* streams, RawService* service) {
  for (const char* version : {"v1", "v1alpha"}) {
    service->AddBidi(absl::StrCat("/grpc.reflection.", version,
                                  ".ServerReflection/ServerReflectionInfo"),
                     [=](grpc::CallbackServerContext* context) {
                       return ReflectionStream::Start(service_names, streams,
                                                      context);
                     });
  }
}

}  // namespace pallet::service
