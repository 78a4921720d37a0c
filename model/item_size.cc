// SPDX-License-Identifier: Apache-2.0
#include "model/item_view.h"
#include "model/number.h"

namespace pallet::model {
namespace {

constexpr size_t kDocumentBytes = 3;  // a list or a map, before its elements
constexpr size_t kElementBytes = 1;   // beside the element itself

size_t SizeOfSet(ValueKind kind, SetView set) {
  size_t size = 0;
  for (const absl::string_view member : set) {
    size += kind == ValueKind::kNumberSet ? Number::SizeInItem(member)
                                          : member.size();
  }
  return size;
}

}  // namespace

size_t SizeOf(ItemView item) {
  size_t size = 0;
  for (const AttributeView attribute : item) {
    size += attribute.name.size() + SizeOf(attribute.value);
  }
  return size;
}

// As deep as the value is nested: kMaxNesting at most.
size_t SizeOf(ValueView value) {
  switch (value.kind()) {
    case ValueKind::kString:
    case ValueKind::kBinary:
      return value.scalar().size();
    case ValueKind::kNumber:
      return Number::SizeInItem(value.scalar());
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet:
      return SizeOfSet(value.kind(), value.set());
    case ValueKind::kMap: {
      size_t size = kDocumentBytes;
      for (const AttributeView entry : value.map()) {
        size += kElementBytes + entry.name.size() + SizeOf(entry.value);
      }
      return size;
    }
    case ValueKind::kList: {
      size_t size = kDocumentBytes;
      for (const ValueView element : value.list()) {
        size += kElementBytes + SizeOf(element);
      }
      return size;
    }
    case ValueKind::kNull:
    case ValueKind::kBool:
      return 1;
  }
  internal::NotCanonical();
}

}  // namespace pallet::model
