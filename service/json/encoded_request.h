// SPDX-License-Identifier: Apache-2.0
//
// EncodedRequest: a request as a message, and beside it what its JSON said that
// no message can say: the text of an enum that is none, a map or list that was
// there and empty.
//
//   unknown enums          encoded as kUnknownEnum + their index
//   maps of placeholders   encoded with one entry whose key is ""
//   other empty maps       the same beside an expression, else not encoded
//   lists                  not encoded: CheckEmptyLists refuses them
//
// An operation refuses the first two in their turn, among everything else that
// is wrong; InJsonWords puts what it says into the words of the request.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pallet::service::json {

struct EncodedRequest {
  std::string bytes;
  // Texts of enum members that are no value of their enum.
  std::vector<std::string> unknown_enums;
  // Names of members that were given and empty, each once.
  std::vector<std::string> empty_maps;   // of placeholders, at any level
  std::vector<std::string> empty_lists;  // as paths, at any level
};

inline constexpr int kUnknownEnum = 0x4A534F00;

// Keeps the text of an enum; the number it is encoded as.
int NoteUnknownEnum(absl::string_view text, EncodedRequest* request);

void NoteOnce(absl::string_view member, std::vector<std::string>* names);

// Whether a map of this name is one of placeholders.
bool HoldsPlaceholders(absl::string_view member);

// What DynamoDB says of a list that must not be empty and is.
absl::Status CheckEmptyLists(const EncodedRequest& request);

// "Value '1246973696' at" becomes "Value 'SOME' at".
std::string InJsonWords(const EncodedRequest& request,
                        absl::string_view message);

}  // namespace pallet::service::json
