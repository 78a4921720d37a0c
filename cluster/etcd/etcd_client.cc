// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "etcd/rpc.grpc.pb.h"
#include "model/errors.h"

namespace pallet::cluster {
namespace {

namespace etcd = ::etcdserverpb;

// A range request answers with no more: values have a megabyte at most.
constexpr int64_t kRangeLimit = 100;
constexpr int kMaxMessageBytes = 64 << 20;

// The first key behind all that begin with `prefix`.
std::string EndOf(std::string prefix) {
  while (!prefix.empty()) {
    if (static_cast<unsigned char>(prefix.back()) != 0xFF) {
      prefix.back() = static_cast<char>(prefix.back() + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return std::string(1, '\0');  // etcd: to the end
}

std::unique_ptr<grpc::ClientContext> ContextFor(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(timeout));
  return context;
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

void FillPut(const EtcdPut& put, etcd::PutRequest* request) {
  request->set_key(put.key);
  request->set_value(put.value);
  request->set_lease(put.lease);
}

bool Answered(const absl::Status& status) {
  return status.code() != absl::StatusCode::kUnavailable &&
         status.code() != absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

struct EtcdClient::Endpoint {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<etcd::KV::Stub> kv;
  std::unique_ptr<etcd::Lease::Stub> lease;
};

absl::StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Make(
    absl::string_view endpoints, absl::Duration timeout) {
  std::vector<std::unique_ptr<Endpoint>> made;
  for (const absl::string_view address :
       absl::StrSplit(endpoints, ',', absl::SkipWhitespace())) {
    auto endpoint = std::make_unique<Endpoint>();
    endpoint->address = std::string(address);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    arguments.SetMaxSendMessageSize(kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    endpoint->channel = grpc::CreateCustomChannel(
        endpoint->address, grpc::InsecureChannelCredentials(), arguments);
    endpoint->kv = etcd::KV::NewStub(endpoint->channel);
    endpoint->lease = etcd::Lease::NewStub(endpoint->channel);
    made.push_back(std::move(endpoint));
  }
  if (made.empty()) {
    return absl::InvalidArgumentError("there is no endpoint of etcd");
  }
  return std::unique_ptr<EtcdClient>(new EtcdClient(std::move(made), timeout));
}

EtcdClient::EtcdClient(std::vector<std::unique_ptr<Endpoint>> endpoints,
                       absl::Duration timeout)
    : endpoints_(std::move(endpoints)), timeout_(timeout) {}

EtcdClient::~EtcdClient() = default;

absl::Status EtcdClient::Try(
    const std::function<absl::Status(Endpoint&, absl::Duration)>& call,
    bool repeatable) {
  size_t current = 0;
  {
    absl::MutexLock lock(&mutex_);
    current = current_;
  }
  absl::Status status;
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    const size_t at = (current + i) % endpoints_.size();
    status = call(*endpoints_[at], timeout_);
    if (Answered(status)) {
      absl::MutexLock lock(&mutex_);
      current_ = at;
      return status;
    }
    // It may have arrived all the same.
    if (!repeatable && status.code() == absl::StatusCode::kDeadlineExceeded) {
      break;
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    current_ = (current + 1) % endpoints_.size();
  }
  if (!repeatable) {
    return model::MakeError(
        model::Reason::kOutcomeUnknown,
        absl::StrCat("etcd does not answer: ", status.message()));
  }
  return absl::UnavailableError(
      absl::StrCat("etcd does not answer: ", status.message()));
}

absl::StatusOr<std::vector<EtcdValue>> EtcdClient::List(
    const std::string& begin, const std::string& end) {
  std::vector<EtcdValue> values;
  etcd::RangeRequest request;
  request.set_key(begin);
  request.set_range_end(end);
  request.set_limit(kRangeLimit);
  while (true) {
    etcd::RangeResponse response;
    RETURN_IF_ERROR(Try(
        [&](Endpoint& endpoint, absl::Duration timeout) {
          const auto context = ContextFor(timeout);
          response.Clear();
          return ToStatus(
              endpoint.kv->Range(context.get(), request, &response));
        },
        true));
    for (etcd::KeyValue& kv : *response.mutable_kvs()) {
      values.push_back({std::move(*kv.mutable_key()),
                        std::move(*kv.mutable_value()), kv.mod_revision()});
    }
    if (!response.more()) return values;
    request.set_key(values.back().key + '\0');
  }
}

absl::StatusOr<EtcdValue> EtcdClient::Get(const std::string& key) {
  ASSIGN_OR_RETURN(std::vector<EtcdValue> values, List(key, key + '\0'));
  if (values.empty()) {
    return absl::NotFoundError(absl::StrCat("etcd has no key ", key));
  }
  return std::move(values.front());
}

absl::StatusOr<std::vector<EtcdValue>> EtcdClient::List(
    const std::string& prefix) {
  return List(prefix, EndOf(prefix));
}

absl::StatusOr<std::vector<EtcdValue>> EtcdClient::Range(
    const std::string& first, const std::string& last) {
  return List(first, last + '\0');
}

absl::Status EtcdClient::Put(const EtcdPut& put) {
  etcd::PutRequest request;
  FillPut(put, &request);
  return Try(
      [&](Endpoint& endpoint, absl::Duration timeout) {
        const auto context = ContextFor(timeout);
        etcd::PutResponse response;
        return ToStatus(endpoint.kv->Put(context.get(), request, &response));
      },
      true);
}

absl::Status EtcdClient::Delete(const std::string& key) {
  etcd::DeleteRangeRequest request;
  request.set_key(key);
  return Try(
      [&](Endpoint& endpoint, absl::Duration timeout) {
        const auto context = ContextFor(timeout);
        etcd::DeleteRangeResponse response;
        return ToStatus(
            endpoint.kv->DeleteRange(context.get(), request, &response));
      },
      true);
}

absl::StatusOr<bool> EtcdClient::Commit(const EtcdTxn& txn) {
  etcd::TxnRequest request;
  for (const EtcdTxn::Condition& condition : txn.conditions) {
    etcd::Compare* const compare = request.add_compare();
    compare->set_key(condition.key);
    compare->set_result(etcd::Compare::EQUAL);
    if (condition.absent) {
      compare->set_target(etcd::Compare::CREATE);
      compare->set_create_revision(0);
    } else {
      compare->set_target(etcd::Compare::VALUE);
      compare->set_value(condition.value);
    }
  }
  for (const EtcdPut& put : txn.puts) {
    FillPut(put, request.add_success()->mutable_request_put());
  }
  etcd::TxnResponse response;
  RETURN_IF_ERROR(Try(
      [&](Endpoint& endpoint, absl::Duration timeout) {
        const auto context = ContextFor(timeout);
        response.Clear();
        return ToStatus(endpoint.kv->Txn(context.get(), request, &response));
      },
      false));
  return response.succeeded();
}

absl::StatusOr<int64_t> EtcdClient::GrantLease(absl::Duration ttl) {
  etcd::LeaseGrantRequest request;
  request.set_ttl(absl::ToInt64Seconds(ttl));
  etcd::LeaseGrantResponse response;
  RETURN_IF_ERROR(Try(
      [&](Endpoint& endpoint, absl::Duration timeout) {
        const auto context = ContextFor(timeout);
        response.Clear();
        return ToStatus(
            endpoint.lease->LeaseGrant(context.get(), request, &response));
      },
      true));
  return response.id();
}

absl::Status EtcdClient::KeepAlive(int64_t lease) {
  int64_t left = 0;
  RETURN_IF_ERROR(Try(
      [&](Endpoint& endpoint, absl::Duration timeout) -> absl::Status {
        const auto context = ContextFor(timeout);
        const auto stream = endpoint.lease->LeaseKeepAlive(context.get());
        etcd::LeaseKeepAliveRequest request;
        request.set_id(lease);
        etcd::LeaseKeepAliveResponse response;
        const bool answered = stream->Write(request) && stream->Read(&response);
        if (answered) left = response.ttl();
        stream->WritesDone();
        context->TryCancel();
        const grpc::Status end = stream->Finish();
        return answered ? absl::OkStatus()
                        : absl::UnavailableError(end.error_message());
      },
      true));
  if (left > 0) return absl::OkStatus();
  return absl::NotFoundError("the lease has run out");
}

absl::Status EtcdClient::RevokeLease(int64_t lease) {
  etcd::LeaseRevokeRequest request;
  request.set_id(lease);
  return Try(
      [&](Endpoint& endpoint, absl::Duration timeout) {
        const auto context = ContextFor(timeout);
        etcd::LeaseRevokeResponse response;
        return ToStatus(
            endpoint.lease->LeaseRevoke(context.get(), request, &response));
      },
      true);
}

}  // namespace pallet::cluster
