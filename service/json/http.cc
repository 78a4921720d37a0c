// SPDX-License-Identifier: Apache-2.0
#include "service/json/http.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace pallet::service::json {

void HttpRequest::AddHeader(absl::string_view name, absl::string_view value) {
  Range range;
  range.name_at = static_cast<uint32_t>(text_.size());
  range.name_size = static_cast<uint32_t>(name.size());
  text_.append(name.data(), name.size());
  for (size_t i = range.name_at; i < text_.size(); ++i) {
    text_[i] = absl::ascii_tolower(text_[i]);
  }
  range.value_at = static_cast<uint32_t>(text_.size());
  range.value_size = static_cast<uint32_t>(value.size());
  text_.append(value.data(), value.size());
  headers_.push_back(range);
}

HttpRequest::Header HttpRequest::header(size_t index) const {
  const Range& range = headers_[index];
  const absl::string_view text = text_;
  return {text.substr(range.name_at, range.name_size),
          text.substr(range.value_at, range.value_size)};
}

absl::string_view HttpRequest::Find(absl::string_view small_name) const {
  for (size_t i = 0; i < headers_.size(); ++i) {
    const Header found = header(i);
    if (found.name == small_name) return found.value;
  }
  return {};
}

bool HttpRequest::Has(absl::string_view small_name) const {
  for (size_t i = 0; i < headers_.size(); ++i) {
    if (header(i).name == small_name) return true;
  }
  return false;
}

absl::string_view HttpRequest::path() const {
  return absl::string_view(target).substr(0, target.find('?'));
}

absl::string_view HttpRequest::query() const {
  const size_t mark = target.find('?');
  if (mark == std::string::npos) return {};
  return absl::string_view(target).substr(mark + 1);
}

void HttpRequest::Clear() {
  constexpr size_t kKept = size_t{64} << 10;
  method.clear();
  target.clear();
  if (body.capacity() > kKept) {
    body = std::string();
  } else {
    body.clear();
  }
  text_.clear();
  headers_.clear();
}

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

}  // namespace pallet::service::json
