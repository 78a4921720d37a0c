// SPDX-License-Identifier: Apache-2.0
//
// A request and an answer of HTTP, as far as this door looks at them; values
// without sockets, so that everything above the sockets is tested without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pallet::service::json {

// Most bytes of a body, as sent and as unpacked.
inline constexpr size_t kMaxBodyBytes = size_t{16} << 20;

struct HttpRequest {
  struct Header {
    absl::string_view name;  // in small letters
    absl::string_view value;
  };

  std::string method;
  std::string target;  // path and query as sent
  std::string body;

  void AddHeader(absl::string_view name, absl::string_view value);
  // The value of the first header of that name; empty if there is none.
  absl::string_view Find(absl::string_view small_name) const;
  bool Has(absl::string_view small_name) const;

  size_t header_count() const { return headers_.size(); }
  Header header(size_t index) const;

  absl::string_view path() const;
  absl::string_view query() const;  // behind the question mark

  // Empty again, with its memory.
  void Clear();

 private:
  struct Range {
    uint32_t name_at, name_size, value_at, value_size;
  };
  std::string text_;  // what headers_ points into
  std::vector<Range> headers_;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/x-amz-json-1.0";
  // More of the head, each line with its line end.
  std::string headers;
  std::string body;
  bool close = false;  // the connection, behind it
};

// "Not Found" of 404.
absl::string_view ReasonPhrase(int status);

}  // namespace pallet::service::json
