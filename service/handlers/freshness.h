// SPDX-License-Identifier: Apache-2.0
//
// How fresh a read must be (pallet.v1.Freshness). Tables and local indexes
// always are: this version keeps one copy. A read of a global index waits, and
// takes no thread meanwhile.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pallet/wire/v1/item_types.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "service/router.h"
#include "service/validation.h"

namespace pallet::service {

// Positions that no write has replied, more than 100 of them, or a negative
// staleness are kValidation. How long to wait is AwaitFreshness's affair.
absl::StatusOr<FreshnessGoal> FreshnessOf(const wire::v1::Freshness& freshness);

// Calls `go_on` once: OK when the read may begin. A table or index that is not
// there lets it begin: the read says so.
void AwaitFreshness(const HandlerOptions& options,
                    const std::string* table_name,
                    const std::string* index_name,
                    const wire::v1::Freshness& freshness,
                    const CallContext& context,
                    absl::AnyInvocable<void(absl::Status)> go_on);

// `pages`, the first of them when `wait` has called what it is given.
std::unique_ptr<PageSource> DelayedPages(
    absl::AnyInvocable<void(absl::AnyInvocable<void(absl::Status)>)> wait,
    std::unique_ptr<PageSource> pages);

// The pages of a stream, the first of them when it is as fresh as the stream's
// request asks for. That wait takes a thread of the read pool, so it ends after
// kMaxStreamWait too.
inline constexpr absl::Duration kMaxStreamWait = absl::Seconds(60);

template <typename Request>
std::unique_ptr<PageSource> FreshPages(const HandlerOptions& options,
                                       const Request& request,
                                       const CallContext& context,
                                       std::unique_ptr<PageSource> pages) {
  if (!request.has_freshness()) return pages;
  CallContext bounded = context;
  bounded.deadline =
      std::min(context.deadline, context.clock->Monotonic() + kMaxStreamWait);
  return DelayedPages(
      [options, request,
       bounded](absl::AnyInvocable<void(absl::Status)> go_on) {
        AwaitFreshness(options, PALLET_OPTIONAL(request, table_name),
                       PALLET_OPTIONAL(request, index_name),
                       request.freshness(), bounded, std::move(go_on));
      },
      std::move(pages));
}

// As Pooled, behind AwaitFreshness.
template <typename Request, typename Handler>
Operation FreshPooled(const HandlerOptions& options, Handler handler) {
  return [decoder = Decoder<Request>(), options, handler = std::move(handler)](
             absl::string_view bytes, const CallContext& context, Reply reply) {
    // Shared because a refused task is destroyed, and the refusal needs it.
    struct Call {
      Request request;
      CallContext context;
      Reply reply;
    };
    auto call =
        std::make_shared<Call>(Call{Request(), context, std::move(reply)});
    if (absl::Status status = decoder.Decode(bytes, &call->request);
        !status.ok()) {
      return call->reply(std::move(status));
    }
    // The registry, and `handler` in it, outlives the executor's tasks.
    auto run = [call, &handler, executor = options.read_pool] {
      RunPooled(executor, call, handler);
    };
    if (!call->request.has_freshness()) return run();
    const Request& request = call->request;
    AwaitFreshness(options, PALLET_OPTIONAL(request, table_name),
                   PALLET_OPTIONAL(request, index_name), request.freshness(),
                   context, [call, run](absl::Status status) {
                     if (!status.ok()) return call->reply(std::move(status));
                     run();
                   });
  };
}

}  // namespace pallet::service
