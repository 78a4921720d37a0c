// SPDX-License-Identifier: Apache-2.0
//
// ResponseWriter: an encoded response message in, DynamoDB's JSON out. Items go
// from their stored bytes straight to text.
//
// Members come in the order of the contract; one that the message has several
// times is one array, wherever its fields stand. Pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/json/shape.h"
#include "service/json/text_writer.h"

namespace pallet::service::json {

struct WriteOptions {
  // The request wants only a count: no empty Items.
  bool count_only = false;
};

// The whole message as an object. kInternal if `bytes` are no such message:
// they come from our own handlers.
absl::StatusOr<std::string> WriteMessage(const Shape& shape,
                                         absl::string_view bytes,
                                         const WriteOptions& options = {});

// Its members without braces, each with a comma before it, behind what an
// object in the making has already.
absl::Status AppendMembers(const Shape& shape, absl::string_view bytes,
                           TextWriter* out);

}  // namespace pallet::service::json
