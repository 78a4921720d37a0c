// SPDX-License-Identifier: Apache-2.0
//
// Items as JSON text, to be read by people and programs.
//
//   kPlain  {"name":"Berlin","population":3769000,"tags":["a","b"]}
//           What JSON cannot say is lost: sets become arrays, binary base64.
//   kTyped  {"name":{"S":"Berlin"},"population":{"N":"3769000"}}
//           DynamoDB's JSON; nothing is lost.
//
// Numbers are written digit by digit. Pure functions.
#pragma once

#include <string>

#include "client/value.h"

namespace pallet {

enum class JsonStyle { kPlain, kTyped };

std::string ToJson(const Item& item, JsonStyle style);
std::string ToJson(const Value& value, JsonStyle style);

// Appends `text` as a JSON string, quotes included. Bytes that are no UTF-8 go
// out as they are.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace pallet
