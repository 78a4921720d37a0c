// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/switchboard.h"

#include <google/protobuf/descriptor.h>

#include <utility>

#include "cluster/replica/replica_proposer.h"
#include "model/errors.h"
#include "service/public_services.h"

namespace pallet::service {
namespace {

// A call waits so long for a leader, if its own deadline is not earlier: three
// times what an election takes.
constexpr absl::Duration kPatience = absl::Seconds(8);
constexpr size_t kMostWaiting = 4096;

bool DidNothing(const absl::Status& status) {
  cluster::ReplicaId leader;
  return IsNotSent(status) || cluster::IsNotLedHere(status, &leader);
}

}  // namespace

void Switchboard::Register(OperationRegistry* registry) {
  for (const auto* const service : PublicServices()) {
    if (service->name() == "ClusterService") continue;  // each node's own
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* const method = service->method(i);
      const std::string name = method->name();
      if (method->client_streaming()) continue;
      if (method->server_streaming()) {
        registry->AddStream(name, [this, name](absl::string_view request,
                                               const CallContext& context) {
          return Open(name, request, context);
        });
        continue;
      }
      registry->Add(name,
                    [this, name](absl::string_view request,
                                 const CallContext& context, Reply reply) {
                      Run(name, request, context, std::move(reply));
                    });
    }
  }
}

void Switchboard::SetSession(std::shared_ptr<Session> session) {
  absl::MutexLock lock(&mutex_);
  session_ = std::move(session);
}

std::shared_ptr<Session> Switchboard::session() const {
  absl::MutexLock lock(&mutex_);
  return session_;
}

void Switchboard::SetLeader(const std::string& node) {
  absl::MutexLock lock(&mutex_);
  leader_ = node;
}

void Switchboard::RunHere(absl::string_view name, absl::string_view request,
                          const CallContext& context, Reply reply) {
  const std::shared_ptr<Session> session = this->session();
  if (session == nullptr) return reply(NotSent("this node does not lead"));
  const bool open = session->Enter();
  const Operation* const operation =
      open ? session->operations().Find(name) : nullptr;
  if (operation == nullptr) {
    session->Leave();
    return reply(open ? RpcNotBuilt(name) : NotSent("it has just changed"));
  }
  (*operation)(request, context,
               [session, reply = std::move(reply)](
                   absl::StatusOr<std::string> result) mutable {
                 reply(std::move(result));
                 session->Leave();
               });
}

absl::StatusOr<std::unique_ptr<PageSource>> Switchboard::OpenHere(
    absl::string_view name, absl::string_view request,
    const CallContext& context) {
  const std::shared_ptr<Session> session = this->session();
  if (session == nullptr) return NotSent("this node does not lead");
  const bool open = session->Enter();
  const StreamOperation* const operation =
      open ? session->operations().FindStream(name) : nullptr;
  absl::StatusOr<std::unique_ptr<PageSource>> source =
      open ? RpcNotBuilt(name) : NotSent("it has just changed");
  if (operation != nullptr) source = (*operation)(request, context);
  if (!source.ok()) {
    session->Leave();
    return source;
  }
  return session->Hold(session, *std::move(source));
}

void Switchboard::Run(absl::string_view name, absl::string_view request,
                      const CallContext& context, Reply reply) {
  auto call = std::make_shared<Waiting>();
  call->name = std::string(name);
  call->request = std::string(request);
  call->context = context;
  call->reply = std::move(reply);
  call->until = clock_->Monotonic() + kPatience;
  TryNow(std::move(call));
}

void Switchboard::TryNow(std::shared_ptr<Waiting> call) {
  std::string leader;
  bool here = false;
  {
    absl::MutexLock lock(&mutex_);
    leader = leader_;
    here = session_ != nullptr;
  }
  // A copy: what is tried again needs the request.
  Reply reply = [this, call](absl::StatusOr<std::string> result) {
    if (!result.ok() && DidNothing(result.status())) {
      return WaitOrGiveUp(call, result.status());
    }
    call->reply(std::move(result));
  };
  if (here) {
    RunHere(call->name, call->request, call->context, std::move(reply));
  } else if (!leader.empty()) {
    forwarder_->Forward(leader, call->name, call->request, call->context,
                        std::move(reply));
  } else {
    WaitOrGiveUp(call, NotSent("they are electing one"));
  }
}

void Switchboard::WaitOrGiveUp(std::shared_ptr<Waiting> call,
                               const absl::Status& why) {
  absl::Status end = call->context.Check();
  if (end.ok() && clock_->Monotonic() >= call->until) end = why;
  if (end.ok()) {
    absl::MutexLock lock(&mutex_);
    if (!stopped_ && waiting_.size() < kMostWaiting) {
      waiting_.push_back(std::move(call));
      return;
    }
    end = why;
  }
  call->reply(end);
}

absl::StatusOr<std::unique_ptr<PageSource>> Switchboard::Open(
    absl::string_view name, absl::string_view request,
    const CallContext& context) {
  std::string leader;
  bool here = false;
  {
    absl::MutexLock lock(&mutex_);
    leader = leader_;
    here = session_ != nullptr;
  }
  if (here) return OpenHere(name, request, context);
  if (leader.empty()) return NotSent("they are electing one");
  return forwarder_->ForwardStream(leader, name, request, context);
}

void Switchboard::Pump() {
  std::deque<std::shared_ptr<Waiting>> calls;
  {
    absl::MutexLock lock(&mutex_);
    calls.swap(waiting_);
  }
  for (std::shared_ptr<Waiting>& call : calls) TryNow(std::move(call));
}

void Switchboard::Stop() {
  std::deque<std::shared_ptr<Waiting>> calls;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    session_ = nullptr;
    leader_.clear();
    calls.swap(waiting_);
  }
  for (const std::shared_ptr<Waiting>& call : calls) {
    call->reply(model::MakeError(model::Reason::kShuttingDown,
                                 "The node is shutting down"));
  }
}

}  // namespace pallet::service
