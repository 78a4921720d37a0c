// SPDX-License-Identifier: Apache-2.0
#include "service/json/request_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/item_codec.h"
#include "model/item_view.h"
#include "service/json/base64.h"
#include "service/json/empty_lists.h"
#include "service/json/wire_builder.h"

namespace pallet::service::json {
namespace {

namespace dom = simdjson::dom;
using dom::element_type;
using model::ValueKind;

static_assert(kTextPadding >= simdjson::SIMDJSON_PADDING);

// Two for each level of a value, and what is around items; with room.
constexpr size_t kMostDepth = 256;
// A parser that has read a longer text gives its memory back.
constexpr size_t kKeptCapacity = size_t{1} << 20;

constexpr uint32_t kEntryField = 1;  // of an Item, a MapValue, a ListValue
constexpr uint32_t kKeyField = 1;    // of a map's entry
constexpr uint32_t kValueField = 2;

absl::string_view View(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

absl::Status Wrong(absl::string_view message) {
  return absl::InvalidArgumentError(message);
}

// What is said of a member of another JSON type than the contract's.
absl::Status WrongType(const dom::element& value, absl::string_view wanted) {
  switch (value.type()) {
    case element_type::OBJECT:
      return Wrong("Start of structure or map found where not expected");
    case element_type::ARRAY:
      return Wrong(absl::StrCat("Unrecognized collection type class java.",
                                wanted == "ByteBuffer" ? "nio." : "lang.",
                                wanted));
    default:
      break;
  }
  if (wanted == "ByteBuffer") {
    return Wrong("only base-64-encoded strings are convertible to bytes");
  }
  absl::string_view found = "NUMBER_VALUE";
  if (value.is_bool()) {
    found = bool(value) ? "TRUE_VALUE" : "FALSE_VALUE";
  } else if (value.is_string()) {
    found = "STRING_VALUE";
  } else if (value.type() == element_type::DOUBLE) {
    found = "DECIMAL_VALUE";
  }
  return Wrong(absl::StrCat(found, " cannot be converted to ", wanted));
}

absl::Status NoObject(const dom::element& value) {
  return value.is_array()
             ? Wrong("Unrecognized collection type class java.util.Map")
             : Wrong("Unexpected field type");
}

absl::Status NoArray(const dom::element& value) {
  return value.is_object()
             ? Wrong("Start of structure or map found where not expected")
             : Wrong("Unexpected field type");
}

absl::Status ReadString(const dom::element& value, absl::string_view* text) {
  std::string_view read;
  if (value.get_string().get(read) != simdjson::SUCCESS) {
    return WrongType(value, "String");
  }
  *text = View(read);
  return absl::OkStatus();
}

absl::Status ReadBool(const dom::element& value, bool* result) {
  if (value.get_bool().get(*result) == simdjson::SUCCESS) {
    return absl::OkStatus();
  }
  if (!value.is_string()) {
    if (value.is_number()) {
      return Wrong(
          "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can "
          "not be converted to an Boolean");
    }
    return WrongType(value, "Boolean");
  }
  absl::string_view text;
  RETURN_IF_ERROR(ReadString(value, &text));
  for (const absl::string_view yes : {"true", "1", "yes"}) {
    if (absl::EqualsIgnoreCase(text, yes)) *result = true;
    if (absl::EqualsIgnoreCase(text, yes)) return absl::OkStatus();
  }
  for (const absl::string_view no : {"false", "0", "no"}) {
    if (absl::EqualsIgnoreCase(text, no)) *result = false;
    if (absl::EqualsIgnoreCase(text, no)) return absl::OkStatus();
  }
  return Wrong(absl::StrCat("'", text, "' can not be converted to an Boolean"));
}

// Fractions are cut off, what is out of range is at its end.
absl::Status ReadInteger(const dom::element& value, Kind kind,
                         int64_t* result) {
  const bool is_long = kind == Kind::kInt64;
  const int64_t least =
      is_long ? std::numeric_limits<int64_t>::min() : INT32_MIN;
  const int64_t most =
      is_long ? std::numeric_limits<int64_t>::max() : INT32_MAX;
  double number;
  if (value.get_int64().get(*result) == simdjson::SUCCESS) {
    *result = std::clamp(*result, least, most);
  } else if (value.get_double().get(number) == simdjson::SUCCESS) {
    *result = number <= static_cast<double>(least) ? least
              : number >= static_cast<double>(most)
                  ? most
                  : static_cast<int64_t>(number);
  } else {
    return WrongType(value, is_long ? "Long" : "Integer");
  }
  return absl::OkStatus();
}

// Reads one document into a message.
class Reader {
 public:
  Reader(size_t expected, EncodedRequest* request)
      : out_(expected), expected_(expected), request_(request) {}

  absl::Status Message(const Shape& shape, const dom::object& object);

  // For legacy maps that are empty, which no message can say: with an entry
  // beside an expression, so that the operation refuses the two together.
  void EmptyMapsBesideExpressions(const Shape& shape,
                                  const dom::object& object);

  bool saw_empty_list() const { return saw_empty_list_; }

  void Finish() { request_->bytes = std::move(out_).Finish(); }

 private:
  absl::Status Member(const Field& field, const dom::element& value);
  absl::Status Map(const Field& field, const dom::element& value);
  // Of a map: its key is "".
  void WriteEmptyEntry(uint32_t number);
  // One value of a field, under `number`.
  absl::Status One(const Field& field, uint32_t number,
                   const dom::element& value);
  absl::Status Nested(const Field& field, uint32_t number,
                      const dom::element& value);
  absl::Status Enum(const EnumNames& names, uint32_t number,
                    const dom::element& value);
  absl::Status Time(uint32_t number, const dom::element& value);

  // An Item or a MapValue whose values are at `level`.
  absl::Status Entries(const dom::element& value, int level);
  // The members of an AttributeValue.
  absl::Status Value(const dom::element& value, int level);
  absl::Status ValueMember(absl::string_view type, const dom::element& value,
                           int level);
  absl::Status Set(ValueKind kind, const dom::element& value);
  absl::Status List(const dom::element& value, int level);
  absl::Status Binary(uint32_t number, const dom::element& value);

  WireBuilder out_;
  const size_t expected_;
  EncodedRequest* const request_;
  std::string scratch_;
  bool saw_empty_list_ = false;
};

absl::Status Reader::Message(const Shape& shape, const dom::object& object) {
  for (const dom::key_value_pair member : object) {
    const Field* field = shape.Find(View(member.key));
    if (field == nullptr || member.value.is_null()) continue;
    RETURN_IF_ERROR(Member(*field, member.value));
  }
  return absl::OkStatus();
}

void Reader::EmptyMapsBesideExpressions(const Shape& shape,
                                        const dom::object& object) {
  const auto is_empty_map = [&](const dom::key_value_pair& member) {
    dom::object map;
    return member.value.get_object().get(map) == simdjson::SUCCESS &&
           map.size() == 0;
  };
  bool has_expression = false;
  bool has_empty_map = false;
  for (const dom::key_value_pair member : object) {
    has_expression |= absl::EndsWith(View(member.key), "Expression");
    has_empty_map |= is_empty_map(member);
  }
  if (!has_expression || !has_empty_map) return;
  for (const dom::key_value_pair member : object) {
    const Field* field = shape.Find(View(member.key));
    if (field == nullptr || !is_empty_map(member)) continue;
    if (field->arity != Arity::kMap || HoldsPlaceholders(field->name)) continue;
    WriteEmptyEntry(field->number);
  }
}

absl::Status Reader::Member(const Field& field, const dom::element& value) {
  switch (field.arity) {
    case Arity::kSingle:
      return One(field, field.number, value);
    case Arity::kMap:
      return Map(field, value);
    case Arity::kList:
      break;
  }
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return NoArray(value);
  if (array.size() == 0) saw_empty_list_ = true;
  for (const dom::element element : array) {
    if (element.is_null() && field.kind != Kind::kValue) continue;
    RETURN_IF_ERROR(One(field, field.number, element));
  }
  return absl::OkStatus();
}

absl::Status Reader::Map(const Field& field, const dom::element& value) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return NoObject(value);
  }
  if (object.size() == 0 && HoldsPlaceholders(field.name)) {
    NoteOnce(field.name, &request_->empty_maps);
    WriteEmptyEntry(field.number);
  }
  for (const dom::key_value_pair member : object) {
    if (member.value.is_null() && field.kind != Kind::kValue) continue;
    const WireBuilder::Open entry = out_.Begin(field.number, 1);
    out_.Bytes(kKeyField, View(member.key));
    RETURN_IF_ERROR(One(field, kValueField, member.value));
    out_.End(entry);
  }
  return absl::OkStatus();
}

void Reader::WriteEmptyEntry(uint32_t number) {
  const WireBuilder::Open entry = out_.Begin(number, 1);
  out_.Bytes(kKeyField, "");
  out_.End(entry);
}

absl::Status Reader::One(const Field& field, uint32_t number,
                         const dom::element& value) {
  switch (field.kind) {
    case Kind::kString: {
      absl::string_view text;
      RETURN_IF_ERROR(ReadString(value, &text));
      out_.Bytes(number, text);
      return absl::OkStatus();
    }
    case Kind::kBool: {
      bool boolean = false;
      RETURN_IF_ERROR(ReadBool(value, &boolean));
      out_.Varint(number, boolean ? 1 : 0);
      return absl::OkStatus();
    }
    case Kind::kInt32:
    case Kind::kInt64: {
      int64_t integer = 0;
      RETURN_IF_ERROR(ReadInteger(value, field.kind, &integer));
      out_.Varint(number, static_cast<uint64_t>(integer));
      return absl::OkStatus();
    }
    case Kind::kEnum:
      return Enum(*field.values, number, value);
    case Kind::kTimestamp:
      return Time(number, value);
    case Kind::kDouble:  // in no request of the contract
      return WrongType(value, "Double");
    case Kind::kItem:
    case Kind::kValue:
    case Kind::kMessage:
      break;
  }
  return Nested(field, number, value);
}

absl::Status Reader::Nested(const Field& field, uint32_t number,
                            const dom::element& value) {
  const bool is_item = field.kind == Kind::kItem;
  const WireBuilder::Open open =
      out_.Begin(number, is_item ? expected_ / 2 : 1);
  if (is_item) {
    RETURN_IF_ERROR(Entries(value, 1));
  } else if (field.kind == Kind::kValue) {
    RETURN_IF_ERROR(Value(value, 1));
  } else if (field.shape->is_list) {
    RETURN_IF_ERROR(Member(field.shape->fields.front(), value));
  } else {
    dom::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) {
      return NoObject(value);
    }
    RETURN_IF_ERROR(Message(*field.shape, object));
  }
  out_.End(open);
  return absl::OkStatus();
}

absl::Status Reader::Enum(const EnumNames& names, uint32_t number,
                          const dom::element& value) {
  absl::string_view text;
  RETURN_IF_ERROR(ReadString(value, &text));
  int code = names.Find(text);
  if (code == 0) code = NoteUnknownEnum(text, request_);
  out_.Varint(number, static_cast<uint64_t>(code));
  return absl::OkStatus();
}

absl::Status Reader::Time(uint32_t number, const dom::element& value) {
  constexpr double kMost = 253402300799;  // the last second of the year 9999
  double seconds;
  if (value.get_double().get(seconds) != simdjson::SUCCESS) {
    return WrongType(value, "Date");
  }
  seconds = std::clamp(seconds, -62135596800.0, kMost);
  const double whole = std::floor(seconds);
  const auto nanos = static_cast<int64_t>((seconds - whole) * 1e9);
  const WireBuilder::Open open = out_.Begin(number, 1);
  out_.Varint(1, static_cast<uint64_t>(static_cast<int64_t>(whole)));
  out_.Varint(2,
              static_cast<uint64_t>(std::clamp<int64_t>(nanos, 0, 999999999)));
  out_.End(open);
  return absl::OkStatus();
}

absl::Status Reader::Entries(const dom::element& value, int level) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return NoObject(value);
  }
  for (const dom::key_value_pair member : object) {
    const WireBuilder::Open entry = out_.Begin(kEntryField, 1);
    out_.Bytes(kKeyField, View(member.key));
    const WireBuilder::Open open = out_.Begin(kValueField, 1);
    RETURN_IF_ERROR(Value(member.value, level));
    out_.End(open);
    out_.End(entry);
  }
  return absl::OkStatus();
}

absl::Status Reader::Value(const dom::element& value, int level) {
  // An empty value where one is nested too deep: it is refused for its level.
  if (value.is_null() || level > model::kMaxNesting) return absl::OkStatus();
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return NoObject(value);
  }
  for (const dom::key_value_pair member : object) {
    if (member.value.is_null()) continue;
    RETURN_IF_ERROR(ValueMember(View(member.key), member.value, level));
  }
  return absl::OkStatus();
}

// The kind whose short name is `type`; 0 if none is.
uint32_t KindNamed(absl::string_view type) {
  switch (type.size()) {
    case 1:
      switch (type[0]) {
        case 'S':
          return static_cast<uint32_t>(ValueKind::kString);
        case 'N':
          return static_cast<uint32_t>(ValueKind::kNumber);
        case 'B':
          return static_cast<uint32_t>(ValueKind::kBinary);
        case 'M':
          return static_cast<uint32_t>(ValueKind::kMap);
        case 'L':
          return static_cast<uint32_t>(ValueKind::kList);
        default:
          return 0;
      }
    case 2:
    case 4:
      for (const ValueKind kind :
           {ValueKind::kStringSet, ValueKind::kNumberSet, ValueKind::kBinarySet,
            ValueKind::kNull, ValueKind::kBool}) {
        if (type == model::NameOf(kind)) return static_cast<uint32_t>(kind);
      }
      return 0;
    default:
      return 0;
  }
}

absl::Status Reader::ValueMember(absl::string_view type,
                                 const dom::element& value, int level) {
  const uint32_t number = KindNamed(type);
  const ValueKind kind = static_cast<ValueKind>(number);
  switch (kind) {
    case ValueKind::kString:
    case ValueKind::kNumber: {
      absl::string_view text;
      RETURN_IF_ERROR(ReadString(value, &text));
      out_.Bytes(number, text);
      return absl::OkStatus();
    }
    case ValueKind::kBinary:
      return Binary(number, value);
    case ValueKind::kNull:
    case ValueKind::kBool: {
      bool boolean = false;
      RETURN_IF_ERROR(ReadBool(value, &boolean));
      out_.Varint(number, boolean ? 1 : 0);
      return absl::OkStatus();
    }
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet:
    case ValueKind::kMap:
    case ValueKind::kList:
      break;
    default:
      return absl::OkStatus();  // no member of an AttributeValue
  }
  const WireBuilder::Open open = out_.Begin(number, 1);
  if (kind == ValueKind::kMap) {
    RETURN_IF_ERROR(Entries(value, level + 1));
  } else if (kind == ValueKind::kList) {
    RETURN_IF_ERROR(List(value, level + 1));
  } else {
    RETURN_IF_ERROR(Set(kind, value));
  }
  out_.End(open);
  return absl::OkStatus();
}

absl::Status Reader::Set(ValueKind kind, const dom::element& value) {
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return NoArray(value);
  for (const dom::element member : array) {
    if (kind == ValueKind::kBinarySet) {
      RETURN_IF_ERROR(Binary(kEntryField, member));
      continue;
    }
    absl::string_view text;
    RETURN_IF_ERROR(ReadString(member, &text));
    out_.Bytes(kEntryField, text);
  }
  return absl::OkStatus();
}

absl::Status Reader::List(const dom::element& value, int level) {
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return NoArray(value);
  for (const dom::element member : array) {
    const WireBuilder::Open open = out_.Begin(kEntryField, 1);
    RETURN_IF_ERROR(Value(member, level));
    out_.End(open);
  }
  return absl::OkStatus();
}

absl::Status Reader::Binary(uint32_t number, const dom::element& value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    return WrongType(value, "ByteBuffer");
  }
  scratch_.clear();
  RETURN_IF_ERROR(DecodeBase64(View(text), &scratch_));
  out_.Bytes(number, scratch_);
  return absl::OkStatus();
}

}  // namespace

struct RequestReader::Parser {
  dom::parser parser;
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {}
RequestReader::~RequestReader() = default;

absl::Status RequestReader::Read(const Shape& shape, std::string* text,
                                 EncodedRequest* request) {
  text->reserve(text->size() + kTextPadding);
  dom::parser& parser = parser_->parser;
  if (parser.capacity() < text->size() || parser.max_depth() != kMostDepth) {
    const size_t capacity = std::max<size_t>(2 * text->size(), 4096);
    if (parser.allocate(capacity, kMostDepth) != simdjson::SUCCESS) {
      return absl::ResourceExhaustedError("no memory to read the request");
    }
  }
  dom::element root;
  dom::object object;
  if (parser.parse(text->data(), text->size(), false).get(root) !=
          simdjson::SUCCESS ||
      root.get_object().get(object) != simdjson::SUCCESS) {
    return Wrong("");
  }
  Reader reader(text->size() + 64, request);
  const absl::Status status = reader.Message(shape, object);
  if (status.ok()) {
    reader.EmptyMapsBesideExpressions(shape, object);
    reader.Finish();
    if (reader.saw_empty_list()) NoteEmptyLists(shape, root, "", request);
  }
  if (parser.capacity() > kKeptCapacity) parser_ = std::make_unique<Parser>();
  return status;
}

}  // namespace pallet::service::json
