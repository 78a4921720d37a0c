// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/literals.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "model/item_view.h"
#include "model/number.h"
#include "service/wire.h"

namespace pallet::service::partiql {
namespace {

using model::ValueKind;
using model::partiql::Literal;

constexpr uint32_t kMembers = 1;  // of a set, a list or a map

uint32_t FieldOf(ValueKind kind) { return static_cast<uint32_t>(kind); }

std::string ValueOf(ValueKind kind, absl::string_view payload) {
  std::string value;
  AppendField(FieldOf(kind), payload, &value);
  return value;
}

std::string BoolOf(ValueKind kind, bool value) {
  std::string encoded;
  AppendVarint(&encoded, FieldOf(kind) << 3);
  AppendVarint(&encoded, value ? 1 : 0);
  return encoded;
}

// The kind that an encoded value has, and what it holds.
struct Scalar {
  ValueKind kind;
  std::string payload;
};
std::optional<Scalar> ScalarOf(absl::string_view value) {
  uint64_t tag = 0;
  absl::string_view payload;
  if (!ConsumeVarint(&value, &tag) || (tag & 7) != 2 ||
      !ConsumeBytes(&value, &payload) || !value.empty() ||
      (tag >> 3) < FieldOf(ValueKind::kString) ||
      (tag >> 3) > FieldOf(ValueKind::kBinary)) {
    return std::nullopt;
  }
  return Scalar{static_cast<ValueKind>(tag >> 3), std::string(payload)};
}

ValueKind SetOf(ValueKind scalar) {
  return static_cast<ValueKind>(FieldOf(scalar) + 3);
}

// Encodes what no canonical form is asked of yet. As deep as the parser lets
// literals be.
class Encoder {
 public:
  explicit Encoder(const Parameters& parameters) : parameters_(parameters) {}

  // `path` is where the literal stands, for messages: "root.a[1]".
  absl::StatusOr<std::string> Encode(const Literal& literal,
                                     const std::string& path) {
    switch (literal.kind) {
      case Literal::Kind::kNull:
        return BoolOf(ValueKind::kNull, true);
      case Literal::Kind::kBool:
        return BoolOf(ValueKind::kBool, literal.boolean);
      case Literal::Kind::kNumber:
        return EncodeNumber(literal, path);
      case Literal::Kind::kString:
        return ValueOf(ValueKind::kString, literal.text);
      case Literal::Kind::kParameter:
        return parameters_.Get(static_cast<int>(literal.parameter));
      case Literal::Kind::kList:
        return EncodeList(literal, path);
      case Literal::Kind::kMap: {
        ASSIGN_OR_RETURN(const std::string entries,
                         EncodeEntries(literal, path, false));
        return ValueOf(ValueKind::kMap, entries);
      }
      case Literal::Kind::kSet:
        return EncodeSet(literal, path);
    }
    return model::ValidationError("Unsupported data type");
  }

  // Each attribute of an item is a root of its own.
  absl::StatusOr<std::string> EncodeEntries(const Literal& map,
                                            const std::string& path,
                                            bool are_roots) {
    std::string entries;
    for (size_t i = 0; i < map.members.size(); ++i) {
      ASSIGN_OR_RETURN(
          const std::string value,
          Encode(map.members[i],
                 are_roots ? path : absl::StrCat(path, ".", map.names[i])));
      AppendMapEntry(kMembers, map.names[i], value, &entries);
    }
    return entries;
  }

 private:
  static absl::StatusOr<std::string> EncodeNumber(const Literal& literal,
                                                  const std::string& path) {
    const absl::StatusOr<model::Number> number =
        model::Number::Parse(literal.text);
    if (number.ok()) return ValueOf(ValueKind::kNumber, number->ToString());
    return model::ValidationError(
        absl::StrCat(number.status().message(), " under ", path));
  }

  absl::StatusOr<std::string> EncodeList(const Literal& list,
                                         const std::string& path) {
    std::string elements;
    for (size_t i = 0; i < list.members.size(); ++i) {
      ASSIGN_OR_RETURN(
          const std::string element,
          Encode(list.members[i], absl::StrCat(path, "[", i, "]")));
      AppendField(kMembers, element, &elements);
    }
    return ValueOf(ValueKind::kList, elements);
  }

  absl::StatusOr<std::string> EncodeSet(const Literal& set,
                                        const std::string& path) {
    if (set.members.empty()) {
      return model::ValidationError("Empty bags are not supported");
    }
    std::optional<ValueKind> kind;
    std::string members;
    for (const Literal& each : set.members) {
      ASSIGN_OR_RETURN(const std::string value, Encode(each, path));
      const std::optional<Scalar> scalar = ScalarOf(value);
      if (!scalar.has_value() || scalar->kind != kind.value_or(scalar->kind)) {
        return model::ValidationError(absl::StrCat(
            "Members of a set must all be strings, numbers or binary values "
            "under ",
            path));
      }
      kind = scalar->kind;
      AppendField(kMembers, scalar->payload, &members);
    }
    return ValueOf(SetOf(*kind), members);
  }

  const Parameters& parameters_;
};

}  // namespace

absl::Status CheckParameters(const model::partiql::Statement& statement,
                             const Parameters& parameters) {
  if (static_cast<int64_t>(statement.parameters) == parameters.size()) {
    return absl::OkStatus();
  }
  return model::ValidationError(
      "Number of parameters in request and statement don't match.");
}

absl::StatusOr<std::string> CanonicalValueOf(const Literal& literal,
                                             const Parameters& parameters) {
  ASSIGN_OR_RETURN(const std::string value,
                   Encoder(parameters).Encode(literal, "root"));
  return model::CanonicalizeValue(value);
}

absl::StatusOr<std::string> ItemOf(const Literal& literal,
                                   const Parameters& parameters) {
  if (literal.kind == Literal::Kind::kMap) {
    return Encoder(parameters).EncodeEntries(literal, "root", true);
  }
  ASSIGN_OR_RETURN(const std::string value,
                   CanonicalValueOf(literal, parameters));
  const model::ValueView view(value);
  if (view.kind() != ValueKind::kMap) {
    return model::ValidationError(
        "The value of an INSERT must be an item: {'name': value, ...}");
  }
  return std::string(view.map().encoded());
}

}  // namespace pallet::service::partiql
