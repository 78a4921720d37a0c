// SPDX-License-Identifier: Apache-2.0
#include "service/json/shape.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service::json {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// What is ours and not DynamoDB's, wherever it occurs or in one message.
constexpr absl::string_view kOurs[] = {
    "freshness",
    "position",
    "positions",
    "partition_count",
    "progress",
    "allow_several_index_changes",
    "hide_expired_items",
    "transaction_id",
    "PutItemRequest.client_request_token",
    "UpdateItemRequest.client_request_token",
    "DeleteItemRequest.client_request_token",
};

// Operations that are ours.
constexpr absl::string_view kOurOperations[] = {"UpdateIndexPropagation"};

// Names that do not follow the rule.
struct NameRow {
  absl::string_view field;
  absl::string_view member;
};
constexpr NameRow kNames[] = {
    {"Record.event_id", "eventID"},
    {"Record.event_name", "eventName"},
    {"Record.event_version", "eventVersion"},
    {"Record.event_source", "eventSource"},
    {"Record.aws_region", "awsRegion"},
    {"Record.dynamodb", "dynamodb"},
    {"Record.user_identity", "userIdentity"},
    {"ThrottlingReason.reason", "reason"},
    {"ThrottlingReason.resource", "resource"},
};

// Words of a name that are written in capitals.
constexpr absl::string_view kCapitalWords[] = {"sse", "kms", "gb"};

// Enums whose values are written as words, not in capitals.
constexpr absl::string_view kWordEnums[] = {"BatchStatementErrorCode"};

// Lists and maps that a response has even if they are empty.
struct AbsentRow {
  absl::string_view field;
  Absent absent;
};
constexpr AbsentRow kAbsent[] = {
    {"BatchGetItemResponse.responses", Absent::kShown},
    {"BatchGetItemResponse.unprocessed_keys", Absent::kShown},
    {"BatchWriteItemResponse.unprocessed_items", Absent::kShown},
    {"DescribeEndpointsResponse.endpoints", Absent::kShown},
    {"ExecuteStatementResponse.items", Absent::kShown},
    {"ExecuteTransactionResponse.responses", Absent::kShown},
    {"GetRecordsResponse.records", Absent::kShown},
    {"GlobalSecondaryIndexDescription.backfilling", Absent::kLeft},
    {"ListStreamsResponse.streams", Absent::kShown},
    {"ListTablesResponse.table_names", Absent::kShown},
    {"ListTagsOfResourceResponse.tags", Absent::kShown},
    {"QueryResponse.items", Absent::kIfNotCount},
    {"ScanResponse.items", Absent::kIfNotCount},
    {"StreamDescription.shards", Absent::kShown},
    {"VectorIndexDescription.backfilling", Absent::kLeft},
};

constexpr absl::string_view kDetails[] = {
    "ConditionalCheckFailure", "Throttling", "TransactionCancellation"};

std::string PathOf(const FieldDescriptor* field) {
  return absl::StrCat(field->containing_type()->name(), ".", field->name());
}

bool IsOurs(const FieldDescriptor* field) {
  const std::string path = PathOf(field);
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](absl::string_view row) {
                       return row == field->name() || row == path;
                     });
}

// 0 if there is no such field.
uint32_t NumberOf(const Descriptor* message, const char* field) {
  const FieldDescriptor* found = message->FindFieldByName(field);
  return found == nullptr ? 0 : static_cast<uint32_t>(found->number());
}

std::string NameOf(const FieldDescriptor* field) {
  const std::string path = PathOf(field);
  for (const NameRow& row : kNames) {
    if (row.field == path) {
      return std::string(row.member.data(), row.member.size());
    }
  }
  return MemberName(field->name());
}

Absent AbsentOf(const FieldDescriptor* field) {
  const std::string path = PathOf(field);
  for (const AbsentRow& row : kAbsent) {
    if (row.field == path) return row.absent;
  }
  if (field->is_repeated() || field->has_presence()) return Absent::kLeft;
  const auto type = field->cpp_type();
  const bool is_counted = type != FieldDescriptor::CPPTYPE_STRING &&
                          type != FieldDescriptor::CPPTYPE_ENUM;
  return is_counted ? Absent::kShown : Absent::kLeft;
}

Kind KindOf(const FieldDescriptor* field) {
  switch (field->type()) {
    case FieldDescriptor::TYPE_STRING:
      return Kind::kString;
    case FieldDescriptor::TYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::TYPE_INT32:
      return Kind::kInt32;
    case FieldDescriptor::TYPE_INT64:
      return Kind::kInt64;
    case FieldDescriptor::TYPE_DOUBLE:
      return Kind::kDouble;
    case FieldDescriptor::TYPE_ENUM:
      return Kind::kEnum;
    case FieldDescriptor::TYPE_MESSAGE:
      break;
    default:
      CHECK(false) << field->full_name() << " has no form in JSON";
  }
  const std::string& message = field->message_type()->name();
  if (message == "Item") return Kind::kItem;
  if (message == "AttributeValue") return Kind::kValue;
  if (message == "Timestamp") return Kind::kTimestamp;
  return Kind::kMessage;
}

// "SseType" -> "SSE_TYPE_", the prefix of its values.
std::string ValuePrefix(const std::string& enum_name) {
  std::string prefix;
  for (const char c : enum_name) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(c);
  }
  return prefix + "_";
}

void AddLine(std::string* text, absl::string_view shape, const Field& field) {
  constexpr const char* kKinds[] = {"string", "bool",   "int32", "int64",
                                    "double", "enum",   "time",  "item",
                                    "value",  "message"};
  constexpr const char* kArities[] = {"", "[]", "{}"};
  constexpr const char* kAbsents[] = {"", " shown", " shown unless COUNT"};
  std::string type = kKinds[static_cast<int>(field.kind)];
  if (field.shape != nullptr) type = field.shape->name;
  if (field.values != nullptr) type = field.values->name;
  absl::StrAppend(text, shape, ".", field.name, " ", type,
                  kArities[static_cast<int>(field.arity)],
                  kAbsents[static_cast<int>(field.absent)], "\n");
}

}  // namespace

std::string MemberName(absl::string_view field_name) {
  std::string name;
  const std::vector<std::string> words = absl::StrSplit(field_name, '_');
  for (const std::string& word : words) {
    const bool is_capital =
        std::find(std::begin(kCapitalWords), std::end(kCapitalWords), word) !=
        std::end(kCapitalWords);
    if (is_capital) {
      name += absl::AsciiStrToUpper(word);
    } else if (!word.empty()) {
      name += absl::ascii_toupper(word.front());
      name += word.substr(1);
    }
  }
  return name;
}

int EnumNames::Find(absl::string_view text) const {
  if (text.empty()) return 0;
  const auto found = std::find(values.begin(), values.end(), text);
  return found == values.end() ? 0 : static_cast<int>(found - values.begin());
}

Shapes::Shapes() {
  const FileDescriptor* const files[] = {
      v1::CreateTableRequest::descriptor()->file(),
      v1::PipelineOperation::descriptor()->file(),
      v1::ListStreamsRequest::descriptor()->file(),
  };
  for (const FileDescriptor* file : files) {
    const auto* service = file->service(0);
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (method->client_streaming() || method->server_streaming()) continue;
      if (std::find(std::begin(kOurOperations), std::end(kOurOperations),
                    method->name()) != std::end(kOurOperations)) {
        continue;
      }
      OperationShape& operation = operations_[method->name()];
      operation.name = method->name();
      operation.is_stream = service->name() == "ChangeService";
      operation.request = Of(method->input_type());
      operation.response = Of(method->output_type());
      operation.freshness = NumberOf(method->input_type(), "freshness");
      operation.positions = NumberOf(method->output_type(), "position") |
                            NumberOf(method->output_type(), "positions");
    }
  }
  const FileDescriptor* details =
      v1::ConditionalCheckFailure::descriptor()->file();
  for (const absl::string_view name : kDetails) {
    const Descriptor* message =
        details->FindMessageTypeByName(std::string(name.data(), name.size()));
    CHECK(message != nullptr) << name;
    Of(message);
  }
}

const Shape* Shapes::Detail(absl::string_view message) const {
  if (std::find(std::begin(kDetails), std::end(kDetails), message) ==
      std::end(kDetails)) {
    return nullptr;
  }
  const auto found = shapes_.find(message);
  return found == shapes_.end() ? nullptr : found->second.get();
}

const Shape* Shapes::Of(const Descriptor* message) {
  std::unique_ptr<Shape>& entry = shapes_[message->name()];
  if (entry != nullptr) return entry.get();
  entry = std::make_unique<Shape>();
  Shape* const shape = entry.get();
  shape->name = message->name();
  for (int i = 0; i < message->field_count(); ++i) {
    if (!IsOurs(message->field(i))) AddField(message->field(i), shape);
  }
  shape->is_list = absl::EndsWith(shape->name, "List") &&
                   shape->fields.size() == 1 &&
                   shape->fields[0].arity == Arity::kList;
  return shape;
}

void Shapes::AddField(const FieldDescriptor* field, Shape* shape) {
  Field made;
  made.name = NameOf(field);
  made.number = static_cast<uint32_t>(field->number());
  made.absent = AbsentOf(field);
  made.arity = field->is_map()        ? Arity::kMap
               : field->is_repeated() ? Arity::kList
                                      : Arity::kSingle;
  if (field->is_map()) field = field->message_type()->map_value();
  made.kind = KindOf(field);
  if (made.kind == Kind::kMessage) made.shape = Of(field->message_type());
  if (made.kind == Kind::kEnum) made.values = Of(field->enum_type());
  shape->by_name[made.name] = shape->fields.size();
  if (shape->by_number.size() <= made.number) {
    shape->by_number.resize(made.number + 1, -1);
  }
  shape->by_number[made.number] = static_cast<int>(shape->fields.size());
  shape->fields.push_back(std::move(made));
}

const EnumNames* Shapes::Of(const EnumDescriptor* descriptor) {
  std::unique_ptr<EnumNames>& names = enums_[descriptor->name()];
  if (names != nullptr) return names.get();
  names = std::make_unique<EnumNames>();
  names->name = descriptor->name();
  const bool as_words = std::find(std::begin(kWordEnums), std::end(kWordEnums),
                                  descriptor->name()) != std::end(kWordEnums);
  const std::string prefix = ValuePrefix(descriptor->name());
  for (int i = 0; i < descriptor->value_count(); ++i) {
    const auto* value = descriptor->value(i);
    const size_t number = static_cast<size_t>(value->number());
    if (names->values.size() <= number) names->values.resize(number + 1);
    if (number == 0) continue;
    CHECK(absl::StartsWith(value->name(), prefix)) << value->full_name();
    const std::string text = value->name().substr(prefix.size());
    names->values[number] =
        as_words ? MemberName(absl::AsciiStrToLower(text)) : text;
  }
  return names.get();
}

std::string Shapes::ToText() const {
  std::string text;
  for (const auto& [name, operation] : operations_) {
    absl::StrAppend(&text, name, operation.is_stream ? " of streams\n" : "\n");
  }
  for (const auto& [name, shape] : shapes_) {
    absl::StrAppend(&text, "\n", name, shape->is_list ? " is a list\n" : "\n");
    for (const Field& field : shape->fields) AddLine(&text, name, field);
  }
  for (const auto& [name, names] : enums_) {
    absl::StrAppend(&text, "\n", name, "\n");
    for (const std::string& value : names->values) {
      if (!value.empty()) absl::StrAppend(&text, name, " ", value, "\n");
    }
  }
  return text;
}

}  // namespace pallet::service::json
