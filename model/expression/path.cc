// SPDX-License-Identifier: Apache-2.0
#include "model/expression/path.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"

namespace pallet::model::expression {
namespace {

using internal::CompareBytes;

// The order of a node's children: -1, 0 or 1.
int Compare(const PathElement& a, const PathElement& b) {
  if (a.index() != b.index()) return a.index() < b.index() ? -1 : 1;
  if (const auto* name = std::get_if<Name>(&a)) {
    const Name& other = std::get<Name>(b);
    return *name == other ? 0 : CompareBytes(name->text(), other.text());
  }
  const uint32_t index = std::get<uint32_t>(a);
  const uint32_t other = std::get<uint32_t>(b);
  return index < other ? -1 : index > other ? 1 : 0;
}

}  // namespace

std::string ToString(const Path& path) {
  const auto append = [](std::string* out, const PathElement& element) {
    if (const auto* index = std::get_if<uint32_t>(&element)) {
      absl::StrAppend(out, "[", *index, "]");
    } else {
      absl::StrAppend(out, std::get<Name>(element).text());
    }
  };
  return absl::StrCat("[", absl::StrJoin(path.elements, ", ", append), "]");
}

uint32_t PathTree::Add(const Path& path) {
  uint32_t at = 0;
  for (const PathElement& element : path.elements) {
    at = Descend(at, element, size_);
  }
  if (!nodes_[at].end.has_value()) nodes_[at].end = size_++;
  return *nodes_[at].end;
}

std::optional<PathTree::Clash> PathTree::AddApart(const Path& path) {
  uint32_t at = 0;
  for (const PathElement& element : path.elements) {
    const Node& parent = nodes_[at];
    if (parent.end.has_value()) return Clash{false, *parent.end};
    if (!parent.children.empty()) {
      const Node& sibling = nodes_[parent.children.front()];
      if (sibling.element.index() != element.index()) {
        return Clash{true, parent.first};
      }
    }
    at = Descend(at, element, size_);
  }
  Node& node = nodes_[at];
  if (node.end.has_value() || !node.children.empty()) {
    return Clash{false, node.first};
  }
  node.end = size_++;
  return std::nullopt;
}

uint32_t PathTree::Descend(uint32_t parent, const PathElement& element,
                           uint32_t path) {
  std::vector<uint32_t>& children = nodes_[parent].children;
  const auto child =
      std::lower_bound(children.begin(), children.end(), element,
                       [this](uint32_t id, const PathElement& wanted) {
                         return Compare(nodes_[id].element, wanted) < 0;
                       });
  if (child != children.end() &&
      Compare(nodes_[*child].element, element) == 0) {
    return *child;
  }
  const uint32_t id = nodes_.size();
  children.insert(child, id);
  nodes_.push_back(Node{.element = element, .first = path});
  return id;
}

void PathTree::Find(ItemView item, absl::Span<absl::string_view> found) const {
  CHECK_EQ(found.size(), size_);
  std::fill(found.begin(), found.end(), absl::string_view());
  FindInMap(root(), item, found);
}

// Both the children and the entries are sorted.
void PathTree::FindInMap(const Node& node, ItemView map,
                         absl::Span<absl::string_view> found) const {
  absl::string_view rest = map.encoded();
  auto child = node.children.begin();
  const auto end = node.children.end();
  while (!rest.empty() && child != end && IsName(nodes_[*child])) {
    const internal::Entry entry = internal::ReadEntry(&rest);
    int order = -1;
    while (child != end && IsName(nodes_[*child])) {
      order = CompareBytes(NameOf(nodes_[*child]), entry.name);
      if (order >= 0) break;
      ++child;
    }
    if (order == 0) Found(nodes_[*child++], entry.value, found);
  }
}

void PathTree::FindInList(const Node& node, ListView list,
                          absl::Span<absl::string_view> found) const {
  auto child = node.children.begin();
  const auto end = node.children.end();
  while (child != end && IsName(nodes_[*child])) ++child;
  uint32_t index = 0;
  for (auto element = list.begin(); child != end && element != list.end();
       ++element, ++index) {
    if (IndexOf(nodes_[*child]) != index) continue;
    Found(nodes_[*child++], (*element).encoded(), found);
  }
}

// As deep as the item is nested: kMaxNesting at most.
void PathTree::Found(const Node& node, absl::string_view value,
                     absl::Span<absl::string_view> found) const {
  if (node.end.has_value()) found[*node.end] = value;
  if (node.children.empty()) return;
  const ValueView view(value);
  if (view.kind() == ValueKind::kMap) FindInMap(node, view.map(), found);
  if (view.kind() == ValueKind::kList) FindInList(node, view.list(), found);
}

}  // namespace pallet::model::expression
