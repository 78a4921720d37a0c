// SPDX-License-Identifier: Apache-2.0
#include "service/json/encoded_request.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "model/constraints.h"
#include "model/errors.h"

namespace pallet::service::json {
namespace {

constexpr size_t kMostUnknownEnums = 0x100;

}  // namespace

int NoteUnknownEnum(absl::string_view text, EncodedRequest* request) {
  std::vector<std::string>& texts = request->unknown_enums;
  const int code = kUnknownEnum + static_cast<int>(texts.size());
  if (texts.size() < kMostUnknownEnums) {
    texts.emplace_back(text.data(), text.size());
  }
  return code;
}

void NoteOnce(absl::string_view member, std::vector<std::string>* names) {
  if (absl::c_linear_search(*names, member)) return;
  names->emplace_back(member.data(), member.size());
}

bool HoldsPlaceholders(absl::string_view member) {
  return member == "ExpressionAttributeNames" ||
         member == "ExpressionAttributeValues";
}

absl::Status CheckEmptyLists(const EncodedRequest& request) {
  model::Constraints constraints;
  for (const std::string& path : request.empty_lists) {
    const absl::string_view member =
        absl::string_view(path).substr(path.rfind('.') + 1);
    if (member == "attributesToGet" || member == "nonKeyAttributes" ||
        member == "parameters") {
      constraints.Violated("[]", path,
                           "have length greater than or equal to 1");
    }
  }
  RETURN_IF_ERROR(constraints.ToStatus());
  for (const absl::string_view list :
       {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}) {
    std::string path(list);
    path[0] = absl::ascii_tolower(path[0]);
    if (!absl::c_linear_search(request.empty_lists, path)) continue;
    return model::ValidationError(
        absl::StrCat("One or more parameter values were invalid: List of ",
                     list, " is empty"));
  }
  return absl::OkStatus();
}

std::string InJsonWords(const EncodedRequest& request,
                        absl::string_view message) {
  std::string text(message.data(), message.size());
  for (size_t i = 0; i < request.unknown_enums.size(); ++i) {
    const std::string number =
        absl::StrCat("Value '", kUnknownEnum + static_cast<int>(i), "' at");
    absl::StrReplaceAll(
        {{number, absl::StrCat("Value '", request.unknown_enums[i], "' at")}},
        &text);
  }
  for (const std::string& member : request.empty_maps) {
    absl::StrReplaceAll(
        {{absl::StrCat(member,
                       " contains invalid key: Syntax error; key: \"\""),
          absl::StrCat(member, " must not be empty")}},
        &text);
  }
  return text;
}

}  // namespace pallet::service::json
