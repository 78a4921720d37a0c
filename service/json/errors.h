// SPDX-License-Identifier: Apache-2.0
//
// How an error looks in JSON: HTTP status, __type with its prefix, the text
// under the key that the exception has for it, and the members that its
// details carry (the item a condition failed on, the reasons of a transaction).
// Pure functions.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "service/json/encoded_request.h"
#include "service/json/http.h"
#include "service/json/shape.h"

namespace pallet::service::json {

// The answer for a status of an operation. It is in the words of
// `request`. REQUIRES: !status.ok().
HttpAnswer ErrorAnswer(const Shapes& shapes, const absl::Status& status,
                       const EncodedRequest& request = {});

// The answer to a request that no operation has seen: "SerializationException",
// "UnknownOperationException", what is wrong with a signature. Without a text,
// the answer has none.
HttpAnswer ProtocolError(absl::string_view exception,
                         absl::optional<absl::string_view> text);

// Neither POST nor JSON: what DynamoDB says to browsers.
HttpAnswer NoSuchPage();

}  // namespace pallet::service::json
