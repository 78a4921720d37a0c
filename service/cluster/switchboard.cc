// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/switchboard.h"

#include <google/protobuf/descriptor.h>

#include <utility>

#include "absl/strings/match.h"
#include "cluster/replica/replica_proposer.h"
#include "model/errors.h"
#include "service/public_services.h"

namespace pallet::service {
namespace {

// A call waits so long for a leader, if its own deadline is not earlier: three
// times what an election takes.
constexpr absl::Duration kPatience = absl::Seconds(8);
constexpr size_t kMostWaiting = 4096;
// A node that hands over answers what it has within that.
constexpr absl::Duration kLastAnswers = absl::Milliseconds(500);

// An operation that may be run again when nobody knows what came of it.
bool ChangesNothing(absl::string_view name) {
  for (const absl::string_view prefix : {"Get", "BatchGet", "TransactGet",
                                         "Query", "Scan", "List", "Describe"}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return false;
}

}  // namespace

bool DidNothing(const absl::Status& status) {
  cluster::ReplicaId leader;
  return IsNotSent(status) || cluster::IsNotLedHere(status, &leader);
}

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
  leave_others_at_ = clock_->Monotonic() + kLastAnswers;
}

std::shared_ptr<Session> Switchboard::session() const {
  absl::MutexLock lock(&mutex_);
  return session_;
}

void Switchboard::SetLeader(const std::string& node) {
  absl::MutexLock lock(&mutex_);
  if (leader_ == node) return;
  leader_ = node;
  leave_others_at_ = clock_->Monotonic() + kLastAnswers;
}

// A call in the session here.
struct Switchboard::Attempt {
  std::shared_ptr<Session> session;
  absl::string_view name, request;
  CallContext context;
  Reply reply;
};

void Switchboard::RunHere(absl::string_view name, absl::string_view request,
                          const CallContext& context, Reply reply) {
  const std::shared_ptr<Session> session = this->session();
  if (session == nullptr) return reply(NotSent("this node does not lead"));
  // Without a lease, reads wait for a round of the group: not on this thread,
  // which may be one of those that such a round needs.
  Reply first =
      [this, session, name, request, context,
       reply = std::move(reply)](absl::StatusOr<std::string> result) mutable {
        if (result.ok() || !DidNothing(result.status())) {
          return reply(std::move(result));
        }
        auto again = std::make_shared<Attempt>(
            Attempt{session, name, request, context, std::move(reply)});
        if (!read_pool_->TrySubmit([again] { Start(std::move(*again)); })) {
          again->reply(std::move(result));
        }
      };
  const Session::NoWaiting no_waiting;
  Start({session, name, request, context, std::move(first)});
}

void Switchboard::Start(Attempt attempt) {
  const std::shared_ptr<Session> session = std::move(attempt.session);
  const bool open = session->Enter();
  const Operation* const operation =
      open ? session->operations().Find(attempt.name) : nullptr;
  if (operation == nullptr) {
    session->Leave();
    return attempt.reply(open ? RpcNotBuilt(attempt.name)
                              : NotSent("it has just changed"));
  }
  (*operation)(attempt.request, attempt.context,
               [session, reply = std::move(attempt.reply)](
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
    const bool again =
        !result.ok() &&
        (DidNothing(result.status()) ||
         (ChangesNothing(call->name) &&
          model::ReasonOf(result.status()) == model::Reason::kOutcomeUnknown));
    if (again) return WaitOrGiveUp(call, result.status());
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
  bool leaves = false;
  std::string leader;
  {
    absl::MutexLock lock(&mutex_);
    calls.swap(waiting_);
    // Where nobody leads, who did may still answer.
    leaves = clock_->Monotonic() >= leave_others_at_ &&
             (session_ != nullptr || !leader_.empty());
    if (leaves) leave_others_at_ = absl::InfiniteDuration();
    leader = leader_;
  }
  if (leaves) forwarder_->LeaveOthers(leader);
  for (std::shared_ptr<Waiting>& call : calls) TryNow(std::move(call));
}

size_t Switchboard::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiting_.size();
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
