// SPDX-License-Identifier: Apache-2.0
#include "service/json/json_server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "service/json/session.h"

namespace pallet::service::json {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptRetry{200};

uint64_t Ticks(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return UINT32_MAX;
  return static_cast<uint64_t>(std::max<int64_t>(
      1, absl::ToInt64Seconds(absl::Ceil(duration, absl::Seconds(1)))));
}

absl::Status AddressError(absl::string_view doing, const std::string& address,
                          const error_code& error) {
  return absl::UnavailableError(absl::StrCat("cannot ", doing,
                                             " the DynamoDB JSON address ",
                                             address, ": ", error.message()));
}

}  // namespace

class JsonServer::Impl {
 public:
  explicit Impl(JsonServerOptions options)
      : options_(std::move(options)),
        shared_(options_.door, options_.max_body_bytes) {
    const uint32_t threads =
        options_.threads != 0
            ? options_.threads
            : std::max(1u, std::thread::hardware_concurrency());
    shared_.clock = options_.clock;
    shared_.idle_ticks = Ticks(options_.idle_timeout);
    shared_.transfer_ticks = Ticks(options_.transfer_timeout);
    shared_.connections_per_worker =
        std::max(1u, options_.max_connections / threads);
    for (uint32_t i = 0; i < threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(&shared_));
    }
    acceptor_.emplace(workers_.front()->context());
    retry_.emplace(workers_.front()->context());
  }

  ~Impl() {
    Shutdown(absl::ZeroDuration());
    acceptor_.reset();
    retry_.reset();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(Listen());
    Accept();
    for (size_t i = 0; i < workers_.size(); ++i) {
      workers_[i]->Start(absl::StrCat("json-", i));
    }
    started_ = true;
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }
  uint32_t connections() const { return shared_.connections.load(); }

  void Shutdown(absl::Duration patience) {
    if (!std::exchange(started_, false)) return;
    shared_.draining = true;
    shared_.gate.Close();
    asio::post(workers_.front()->context(), [this] {
      error_code ignored;
      acceptor_->close(ignored);
    });
    for (const auto& worker : workers_) worker->CloseIdle();
    if (!shared_.gate.AwaitEmpty(patience)) {
      options_.logger->Warning("json.calls_cancelled",
                               {{"patience", patience}});
    }
    *shared_.cancelled = true;
    for (const auto& worker : workers_) worker->CloseAll();
    // Each operation still under way ends, and its answer finds nobody.
    while (!shared_.gate.AwaitEmpty(absl::Milliseconds(100))) {
      for (const auto& worker : workers_) worker->CloseAll();
    }
    for (const auto& worker : workers_) worker->Stop();
  }

 private:
  absl::Status Listen() {
    const std::string& address = options_.address;
    const size_t colon = address.rfind(':');
    if (colon == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(address, " is not HOST:PORT"));
    }
    const std::string host = address.substr(0, colon);
    error_code error;
    const auto found =
        tcp::resolver(workers_.front()->context())
            .resolve(host, address.substr(colon + 1),
                     tcp::resolver::passive | tcp::resolver::numeric_service,
                     error);
    if (error) return AddressError("resolve", address, error);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_->open(endpoint.protocol(), error);
    if (!error) {
      acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
    }
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) {
      acceptor_->listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) return AddressError("listen on", address, error);
    protocol_ = endpoint.protocol();
    address_ = absl::StrCat(host, ":", acceptor_->local_endpoint().port());
    return absl::OkStatus();
  }

  void Accept() {
    acceptor_->async_accept([this](error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || shared_.draining) return;
      if (error) return AcceptLater(error);
      next_ = (next_ + 1) % workers_.size();
      workers_[next_]->Adopt(socket.release(error), protocol_);
      Accept();
    });
  }

  // Most likely out of descriptors: give others time to close theirs.
  void AcceptLater(const error_code& error) {
    options_.logger->Warning("json.accept_failed",
                             {{"error", error.message()}});
    retry_->expires_after(kAcceptRetry);
    retry_->async_wait([this](error_code aborted) {
      if (!aborted) Accept();
    });
  }

  const JsonServerOptions options_;
  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::string address_;
  bool started_ = false;
  // On the first worker's thread.
  tcp protocol_ = tcp::v4();
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_;
  size_t next_ = 0;
};

absl::StatusOr<std::unique_ptr<JsonServer>> JsonServer::Start(
    JsonServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<JsonServer>(new JsonServer(std::move(impl)));
}

JsonServer::JsonServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonServer::~JsonServer() = default;

const std::string& JsonServer::address() const { return impl_->address(); }
uint32_t JsonServer::connections() const { return impl_->connections(); }
void JsonServer::Shutdown(absl::Duration patience) {
  impl_->Shutdown(patience);
}

}  // namespace pallet::service::json
