// SPDX-License-Identifier: Apache-2.0
//
// Requests and responses about streams of tables; otherwise as requests.h.
// client/watch.h follows one. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pallet {

// Streams that are kept: enabled ones, and those that were disabled, or whose
// table was deleted, within the retention.
struct ListStreamsRequest {
  std::string table = {};             // empty: of all tables
  std::optional<int> limit = {};      // 1..100
  std::string start_stream_arn = {};  // a last_stream_arn; begins behind it
};

struct ListStreamsResponse {
  struct Stream {
    std::string arn = {};
    std::string table = {};
    std::string label = {};  // the time of its start

    friend bool operator==(const Stream&, const Stream&) = default;
  };
  std::vector<Stream> streams = {};
  std::string last_stream_arn = {};  // empty: this was the last page
};

}  // namespace pallet
