// SPDX-License-Identifier: Apache-2.0
#include "service/json/empty_lists.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace pallet::service::json {
namespace {

namespace dom = simdjson::dom;

absl::string_view View(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// Of one member, whose name is the end of `path`.
void NoteEmptyListsOf(const Field& field, const dom::element& value,
                      const std::string& path, EncodedRequest* request) {
  dom::array array;
  dom::object object;
  const bool nested = field.kind == Kind::kMessage && !field.shape->is_list;
  if (field.arity == Arity::kSingle) {
    if (nested) NoteEmptyLists(*field.shape, value, path, request);
  } else if (value.get_array().get(array) == simdjson::SUCCESS) {
    if (array.size() == 0) NoteOnce(path, &request->empty_lists);
    size_t place = 0;
    for (const dom::element element : array) {
      ++place;
      if (!nested) break;
      NoteEmptyLists(*field.shape, element,
                     absl::StrCat(path, ".", place, ".member"), request);
    }
  } else if (nested && value.get_object().get(object) == simdjson::SUCCESS) {
    for (const dom::key_value_pair entry : object) {
      NoteEmptyLists(*field.shape, entry.value,
                     absl::StrCat(path, ".", View(entry.key), ".member"),
                     request);
    }
  }
}

}  // namespace

void NoteEmptyLists(const Shape& shape, const dom::element& value,
                    const std::string& path, EncodedRequest* request) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return;
  for (const dom::key_value_pair member : object) {
    const Field* field = shape.Find(View(member.key));
    if (field == nullptr) continue;
    std::string name = field->name;
    name[0] = absl::ascii_tolower(name[0]);
    NoteEmptyListsOf(*field, member.value,
                     path.empty() ? name : absl::StrCat(path, ".", name),
                     request);
  }
}

}  // namespace pallet::service::json
