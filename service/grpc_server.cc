// SPDX-License-Identifier: Apache-2.0
#include "service/grpc_server.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/cluster_service.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/channel_arguments.h"
#include "service/front_end.h"
#include "service/page_stream.h"
#include "service/pipeline_stream.h"
#include "service/public_services.h"
#include "service/raw_service.h"
#include "service/reflection.h"
#include "service/unary_call.h"

namespace pallet::service {
namespace {

// How long connections are given to close when all calls have ended.
constexpr absl::Duration kFarewell = absl::Milliseconds(300);

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// The requests a PipelineOperation can carry, by field number.
std::vector<ServedOperation> PipelineMembers(const FrontEnd& front_end) {
  std::vector<ServedOperation> members;
  const auto* oneof =
      v1::PipelineOperation::descriptor()->FindOneofByName("operation");
  for (int i = 0; i < oneof->field_count(); ++i) {
    const auto* field = oneof->field(i);
    const size_t number = static_cast<size_t>(field->number());
    if (members.size() <= number) members.resize(number + 1);
    const std::string request = field->message_type()->name();
    members[number] = Serve(absl::StripSuffix(request, "Request"), front_end);
  }
  return members;
}

// Where a client connects, given what was asked for and the port it got.
std::string DialAddress(const std::string& address, int port) {
  if (absl::StartsWith(address, "unix:")) return address;
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

ServedOperation Serve(absl::string_view name, const FrontEnd& front_end) {
  ServedOperation served;
  served.name = std::string(name);
  served.run = front_end.operations->Find(name);
  served.open = front_end.operations->FindStream(name);
  served.metrics = front_end.metrics->Operation(name);
  return served;
}

class GrpcServer::Impl {
 public:
  explicit Impl(const GrpcServerOptions& options) {
    front_end_.clock = options.clock;
    front_end_.logger = options.logger;
    front_end_.read_pool = options.read_pool;
    front_end_.metrics = options.metrics;
    front_end_.operations = options.operations;
    front_end_.grpc = options.grpc;
    front_end_.pipeline = options.pipeline;
    front_end_.pipeline_members = PipelineMembers(front_end_);
  }

  ~Impl() { Shutdown(absl::ZeroDuration()); }

  absl::Status Start() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    const std::string& address = front_end_.grpc.address;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    SetChannelArguments(front_end_.grpc, &builder);
    for (const ServiceDescriptor* descriptor : PublicServices()) {
      service_names_.push_back(descriptor->full_name());
      AddService(*descriptor);
    }
    if (front_end_.grpc.reflection) {
      AddReflection(&service_names_, &front_end_.streams, &reflection_);
      builder.RegisterService(&reflection_);
    }
    for (const auto& service : services_) {
      builder.RegisterService(service.get());
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on the gRPC address ", address));
    }
    address_ = DialAddress(address, port);
    SetServing(false);
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }

  void SetServing(bool serving) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (!shutting_down_) TellHealth(serving);
  }

  void Shutdown(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_) {
    if (server_ == nullptr) return;  // never started
    {
      absl::MutexLock lock(&mutex_);
      TellHealth(false);
      shutting_down_ = true;
    }
    front_end_.gate.Close();
    front_end_.streams.DrainAll();
    // gRPC tells clients that no more calls are taken, and closes a connection
    // when they have heard: closed at once, with something unread, it would take
    // the last answers with it.
    absl::Duration farewell = std::min(patience, kFarewell);
    if (!front_end_.gate.AwaitEmpty(patience)) {
      front_end_.logger->Warning("grpc.calls_cancelled",
                                 {{"patience", patience}});
      farewell = absl::ZeroDuration();
    }
    server_->Shutdown(absl::ToChronoTime(front_end_.clock->Now() + farewell));
    server_->Wait();
  }

 private:
  void TellHealth(bool serving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto* health = server_->GetHealthCheckService();
    health->SetServingStatus("", serving);
    for (const std::string& name : service_names_) {
      health->SetServingStatus(name, serving);
    }
  }

  void AddService(const ServiceDescriptor& descriptor) {
    services_.push_back(std::make_unique<RawService>());
    for (int i = 0; i < descriptor.method_count(); ++i) {
      AddMethod(*descriptor.method(i), services_.back().get());
    }
  }

  void AddMethod(const MethodDescriptor& method, RawService* service) {
    FrontEnd* const front_end = &front_end_;
    if (method.client_streaming()) {
      CHECK(method.name() == "Pipeline") << method.full_name();
      StreamMetrics* const metrics = front_end->metrics->Stream("Pipeline");
      return service->AddBidi(PathOf(method), [=](auto* context) {
        return PipelineStream::Start(metrics, front_end, context);
      });
    }
    operations_.push_back(Serve(method.name(), *front_end));
    const ServedOperation* const operation = &operations_.back();
    if (method.server_streaming()) {
      return service->AddServerStream(
          PathOf(method), [=](auto* context, const auto* request) {
            return PageStream::Start(operation, front_end, context, request);
          });
    }
    service->AddUnary(PathOf(method), [=](auto* context, const auto* request,
                                          auto* response) {
      return UnaryCall::Start(operation, front_end, context, request, response);
    });
  }

  FrontEnd front_end_;
  std::deque<ServedOperation> operations_;  // pointed to
  std::vector<std::unique_ptr<RawService>> services_;
  RawService reflection_;
  std::vector<std::string> service_names_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;

const std::string& GrpcServer::address() const { return impl_->address(); }
void GrpcServer::SetServing(bool serving) { impl_->SetServing(serving); }
void GrpcServer::Shutdown(absl::Duration patience) {
  impl_->Shutdown(patience);
}

}  // namespace pallet::service
