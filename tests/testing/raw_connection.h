// SPDX-License-Identifier: Apache-2.0
//
// A TCP connection that says whatever a test wants said, and reads HTTP answers
// no client library would let through. Blocking, with a limit of ten seconds.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/check.h"

namespace pallet::testing {

struct RawAnswer {
  int status = 0;
  std::string head;  // with the status line
  std::string body;
};

class RawConnection {
 public:
  // "127.0.0.1:8000".
  explicit RawConnection(const std::string& address) {
    const size_t colon = address.rfind(':');
    int port = 0;
    CHECK(absl::SimpleAtoi(address.substr(colon + 1), &port)) << address;
    sockaddr_in where = {};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<uint16_t>(port));
    CHECK_EQ(
        inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr),
        1);
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(
        connect(socket_, reinterpret_cast<sockaddr*>(&where), sizeof(where)),
        0);
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { close(socket_); }

  // False if the other side has closed.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent =
          send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // The next answer; nullopt if the connection ends before it is whole.
  std::optional<RawAnswer> Read() {
    size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return std::nullopt;
    }
    RawAnswer answer;
    answer.head = received_.substr(0, end + 2);
    CHECK(absl::SimpleAtoi(answer.head.substr(9, 3), &answer.status));
    size_t size = 0;
    constexpr absl::string_view kLength = "Content-Length: ";
    const size_t at = answer.head.find(kLength.data());
    if (at != std::string::npos) {
      const size_t from = at + kLength.size();
      CHECK(absl::SimpleAtoi(
          answer.head.substr(from, answer.head.find('\r', from) - from),
          &size));
    }
    received_.erase(0, end + 4);
    while (received_.size() < size) {
      if (!Receive()) return std::nullopt;
    }
    answer.body = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }

  // True if the other side has closed, or closes within `patience`.
  bool Ended(absl::Duration patience) {
    pollfd ready = {socket_, POLLIN, 0};
    if (poll(&ready, 1,
             static_cast<int>(absl::ToInt64Milliseconds(patience))) != 1) {
      return false;
    }
    return !Receive() && ended_;
  }

  // True if the other side closes within the time limit and sends nothing.
  bool AtEnd() { return received_.empty() && !Receive() && ended_; }

 private:
  bool Receive() {
    pollfd ready = {socket_, POLLIN, 0};
    if (poll(&ready, 1, 10'000) != 1) return false;
    char buffer[65536];
    const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
    if (size <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<size_t>(size));
    return true;
  }

  int socket_ = -1;
  std::string received_;
  bool ended_ = false;
};

// A POST of DynamoDB's protocol.
inline std::string JsonPost(absl::string_view operation, absl::string_view body,
                            absl::string_view more_headers = "") {
  return absl::StrCat(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.",
      operation, "\r\n", more_headers, "Content-Length: ", body.size(),
      "\r\n\r\n", body);
}

}  // namespace pallet::testing
