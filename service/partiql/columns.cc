// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/columns.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "service/wire.h"

namespace pallet::service::partiql {
namespace {

using model::expression::Name;
using model::partiql::Path;

constexpr uint32_t kAttributes = 1;  // of an Item

std::string ShownName(const Path& path) {
  std::string name;
  for (const auto& element : path.elements) {
    if (const auto* index = std::get_if<uint32_t>(&element)) {
      absl::StrAppend(&name, "[", *index, "]");
    } else {
      name = std::get<Name>(element).text();
    }
  }
  return name;
}

}  // namespace

absl::StatusOr<Columns> Columns::Create(const std::vector<Path>& paths) {
  Columns columns;
  for (const Path& path : paths) {
    const std::string& attribute = path.attribute();
    if (std::find(columns.attributes_.begin(), columns.attributes_.end(),
                  attribute) == columns.attributes_.end()) {
      columns.attributes_.push_back(attribute);
    }
    columns.picks_ = columns.picks_ || path.nested();
    const size_t before = columns.tree_.size();
    const uint32_t number = columns.tree_.Add(path);
    if (columns.tree_.size() == before) continue;  // it was there
    columns.columns_.push_back({ShownName(path), number});
  }
  auto& all = columns.columns_;
  std::sort(all.begin(), all.end(),
            [](const Column& a, const Column& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(
      all.begin(), all.end(),
      [](const Column& a, const Column& b) { return a.name == b.name; });
  if (twice != all.end()) {
    return model::ValidationError(absl::StrCat(
        "Two paths of the projection have the same name: ", twice->name));
  }
  return columns;
}

std::string Columns::Pick(model::ItemView item) const {
  std::vector<absl::string_view> found(tree_.size());
  tree_.Find(item, absl::MakeSpan(found));
  std::string picked;
  for (const Column& column : columns_) {
    const absl::string_view value = found[column.path];
    if (!value.empty()) {
      AppendMapEntry(kAttributes, column.name, value, &picked);
    }
  }
  return picked;
}

}  // namespace pallet::service::partiql
