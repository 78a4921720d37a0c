// SPDX-License-Identifier: Apache-2.0
#include "model/key.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/number.h"
#include "model/wire_format.h"

namespace pallet::model {
namespace {

ValueKind KindOf(ScalarType type) {
  switch (type) {
    case ScalarType::kString:
      return ValueKind::kString;
    case ScalarType::kNumber:
      return ValueKind::kNumber;
    case ScalarType::kBinary:
      return ValueKind::kBinary;
  }
  internal::NotCanonical();
}

absl::Status DoesNotMatchSchema() {
  return ValidationError("The provided key element does not match the schema");
}

absl::Status CheckNotEmpty(const KeyAttribute& attribute,
                           const KeyValue& value) {
  if (!value.bytes.empty()) return absl::OkStatus();
  return ValidationError(absl::StrCat(
      "One or more parameter values are not valid. The AttributeValue for a "
      "key attribute cannot contain an empty ",
      value.type == ScalarType::kBinary ? "binary" : "string",
      " value. Key: ", attribute.name));
}

absl::StatusOr<KeyValue> ValueForItem(const KeyAttribute& attribute,
                                      ItemView item) {
  const std::optional<ValueView> value = item.Find(attribute.name);
  if (!value.has_value()) {
    return ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Missing the key ",
        attribute.name, " in the item"));
  }
  if (value->kind() != KindOf(attribute.type)) {
    return ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Type mismatch for key ",
        attribute.name, " expected: ", NameOf(attribute.type),
        " actual: ", NameOf(value->kind())));
  }
  return *ScalarOf(*value);
}

absl::StatusOr<KeyValue> ValueForKey(const KeyAttribute& attribute,
                                     ItemView key) {
  const std::optional<ValueView> value = key.Find(attribute.name);
  if (!value.has_value() || value->kind() != KindOf(attribute.type)) {
    return DoesNotMatchSchema();
  }
  return *ScalarOf(*value);
}

// A canonical item of one attribute.
std::string EncodeAttribute(const KeyAttribute& attribute,
                            const KeyValue& value) {
  CHECK(attribute.type == value.type) << attribute.name;
  WireWriter encoded(value.bytes.size() + 8);
  encoded.Field(BytesTag(static_cast<int>(KindOf(value.type))), value.bytes);
  WireWriter fields(attribute.name.size() + value.bytes.size() + 16);
  fields.Field(internal::kNameTag, attribute.name);
  fields.Field(internal::kValueTag, std::move(encoded).Finish());
  WireWriter item(attribute.name.size() + value.bytes.size() + 24);
  item.Field(internal::kRepeatedTag, std::move(fields).Finish());
  return std::move(item).Finish();
}

}  // namespace

absl::string_view NameOf(ScalarType type) { return NameOf(KindOf(type)); }

std::optional<KeyValue> ScalarOf(ValueView value) {
  switch (value.kind()) {
    case ValueKind::kString:
      return KeyValue{ScalarType::kString, std::string(value.scalar())};
    case ValueKind::kNumber:
      return KeyValue{ScalarType::kNumber, std::string(value.scalar())};
    case ValueKind::kBinary:
      return KeyValue{ScalarType::kBinary, std::string(value.scalar())};
    default:
      return std::nullopt;
  }
}

absl::Status CheckPartitionValue(const KeyAttribute& attribute,
                                 const KeyValue& value) {
  RETURN_IF_ERROR(CheckNotEmpty(attribute, value));
  if (value.bytes.size() <= kMaxPartitionKeyBytes) return absl::OkStatus();
  // DynamoDB's text has no blank before the number either.
  return ValidationError(absl::StrCat(
      "One or more parameter values were invalid: Size of hashkey has exceeded "
      "the maximum size limit of",
      kMaxPartitionKeyBytes, " bytes"));
}

absl::Status CheckSortValue(const KeyAttribute& attribute,
                            const KeyValue& value) {
  RETURN_IF_ERROR(CheckNotEmpty(attribute, value));
  if (value.bytes.size() <= kMaxSortKeyBytes) return absl::OkStatus();
  return ValidationError(absl::StrCat(
      "One or more parameter values were invalid: Aggregated size of all range "
      "keys has exceeded the size limit of ",
      kMaxSortKeyBytes, " bytes"));
}

absl::StatusOr<Key> KeyOfItem(const KeySchema& schema, ItemView item) {
  Key key;
  ASSIGN_OR_RETURN(key.partition, ValueForItem(schema.partition, item));
  RETURN_IF_ERROR(CheckPartitionValue(schema.partition, key.partition));
  if (schema.sort.has_value()) {
    ASSIGN_OR_RETURN(key.sort, ValueForItem(*schema.sort, item));
    RETURN_IF_ERROR(CheckSortValue(*schema.sort, *key.sort));
  }
  return key;
}

absl::StatusOr<Key> KeyOfKeyItem(const KeySchema& schema, ItemView key_item) {
  size_t attributes = 0;
  for (auto it = key_item.begin(); it != key_item.end(); ++it) ++attributes;
  if (attributes != (schema.sort.has_value() ? 2 : 1)) {
    return DoesNotMatchSchema();
  }
  Key key;
  ASSIGN_OR_RETURN(key.partition, ValueForKey(schema.partition, key_item));
  if (schema.sort.has_value()) {
    ASSIGN_OR_RETURN(key.sort, ValueForKey(*schema.sort, key_item));
  }
  RETURN_IF_ERROR(CheckPartitionValue(schema.partition, key.partition));
  if (schema.sort.has_value()) {
    RETURN_IF_ERROR(CheckSortValue(*schema.sort, *key.sort));
  }
  return key;
}

absl::StatusOr<IndexKey> IndexKeyOfItem(const KeyAttributes& key,
                                        ItemView item) {
  IndexKey values;
  for (const KeyAttribute& each : key.partition) {
    ASSIGN_OR_RETURN(values.partition.emplace_back(), ValueForItem(each, item));
    RETURN_IF_ERROR(CheckPartitionValue(each, values.partition.back()));
  }
  for (const KeyAttribute& each : key.sort) {
    ASSIGN_OR_RETURN(values.sort.emplace_back(), ValueForItem(each, item));
    RETURN_IF_ERROR(CheckSortValue(each, values.sort.back()));
  }
  return values;
}

bool KeyAttributes::Contains(absl::string_view attribute) const {
  const auto named = [attribute](const KeyAttribute& each) {
    return each.name == attribute;
  };
  return std::any_of(partition.begin(), partition.end(), named) ||
         std::any_of(sort.begin(), sort.end(), named);
}

std::string EncodeKeyItem(const KeySchema& schema, const Key& key) {
  CHECK_EQ(schema.sort.has_value(), key.sort.has_value());
  std::string partition = EncodeAttribute(schema.partition, key.partition);
  if (!key.sort.has_value()) return partition;
  std::string sort = EncodeAttribute(*schema.sort, *key.sort);
  return schema.partition.name < schema.sort->name ? partition + sort
                                                   : sort + partition;
}

std::string EncodeKeyItem(std::vector<NamedKeyValue> attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const NamedKeyValue& a, const NamedKeyValue& b) {
              return a.attribute->name < b.attribute->name;
            });
  std::string item;
  const std::string* last = nullptr;
  for (const NamedKeyValue& each : attributes) {
    if (last != nullptr && *last == each.attribute->name) continue;
    last = &each.attribute->name;
    item += EncodeAttribute(*each.attribute, *each.value);
  }
  return item;
}

int Compare(const KeyValue& a, const KeyValue& b) {
  CHECK(a.type == b.type);
  if (a.type == ScalarType::kNumber) {
    return Number::Compare(Number::FromNormal(a.bytes),
                           Number::FromNormal(b.bytes));
  }
  const int order = internal::CompareBytes(a.bytes, b.bytes);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace pallet::model
