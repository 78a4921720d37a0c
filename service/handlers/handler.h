// SPDX-License-Identifier: Apache-2.0
//
// From a handler, which is a function of a decoded request, to an Operation,
// which takes bytes: decodes, refuses unbuilt fields, looks at deadline and
// cancellation, and runs it where it belongs.
//
//   Inline     on the caller's thread; for what reads one row
//   Pooled     on an executor; refused with kThrottling when its queue is full
//   Submitted  on the caller's thread; replies later, from the store's thread
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/executor.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/not_built.h"
#include "service/operation.h"

namespace pallet::service {

// Turns bytes into a Request that has built fields only.
template <typename Request>
class Decoder {
 public:
  Decoder() : fields_(std::make_unique<BuiltFields>(Request::descriptor())) {}

  absl::Status Decode(absl::string_view bytes, Request* request) const {
    if (!request->ParseFromArray(bytes.data(),
                                 static_cast<int>(bytes.size()))) {
      return model::ValidationError(absl::StrCat(
          "The request is no encoded ", Request::descriptor()->name()));
    }
    return fields_->Check(bytes, *request);
  }

 private:
  std::unique_ptr<const BuiltFields> fields_;
};

// `handler` is StatusOr<std::string>(const Request&, const CallContext&).
template <typename Request, typename Handler>
Operation Inline(Handler handler) {
  return [decoder = Decoder<Request>(), handler = std::move(handler)](
             absl::string_view bytes, const CallContext& context, Reply reply) {
    Request request;
    absl::Status status = decoder.Decode(bytes, &request);
    if (status.ok()) status = context.Check();
    if (!status.ok()) return reply(std::move(status));
    reply(handler(request, context));
  };
}

// Runs a decoded call on the executor, or replies that there is no room. The
// handler outlives the executor's tasks.
template <typename Call, typename Handler>
void RunPooled(Executor* executor, const std::shared_ptr<Call>& call,
               const Handler& handler) {
  const bool taken = executor->TrySubmit([call, &handler] {
    if (absl::Status status = call->context.Check(); !status.ok()) {
      return call->reply(std::move(status));
    }
    call->reply(handler(call->request, call->context));
  });
  if (!taken) {
    call->reply(model::MakeError(model::Reason::kThrottling,
                                 "Too many operations are waiting"));
  }
}

// `handler` as for Inline. `executor` outlives the operation.
template <typename Request, typename Handler>
Operation Pooled(Executor* executor, Handler handler) {
  return [decoder = Decoder<Request>(), executor, handler = std::move(handler)](
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
    RunPooled(executor, call, handler);
  };
}

// `handler` is void(const Request&, const CallContext&, Reply).
template <typename Request, typename Handler>
Operation Submitted(Handler handler) {
  return [decoder = Decoder<Request>(), handler = std::move(handler)](
             absl::string_view bytes, const CallContext& context, Reply reply) {
    Request request;
    absl::Status status = decoder.Decode(bytes, &request);
    if (status.ok()) status = context.Check();
    if (!status.ok()) return reply(std::move(status));
    handler(request, context, std::move(reply));
  };
}

// `handler` is StatusOr<unique_ptr<PageSource>>(const Request&,
// const CallContext&).
template <typename Request, typename Handler>
StreamOperation Streamed(Handler handler) {
  return [decoder = Decoder<Request>(), handler = std::move(handler)](
             absl::string_view bytes, const CallContext& context)
             -> absl::StatusOr<std::unique_ptr<PageSource>> {
    Request request;
    RETURN_IF_ERROR(decoder.Decode(bytes, &request));
    RETURN_IF_ERROR(context.Check());
    return handler(request, context);
  };
}

}  // namespace pallet::service
