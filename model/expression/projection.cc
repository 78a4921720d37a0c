// SPDX-License-Identifier: Apache-2.0
#include "model/expression/projection.h"

#include <utility>

#include "model/wire_format.h"

namespace pallet::model::expression {
namespace {

using internal::CompareBytes;
using internal::kNameTag;
using internal::kRepeatedTag;
using internal::kValueTag;

class Projector {
 public:
  Projector(const PathTree& paths, size_t expected)
      : paths_(paths), writer_(expected) {}

  // As deep as the item is nested: kMaxNesting at most.
  void Map(const PathTree::Node& node, ItemView map);

  std::string Finish() && { return std::move(writer_).Finish(); }

 private:
  void Entry(const PathTree::Node& node, const internal::Entry& entry);
  void List(const PathTree::Node& node, ListView list);
  // Writes what the node leads to in `value`; false if that is nothing.
  bool Value(const PathTree::Node& node, ValueView value);

  const PathTree& paths_;
  WireWriter writer_;
};

void Projector::Map(const PathTree::Node& node, ItemView map) {
  absl::string_view rest = map.encoded();
  auto child = node.children.begin();
  const auto end = node.children.end();
  while (!rest.empty() && child != end) {
    const internal::Entry entry = internal::ReadEntry(&rest);
    int order = -1;
    while (child != end) {
      order = CompareBytes(NameOf(paths_.node(*child)), entry.name);
      if (order >= 0) break;
      ++child;
    }
    if (order == 0) Entry(paths_.node(*child++), entry);
  }
}

void Projector::Entry(const PathTree::Node& node,
                      const internal::Entry& entry) {
  const size_t before = writer_.size();
  const WireWriter::Open open =
      writer_.Begin(kRepeatedTag, entry.name.size() + entry.value.size() + 4);
  writer_.Field(kNameTag, entry.name);
  const WireWriter::Open value = writer_.Begin(kValueTag, entry.value.size());
  if (!Value(node, ValueView(entry.value))) return writer_.Rewind(before);
  writer_.End(value);
  writer_.End(open);
}

bool Projector::Value(const PathTree::Node& node, ValueView value) {
  if (node.end.has_value()) {
    writer_.Raw(value.encoded());
    return true;
  }
  const bool by_name = IsName(paths_.node(node.children.front()));
  if (value.kind() != (by_name ? ValueKind::kMap : ValueKind::kList)) {
    return false;
  }
  const WireWriter::Open open = writer_.Begin(
      BytesTag(static_cast<int>(value.kind())), value.encoded().size());
  const size_t before = writer_.size();
  if (by_name) {
    Map(node, value.map());
  } else {
    List(node, value.list());
  }
  if (writer_.size() == before) return false;
  writer_.End(open);
  return true;
}

void Projector::List(const PathTree::Node& node, ListView list) {
  auto child = node.children.begin();
  uint32_t index = 0;
  for (auto at = list.begin(); child != node.children.end() && at != list.end();
       ++at, ++index) {
    if (IndexOf(paths_.node(*child)) != index) continue;
    const ValueView element = *at;
    const size_t before = writer_.size();
    const WireWriter::Open open =
        writer_.Begin(kRepeatedTag, element.encoded().size());
    if (Value(paths_.node(*child++), element)) {
      writer_.End(open);
    } else {
      writer_.Rewind(before);
    }
  }
}

}  // namespace

std::string Project(const PathTree& paths, ItemView item) {
  Projector projector(paths, item.encoded().size() / 4 + 16);
  projector.Map(paths.root(), item);
  return std::move(projector).Finish();
}

}  // namespace pallet::model::expression
