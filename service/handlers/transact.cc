// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/transact.h"

#include <optional>

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "model/errors.h"
#include "service/crypto.h"

namespace pallet::service {
namespace {

bool HasKeyAttribute(const model::KeyAttribute& attribute,
                     model::ItemView item) {
  const std::optional<model::ValueView> value = item.Find(attribute.name);
  if (!value.has_value()) return false;
  const std::optional<model::KeyValue> scalar = model::ScalarOf(*value);
  return scalar.has_value() && scalar->type == attribute.type;
}

}  // namespace

absl::Status CheckTransactCount(int actions) {
  if (actions > 0 && actions <= kMaxTransactActions) return absl::OkStatus();
  model::Constraints constraints;
  constraints.Violated(
      actions == 0 ? "[]" : "[...]", "transactItems",
      actions == 0 ? std::string("have length greater than or equal to 1")
                   : absl::StrCat("have length less than or equal to ",
                                  kMaxTransactActions));
  return constraints.ToStatus();
}

absl::Status CheckTransactBytes(size_t bytes) {
  if (bytes <= kMaxTransactBytes) return absl::OkStatus();
  return model::ValidationError(
      "The aggregate size of the items in the transaction cannot exceed 4 MB");
}

absl::Status SameItemTwice() {
  return model::ValidationError(
      "Transaction request cannot include multiple operations on one item");
}

bool FitsKeySchema(const model::KeySchema& schema, model::ItemView item,
                   bool is_key_item) {
  if (is_key_item) {
    size_t attributes = 0;
    for (auto it = item.begin(); it != item.end(); ++it) ++attributes;
    if (attributes != (schema.sort.has_value() ? 2 : 1)) return false;
  }
  return HasKeyAttribute(schema.partition, item) &&
         (!schema.sort.has_value() || HasKeyAttribute(*schema.sort, item));
}

void FillTransactCapacity(
    wire::v1::ReturnConsumedCapacity mode, TransactKind kind,
    const std::map<std::string, UnitsByArm>& units,
    google::protobuf::RepeatedPtrField<wire::v1::ConsumedCapacity>* reports) {
  if (!WantsCapacity(mode)) return;
  const auto set = [kind](double value, auto* report) {
    if (kind == TransactKind::kRead) {
      report->set_read_capacity_units(value);
    } else {
      report->set_write_capacity_units(value);
    }
  };
  for (const auto& [table, each] : units) {
    wire::v1::ConsumedCapacity* const report = reports->Add();
    FillConsumedCapacity(mode, table, each, report);
    set(each.Total(), report);
    if (report->has_table()) set(each.table, report->mutable_table());
    for (auto* arms : {report->mutable_local_secondary_indexes(),
                       report->mutable_global_secondary_indexes()}) {
      for (auto& [name, arm] : *arms) set(arm.capacity_units(), &arm);
    }
  }
}

std::string FingerprintOf(const google::protobuf::MessageLite& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    CHECK(request.SerializeToCodedStream(&coded));
  }
  return Sha256(bytes);
}

}  // namespace pallet::service
