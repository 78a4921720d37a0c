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
//   3. Time and memory are linear in the text, the stack is bounded.
//
// Keeps its memory for the next request: one per thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/json/shape.h"

namespace pallet::service::json {

// Bytes of capacity a text must have behind its end (simdjson reads ahead).
inline constexpr size_t kTextPadding = 64;

struct EncodedRequest {
  std::string bytes;
  // Texts of enum members that are no value of their enum. Each is encoded as
  // kUnknownEnum + its index, so that validation finds it among everything
  // else that is wrong; NameUnknownEnums puts the text into the message.
  std::vector<std::string> unknown_enums;
};

inline constexpr int kUnknownEnum = 0x4A534F00;
inline constexpr size_t kMostUnknownEnums = 0x100;

// "Value '1246973696' at" becomes "Value 'SOME' at".
std::string NameUnknownEnums(const std::vector<std::string>& texts,
                             absl::string_view message);

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
