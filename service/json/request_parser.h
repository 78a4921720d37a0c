// SPDX-License-Identifier: Apache-2.0
//
// RequestParser: Beast's HTTP parser, writing straight into an HttpRequest.
// One thread at a time.
#pragma once

#include <atomic>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>

#include "service/json/http.h"

namespace pallet::service::json {

// Most bytes of a request line without its end, and of all header fields with
// theirs.
inline constexpr size_t kMaxRequestLine = size_t{16} << 10;
inline constexpr size_t kMaxHeaderBytes = size_t{16} << 10;

// The bytes of bodies that are held, of all connections together. Small bodies
// are not worth the counting.
class BodyBudget {
 public:
  explicit BodyBudget(uint64_t most) : most_(most) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  [[nodiscard]] bool Take(uint64_t bytes);
  void Give(uint64_t bytes) { held_.fetch_sub(bytes); }

 private:
  const uint64_t most_;
  std::atomic<uint64_t> held_{0};
};

// What a request can be refused for while it is read.
enum class ReadProblem {
  kNone,
  kMalformed,    // 400
  kLongLine,     // 414
  kLongHeaders,  // 431
  kLongBody,     // 413
  kNoRoom,       // 503
};

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // Both outlive it.
  RequestParser(HttpRequest* request, BodyBudget* budget);
  ~RequestParser() override;

  // What an error of put() means.
  ReadProblem ProblemOf(boost::beast::error_code error) const;

  // The client waits for a word before it sends the body.
  bool wants_continue() const { return wants_continue_; }

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb, string_view method,
                       string_view target, int version,
                       error_code& error) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field, string_view name,
                     string_view value, error_code& error) override;
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const& content_length,
                         error_code& error) override;
  std::size_t on_body_impl(string_view body, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body,
                                 error_code& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(error_code&) override {}

  void Refuse(ReadProblem problem, error_code* error);

  HttpRequest* const request_;
  BodyBudget* const budget_;
  uint64_t counted_ = 0;  // bytes taken from the budget
  size_t header_bytes_ = 0;
  bool wants_continue_ = false;
  ReadProblem problem_ = ReadProblem::kNone;
};

}  // namespace pallet::service::json
