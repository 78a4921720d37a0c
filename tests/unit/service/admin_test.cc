// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/admin_server.h"

namespace pallet::service {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AdminServerTest : public ::testing::Test {
 protected:
  void Start(AdminOptions options = {}) {
    options.address = "127.0.0.1:0";
    options.metrics = [] { return std::string("pallet_info 1\n"); };
    options.health = [this] { return health_; };
    options.ready = [this] { return ready_; };
    auto server = AdminServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  tcp::socket Connect() {
    const std::vector<std::string> parts =
        absl::StrSplit(server_->address(), ':');
    tcp::socket socket(context_);
    socket.connect({asio::ip::make_address(parts[0]),
                    static_cast<uint16_t>(std::stoi(parts[1]))});
    return socket;
  }

  // All the server says until it closes the connection.
  static std::string ReadAll(tcp::socket* socket) {
    std::string text;
    boost::system::error_code end;
    asio::read(*socket, asio::dynamic_buffer(text), end);
    return text;
  }

  std::string Send(const std::string& request) {
    tcp::socket socket = Connect();
    boost::system::error_code error;
    asio::write(socket, asio::buffer(request), error);
    return ReadAll(&socket);
  }

  std::string Get(const std::string& path) {
    return Send(absl::StrCat("GET ", path,
                             " HTTP/1.1\r\nHost: x\r\n"
                             "Connection: close\r\n\r\n"));
  }

  asio::io_context context_;
  absl::Status health_;
  absl::Status ready_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, Example) {
  Start();
  EXPECT_THAT(Get("/health"), StartsWith("HTTP/1.1 200"));
  const std::string metrics = Get("/metrics?name=x");
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("pallet_info 1\n"));
}

TEST_F(AdminServerTest, SaysWhyItIsNotReady) {
  Start();
  ready_ = absl::UnavailableError("store 1 is fenced");
  EXPECT_THAT(Get("/ready"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get("/ready"), HasSubstr("store 1 is fenced"));
  EXPECT_THAT(Get("/health"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminServerTest, OnlyReadsOfKnownPaths) {
  Start();
  EXPECT_THAT(Get("/nothing"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Send("POST /metrics HTTP/1.1\r\nHost: x\r\n"
                   "Connection: close\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
}

TEST_F(AdminServerTest, HeadHasNoBody) {
  Start();
  const std::string answer =
      Send("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 14"));
  EXPECT_THAT(answer, Not(HasSubstr("pallet_info")));
}

TEST_F(AdminServerTest, ConnectionsCanBeUsedAgain) {
  Start();
  const std::string request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last =
      "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answers = Send(request + request + last);
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(answers, "200 OK")).size(),
            4u);
}

TEST_F(AdminServerTest, RubbishAndTooMuchAreRefused) {
  Start();
  Send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  Send("GET / HTTP/1.1\r\nX: " + std::string(100000, 'x') + "\r\n\r\n");
  Send("GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_THAT(Get("/health"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminServerTest, SilentClientsAreClosed) {
  AdminOptions options;
  options.request_timeout = absl::Milliseconds(50);
  Start(options);
  tcp::socket silent = Connect();
  EXPECT_EQ(ReadAll(&silent), "");  // returns because the server closes it
}

TEST_F(AdminServerTest, ConnectionsBeyondTheLimitAreClosed) {
  AdminOptions options;
  options.max_connections = 2;
  Start(options);
  tcp::socket first = Connect();
  tcp::socket second = Connect();
  tcp::socket third = Connect();
  EXPECT_EQ(ReadAll(&third), "");
}

TEST_F(AdminServerTest, StopsWithConnectionsOpen) {
  Start();
  tcp::socket open = Connect();
  server_.reset();
  EXPECT_EQ(ReadAll(&open), "");
}

TEST_F(AdminServerTest, AddressInUseIsAnError) {
  Start();
  AdminOptions options;
  options.address = server_->address();
  EXPECT_EQ(AdminServer::Start(options).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace pallet::service
