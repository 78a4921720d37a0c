// SPDX-License-Identifier: Apache-2.0
#include "client/tool/json_reader.h"

#include <simdjson.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

namespace ondemand = ::simdjson::ondemand;
using model::ValidationError;

// JSON nests values twice as deep in typed form; items nest 32 levels.
constexpr int kMaxDepth = 100;

absl::Status Wrong(simdjson::error_code error) {
  return ValidationError(
      absl::StrCat("this is not JSON: ", simdjson::error_message(error)));
}

#define RETURN_IF_WRONG(expression)                         \
  do {                                                      \
    if (const simdjson::error_code error_ = (expression)) { \
      return Wrong(error_);                                 \
    }                                                       \
  } while (false)

absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

absl::StatusOr<std::string> ReadString(ondemand::value json) {
  std::string_view text;
  RETURN_IF_WRONG(json.get_string().get(text));
  return std::string(text);
}

absl::StatusOr<std::string> ReadBase64(ondemand::value json) {
  ASSIGN_OR_RETURN(const std::string text, ReadString(json));
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) {
    return ValidationError(absl::StrCat("\"", text, "\" is not base64"));
  }
  return bytes;
}

absl::StatusOr<Value> ReadPlain(ondemand::value json, int depth);
absl::StatusOr<Value> ReadTyped(ondemand::value json, int depth);

absl::StatusOr<Value> ReadValue(JsonStyle style, ondemand::value json,
                                int depth) {
  if (depth > kMaxDepth) return ValidationError("the JSON nests too deep");
  return style == JsonStyle::kPlain ? ReadPlain(json, depth)
                                    : ReadTyped(json, depth);
}

absl::StatusOr<Item> ReadObject(JsonStyle style, ondemand::object object,
                                int depth) {
  Item item;
  for (auto field : object) {
    std::string_view name;
    RETURN_IF_WRONG(field.unescaped_key().get(name));
    const std::string owned_name(name);
    ondemand::value json;
    RETURN_IF_WRONG(field.value().get(json));
    ASSIGN_OR_RETURN(Value value, ReadValue(style, json, depth + 1));
    item.Set(owned_name, std::move(value));
  }
  return item;
}

absl::StatusOr<List> ReadList(JsonStyle style, ondemand::array array,
                              int depth) {
  List list;
  for (auto element : array) {
    ondemand::value json;
    RETURN_IF_WRONG(element.get(json));
    ASSIGN_OR_RETURN(Value value, ReadValue(style, json, depth + 1));
    list.push_back(std::move(value));
  }
  return list;
}

absl::StatusOr<Value> ReadPlain(ondemand::value json, int depth) {
  ondemand::json_type type;
  RETURN_IF_WRONG(json.type().get(type));
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      RETURN_IF_WRONG(json.get_object().get(object));
      return ReadObject(JsonStyle::kPlain, object, depth);
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      RETURN_IF_WRONG(json.get_array().get(array));
      return ReadList(JsonStyle::kPlain, array, depth);
    }
    case ondemand::json_type::number:
      // The digits themselves: a double would lose some.
      return Number::Parse(
          absl::StripAsciiWhitespace(ToAbsl(json.raw_json_token())));
    case ondemand::json_type::string:
      return ReadString(json);
    case ondemand::json_type::boolean: {
      bool value;
      RETURN_IF_WRONG(json.get_bool().get(value));
      return value;
    }
    case ondemand::json_type::null: {
      bool is_null;
      RETURN_IF_WRONG(json.is_null().get(is_null));
      return nullptr;
    }
  }
  return ValidationError("this is not JSON");
}

template <typename Member, typename ReadOne>
absl::StatusOr<std::vector<Member>> ReadMembers(ondemand::value json,
                                                ReadOne read) {
  ondemand::array array;
  RETURN_IF_WRONG(json.get_array().get(array));
  std::vector<Member> members;
  for (auto element : array) {
    ondemand::value member_json;
    RETURN_IF_WRONG(element.get(member_json));
    ASSIGN_OR_RETURN(Member member, read(member_json));
    members.push_back(std::move(member));
  }
  return members;
}

absl::StatusOr<Number> ReadNumberText(ondemand::value json) {
  ASSIGN_OR_RETURN(const std::string text, ReadString(json));
  return Number::Parse(text);
}

// What stands behind the type name of typed JSON.
absl::StatusOr<Value> ReadAs(const std::string& type, ondemand::value json,
                             int depth) {
  if (type == "S") return ReadString(json);
  if (type == "N") return ReadNumberText(json);
  if (type == "B") {
    ASSIGN_OR_RETURN(std::string bytes, ReadBase64(json));
    return Binary{std::move(bytes)};
  }
  if (type == "SS") {
    ASSIGN_OR_RETURN(auto members, ReadMembers<std::string>(json, ReadString));
    return StringSet{std::move(members)};
  }
  if (type == "NS") {
    ASSIGN_OR_RETURN(auto members, ReadMembers<Number>(json, ReadNumberText));
    return NumberSet{std::move(members)};
  }
  if (type == "BS") {
    ASSIGN_OR_RETURN(auto members, ReadMembers<std::string>(json, ReadBase64));
    return BinarySet{std::move(members)};
  }
  if (type == "M") {
    ondemand::object object;
    RETURN_IF_WRONG(json.get_object().get(object));
    return ReadObject(JsonStyle::kTyped, object, depth);
  }
  if (type == "L") {
    ondemand::array array;
    RETURN_IF_WRONG(json.get_array().get(array));
    return ReadList(JsonStyle::kTyped, array, depth);
  }
  if (type == "BOOL" || type == "NULL") {
    bool value;
    RETURN_IF_WRONG(json.get_bool().get(value));
    if (type == "BOOL") return value;
    if (value) return nullptr;
    return ValidationError("\"NULL\" takes true only");
  }
  return ValidationError(
      absl::StrCat("\"", type, "\" is no type: typed JSON has S, N, B, SS, ",
                   "NS, BS, M, L, BOOL and NULL"));
}

absl::StatusOr<Value> ReadTyped(ondemand::value json, int depth) {
  ondemand::object object;
  if (json.get_object().get(object) != simdjson::SUCCESS) {
    return ValidationError(
        "a value of typed JSON is an object such as {\"S\": \"text\"}");
  }
  std::optional<Value> value;
  for (auto field : object) {
    std::string_view name;
    RETURN_IF_WRONG(field.unescaped_key().get(name));
    const std::string type(name);
    ondemand::value inner;
    RETURN_IF_WRONG(field.value().get(inner));
    if (value.has_value()) {
      return ValidationError("a value of typed JSON has one type");
    }
    ASSIGN_OR_RETURN(value, ReadAs(type, inner, depth));
  }
  if (!value.has_value()) {
    return ValidationError("a value of typed JSON has a type");
  }
  return *std::move(value);
}

}  // namespace

class JsonReader::Parser {
 public:
  explicit Parser(JsonStyle style) : style_(style) {}

  absl::StatusOr<Item> ReadItem(absl::string_view text) {
    ondemand::document document;
    RETURN_IF_WRONG(Open(text, &document));
    ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) {
      return ValidationError(
          "an item is a JSON object such as {\"name\": \"Berlin\"}");
    }
    ASSIGN_OR_RETURN(Item item, ReadObject(style_, object, 0));
    const char* rest;
    if (document.current_location().get(rest) == simdjson::SUCCESS) {
      return ValidationError("something stands behind the JSON object");
    }
    return item;
  }

  absl::Status ReadArray(absl::string_view text, Use use) {
    ondemand::document document;
    RETURN_IF_WRONG(Open(text, &document));
    ondemand::array array;
    RETURN_IF_WRONG(document.get_array().get(array));
    size_t total;
    RETURN_IF_WRONG(array.count_elements().get(total));
    for (auto element : array) {
      ondemand::object object;
      RETURN_IF_WRONG(element.get_object().get(object));
      ASSIGN_OR_RETURN(Item item, ReadObject(style_, object, 0));
      RETURN_IF_ERROR(use(std::move(item), total));
    }
    return absl::OkStatus();
  }

 private:
  simdjson::error_code Open(absl::string_view text,
                            ondemand::document* document) {
    // simdjson reads a little past the end.
    padded_.assign(text.data(), text.size());
    padded_.append(simdjson::SIMDJSON_PADDING, ' ');
    return parser_.iterate(padded_.data(), text.size(), padded_.size())
        .get(*document);
  }

  const JsonStyle style_;
  ondemand::parser parser_;
  std::string padded_;
};

JsonReader::JsonReader(JsonStyle style)
    : parser_(std::make_unique<Parser>(style)) {}

JsonReader::~JsonReader() = default;

absl::StatusOr<Item> JsonReader::ReadItem(absl::string_view text) {
  return parser_->ReadItem(text);
}

absl::Status JsonReader::ReadArray(absl::string_view text, Use use) {
  return parser_->ReadArray(text, use);
}

}  // namespace pallet::tool
