// SPDX-License-Identifier: Apache-2.0
#include "service/json/response_writer.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "model/item_view.h"

namespace pallet::service::json {
namespace {

using model::ValueKind;

// Deeper than any value that was ever taken; bounds the stack.
constexpr int kMostLevels = 2 * model::kMaxNesting;

// One field of a message as it stands in the bytes.
struct WireField {
  uint32_t number = 0;
  uint64_t number_value = 0;  // of a varint or of eight fixed bytes
  absl::string_view bytes;    // of a length-delimited field
};

inline bool TakeVarint(absl::string_view* bytes, uint64_t* value) {
  if (!bytes->empty() && static_cast<uint8_t>(bytes->front()) < 0x80) {
    *value = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    return true;
  }
  return ConsumeVarint(bytes, value);
}

// False where the bytes are no message.
inline bool NextField(absl::string_view* bytes, WireField* field) {
  uint64_t tag;
  if (!TakeVarint(bytes, &tag)) return false;
  field->number = static_cast<uint32_t>(tag >> 3);
  uint64_t size;
  switch (tag & 7) {
    case 0:
      return TakeVarint(bytes, &field->number_value);
    case 1:
      if (bytes->size() < 8) return false;
      std::memcpy(&field->number_value, bytes->data(), 8);
      bytes->remove_prefix(8);
      return true;
    case 2:
      if (!TakeVarint(bytes, &size) || size > bytes->size()) return false;
      field->bytes = bytes->substr(0, size);
      bytes->remove_prefix(size);
      return true;
    default:
      return false;
  }
}

// Items and values. Each returns false where the bytes are none. They need not
// be canonical: what a batch left over comes back as it was sent.
bool WriteValue(absl::string_view value, int level, TextWriter* out);

bool WriteEntry(absl::string_view entry, int level, TextWriter* out) {
  WireField field;
  absl::string_view name, value;
  while (!entry.empty()) {
    if (!NextField(&entry, &field)) return false;
    (field.number == 1 ? name : value) = field.bytes;
  }
  out->String(name);
  out->Raw(':');
  return WriteValue(value, level, out);
}

bool WriteEntries(absl::string_view item, int level, TextWriter* out) {
  out->Raw('{');
  WireField field;
  for (bool first = true; !item.empty(); first = false) {
    if (!first) out->Raw(',');
    if (!NextField(&item, &field)) return false;
    if (!WriteEntry(field.bytes, level, out)) return false;
  }
  out->Raw('}');
  return true;
}

bool WriteList(absl::string_view list, int level, TextWriter* out) {
  out->Raw('[');
  WireField field;
  for (bool first = true; !list.empty(); first = false) {
    if (!first) out->Raw(',');
    if (!NextField(&list, &field)) return false;
    if (!WriteValue(field.bytes, level, out)) return false;
  }
  out->Raw(']');
  return true;
}

bool WriteSet(absl::string_view set, bool binary, TextWriter* out) {
  out->Raw('[');
  WireField field;
  for (bool first = true; !set.empty(); first = false) {
    if (!first) out->Raw(',');
    if (!NextField(&set, &field)) return false;
    if (binary) {
      out->Binary(field.bytes);
    } else {
      out->String(field.bytes);
    }
  }
  out->Raw(']');
  return true;
}

bool WritePayload(const WireField& field, int level, TextWriter* out) {
  switch (static_cast<ValueKind>(field.number)) {
    case ValueKind::kString:
      out->Raw("{\"S\":");
      out->String(field.bytes);
      return true;
    case ValueKind::kNumber:
      out->Raw("{\"N\":");
      out->String(field.bytes);
      return true;
    case ValueKind::kBinary:
      out->Raw("{\"B\":");
      out->Binary(field.bytes);
      return true;
    case ValueKind::kStringSet:
      out->Raw("{\"SS\":");
      return WriteSet(field.bytes, false, out);
    case ValueKind::kNumberSet:
      out->Raw("{\"NS\":");
      return WriteSet(field.bytes, false, out);
    case ValueKind::kBinarySet:
      out->Raw("{\"BS\":");
      return WriteSet(field.bytes, true, out);
    case ValueKind::kMap:
      out->Raw("{\"M\":");
      return WriteEntries(field.bytes, level + 1, out);
    case ValueKind::kList:
      out->Raw("{\"L\":");
      return WriteList(field.bytes, level + 1, out);
    case ValueKind::kNull:
      out->Raw("{\"NULL\":");
      out->Bool(field.number_value != 0);
      return true;
    case ValueKind::kBool:
      out->Raw("{\"BOOL\":");
      out->Bool(field.number_value != 0);
      return true;
  }
  return false;
}

bool WriteValue(absl::string_view value, int level, TextWriter* out) {
  WireField field;
  if (level > kMostLevels || !NextField(&value, &field) || !value.empty()) {
    return false;
  }
  if (!WritePayload(field, level, out)) return false;
  out->Raw('}');
  return true;
}

absl::Status BadMessage(const Shape& shape) {
  return model::MakeError(
      model::Reason::kInternal,
      absl::StrCat("The answer is no encoded ", shape.name));
}

absl::Status CheckItem(bool written) {
  return written ? absl::OkStatus()
                 : model::MakeError(model::Reason::kInternal,
                                    "The answer has an item that is none");
}

class Writer {
 public:
  Writer(const WriteOptions& options, TextWriter* out)
      : options_(options), out_(out) {}

  absl::Status Object(const Shape& shape, absl::string_view bytes) {
    out_->Raw('{');
    RETURN_IF_ERROR(Members(shape, bytes));
    out_->Raw('}');
    return absl::OkStatus();
  }

  absl::Status Members(const Shape& shape, absl::string_view bytes);

 private:
  // Where the fields of one number are within their message.
  struct Span {
    absl::string_view from;  // from the first one to the end of the message
    size_t count = 0;
  };

  absl::Status Present(const Shape& shape, const Field& field,
                       const Span& span);
  absl::Status Several(const Shape& shape, const Field& field, Span span);
  absl::Status Single(const Field& field, const WireField& wire);
  absl::Status Entry(const Field& field, absl::string_view entry);
  absl::Status Message(const Shape& shape, absl::string_view bytes);
  absl::Status Time(absl::string_view bytes);
  void AbsentField(const Field& field);

  void Name(const Field& field) {
    if (out_->size() > 0 && out_->last() != '{') out_->Raw(',');
    out_->Raw('"');
    out_->Raw(field.name);
    out_->Raw("\":");
  }

  const WriteOptions options_;
  TextWriter* const out_;
};

absl::Status Writer::Members(const Shape& shape, absl::string_view bytes) {
  absl::InlinedVector<Span, 32> spans(shape.fields.size());
  absl::string_view rest = bytes;
  WireField field;
  while (!rest.empty()) {
    const absl::string_view here = rest;
    if (!NextField(&rest, &field)) return BadMessage(shape);
    const int index = shape.IndexOf(field.number);
    if (index < 0) continue;  // ours, or of a later version
    Span& span = spans[static_cast<size_t>(index)];
    // Of a field that is no list, the last one counts.
    if (span.count == 0 || shape.fields[index].arity == Arity::kSingle) {
      span.from = here;
    }
    ++span.count;
  }
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].count == 0) {
      AbsentField(shape.fields[i]);
    } else {
      RETURN_IF_ERROR(Present(shape, shape.fields[i], spans[i]));
    }
  }
  return absl::OkStatus();
}

void Writer::AbsentField(const Field& field) {
  if (field.absent == Absent::kLeft) return;
  if (field.absent == Absent::kIfNotCount && options_.count_only) return;
  Name(field);
  if (field.arity == Arity::kList) return out_->Raw("[]");
  if (field.arity == Arity::kMap) return out_->Raw("{}");
  out_->Raw(field.kind == Kind::kBool     ? "false"
            : field.kind == Kind::kDouble ? "0.0"
                                          : "0");
}

absl::Status Writer::Present(const Shape& shape, const Field& field,
                             const Span& span) {
  if (field.arity != Arity::kSingle) {
    Name(field);
    return Several(shape, field, span);
  }
  WireField wire;
  absl::string_view rest = span.from;
  if (!NextField(&rest, &wire)) return BadMessage(shape);
  if (field.kind == Kind::kEnum &&
      (wire.number_value >= field.values->values.size() ||
       field.values->values[wire.number_value].empty())) {
    return absl::OkStatus();
  }
  Name(field);
  return Single(field, wire);
}

absl::Status Writer::Several(const Shape& shape, const Field& field,
                             Span span) {
  const bool is_map = field.arity == Arity::kMap;
  out_->Raw(is_map ? '{' : '[');
  WireField wire;
  for (bool first = true; span.count > 0; first = false) {
    do {
      if (!NextField(&span.from, &wire)) return BadMessage(shape);
    } while (wire.number != field.number);
    if (!first) out_->Raw(',');
    --span.count;
    if (is_map) {
      RETURN_IF_ERROR(Entry(field, wire.bytes));
    } else if (field.kind == Kind::kDouble && !wire.bytes.empty()) {
      // Packed: all of them in one field.
      absl::string_view packed = wire.bytes;
      for (bool start = true; packed.size() >= 8; start = false) {
        if (!start) out_->Raw(',');
        std::memcpy(&wire.number_value, packed.data(), 8);
        packed.remove_prefix(8);
        RETURN_IF_ERROR(Single(field, wire));
      }
    } else {
      RETURN_IF_ERROR(Single(field, wire));
    }
  }
  out_->Raw(is_map ? '}' : ']');
  return absl::OkStatus();
}

absl::Status Writer::Entry(const Field& field, absl::string_view entry) {
  WireField wire, value;
  absl::string_view key;
  while (!entry.empty()) {
    if (!NextField(&entry, &wire)) {
      return model::MakeError(model::Reason::kInternal,
                              "The answer has a broken map");
    }
    if (wire.number == 1) key = wire.bytes;
    if (wire.number == 2) value = wire;
  }
  out_->String(key);
  out_->Raw(':');
  return Single(field, value);
}

absl::Status Writer::Single(const Field& field, const WireField& wire) {
  switch (field.kind) {
    case Kind::kString:
      out_->String(wire.bytes);
      break;
    case Kind::kBool:
      out_->Bool(wire.number_value != 0);
      break;
    case Kind::kInt32:
    case Kind::kInt64:
      out_->Integer(static_cast<int64_t>(wire.number_value));
      break;
    case Kind::kDouble: {
      double value;
      std::memcpy(&value, &wire.number_value, sizeof(value));
      out_->Double(value);
      break;
    }
    case Kind::kEnum: {
      const auto& values = field.values->values;
      const bool known = wire.number_value < values.size();
      out_->String(known ? values[wire.number_value] : std::string());
      break;
    }
    case Kind::kTimestamp:
      return Time(wire.bytes);
    case Kind::kItem:
      return CheckItem(WriteEntries(wire.bytes, 1, out_));
    case Kind::kValue:
      return CheckItem(WriteValue(wire.bytes, 1, out_));
    case Kind::kMessage:
      return Message(*field.shape, wire.bytes);
  }
  return absl::OkStatus();
}

absl::Status Writer::Message(const Shape& shape, absl::string_view bytes) {
  if (!shape.is_list) return Object(shape, bytes);
  const Field& field = shape.fields.front();
  Span span{bytes, 0};
  WireField wire;
  for (absl::string_view rest = bytes; !rest.empty();) {
    if (!NextField(&rest, &wire)) return BadMessage(shape);
    if (wire.number == field.number) ++span.count;
  }
  return Several(shape, field, span);
}

absl::Status Writer::Time(absl::string_view bytes) {
  int64_t seconds = 0;
  int32_t nanos = 0;
  WireField wire;
  while (!bytes.empty()) {
    if (!NextField(&bytes, &wire)) {
      return model::MakeError(model::Reason::kInternal,
                              "The answer has a broken time");
    }
    if (wire.number == 1) seconds = static_cast<int64_t>(wire.number_value);
    if (wire.number == 2) nanos = static_cast<int32_t>(wire.number_value);
  }
  // Milliseconds, as DynamoDB.
  out_->Seconds(seconds, nanos / 1'000'000 * 1'000'000);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> WriteMessage(const Shape& shape,
                                         absl::string_view bytes,
                                         const WriteOptions& options) {
  TextWriter out(bytes.size() + bytes.size() / 2 + 128);
  RETURN_IF_ERROR(Writer(options, &out).Object(shape, bytes));
  return std::move(out).Finish();
}

absl::Status AppendMembers(const Shape& shape, absl::string_view bytes,
                           TextWriter* out) {
  return Writer({}, out).Members(shape, bytes);
}

}  // namespace pallet::service::json
