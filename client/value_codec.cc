// SPDX-License-Identifier: Apache-2.0
//
// Values to canonical wire bytes and back (the grammar is in
// model/item_view.h). Sizes are computed first, then the bytes are written from
// the end to the front, so that each length is known when its turn comes.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/check.h"
#include "base/status_macros.h"
#include "client/value.h"
#include "model/item_codec.h"
#include "model/number.h"

namespace pallet {
namespace {

constexpr char kName = 0x0a;  // also: an entry of a map, a member of a set
constexpr char kMember = 0x0a;
constexpr char kEntryValue = 0x12;

size_t VarintSize(size_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Tag, length and payload.
size_t FieldSize(size_t payload) { return 1 + VarintSize(payload) + payload; }

size_t SizeOf(const Item& item);
size_t SizeOf(const Value& value);

template <typename Members>
size_t SizeOfMembers(const Members& members) {
  size_t size = 0;
  for (const auto& member : members) {
    if constexpr (requires { member.text(); }) {
      size += FieldSize(member.text().size());
    } else {
      size += FieldSize(member.size());
    }
  }
  return size;
}

size_t SizeOf(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kNull:
    case ValueKind::kBool:
      return 2;
    case ValueKind::kString:
      return FieldSize(value.AsString()->size());
    case ValueKind::kNumber:
      return FieldSize(value.AsNumber()->text().size());
    case ValueKind::kBinary:
      return FieldSize(value.AsBinary()->bytes.size());
    case ValueKind::kStringSet:
      return FieldSize(SizeOfMembers(value.AsStringSet()->members));
    case ValueKind::kNumberSet:
      return FieldSize(SizeOfMembers(value.AsNumberSet()->members));
    case ValueKind::kBinarySet:
      return FieldSize(SizeOfMembers(value.AsBinarySet()->members));
    case ValueKind::kList: {
      size_t size = 0;
      for (const Value& member : *value.AsList()) {
        size += FieldSize(SizeOf(member));
      }
      return FieldSize(size);
    }
    case ValueKind::kMap:
      return FieldSize(SizeOf(*value.AsMap()));
  }
  CHECK(false) << "unknown kind";
}

size_t SizeOf(const Item& item) {
  size_t size = 0;
  for (const Attribute& attribute : item) {
    size += FieldSize(FieldSize(attribute.name.size()) +
                      FieldSize(SizeOf(attribute.value)));
  }
  return size;
}

// Fills a buffer of the right size from its end.
class BackwardWriter {
 public:
  explicit BackwardWriter(size_t size)
      : bytes_(size, '\0'), front_(bytes_.data() + size) {}

  void Write(const Item& item);
  void Write(const Value& value);
  std::string Take() && {
    CHECK(front_ == bytes_.data()) << "a size was computed wrongly";
    return std::move(bytes_);
  }

 private:
  const char* Mark() const { return front_; }
  void WriteBytes(absl::string_view bytes) {
    front_ -= bytes.size();
    if (!bytes.empty()) std::memcpy(front_, bytes.data(), bytes.size());
  }
  // The tag and length of the field whose payload ends at `end`.
  void WriteHead(char tag, const char* end) {
    size_t length = end - front_;
    front_ -= VarintSize(length);
    char* out = front_;
    for (; length >= 0x80; length >>= 7) {
      *out++ = static_cast<char>(length | 0x80);
    }
    *out = static_cast<char>(length);
    *--front_ = tag;
  }
  void WriteField(char tag, absl::string_view payload) {
    const char* end = Mark();
    WriteBytes(payload);
    WriteHead(tag, end);
  }
  // `members` in canonical order.
  void WriteMembers(char tag, const std::vector<absl::string_view>& members);

  std::string bytes_;
  char* front_;
};

constexpr char Tag(ValueKind kind) {
  const bool is_varint = kind == ValueKind::kNull || kind == ValueKind::kBool;
  return static_cast<char>(static_cast<int>(kind) << 3 | (is_varint ? 0 : 2));
}

void BackwardWriter::WriteMembers(
    char tag, const std::vector<absl::string_view>& members) {
  const char* end = Mark();
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    WriteField(kMember, *member);
  }
  WriteHead(tag, end);
}

std::vector<absl::string_view> SortedBytes(
    const std::vector<std::string>& members) {
  std::vector<absl::string_view> sorted(members.begin(), members.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// By value. A text that is no number (made of a double that is none) goes last,
// for the service to refuse.
std::vector<absl::string_view> SortedNumbers(
    const std::vector<Number>& members) {
  std::vector<absl::string_view> sorted;
  for (const Number& member : members) sorted.push_back(member.text());
  std::sort(sorted.begin(), sorted.end(),
            [](absl::string_view a, absl::string_view b) {
              const bool a_is_normal = model::Number::IsNormal(a);
              const bool b_is_normal = model::Number::IsNormal(b);
              if (!a_is_normal || !b_is_normal) return a_is_normal;
              return model::Number::Compare(model::Number::FromNormal(a),
                                            model::Number::FromNormal(b)) < 0;
            });
  return sorted;
}

void BackwardWriter::Write(const Value& value) {
  const char tag = Tag(value.kind());
  const char* end = Mark();
  switch (value.kind()) {
    case ValueKind::kNull:
    case ValueKind::kBool:
      *--front_ = value.is_null() || *value.AsBool() ? 1 : 0;
      *--front_ = tag;
      return;
    case ValueKind::kString:
      return WriteField(tag, *value.AsString());
    case ValueKind::kNumber:
      return WriteField(tag, value.AsNumber()->text());
    case ValueKind::kBinary:
      return WriteField(tag, value.AsBinary()->bytes);
    case ValueKind::kStringSet:
      return WriteMembers(tag, SortedBytes(value.AsStringSet()->members));
    case ValueKind::kNumberSet:
      return WriteMembers(tag, SortedNumbers(value.AsNumberSet()->members));
    case ValueKind::kBinarySet:
      return WriteMembers(tag, SortedBytes(value.AsBinarySet()->members));
    case ValueKind::kList: {
      const List& list = *value.AsList();
      for (auto member = list.rbegin(); member != list.rend(); ++member) {
        const char* member_end = Mark();
        Write(*member);
        WriteHead(kMember, member_end);
      }
      return WriteHead(tag, end);
    }
    case ValueKind::kMap:
      Write(*value.AsMap());
      return WriteHead(tag, end);
  }
}

void BackwardWriter::Write(const Item& item) {
  for (auto attribute = item.end(); attribute != item.begin();) {
    --attribute;
    const char* entry_end = Mark();
    Write(attribute->value);
    WriteHead(kEntryValue, entry_end);
    WriteField(kName, attribute->name);
    WriteHead(kMember, entry_end);
  }
}

}  // namespace

// Makes values from views over canonical bytes.
class ValueDecoder {
 public:
  static Item ToItem(model::ItemView view) {
    Item item;
    item.attributes_.reserve(std::distance(view.begin(), view.end()));
    for (const model::AttributeView attribute : view) {
      item.attributes_.push_back(
          {std::string(attribute.name), ToValue(attribute.value)});
    }
    return item;
  }

 private:
  static Number ToNumber(absl::string_view text) {
    return Number(Number::Canonical(), text);
  }
  static std::vector<std::string> ToStrings(model::SetView set) {
    std::vector<std::string> members;
    for (const absl::string_view member : set) members.emplace_back(member);
    return members;
  }
  static Value ToValue(const model::ValueView& view);
};

Value ValueDecoder::ToValue(const model::ValueView& view) {
  switch (view.kind()) {
    case ValueKind::kNull:
      return Null();
    case ValueKind::kBool:
      return view.boolean();
    case ValueKind::kString:
      return view.scalar();
    case ValueKind::kNumber:
      return ToNumber(view.scalar());
    case ValueKind::kBinary:
      return Binary{std::string(view.scalar())};
    case ValueKind::kStringSet:
      return StringSet{ToStrings(view.set())};
    case ValueKind::kNumberSet: {
      NumberSet set;
      for (const absl::string_view member : view.set()) {
        set.members.push_back(ToNumber(member));
      }
      return set;
    }
    case ValueKind::kBinarySet:
      return BinarySet{ToStrings(view.set())};
    case ValueKind::kList: {
      List list;
      for (const model::ValueView member : view.list()) {
        list.push_back(ToValue(member));
      }
      return list;
    }
    case ValueKind::kMap:
      return ToItem(view.map());
  }
  CHECK(false) << "unknown kind";
}

std::string Item::Encode() const {
  BackwardWriter writer(SizeOf(*this));
  writer.Write(*this);
  return std::move(writer).Take();
}

std::string Value::Encode() const {
  BackwardWriter writer(SizeOf(*this));
  writer.Write(*this);
  return std::move(writer).Take();
}

absl::StatusOr<Item> Item::Decode(absl::string_view bytes) {
  RETURN_IF_ERROR(model::CheckCanonical(bytes));
  return ValueDecoder::ToItem(model::ItemView(bytes));
}

}  // namespace pallet
