// SPDX-License-Identifier: Apache-2.0
//
// Any bytes: what the codec takes, protobuf takes too, and the canonical bytes
// are canonical, of the size said, and wholly readable through views. What
// protobuf refuses, the codec refuses.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "pallet/v1/value.pb.h"

namespace {

using namespace pallet::model;

// True if protobuf reads the bytes, at any depth, as a T.
template <typename T>
bool ProtobufReads(absl::string_view bytes) {
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t*>(bytes.data()),
      static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(1000);
  T message;
  return message.ParseFromCodedStream(&stream) &&
         stream.ConsumedEntireMessage();
}

void CheckItem(absl::string_view wire) {
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(wire);
  if (!item.ok()) {
    CHECK(ReasonOf(item.status()) == Reason::kValidation) << item.status();
    CHECK(!CheckCanonical(wire).ok());
    return;
  }
  CHECK(ProtobufReads<pallet::v1::Item>(wire));
  CHECK(ProtobufReads<pallet::v1::Item>(item->bytes));
  CHECK_OK(CheckCanonical(item->bytes));
  CHECK_EQ(SizeOf(ItemView(item->bytes)), item->size);
  for (const AttributeView attribute : ItemView(item->bytes)) {
    const auto found = ItemView(item->bytes).Find(attribute.name);
    CHECK(found.has_value());
    CHECK(found->encoded().data() == attribute.value.encoded().data());
  }
}

void CheckValue(absl::string_view wire) {
  const absl::StatusOr<std::string> value = CanonicalizeValue(wire);
  if (!value.ok()) return;
  CHECK(ProtobufReads<pallet::v1::AttributeValue>(wire));
  CHECK(CanonicalizeValue(*value).value() == *value);
  SizeOf(ValueView(*value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  CheckItem(input);
  CheckValue(input);
  return 0;
}
