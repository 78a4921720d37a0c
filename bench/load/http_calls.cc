// SPDX-License-Identifier: Apache-2.0
#include "bench/load/http_calls.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/thread.h"

namespace pallet::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint EndpointOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  CHECK(absl::SimpleAtoi(address.substr(colon + 1), &port)) << address;
  return tcp::endpoint(asio::ip::make_address(address.substr(0, colon)),
                       static_cast<uint16_t>(port));
}

// One keep-alive connection; one request at a time.
class Connection {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  Connection(asio::io_context* context, const tcp::endpoint& endpoint)
      : socket_(*context) {
    socket_.connect(endpoint);
    socket_.set_option(tcp::no_delay(true));
  }

  void Call(std::string head, std::string body, Done done) {
    done_ = std::move(done);
    request_ =
        absl::StrCat(head, "Content-Length: ", body.size(), "\r\n\r\n", body);
    // The loop may start the first ones from another thread.
    asio::post(socket_.get_executor(), [this] {
      asio::async_write(
          socket_, asio::buffer(request_),
          [this](error_code error, size_t) { error ? Finish(error) : Read(); });
    });
  }

 private:
  void Read() {
    if (answer_.size() - filled_ < 4096) answer_.resize(filled_ + 65536);
    socket_.async_read_some(
        asio::buffer(answer_.data() + filled_, answer_.size() - filled_),
        [this](error_code error, size_t count) {
          if (error) return Finish(error);
          filled_ += count;
          IsWhole() ? Finish(error) : Read();
        });
  }

  bool IsWhole() {
    constexpr absl::string_view kLength = "Content-Length: ";
    const absl::string_view answer(answer_.data(), filled_);
    const size_t end = answer.find("\r\n\r\n");
    if (end == answer.npos) return false;
    const absl::string_view head = answer.substr(0, end + 2);
    const size_t at = head.find(kLength);
    size_t size = 0;
    CHECK(at != head.npos);
    const absl::string_view number = head.substr(at + kLength.size());
    CHECK(absl::SimpleAtoi(number.substr(0, number.find('\r')), &size));
    return filled_ >= end + 4 + size;
  }

  void Finish(error_code error) {
    const absl::string_view answer(answer_.data(), filled_);
    absl::Status status;
    if (error) {
      status = absl::UnavailableError(error.message());
    } else if (answer.substr(9, 3) != "200") {
      status = absl::InternalError(answer.substr(0, 1000));
    }
    filled_ = 0;
    std::exchange(done_, nullptr)(std::move(status));
  }

  tcp::socket socket_;
  std::string request_;
  std::string answer_;
  size_t filled_ = 0;
  Done done_;
};

}  // namespace

LoadResult RunHttp(const std::string& address, const std::string& target,
                   const MakeRequest& make, const LoadOptions& options) {
  const std::string head = absl::StrCat(
      "POST / HTTP/1.1\r\nHost: ", address,
      "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: "
      "DynamoDB_20120810.",
      target,
      // Some servers want a signature and do not look at it; a node without
      // access keys ignores it.
      "\r\nX-Amz-Date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 "
      "Credential=bench/20260101/us-east-1/dynamodb/aws4_request, "
      "SignedHeaders=host;x-amz-date, Signature=00"
      "\r\nUser-Agent: pallet_load\r\n");
  asio::io_context context(1);
  auto work = asio::make_work_guard(context);
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < options.in_flight; ++i) {
    connections.push_back(
        std::make_unique<Connection>(&context, EndpointOf(address)));
  }
  Thread thread("http", [&] { context.run(); });
  LoadResult result = RunClosedLoop(
      options, [&](int slot, Random& random, Connection::Done done) {
        connections[static_cast<size_t>(slot)]->Call(head, make(random),
                                                     std::move(done));
      });
  context.stop();
  thread.Join();
  return result;
}

class BeastServer::Impl {
 public:
  Impl(const std::string& address, size_t answer_bytes)
      : body_(answer_bytes, 'x'), acceptor_(contexts_[0].context) {
    const tcp::endpoint endpoint = EndpointOf(address);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    Accept();
    for (One& one : contexts_) {
      one.thread = Thread("beast", [&one] { one.context.run(); });
    }
  }

  ~Impl() {
    for (One& one : contexts_) one.context.stop();
    for (One& one : contexts_) one.thread.Join();
  }

 private:
  struct One {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{
        context.get_executor()};
    Thread thread;
  };

  class Session : public std::enable_shared_from_this<Session> {
   public:
    Session(tcp::socket socket, const std::string* body)
        : socket_(std::move(socket)), body_(body) {}

    void Read() {
      parser_.emplace();
      http::async_read(socket_, buffer_, *parser_,
                       [self = shared_from_this()](error_code error, size_t) {
                         if (!error) self->Write();
                       });
    }

   private:
    void Write() {
      response_.emplace(http::status::ok, 11);
      response_->set(http::field::server, "beast");
      response_->set(http::field::content_type, "application/x-amz-json-1.0");
      response_->keep_alive(true);
      response_->body() = *body_;
      response_->prepare_payload();
      http::async_write(socket_, *response_,
                        [self = shared_from_this()](error_code error, size_t) {
                          if (!error) self->Read();
                        });
    }

    tcp::socket socket_;
    const std::string* const body_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<http::response<http::string_body>> response_;
  };

  void Accept() {
    next_ = (next_ + 1) % contexts_.size();
    acceptor_.async_accept(
        contexts_[next_].context, [this](error_code error, tcp::socket socket) {
          if (error) return;
          socket.set_option(tcp::no_delay(true));
          const auto executor = socket.get_executor();
          auto session = std::make_shared<Session>(std::move(socket), &body_);
          asio::post(executor, [session] { session->Read(); });
          Accept();
        });
  }

  const std::string body_;
  std::vector<One> contexts_{std::max(1u, std::thread::hardware_concurrency())};
  tcp::acceptor acceptor_;
  size_t next_ = 0;
};

absl::StatusOr<std::unique_ptr<BeastServer>> BeastServer::Start(
    const std::string& address, size_t answer_bytes) {
  return std::unique_ptr<BeastServer>(
      new BeastServer(std::make_unique<Impl>(address, answer_bytes)));
}

BeastServer::BeastServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BeastServer::~BeastServer() = default;

}  // namespace pallet::bench
