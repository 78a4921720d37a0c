// SPDX-License-Identifier: Apache-2.0
//
// The first byte picks an operation and a direction. Any text: what the reader
// takes is an encoded request message, and an item in it that is canonicalized
// comes back through JSON as the same bytes. Any bytes: the writer makes an
// object of them or refuses.
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/item_service.pb.h"
#include "service/json/request_reader.h"
#include "service/json/response_writer.h"
#include "service/json/shape.h"

namespace {

using namespace pallet::service::json;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

const Shapes& AllShapes() {
  static const auto* const shapes = new Shapes;
  return *shapes;
}

// The twin of a request, or the request itself if it has none.
std::unique_ptr<Message> NewRequest(const std::string& name) {
  pallet::wire::v1::PipelineOperation::descriptor();  // linked
  const auto* pool = DescriptorPool::generated_pool();
  const auto* type = pool->FindMessageTypeByName("pallet.wire.v1." + name);
  if (type == nullptr) type = pool->FindMessageTypeByName("pallet.v1." + name);
  CHECK(type != nullptr) << name;
  return std::unique_ptr<Message>(
      MessageFactory::generated_factory()->GetPrototype(type)->New());
}

void CheckItem(RequestReader& reader, const std::string& wire) {
  const auto item = pallet::model::CanonicalizeItem(wire);
  if (!item.ok()) {
    CHECK(pallet::model::ReasonOf(item.status()) ==
          pallet::model::Reason::kValidation);
    return;
  }
  const auto& operations = AllShapes().operations();
  pallet::wire::v1::GetItemResponse response;
  response.set_item(item->bytes);
  auto text = WriteMessage(*operations.at("GetItem").response,
                           response.SerializeAsString());
  CHECK(text.ok()) << text.status();
  EncodedRequest again;
  CHECK_OK(reader.Read(*operations.at("PutItem").request, &*text, &again));
  pallet::wire::v1::PutItemRequest put;
  CHECK(put.ParseFromString(again.bytes));
  CHECK(pallet::model::CanonicalizeItem(put.item())->bytes == item->bytes);
}

void Read(const OperationShape& operation, std::string text) {
  static auto* const reader = new RequestReader;
  EncodedRequest request;
  const std::string before = text;
  if (!reader->Read(*operation.request, &text, &request).ok()) return;
  const std::unique_ptr<Message> message = NewRequest(operation.request->name);
  CHECK(message->ParseFromString(request.bytes)) << before;
  // 2 levels of JSON for each of a value, and each byte at most 3 in a tag,
  // a length and a key.
  CHECK_LE(request.bytes.size(), 12 * before.size() + 64);
  if (operation.name == "PutItem") {
    pallet::wire::v1::PutItemRequest put;
    CHECK(put.ParseFromString(request.bytes));
    if (put.has_item()) CheckItem(*reader, put.item());
  }
}

void Write(const OperationShape& operation, absl::string_view bytes) {
  const auto text = WriteMessage(*operation.response, bytes);
  if (text.ok()) {
    CHECK(text->front() == '{' && text->back() == '}');
    CHECK_LE(text->size(), 400 * bytes.size() + 4096);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& operations = AllShapes().operations();
  const auto at =
      std::next(operations.begin(), (data[0] >> 1) % operations.size());
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  if (data[0] & 1) {
    Write(at->second, rest);
  } else {
    Read(at->second, std::string(rest));
  }
  return 0;
}
