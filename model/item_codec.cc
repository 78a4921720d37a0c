// SPDX-License-Identifier: Apache-2.0
#include "model/item_codec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/canonical_form.h"
#include "model/errors.h"
#include "model/number.h"
#include "model/utf8.h"
#include "model/wire_format.h"

namespace pallet::model {
namespace {

using internal::CompareBytes;
using internal::Entry;
using internal::kNameTag;
using internal::kRepeatedTag;
using internal::kValueTag;
using Members = absl::InlinedVector<absl::string_view, 16>;

// Each attribute of one map and each member of one set counts a byte or more
// in the item's size (only one member can be empty): beyond this no item is
// small enough. Bounds what is held to sort them.
constexpr size_t kMaxElements = kMaxItemBytes + 1;

// What a map or list counts, and each element beside the element itself.
constexpr size_t kDocumentBytes = 3;
constexpr size_t kElementBytes = 1;

constexpr absl::string_view kInvalid =
    "One or more parameter values were invalid: ";

absl::Status Malformed(absl::string_view what) {
  return ValidationError(absl::StrCat("Malformed item: ", what));
}

absl::Status CutShort() { return Malformed("the bytes are cut short"); }

absl::Status UnknownField(uint32_t tag) {
  return Malformed(
      absl::StrCat("unknown field ", tag >> 3, " of wire type ", tag & 7));
}

absl::Status NotUtf8() { return Malformed("a string is not UTF-8"); }

absl::Status TooLarge() {
  return ValidationError("Item size has exceeded the maximum allowed size");
}

absl::Status EmptySet(ValueKind kind) {
  switch (kind) {
    case ValueKind::kStringSet:
      return EnvelopedValidationError(
          absl::StrCat(kInvalid, "An string set  may not be empty"));
    case ValueKind::kNumberSet:
      return EnvelopedValidationError(
          absl::StrCat(kInvalid, "An number set  may not be empty"));
    default:
      return EnvelopedValidationError(
          absl::StrCat(kInvalid, "Binary sets should not be empty"));
  }
}

// `members` as they were sent.
absl::Status DuplicateMembers(ValueKind kind, const Members& members) {
  if (kind == ValueKind::kNumberSet) {
    return EnvelopedValidationError("Input collection contains duplicates");
  }
  std::string message = absl::StrCat(kInvalid, "Input collection [");
  absl::string_view separator = "";
  for (const absl::string_view member : members) {
    if (message.size() > kMaxMessageBytes) break;
    absl::StrAppend(&message, separator,
                    kind == ValueKind::kBinarySet ? absl::Base64Escape(member)
                                                  : std::string(member));
    separator = ", ";
  }
  message += kind == ValueKind::kBinarySet ? "]of type BS contains duplicates."
                                           : "] contains duplicates.";
  return EnvelopedValidationError(message);
}

absl::Status ReadEntry(absl::string_view wire, Entry* entry) {
  bool has_name = false, has_value = false;
  WireReader reader(wire);
  while (!reader.AtEnd()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return CutShort();
    const bool is_name = tag == kNameTag;
    if (!is_name && tag != kValueTag) return UnknownField(tag);
    bool& has = is_name ? has_name : has_value;
    if (has) return Malformed("an entry has two names or two values");
    has = true;
    if (!reader.ReadBytes(is_name ? &entry->name : &entry->value)) {
      return CutShort();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Number> ParseNumber(absl::string_view text) {
  absl::StatusOr<Number> number = Number::Parse(text);
  // The message quotes the text, and must be text itself.
  if (!number.ok() && !IsValidUtf8(text)) return NotUtf8();
  return number;
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) return ValidationError("Empty attribute name");
  if (name.size() > kMaxAttributeNameBytes) {
    return ValidationError(
        "Attribute name is too large, must be less than 65536 bytes");
  }
  return IsValidUtf8(name) ? absl::OkStatus() : NotUtf8();
}

// Reads untrusted bytes and writes canonical ones, value by value. A value's
// level is 1 for an attribute and one more inside each map or list.
class Canonicalizer {
 public:
  explicit Canonicalizer(size_t wire_size) : out_(wire_size + kSlack) {}

  // An Item or a MapValue whose values are at `level`. Each entry counts
  // `element_bytes` beside its name and value.
  absl::Status Entries(absl::string_view wire, int level, size_t element_bytes);
  absl::Status Value(absl::string_view wire, int level);

  CanonicalItem Finish() && { return {std::move(out_).Finish(), size_}; }

 private:
  // So that the last header and a few longer numbers make nothing grow.
  static constexpr size_t kSlack = 32;

  absl::Status Payload(ValueKind kind, absl::string_view payload, int level);
  absl::Status NumberText(char tag, absl::string_view text);
  absl::Status Set(ValueKind kind, absl::string_view wire);
  absl::Status NumberMembers(const Members& members);
  absl::Status List(absl::string_view wire, int level);

  WireWriter out_;
  size_t size_ = 0;  // by DynamoDB's rule
};

absl::Status Canonicalizer::Entries(absl::string_view wire, int level,
                                    size_t element_bytes) {
  absl::InlinedVector<Entry, 16> entries;
  bool sorted = true;
  WireReader reader(wire);
  while (!reader.AtEnd()) {
    uint32_t tag;
    absl::string_view bytes;
    if (!reader.ReadTag(&tag)) return CutShort();
    if (tag != kRepeatedTag) return UnknownField(tag);
    if (!reader.ReadBytes(&bytes)) return CutShort();
    Entry entry;
    RETURN_IF_ERROR(ReadEntry(bytes, &entry));
    RETURN_IF_ERROR(CheckName(entry.name));
    if (entries.size() == kMaxElements) return TooLarge();
    sorted = sorted && (entries.empty() ||
                        CompareBytes(entries.back().name, entry.name) < 0);
    entries.push_back(entry);
  }
  if (!sorted) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) {
                return CompareBytes(a.name, b.name) < 0;
              });
    const auto repeated = std::adjacent_find(
        entries.begin(), entries.end(),
        [](const Entry& a, const Entry& b) { return a.name == b.name; });
    if (repeated != entries.end()) {
      return Malformed(absl::StrCat("two attributes named ", repeated->name));
    }
  }

  for (const Entry& entry : entries) {
    size_ += element_bytes + entry.name.size();
    const size_t expected = entry.name.size() + entry.value.size() + 2 +
                            VarintSize(entry.name.size()) +
                            VarintSize(entry.value.size());
    const WireWriter::Open open = out_.Begin(kRepeatedTag, expected);
    out_.Field(kNameTag, entry.name);
    const WireWriter::Open value = out_.Begin(kValueTag, entry.value.size());
    RETURN_IF_ERROR(Value(entry.value, level));
    out_.End(value);
    out_.End(open);
  }
  return absl::OkStatus();
}

absl::Status Canonicalizer::Value(absl::string_view wire, int level) {
  if (level > kMaxNesting) {
    return ValidationError(
        "Nesting Levels have exceeded supported limits: Attributes in the "
        "item have nested levels beyond supported limit");
  }
  if (wire.empty()) {
    return ValidationError(
        "Supplied AttributeValue is empty, must contain exactly one of the "
        "supported datatypes");
  }
  WireReader reader(wire);
  uint32_t tag;
  if (!reader.ReadTag(&tag)) return CutShort();
  const ValueKind kind = static_cast<ValueKind>(tag >> 3);
  absl::string_view payload;
  uint64_t flag = 0;
  if (kind > ValueKind::kBool) return UnknownField(tag);
  if (kind >= ValueKind::kNull) {
    if (tag != static_cast<uint32_t>(VarintTag(tag >> 3))) {
      return UnknownField(tag);
    }
    if (!reader.ReadVarint(&flag)) return CutShort();
  } else {
    if (tag != static_cast<uint32_t>(BytesTag(tag >> 3))) {
      return UnknownField(tag);
    }
    if (!reader.ReadBytes(&payload)) return CutShort();
  }
  if (!reader.AtEnd()) {
    if (!reader.ReadTag(&tag)) return CutShort();
    if (tag >> 3 > static_cast<uint32_t>(ValueKind::kBool)) {
      return UnknownField(tag);
    }
    return ValidationError(
        "Supplied AttributeValue has more than one datatypes set, must contain "
        "exactly one of the supported datatypes");
  }
  if (kind < ValueKind::kNull) return Payload(kind, payload, level);
  if (kind == ValueKind::kNull && flag == 0) {
    return EnvelopedValidationError(absl::StrCat(
        kInvalid, "Null attribute value types must have the value of true"));
  }
  out_.ByteField(static_cast<char>(tag), flag != 0 ? 1 : 0);
  size_ += 1;
  return absl::OkStatus();
}

absl::Status Canonicalizer::Payload(ValueKind kind, absl::string_view payload,
                                    int level) {
  const char tag = BytesTag(static_cast<int>(kind));
  switch (kind) {
    case ValueKind::kString:
      if (!IsValidUtf8(payload)) return NotUtf8();
      [[fallthrough]];
    case ValueKind::kBinary:
      out_.Field(tag, payload);
      size_ += payload.size();
      return absl::OkStatus();
    case ValueKind::kNumber:
      return NumberText(tag, payload);
    default:
      break;
  }
  const WireWriter::Open open = out_.Begin(tag, payload.size());
  if (kind == ValueKind::kMap) {
    size_ += kDocumentBytes;
    RETURN_IF_ERROR(Entries(payload, level + 1, kElementBytes));
  } else if (kind == ValueKind::kList) {
    size_ += kDocumentBytes;
    RETURN_IF_ERROR(List(payload, level + 1));
  } else {
    RETURN_IF_ERROR(Set(kind, payload));
  }
  out_.End(open);
  return absl::OkStatus();
}

absl::Status Canonicalizer::List(absl::string_view wire, int level) {
  WireReader reader(wire);
  while (!reader.AtEnd()) {
    uint32_t tag;
    absl::string_view element;
    if (!reader.ReadTag(&tag)) return CutShort();
    if (tag != kRepeatedTag) return UnknownField(tag);
    if (!reader.ReadBytes(&element)) return CutShort();
    const WireWriter::Open open = out_.Begin(kRepeatedTag, element.size());
    RETURN_IF_ERROR(Value(element, level));
    out_.End(open);
    size_ += kElementBytes;
  }
  return absl::OkStatus();
}

absl::Status Canonicalizer::NumberText(char tag, absl::string_view text) {
  if (Number::IsNormal(text)) {
    out_.Field(tag, text);
    size_ += Number::SizeInItem(text);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Number number, ParseNumber(text));
  out_.Field(tag, number.ToString());
  size_ += number.size_in_item();
  return absl::OkStatus();
}

absl::Status Canonicalizer::Set(ValueKind kind, absl::string_view wire) {
  Members members;
  WireReader reader(wire);
  while (!reader.AtEnd()) {
    uint32_t tag;
    absl::string_view member;
    if (!reader.ReadTag(&tag)) return CutShort();
    if (tag != kRepeatedTag) return UnknownField(tag);
    if (!reader.ReadBytes(&member)) return CutShort();
    if (kind == ValueKind::kStringSet && !IsValidUtf8(member)) return NotUtf8();
    if (members.size() == kMaxElements) return TooLarge();
    members.push_back(member);
  }
  if (members.empty()) return EmptySet(kind);
  if (kind == ValueKind::kNumberSet) return NumberMembers(members);

  const auto before = [](absl::string_view a, absl::string_view b) {
    return CompareBytes(a, b) < 0;
  };
  const auto not_before = [](absl::string_view a, absl::string_view b) {
    return CompareBytes(a, b) >= 0;
  };
  // Sorting waits until it is needed, and keeps the order of the message.
  Members sorted;
  const Members* result = &members;
  if (std::adjacent_find(members.begin(), members.end(), not_before) !=
      members.end()) {
    sorted = members;
    std::sort(sorted.begin(), sorted.end(), before);
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      return DuplicateMembers(kind, members);
    }
    result = &sorted;
  }
  for (const absl::string_view member : *result) {
    out_.Field(kRepeatedTag, member);
    size_ += member.size();
  }
  return absl::OkStatus();
}

absl::Status Canonicalizer::NumberMembers(const Members& members) {
  std::vector<Number> numbers;
  numbers.reserve(members.size());
  for (const absl::string_view member : members) {
    ASSIGN_OR_RETURN(const Number number, ParseNumber(member));
    numbers.push_back(number);
  }
  const auto before = [](const Number& a, const Number& b) {
    return Number::Compare(a, b) < 0;
  };
  if (!std::is_sorted(numbers.begin(), numbers.end(), before)) {
    std::sort(numbers.begin(), numbers.end(), before);
  }
  if (std::adjacent_find(numbers.begin(), numbers.end()) != numbers.end()) {
    return DuplicateMembers(ValueKind::kNumberSet, members);
  }
  for (const Number& number : numbers) {
    out_.Field(kRepeatedTag, number.ToString());
    size_ += number.size_in_item();
  }
  return absl::OkStatus();
}

absl::StatusOr<CanonicalItem> CanonicalizeInFull(absl::string_view wire) {
  Canonicalizer canonicalizer(wire.size());
  RETURN_IF_ERROR(canonicalizer.Entries(wire, /*level=*/1,
                                        /*element_bytes=*/0));
  return std::move(canonicalizer).Finish();
}

}  // namespace

absl::StatusOr<CanonicalItem> CanonicalizeItem(absl::string_view wire) {
  if (const std::optional<size_t> size = SizeIfCanonical(wire)) {
    return CanonicalItem{std::string(wire), *size};
  }
  return CanonicalizeInFull(wire);
}

absl::StatusOr<std::string> CanonicalizeValue(absl::string_view wire) {
  Canonicalizer canonicalizer(wire.size());
  RETURN_IF_ERROR(canonicalizer.Value(wire, /*level=*/1));
  return std::move(canonicalizer).Finish().bytes;
}

absl::Status CheckCanonical(absl::string_view bytes) {
  if (SizeIfCanonical(bytes).has_value()) return absl::OkStatus();
  const absl::StatusOr<CanonicalItem> item = CanonicalizeInFull(bytes);
  if (!item.ok()) {
    return MakeError(
        Reason::kDataLoss,
        absl::StrCat("stored bytes are no item: ", item.status().message()));
  }
  if (item->bytes != bytes) {
    return MakeError(Reason::kDataLoss, "stored bytes are no canonical item");
  }
  return absl::OkStatus();
}

}  // namespace pallet::model
