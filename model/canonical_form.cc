// SPDX-License-Identifier: Apache-2.0
#include "model/canonical_form.h"

#include <cstdint>

#include "model/item_codec.h"
#include "model/item_view.h"
#include "model/number.h"
#include "model/utf8.h"
#include "model/wire_format.h"

namespace pallet::model {
namespace {

using internal::CompareBytes;
using internal::kNameTag;
using internal::kRepeatedTag;
using internal::kValueTag;

// An attribute takes more than two bytes and a member of a set two or more, so
// that within this there are no more of them than the codec takes.
constexpr size_t kMaxBytes = 2 * kMaxItemBytes;

// As in item_size.cc.
constexpr size_t kDocumentBytes = 3;
constexpr size_t kElementBytes = 1;

// Takes tag, length and what they announce off the front of `*bytes`; false if
// they are not there or the length is longer than it needs to be.
inline bool Take(char tag, absl::string_view* bytes, absl::string_view* field) {
  if (bytes->size() < 2 || (*bytes)[0] != tag) return false;
  size_t length = static_cast<uint8_t>((*bytes)[1]);
  size_t at = 2;
  if (length >= 0x80) {
    length &= 0x7F;
    for (int shift = 7;; shift += 7) {
      if (at == bytes->size() || shift > 21) return false;
      const uint8_t byte = static_cast<uint8_t>((*bytes)[at++]);
      length |= static_cast<size_t>(byte & 0x7F) << shift;
      if (byte == 0) return false;
      if (byte < 0x80) break;
    }
  }
  if (length > bytes->size() - at) return false;
  *field = bytes->substr(at, length);
  bytes->remove_prefix(at + length);
  return true;
}

// Adds up the size of what it finds canonical; each function is false for the
// rest. Levels are those of kMaxNesting.
class Recognizer {
 public:
  bool Entries(absl::string_view bytes, int level, size_t element_bytes);
  size_t size() const { return size_; }

 private:
  bool Value(absl::string_view bytes, int level);
  bool List(absl::string_view bytes, int level);
  bool Set(ValueKind kind, absl::string_view bytes);
  bool NumberSet(absl::string_view bytes);

  size_t size_ = 0;
};

bool Recognizer::Entries(absl::string_view bytes, int level,
                         size_t element_bytes) {
  absl::string_view last;  // no name is empty
  while (!bytes.empty()) {
    absl::string_view entry, name, value;
    if (!Take(kRepeatedTag, &bytes, &entry) || !Take(kNameTag, &entry, &name) ||
        !Take(kValueTag, &entry, &value) || !entry.empty()) {
      return false;
    }
    if (name.size() > kMaxAttributeNameBytes || CompareBytes(last, name) >= 0 ||
        !IsValidUtf8(name)) {
      return false;
    }
    last = name;
    size_ += element_bytes + name.size();
    if (!Value(value, level)) return false;
  }
  return true;
}

bool Recognizer::Value(absl::string_view bytes, int level) {
  if (level > kMaxNesting || bytes.size() < 2) return false;
  const char tag = bytes[0];
  const auto kind = static_cast<ValueKind>(static_cast<uint8_t>(tag) >> 3);
  if (kind == ValueKind::kNull || kind == ValueKind::kBool) {
    size_ += 1;
    return tag == VarintTag(static_cast<int>(kind)) && bytes.size() == 2 &&
           (bytes[1] == 1 || (bytes[1] == 0 && kind == ValueKind::kBool));
  }
  absl::string_view payload;
  if (tag != BytesTag(static_cast<int>(kind)) || !Take(tag, &bytes, &payload) ||
      !bytes.empty()) {
    return false;
  }
  switch (kind) {
    case ValueKind::kString:
      size_ += payload.size();
      return IsValidUtf8(payload);
    case ValueKind::kBinary:
      size_ += payload.size();
      return true;
    case ValueKind::kNumber:
      if (!Number::IsNormal(payload)) return false;
      size_ += Number::SizeInItem(payload);
      return true;
    case ValueKind::kStringSet:
    case ValueKind::kBinarySet:
      return Set(kind, payload);
    case ValueKind::kNumberSet:
      return NumberSet(payload);
    case ValueKind::kMap:
      size_ += kDocumentBytes;
      return Entries(payload, level + 1, kElementBytes);
    case ValueKind::kList:
      size_ += kDocumentBytes;
      return List(payload, level + 1);
    default:
      return false;
  }
}

bool Recognizer::List(absl::string_view bytes, int level) {
  while (!bytes.empty()) {
    absl::string_view element;
    if (!Take(kRepeatedTag, &bytes, &element)) return false;
    size_ += kElementBytes;
    if (!Value(element, level)) return false;
  }
  return true;
}

bool Recognizer::Set(ValueKind kind, absl::string_view bytes) {
  bool first = true;
  absl::string_view last;
  do {  // no set is empty
    absl::string_view member;
    if (!Take(kRepeatedTag, &bytes, &member)) return false;
    if (kind == ValueKind::kStringSet && !IsValidUtf8(member)) return false;
    if (!first && CompareBytes(last, member) >= 0) return false;
    first = false;
    last = member;
    size_ += member.size();
  } while (!bytes.empty());
  return true;
}

bool Recognizer::NumberSet(absl::string_view bytes) {
  std::optional<Number> last;
  do {
    absl::string_view member;
    if (!Take(kRepeatedTag, &bytes, &member)) return false;
    if (!Number::IsNormal(member)) return false;
    const Number number = Number::FromNormal(member);
    if (last.has_value() && Number::Compare(*last, number) >= 0) return false;
    last = number;
    size_ += Number::SizeInItem(member);
  } while (!bytes.empty());
  return true;
}

}  // namespace

std::optional<size_t> SizeIfCanonical(absl::string_view bytes) {
  if (bytes.size() > kMaxBytes) return std::nullopt;
  Recognizer recognizer;
  if (!recognizer.Entries(bytes, /*level=*/1, /*element_bytes=*/0)) {
    return std::nullopt;
  }
  return recognizer.size();
}

}  // namespace pallet::model
