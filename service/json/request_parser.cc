// SPDX-License-Identifier: Apache-2.0
#include "service/json/request_parser.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "service/json/request_reader.h"

namespace pallet::service::json {
namespace {

namespace http = boost::beast::http;

constexpr size_t kCountedFrom = size_t{64} << 10;
constexpr size_t kReservedAtOnce = size_t{1} << 20;
constexpr size_t kLineEnd = 2;  // of the request line, and the empty line

absl::string_view View(boost::beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace

bool BodyBudget::Take(uint64_t bytes) {
  if (held_.fetch_add(bytes) + bytes <= most_) return true;
  held_.fetch_sub(bytes);
  return false;
}

RequestParser::RequestParser(HttpRequest* request, BodyBudget* budget)
    : request_(request), budget_(budget) {
  request->Clear();
  eager(true);
  header_limit(kMaxRequestLine + kMaxHeaderBytes + 2 * kLineEnd);
  body_limit(kMaxBodyBytes);
}

RequestParser::~RequestParser() {
  if (counted_ > 0) budget_->Give(counted_);
}

ReadProblem RequestParser::ProblemOf(boost::beast::error_code error) const {
  if (problem_ != ReadProblem::kNone) return problem_;
  if (error == http::error::body_limit) return ReadProblem::kLongBody;
  if (error == http::error::header_limit) {
    return request_->target.empty() ? ReadProblem::kLongLine
                                    : ReadProblem::kLongHeaders;
  }
  return ReadProblem::kMalformed;
}

void RequestParser::Refuse(ReadProblem problem, error_code* error) {
  problem_ = problem;
  *error = http::make_error_code(http::error::bad_field);
}

void RequestParser::on_request_impl(http::verb, string_view method,
                                    string_view target, int,
                                    error_code& error) {
  request_->method.assign(method.data(), method.size());
  request_->target.assign(target.data(), target.size());
  constexpr size_t kRest = sizeof("  HTTP/1.1") - 1;
  if (method.size() + target.size() + kRest > kMaxRequestLine) {
    Refuse(ReadProblem::kLongLine, &error);
  }
}

void RequestParser::on_field_impl(http::field field, string_view name,
                                  string_view value, error_code& error) {
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > kMaxHeaderBytes) {
    return Refuse(ReadProblem::kLongHeaders, &error);
  }
  if (field == http::field::expect &&
      absl::EqualsIgnoreCase(View(value), "100-continue")) {
    wants_continue_ = true;
  }
  request_->AddHeader(View(name), View(value));
}

void RequestParser::on_body_init_impl(
    boost::optional<std::uint64_t> const& content_length, error_code&) {
  if (!content_length.has_value()) return;
  request_->body.reserve(std::min<size_t>(*content_length, kReservedAtOnce) +
                         kTextPadding);
}

std::size_t RequestParser::on_body_impl(string_view body, error_code& error) {
  const size_t size = request_->body.size() + body.size();
  if (size > kMaxBodyBytes) {
    Refuse(ReadProblem::kLongBody, &error);
    return 0;
  }
  if (size > kCountedFrom) {
    if (!budget_->Take(size - counted_)) {
      Refuse(ReadProblem::kNoRoom, &error);
      return 0;
    }
    counted_ = size;
  }
  request_->body.append(body.data(), body.size());
  return body.size();
}

}  // namespace pallet::service::json
