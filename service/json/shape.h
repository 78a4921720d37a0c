// SPDX-License-Identifier: Apache-2.0
//
// Shapes: how a message of the contract looks in DynamoDB's JSON. They are made
// from the descriptors of pallet.v1 by rule, with one small table of exceptions
// (shape.cc), so a field or operation added to the contract is in JSON by
// itself. A test keeps the whole list of names (shapes.txt).
//
//   field table_name             member "TableName"
//   enum  RETURN_VALUE_ALL_OLD   text "ALL_OLD"
//   Item, AttributeValue         {"name": {"S": "text"}}, {"S": "text"}
//   map<string, X>               object, X by key
//   message XList { repeated }   the array itself
//   Timestamp                    seconds as a number, with decimals
//
// A field that DynamoDB does not have is in no shape: it is ignored in requests
// and left out of responses.
//
// Made once at start, constant afterwards: thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace pallet::service::json {

enum class Kind {
  kString,
  kBool,
  kInt32,
  kInt64,
  kDouble,
  kEnum,
  kTimestamp,
  kItem,   // bytes in canonical grammar
  kValue,  // the same, one AttributeValue
  kMessage,
};
enum class Arity { kSingle, kList, kMap };

// When a member is in a response though its field is not in the message.
enum class Absent {
  kLeft,        // never
  kShown,       // as 0, false, [] or {}
  kIfNotCount,  // as [], unless the request says Select COUNT
};

struct Shape;

struct EnumNames {
  std::string name;                 // of the proto enum
  std::vector<std::string> values;  // by number; "" for a gap and for 0
  // 0 if there is none.
  int Find(absl::string_view text) const;
};

struct Field {
  std::string name;  // "TableName"
  uint32_t number = 0;
  Kind kind = Kind::kString;
  Arity arity = Arity::kSingle;
  const Shape* shape = nullptr;       // kMessage
  const EnumNames* values = nullptr;  // kEnum
  Absent absent = Absent::kLeft;
};

struct Shape {
  std::string name;  // of the message, without package
  std::vector<Field> fields;
  // Its only field is a list, and stands for the message: an array.
  bool is_list = false;

  // Nullptr if there is none.
  const Field* Find(absl::string_view member) const {
    const auto found = by_name.find(member);
    return found == by_name.end() ? nullptr : &fields[found->second];
  }
  // Index into `fields`, or -1.
  int IndexOf(uint32_t number) const {
    return number < by_number.size() ? by_number[number] : -1;
  }

  absl::flat_hash_map<std::string, size_t> by_name;
  std::vector<int> by_number;
};

// The shapes of an operation.
struct OperationShape {
  std::string name;        // "GetItem"
  bool is_stream = false;  // of DynamoDBStreams, not of DynamoDB
  const Shape* request = nullptr;
  const Shape* response = nullptr;
  // Numbers of members that are ours and travel in headers
  // (freshness_headers.h); 0: it has none.
  uint32_t freshness = 0;  // of the request
  uint32_t positions = 0;  // of the response: one or several
};

class Shapes {
 public:
  Shapes();
  Shapes(const Shapes&) = delete;
  Shapes& operator=(const Shapes&) = delete;

  // DynamoDB's operations in the contract, built or not, by name.
  const std::map<std::string, OperationShape, std::less<>>& operations() const {
    return operations_;
  }
  // Of an error detail: "ConditionalCheckFailure". Nullptr if it has none.
  const Shape* Detail(absl::string_view message) const;

  // All of them as text, one member a line, for the test.
  std::string ToText() const;

 private:
  const Shape* Of(const google::protobuf::Descriptor* message);
  void AddField(const google::protobuf::FieldDescriptor* field, Shape* shape);
  const EnumNames* Of(const google::protobuf::EnumDescriptor* descriptor);

  std::map<std::string, OperationShape, std::less<>> operations_;
  std::map<std::string, std::unique_ptr<Shape>, std::less<>> shapes_;
  std::map<std::string, std::unique_ptr<EnumNames>, std::less<>> enums_;
};

// "table_name" -> "TableName".
std::string MemberName(absl::string_view field_name);

}  // namespace pallet::service::json
