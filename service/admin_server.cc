// SPDX-License-Identifier: Apache-2.0
#include "service/admin_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "service/version.h"

namespace pallet::service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr size_t kMaxHeaderBytes = 8 << 10;
constexpr size_t kMaxBodyBytes = 1 << 10;
constexpr std::chrono::milliseconds kAcceptRetry{200};

Response TextResponse(const Request& request, http::status status,
                      std::string body) {
  Response response(status, request.version());
  response.set(http::field::server, absl::StrCat("palletd/", kVersion));
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

Response StatusResponse(const Request& request, const absl::Status& status) {
  if (status.ok()) return TextResponse(request, http::status::ok, "ok\n");
  return TextResponse(request, http::status::service_unavailable,
                      absl::StrCat(status.message(), "\n"));
}

Response Answer(const AdminOptions& options, const Request& request) {
  if (request.method() != http::verb::get &&
      request.method() != http::verb::head) {
    Response response = TextResponse(request, http::status::method_not_allowed,
                                     "GET and HEAD only\n");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  const beast::string_view path =
      request.target().substr(0, request.target().find('?'));
  if (path == "/health") return StatusResponse(request, options.health());
  if (path == "/ready") return StatusResponse(request, options.ready());
  if (path == "/metrics") {
    Response response =
        TextResponse(request, http::status::ok, options.metrics());
    response.set(http::field::content_type,
                 "text/plain; version=0.0.4; charset=utf-8");
    return response;
  }
  if (path == "/cluster" && options.cluster != nullptr) {
    Response response =
        TextResponse(request, http::status::ok, options.cluster());
    response.set(http::field::content_type, "application/json");
    return response;
  }
  if (path == "/") {
    return TextResponse(
        request, http::status::ok,
        absl::StrCat("palletd ", kVersion, "\n/metrics /health /ready\n"));
  }
  return TextResponse(request, http::status::not_found, "not found\n");
}

// Tells the server's count of connections when a connection is gone.
class ConnectionSlot {
 public:
  explicit ConnectionSlot(uint32_t* count) : count_(count) { ++*count_; }
  ConnectionSlot(const ConnectionSlot&) = delete;
  ConnectionSlot& operator=(const ConnectionSlot&) = delete;
  ~ConnectionSlot() { --*count_; }

 private:
  uint32_t* const count_;
};

// One connection; shared because each pending operation keeps it alive.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const AdminOptions* options, uint32_t* count)
      : stream_(std::move(socket)), options_(options), slot_(count) {}

  void Read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    stream_.expires_after(
        absl::ToChronoMilliseconds(options_->request_timeout));
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (!error) self->Write();
                     });
  }

 private:
  void Write() {
    const Request request = parser_->release();
    response_ = Answer(*options_, request);
    // The length stays; a HEAD's answer has no body.
    if (request.method() == http::verb::head) response_.body().clear();
    stream_.expires_after(
        absl::ToChronoMilliseconds(options_->request_timeout));
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, size_t) {
                        if (!error) self->Written();
                      });
  }

  void Written() {
    if (response_.keep_alive()) return Read();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const AdminOptions* const options_;
  const ConnectionSlot slot_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + kMaxBodyBytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
};

absl::Status AdminError(absl::string_view doing, const std::string& address,
                        const error_code& error) {
  return absl::UnavailableError(absl::StrCat(
      "cannot ", doing, " the admin address ", address, ": ", error.message()));
}

}  // namespace

class AdminServer::Impl {
 public:
  explicit Impl(AdminOptions options) : options_(std::move(options)) {}

  ~Impl() {
    context_.stop();
    thread_.Join();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(Listen());
    Accept();
    thread_ = Thread("admin", [this] { context_.run(); });
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }

 private:
  absl::Status Listen() {
    const size_t colon = options_.address.rfind(':');
    if (colon == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(options_.address, " is not HOST:PORT"));
    }
    const std::string host = options_.address.substr(0, colon);
    const std::string port = options_.address.substr(colon + 1);
    error_code error;
    const auto found = tcp::resolver(context_).resolve(
        host, port, tcp::resolver::passive | tcp::resolver::numeric_service,
        error);
    if (error) return AdminError("resolve", options_.address, error);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error)
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return AdminError("listen on", options_.address, error);
    address_ = absl::StrCat(host, ":", acceptor_.local_endpoint().port());
    return absl::OkStatus();
  }

  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return AcceptLater(error);
      if (connections_ < options_.max_connections) {
        std::make_shared<Session>(std::move(socket), &options_, &connections_)
            ->Read();
      }
      Accept();
    });
  }

  // Most likely out of descriptors: give others time to close theirs.
  void AcceptLater(const error_code& error) {
    options_.logger->Warning("admin.accept_failed",
                             {{"error", error.message()}});
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](error_code aborted) {
      if (!aborted) Accept();
    });
  }

  const AdminOptions options_;
  std::string address_;
  // Used on the thread only, once it runs. Sessions die with the context, so
  // their count must outlive it.
  uint32_t connections_ = 0;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer retry_{context_};
  Thread thread_;
};

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    AdminOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

const std::string& AdminServer::address() const { return impl_->address(); }

}  // namespace pallet::service
