// SPDX-License-Identifier: Apache-2.0
//
// Document paths, and a tree of many of them, by which all are found in one
// pass over an item.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/item_view.h"

namespace pallet::model::expression {

// The name of an attribute or of a map's entry. Copies share the text: a
// placeholder of two bytes may stand for 64 KB and be used a thousand times.
class Name {
 public:
  Name(std::string text)  // NOLINT: a name is a string
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  explicit Name(std::shared_ptr<const std::string> text)
      : text_(std::move(text)) {}

  const std::string& text() const { return *text_; }

  friend bool operator==(const Name& a, const Name& b) {
    return a.text_ == b.text_ || *a.text_ == *b.text_;
  }

 private:
  std::shared_ptr<const std::string> text_;  // not null
};

// A step of a path: a map key or a list index.
using PathElement = std::variant<Name, uint32_t>;

// a.b[3]: one name, then names and indexes.
struct Path {
  std::vector<PathElement> elements;  // not empty; the first one is a name

  const std::string& attribute() const {
    return std::get<Name>(elements.front()).text();
  }
  bool nested() const { return elements.size() > 1; }
  friend bool operator==(const Path&, const Path&) = default;
};

// As messages show it: "[a, b, [3]]".
std::string ToString(const Path& path);

// Paths by their common beginnings. Numbers count from 0 in the order in which
// the paths came.
class PathTree {
 public:
  struct Node {
    // Of all but the root.
    PathElement element = uint32_t{0};
    // In the order of items: names by their bytes, then indexes.
    std::vector<uint32_t> children = {};
    // The first of the paths that lead here or further.
    uint32_t first = 0;
    // The path that ends here.
    std::optional<uint32_t> end = {};
  };

  // Two paths of which an item cannot have both: one begins with the other
  // (overlap), or one takes for a map what the other takes for a list
  // (conflict).
  struct Clash {
    bool conflict = false;
    uint32_t first = 0;  // the earlier path's number
  };

  // The path's number: a new one unless it is there already.
  uint32_t Add(const Path& path);

  // Adds a path that has to be apart from all others. If it is not, it is
  // added in part, and the tree is of no further use.
  std::optional<Clash> AddApart(const Path& path);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Node& root() const { return nodes_.front(); }
  const Node& node(uint32_t id) const { return nodes_[id]; }

  // Sets found[n] to the encoded value at path n, or to nothing. REQUIRES:
  // found has size() elements.
  void Find(ItemView item, absl::Span<absl::string_view> found) const;

 private:
  // The child of `parent` by that element; a new one leads to `path` first.
  uint32_t Descend(uint32_t parent, const PathElement& element, uint32_t path);
  void FindInMap(const Node& node, ItemView map,
                 absl::Span<absl::string_view> found) const;
  void FindInList(const Node& node, ListView list,
                  absl::Span<absl::string_view> found) const;
  void Found(const Node& node, absl::string_view value,
             absl::Span<absl::string_view> found) const;

  std::vector<Node> nodes_ = {Node()};
  uint32_t size_ = 0;
};

// What a node of a PathTree is called by. REQUIRES: it is of that kind.
inline const std::string& NameOf(const PathTree::Node& node) {
  return std::get<Name>(node.element).text();
}
inline uint32_t IndexOf(const PathTree::Node& node) {
  return std::get<uint32_t>(node.element);
}
inline bool IsName(const PathTree::Node& node) {
  return std::holds_alternative<Name>(node.element);
}

}  // namespace pallet::model::expression
