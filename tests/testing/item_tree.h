// SPDX-License-Identifier: Apache-2.0
//
// Items as plain trees, for tests: easy to build, to change and to print, and
// nothing like the canonical bytes that the product works on.
//
//   Text(item) -> {a: 1, b: {c: "x", d: [true, null]}, e: <"s", "t">}
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/item_view.h"
#include "tests/testing/wire_values.h"

namespace pallet::testing {

struct TreeValue {
  model::ValueKind kind = model::ValueKind::kNull;
  std::string scalar = {};                    // S, N (normal text), B
  bool boolean = false;                       // BOOL
  std::vector<std::string> members = {};      // SS, NS, BS; in canonical order
  std::map<std::string, TreeValue> map = {};  // M
  std::vector<TreeValue> list = {};           // L

  friend bool operator==(const TreeValue&, const TreeValue&) = default;
};

using TreeItem = std::map<std::string, TreeValue>;

TreeItem TreeOf(model::ItemView item);
inline TreeValue TreeOf(model::ValueView value) {
  using model::ValueKind;
  TreeValue tree{.kind = value.kind()};
  switch (value.kind()) {
    case ValueKind::kString:
    case ValueKind::kNumber:
    case ValueKind::kBinary:
      tree.scalar = std::string(value.scalar());
      break;
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet:
      for (const absl::string_view member : value.set()) {
        tree.members.emplace_back(member);
      }
      break;
    case ValueKind::kMap:
      tree.map = TreeOf(value.map());
      break;
    case ValueKind::kList:
      for (const model::ValueView element : value.list()) {
        tree.list.push_back(TreeOf(element));
      }
      break;
    case ValueKind::kNull:
      break;
    case ValueKind::kBool:
      tree.boolean = value.boolean();
  }
  return tree;
}

inline TreeItem TreeOf(model::ItemView item) {
  TreeItem tree;
  for (const model::AttributeView attribute : item) {
    tree.emplace(std::string(attribute.name), TreeOf(attribute.value));
  }
  return tree;
}

std::string EncodeTree(const TreeItem& item);
inline std::string EncodeTree(const TreeValue& value) {
  using model::ValueKind;
  switch (value.kind) {
    case ValueKind::kNull:
      return Null();
    case ValueKind::kBool:
      return Bool(value.boolean);
    case ValueKind::kMap:
      return Field(7, EncodeTree(value.map));
    case ValueKind::kList: {
      std::vector<std::string> elements;
      for (const TreeValue& element : value.list) {
        elements.push_back(EncodeTree(element));
      }
      return List(elements);
    }
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet: {
      std::string members;
      for (const std::string& member : value.members) {
        members += Field(1, member);
      }
      return Field(static_cast<int>(value.kind), members);
    }
    default:
      return Field(static_cast<int>(value.kind), value.scalar);
  }
}

inline std::string EncodeTree(const TreeItem& item) {
  std::string bytes;
  for (const auto& [name, value] : item) {
    bytes += Field(1, Field(1, name) + Field(2, EncodeTree(value)));
  }
  return bytes;
}

std::string Text(const TreeItem& item);
inline std::string Text(const TreeValue& value) {
  using model::ValueKind;
  const auto text_of = [&](const std::string& text, char quote) {
    return absl::StrCat(std::string(1, quote), absl::CEscape(text),
                        std::string(1, quote));
  };
  std::string text;
  const auto append = [&](const std::string& part) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", part);
  };
  switch (value.kind) {
    case ValueKind::kString:
      return text_of(value.scalar, '"');
    case ValueKind::kNumber:
      return value.scalar;
    case ValueKind::kBinary:
      return text_of(value.scalar, '\'');
    case ValueKind::kNull:
      return "null";
    case ValueKind::kBool:
      return value.boolean ? "true" : "false";
    case ValueKind::kMap:
      return Text(value.map);
    case ValueKind::kList:
      for (const TreeValue& element : value.list) append(Text(element));
      return absl::StrCat("[", text, "]");
    case ValueKind::kStringSet:
      for (const std::string& member : value.members) {
        append(text_of(member, '"'));
      }
      return absl::StrCat("<", text, ">");
    case ValueKind::kBinarySet:
      for (const std::string& member : value.members) {
        append(text_of(member, '\''));
      }
      return absl::StrCat("<", text, ">");
    case ValueKind::kNumberSet:
      for (const std::string& member : value.members) append(member);
      return absl::StrCat("<", text, ">");
  }
  return text;
}

inline std::string Text(const TreeItem& item) {
  std::string text;
  for (const auto& [name, value] : item) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, ": ", Text(value));
  }
  return absl::StrCat("{", text, "}");
}

}  // namespace pallet::testing
