// SPDX-License-Identifier: Apache-2.0
#include "client/json.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(JsonStyle style) : typed_(style == JsonStyle::kTyped) {}

  void Write(const Item& item) {
    out_ += '{';
    bool first = true;
    for (const auto& [name, value] : item) {
      if (!first) out_ += ',';
      first = false;
      AppendJsonString(name, &out_);
      out_ += ':';
      Write(value);
    }
    out_ += '}';
  }

  void Write(const Value& value) {
    if (typed_) absl::StrAppend(&out_, "{\"", NameOf(value.kind()), "\":");
    WriteUntyped(value);
    if (typed_) out_ += '}';
  }

  std::string Take() && { return std::move(out_); }

 private:
  void WriteUntyped(const Value& value);

  void WriteText(const std::string& text) { AppendJsonString(text, &out_); }
  void WriteBase64(const std::string& bytes) {
    absl::StrAppend(&out_, "\"", absl::Base64Escape(bytes), "\"");
  }
  void WriteNumber(const Number& number) {
    absl::StrAppend(&out_, typed_ ? "\"" : "", number.text(),
                    typed_ ? "\"" : "");
  }
  template <typename Members, typename WriteOne>
  void WriteArray(const Members& members, WriteOne write) {
    out_ += '[';
    bool first = true;
    for (const auto& member : members) {
      if (!first) out_ += ',';
      first = false;
      write(member);
    }
    out_ += ']';
  }

  const bool typed_;
  std::string out_;
};

void JsonWriter::WriteUntyped(const Value& value) {
  const auto text = [this](const std::string& s) { WriteText(s); };
  const auto base64 = [this](const std::string& s) { WriteBase64(s); };
  const auto number = [this](const Number& n) { WriteNumber(n); };
  switch (value.kind()) {
    case ValueKind::kNull:
      out_ += typed_ ? "true" : "null";
      return;
    case ValueKind::kBool:
      out_ += *value.AsBool() ? "true" : "false";
      return;
    case ValueKind::kString:
      return text(*value.AsString());
    case ValueKind::kNumber:
      return number(*value.AsNumber());
    case ValueKind::kBinary:
      return base64(value.AsBinary()->bytes);
    case ValueKind::kStringSet:
      return WriteArray(value.AsStringSet()->members, text);
    case ValueKind::kNumberSet:
      return WriteArray(value.AsNumberSet()->members, number);
    case ValueKind::kBinarySet:
      return WriteArray(value.AsBinarySet()->members, base64);
    case ValueKind::kList:
      return WriteArray(*value.AsList(),
                        [this](const Value& member) { Write(member); });
    case ValueKind::kMap:
      return Write(*value.AsMap());
  }
  CHECK(false) << "unknown kind";
}

}  // namespace

std::string ToJson(const Item& item, JsonStyle style) {
  JsonWriter writer(style);
  writer.Write(item);
  return std::move(writer).Take();
}

std::string ToJson(const Value& value, JsonStyle style) {
  JsonWriter writer(style);
  writer.Write(value);
  return std::move(writer).Take();
}

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppend(out, "\\u00",
                          absl::Hex(static_cast<int>(c), absl::kZeroPad2));
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

}  // namespace pallet
