// SPDX-License-Identifier: Apache-2.0
#include "service/streams/record_message.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/item_view.h"
#include "pallet/v1/change_service.pb.h"
#include "service/crypto.h"
#include "service/handlers/table_description.h"
#include "service/streams/stream_names.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

std::string EventIdOf(const RecordPlace& place) {
  std::string bytes;
  AppendU64(&bytes, place.lineage.value());
  AppendU64(&bytes, place.seq.value());
  return Hex(bytes);
}

v1::OperationType KindOf(const StreamRecordView& record) {
  if (!record.was_there) return v1::OPERATION_TYPE_INSERT;
  return record.is_there ? v1::OPERATION_TYPE_MODIFY
                         : v1::OPERATION_TYPE_REMOVE;
}

void AddItem(int field, absl::string_view item, int64_t* size,
             std::string* out) {
  *size += static_cast<int64_t>(model::SizeOf(model::ItemView(item)));
  AppendField(static_cast<uint32_t>(field), item, out);
}

}  // namespace

absl::StatusOr<std::string> EncodeRecordMessage(
    const model::KeySchema& key, storage::v1::StreamView view,
    const RecordPlace& place, const StreamRecordView& record) {
  ASSIGN_OR_RETURN(const std::string key_item, KeyItemOf(key, record));
  std::string change;
  int64_t size = 0;
  AddItem(v1::StreamRecord::kKeysFieldNumber, key_item, &size, &change);
  if (record.new_image.has_value()) {
    AddItem(v1::StreamRecord::kNewImageFieldNumber, *record.new_image, &size,
            &change);
  }
  if (record.old_image.has_value()) {
    AddItem(v1::StreamRecord::kOldImageFieldNumber, *record.old_image, &size,
            &change);
  }
  v1::StreamRecord rest;
  *rest.mutable_approximate_creation_date_time() = ToProto(record.time);
  rest.set_sequence_number(SequenceNumberOf(place.seq));
  rest.set_size_bytes(size);
  rest.set_stream_view_type(static_cast<v1::StreamViewType>(view));
  AppendMessage(rest, &change);

  v1::Record event;
  event.set_event_id(EventIdOf(place));
  event.set_event_name(KindOf(record));
  event.set_event_version("1.1");
  event.set_event_source("aws:dynamodb");
  event.set_aws_region(kRegion);
  if (record.by_service) {
    event.mutable_user_identity()->set_type("Service");
    event.mutable_user_identity()->set_principal_id("dynamodb.amazonaws.com");
  }
  if (!record.transaction.empty()) {
    event.set_transaction_id(Hex(record.transaction));
  }
  std::string message = event.SerializeAsString();
  AppendField(v1::Record::kDynamodbFieldNumber, change, &message);
  return message;
}

}  // namespace pallet::service
