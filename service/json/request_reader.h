// SPDX-License-Identifier: Apache-2.0
//
// RequestReader: DynamoDB's JSON in, an encoded request message out. Items go
// from the text to the grammar of AttributeValue without objects in between;
// what they mean (numbers, nesting, sets) is checked where every door's items
// are checked, in model/item_codec.h.
//
// Invariants:
//   1. Text that is no JSON, is nested too deep or has the wrong JSON types is
//      refused; every error is a SerializationException with its message, which
//      may be empty.
//   2. A member whose value is null is absent; an unknown member is ignored.
//      One that is empty is absent too, and noted where that is an error.
//   3. Time and memory are linear in the text, the stack is bounded.
//
// Keeps its memory for the next request: one per thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "service/json/encoded_request.h"
#include "service/json/shape.h"

namespace pallet::service::json {

// Bytes of capacity a text must have behind its end (simdjson reads ahead).
inline constexpr size_t kTextPadding = 64;

class RequestReader {
 public:
  RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  ~RequestReader();

  // Reserves padding behind `text` if it has none.
  absl::Status Read(const Shape& shape, std::string* text,
                    EncodedRequest* request);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace pallet::service::json
