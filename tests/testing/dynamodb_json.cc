// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/dynamodb_json.h"

#include <simdjson.h>

#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "pallet/v1/value.pb.h"

namespace pallet::testing {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
namespace dom = simdjson::dom;

std::string Text(std::string_view view) { return std::string(view); }

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\u00", absl::Hex(c, absl::kZeroPad2));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// "sse_type" -> "SSEType".
std::string MemberOf(const FieldDescriptor* field) {
  std::string name;
  bool up = true;
  for (const char c : field->name()) {
    if (c != '_') name += up ? absl::ascii_toupper(c) : c;
    up = c == '_';
  }
  if (absl::StartsWith(name, "Sse")) return "SSE" + name.substr(3);
  if (absl::StartsWith(name, "Kms")) return "KMS" + name.substr(3);
  if (absl::EndsWith(name, "Gb")) return name.substr(0, name.size() - 2) + "GB";
  return name;
}

// "RETURN_VALUE_ALL_OLD" of ReturnValue -> "ALL_OLD".
std::string TextOf(const EnumValueDescriptor* value) {
  size_t skipped = 0;
  for (const char c : value->type()->name()) {
    if (absl::ascii_isupper(c)) ++skipped;
  }
  return value->name().substr(value->type()->name().size() + skipped);
}

bool IsList(const google::protobuf::Descriptor* type) {
  return absl::EndsWith(type->name(), "List") && type->field_count() == 1;
}

std::string Json(const v1::AttributeValue& value);

template <typename Map>
std::string Entries(const Map& map) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : map) {
    entries.push_back(absl::StrCat(Quoted(name), ":", Json(value)));
  }
  return absl::StrCat("{", absl::StrJoin(entries, ","), "}");
}

template <typename List, typename Write>
std::string Array(const List& list, Write write) {
  std::vector<std::string> members;
  for (const auto& member : list) members.push_back(write(member));
  return absl::StrCat("[", absl::StrJoin(members, ","), "]");
}

std::string Base64(const std::string& bytes) {
  return absl::StrCat("\"", absl::Base64Escape(bytes), "\"");
}

std::string Json(const v1::AttributeValue& value) {
  const auto one = [](const char* type, const std::string& json) {
    return absl::StrCat("{\"", type, "\":", json, "}");
  };
  switch (value.value_case()) {
    case v1::AttributeValue::kS:
      return one("S", Quoted(value.s()));
    case v1::AttributeValue::kN:
      return one("N", Quoted(value.n()));
    case v1::AttributeValue::kB:
      return one("B", Base64(value.b()));
    case v1::AttributeValue::kSs:
      return one("SS", Array(value.ss().values(), Quoted));
    case v1::AttributeValue::kNs:
      return one("NS", Array(value.ns().values(), Quoted));
    case v1::AttributeValue::kBs:
      return one("BS", Array(value.bs().values(), Base64));
    case v1::AttributeValue::kM:
      return one("M", Entries(value.m().entries()));
    case v1::AttributeValue::kL:
      return one("L", Array(value.l().values(),
                            [](const auto& v) { return Json(v); }));
    case v1::AttributeValue::kNull:
      return one("NULL", value.null() ? "true" : "false");
    case v1::AttributeValue::kBool:
      return one("BOOL", value.bool_() ? "true" : "false");
    case v1::AttributeValue::VALUE_NOT_SET:
      return "{}";
  }
  return "{}";
}

std::string JsonOfMessage(const Message& message) {
  if (const auto* item = dynamic_cast<const v1::Item*>(&message)) {
    return Entries(item->attributes());
  }
  if (const auto* value = dynamic_cast<const v1::AttributeValue*>(&message)) {
    return Json(*value);
  }
  return ToDynamoDbJson(message);
}

// The value of a field, or its element `index` if that is not negative.
std::string JsonOfField(const Message& message, const FieldDescriptor* field,
                        int index) {
  const Reflection* r = message.GetReflection();
  const bool many = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Quoted(many ? r->GetRepeatedString(message, field, index)
                         : r->GetString(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(r->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(r->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return Quoted(TextOf(r->GetEnum(message, field)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return JsonOfMessage(many ? r->GetRepeatedMessage(message, field, index)
                                : r->GetMessage(message, field));
    default:
      CHECK(false) << field->full_name();
  }
}

void SetField(const dom::element& value, Message* message,
              const FieldDescriptor* field);

void SetValue(const dom::element& json, v1::AttributeValue* value) {
  for (const auto member : dom::object(json)) {
    const std::string type = Text(member.key);
    const auto bytes = [](const dom::element& text) {
      std::string decoded;
      CHECK(absl::Base64Unescape(Text(text), &decoded));
      return decoded;
    };
    if (type == "S") value->set_s(Text(member.value));
    if (type == "N") value->set_n(Text(member.value));
    if (type == "B") value->set_b(bytes(member.value));
    if (type == "NULL") value->set_null(bool(member.value));
    if (type == "BOOL") value->set_bool_(bool(member.value));
    if (type == "M") value->mutable_m();
    if (type == "L") value->mutable_l();
    if (type == "M") {
      for (const auto entry : dom::object(member.value)) {
        SetValue(entry.value,
                 &(*value->mutable_m()->mutable_entries())[Text(entry.key)]);
      }
      continue;
    }
    if (!member.value.is_array()) continue;
    for (const auto element : dom::array(member.value)) {
      if (type == "SS") value->mutable_ss()->add_values(Text(element));
      if (type == "NS") value->mutable_ns()->add_values(Text(element));
      if (type == "BS") value->mutable_bs()->add_values(bytes(element));
      if (type == "L") SetValue(element, value->mutable_l()->add_values());
    }
  }
}

void SetMessage(const dom::element& json, Message* message) {
  if (auto* item = dynamic_cast<v1::Item*>(message)) {
    for (const auto entry : dom::object(json)) {
      SetValue(entry.value, &(*item->mutable_attributes())[Text(entry.key)]);
    }
    return;
  }
  if (auto* value = dynamic_cast<v1::AttributeValue*>(message)) {
    return SetValue(json, value);
  }
  const auto* type = message->GetDescriptor();
  if (IsList(type)) return SetField(json, message, type->field(0));
  if (type->name() == "Timestamp") {
    const double seconds = json;
    message->GetReflection()->SetInt64(message, type->field(0),
                                       static_cast<int64_t>(seconds));
    return;
  }
  for (const auto member : dom::object(json)) {
    const FieldDescriptor* found = nullptr;
    for (int i = 0; i < type->field_count(); ++i) {
      if (MemberOf(type->field(i)) == member.key) found = type->field(i);
    }
    CHECK(found != nullptr) << type->name() << "." << member.key;
    SetField(member.value, message, found);
  }
}

void SetOne(const dom::element& json, Message* message,
            const FieldDescriptor* field) {
  const Reflection* r = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return field->is_repeated() ? r->AddString(message, field, Text(json))
                                  : r->SetString(message, field, Text(json));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->SetBool(message, field, bool(json));
    case FieldDescriptor::CPPTYPE_INT32:
      return r->SetInt32(message, field, static_cast<int32_t>(int64_t(json)));
    case FieldDescriptor::CPPTYPE_INT64:
      return r->SetInt64(message, field, int64_t(json));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return field->is_repeated() ? r->AddDouble(message, field, double(json))
                                  : r->SetDouble(message, field, double(json));
    case FieldDescriptor::CPPTYPE_ENUM:
      for (int i = 0; i < field->enum_type()->value_count(); ++i) {
        const EnumValueDescriptor* value = field->enum_type()->value(i);
        if (value->number() != 0 && TextOf(value) == Text(json)) {
          return r->SetEnum(message, field, value);
        }
      }
      CHECK(false) << field->full_name() << ": " << Text(json);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(json, field->is_repeated()
                                  ? r->AddMessage(message, field)
                                  : r->MutableMessage(message, field));
    default:
      CHECK(false) << field->full_name();
  }
}

void SetField(const dom::element& json, Message* message,
              const FieldDescriptor* field) {
  if (field->is_map()) {
    const auto* entry = field->message_type();
    for (const auto member : dom::object(json)) {
      Message* made = message->GetReflection()->AddMessage(message, field);
      made->GetReflection()->SetString(made, entry->map_key(),
                                       Text(member.key));
      SetOne(member.value, made, entry->map_value());
    }
  } else if (field->is_repeated()) {
    for (const auto element : dom::array(json)) {
      SetOne(element, message, field);
    }
  } else {
    SetOne(json, message, field);
  }
}

}  // namespace

std::string ToDynamoDbJson(const Message& message) {
  const Reflection* r = message.GetReflection();
  const auto* type = message.GetDescriptor();
  std::vector<std::string> members;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    std::string value;
    if (field->is_map()) {
      std::vector<std::string> entries;
      for (int k = 0; k < r->FieldSize(message, field); ++k) {
        const Message& entry = r->GetRepeatedMessage(message, field, k);
        const auto* entry_type = entry.GetDescriptor();
        entries.push_back(
            absl::StrCat(JsonOfField(entry, entry_type->map_key(), -1), ":",
                         JsonOfField(entry, entry_type->map_value(), -1)));
      }
      if (entries.empty()) continue;
      value = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
    } else if (field->is_repeated()) {
      std::vector<std::string> elements;
      for (int k = 0; k < r->FieldSize(message, field); ++k) {
        elements.push_back(JsonOfField(message, field, k));
      }
      value = absl::StrCat("[", absl::StrJoin(elements, ","), "]");
      if (IsList(type)) return value;
      if (elements.empty()) continue;
    } else if (r->HasField(message, field)) {
      value = JsonOfField(message, field, -1);
    } else {
      continue;
    }
    members.push_back(absl::StrCat("\"", MemberOf(field), "\":", value));
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

void FromDynamoDbJson(const std::string& text, Message* message) {
  dom::parser parser;
  dom::element root;
  CHECK(parser.parse(text).get(root) == simdjson::SUCCESS) << text;
  SetMessage(root, message);
}

}  // namespace pallet::testing
