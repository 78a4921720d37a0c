// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/table_description.h"

#include <cstdint>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/handlers/table_settings.h"
#include "service/router.h"

namespace pallet::service {
namespace {

using storage::v1::TableRecord;

// The catalog's enums and the contract's have the same numbers.
static_assert(int{storage::v1::SCALAR_TYPE_BINARY} ==
              int{v1::SCALAR_ATTRIBUTE_TYPE_B});
static_assert(int{storage::v1::SCALAR_TYPE_NUMBER} ==
              int{v1::SCALAR_ATTRIBUTE_TYPE_N});
static_assert(int{storage::v1::KEY_ROLE_SORT} == int{v1::KEY_TYPE_RANGE});
static_assert(int{storage::v1::INDEX_PROJECTION_KEYS_ONLY} ==
              int{v1::PROJECTION_TYPE_KEYS_ONLY});
static_assert(int{storage::v1::INDEX_PROJECTION_INCLUDE} ==
              int{v1::PROJECTION_TYPE_INCLUDE});
static_assert(int{storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST} ==
              int{v1::BILLING_MODE_PAY_PER_REQUEST});
static_assert(
    int{storage::v1::TABLE_STORAGE_CLASS_STANDARD_INFREQUENT_ACCESS} ==
    int{v1::TABLE_CLASS_STANDARD_INFREQUENT_ACCESS});

void DescribeKeys(const TableRecord& record, v1::TableDescription* table) {
  for (const auto& definition : record.attribute_definitions()) {
    v1::AttributeDefinition* out = table->add_attribute_definitions();
    out->set_attribute_name(definition.name());
    out->set_attribute_type(
        static_cast<v1::ScalarAttributeType>(definition.type()));
  }
  for (const auto& element : record.key_schema()) {
    v1::KeySchemaElement* out = table->add_key_schema();
    out->set_attribute_name(element.name());
    out->set_key_type(static_cast<v1::KeyType>(element.role()));
  }
}

template <typename Index>
void AddElement(absl::string_view name, v1::KeyType type, Index* index) {
  v1::KeySchemaElement* element = index->add_key_schema();
  element->set_attribute_name(std::string(name));
  element->set_key_type(type);
}

// What the descriptions of both kinds of index have in common.
template <typename Record, typename Index>
void DescribeIndex(const cluster::Table& table, const Record& record,
                   const storage::RowCounts& counts, Index* index) {
  index->set_index_name(record.name());
  index->mutable_projection()->set_projection_type(
      static_cast<v1::ProjectionType>(record.projection()));
  *index->mutable_projection()->mutable_non_key_attributes() =
      record.non_key_attributes();
  index->set_item_count(static_cast<int64_t>(counts.rows));
  index->set_index_size_bytes(static_cast<int64_t>(counts.bytes));
  index->set_index_arn(
      absl::StrCat(TableArn(table.name), "/index/", record.name()));
}

void DescribeLocalIndexes(const cluster::Table& table,
                          const cluster::TableCounts& counts,
                          v1::TableDescription* description) {
  for (size_t i = 0; i < table.local_indexes.size(); ++i) {
    const model::LocalIndex& index = table.local_indexes[i];
    auto* out = description->add_local_secondary_indexes();
    AddElement(index.key().partition.name, v1::KEY_TYPE_HASH, out);
    AddElement(index.key().sort->name, v1::KEY_TYPE_RANGE, out);
    DescribeIndex(table, table.record->local_indexes(static_cast<int>(i)),
                  counts.local_indexes[i], out);
  }
}

void DescribeProvisioned(
    const storage::v1::ProvisionedThroughputRecord& throughput,
    v1::ProvisionedThroughputDescription* out) {
  out->set_read_capacity_units(throughput.read_capacity_units());
  out->set_write_capacity_units(throughput.write_capacity_units());
  out->set_number_of_decreases_today(throughput.decreases_today());
  if (throughput.has_last_increase()) {
    *out->mutable_last_increase_date_time() = throughput.last_increase();
  }
  if (throughput.has_last_decrease()) {
    *out->mutable_last_decrease_date_time() = throughput.last_decrease();
  }
}

void DescribeCeilings(const storage::v1::OnDemandThroughputRecord& ceilings,
                      v1::OnDemandThroughput* out) {
  if (ceilings.has_max_read_request_units()) {
    out->set_max_read_request_units(ceilings.max_read_request_units());
  }
  if (ceilings.has_max_write_request_units()) {
    out->set_max_write_request_units(ceilings.max_write_request_units());
  }
}

void DescribeWarm(const storage::v1::WarmThroughputRecord& warm,
                  v1::WarmThroughputDescription* out) {
  out->set_read_units_per_second(warm.read_units_per_second());
  out->set_write_units_per_second(warm.write_units_per_second());
  out->set_status(v1::TABLE_STATUS_ACTIVE);
}

void DescribeGlobalIndexes(const cluster::Table& table,
                           const cluster::TableCounts& counts,
                           v1::TableDescription* description) {
  for (size_t i = 0; i < table.global_indexes.size(); ++i) {
    const auto& record = table.record->global_indexes(static_cast<int>(i));
    const bool active =
        table.global_indexes[i].state == cluster::IndexState::kActive;
    auto* out = description->add_global_secondary_indexes();
    for (const auto& each : record.key_schema()) {
      AddElement(each.name(), static_cast<v1::KeyType>(each.role()), out);
    }
    DescribeIndex(table, record, counts.global_indexes[i], out);
    out->set_index_status(active ? v1::INDEX_STATUS_ACTIVE
                                 : v1::INDEX_STATUS_CREATING);
    out->set_backfilling(!active);
    DescribeProvisioned(record.provisioned_throughput(),
                        out->mutable_provisioned_throughput());
    if (record.has_on_demand_throughput()) {
      DescribeCeilings(record.on_demand_throughput(),
                       out->mutable_on_demand_throughput());
    }
    DescribeWarm(WarmThroughputOf(*table.record, record),
                 out->mutable_warm_throughput());
  }
}

void DescribeThroughput(const TableRecord& record,
                        v1::TableDescription* table) {
  DescribeProvisioned(record.provisioned_throughput(),
                      table->mutable_provisioned_throughput());
  if (record.has_pay_per_request_since()) {
    v1::BillingModeSummary* summary = table->mutable_billing_mode_summary();
    summary->set_billing_mode(
        static_cast<v1::BillingMode>(record.billing_mode()));
    *summary->mutable_last_update_to_pay_per_request_date_time() =
        record.pay_per_request_since();
  }
}

void DescribeClass(const TableRecord& record, v1::TableDescription* table) {
  if (record.table_class() == storage::v1::TABLE_STORAGE_CLASS_UNSPECIFIED) {
    return;
  }
  v1::TableClassSummary* summary = table->mutable_table_class_summary();
  summary->set_table_class(static_cast<v1::TableClass>(record.table_class()));
  if (record.has_table_class_updated()) {
    *summary->mutable_last_update_date_time() = record.table_class_updated();
  }
}

void DescribeSettings(const TableRecord& record, v1::TableDescription* table) {
  if (record.has_on_demand_throughput()) {
    DescribeCeilings(record.on_demand_throughput(),
                     table->mutable_on_demand_throughput());
  }
  DescribeWarm(WarmThroughputOf(record), table->mutable_warm_throughput());
  if (record.has_encryption()) {
    v1::SseDescription* sse = table->mutable_sse_description();
    sse->set_status(v1::SSE_STATUS_ENABLED);
    sse->set_sse_type(v1::SSE_TYPE_KMS);
    sse->set_kms_master_key_arn(record.encryption().key_arn());
  }
}

// Of the last one; it is told of when it is closed, too.
void DescribeStreams(const TableRecord& record, v1::TableDescription* table) {
  if (record.streams().empty()) return;
  const auto& last = record.streams(record.streams_size() - 1);
  table->set_latest_stream_label(last.label());
  table->set_latest_stream_arn(
      absl::StrCat(TableArn(record.name()), "/stream/", last.label()));
  if (last.has_closed()) return;
  v1::StreamSpecification* stream = table->mutable_stream_specification();
  stream->set_stream_enabled(true);
  stream->set_stream_view_type(static_cast<v1::StreamViewType>(last.view()));
}

void DescribeSkipped(const gsi::IndexProgress& progress,
                     v1::IndexProgress* out) {
  out->set_items_skipped(static_cast<int64_t>(progress.items_skipped));
  for (const gsi::SkippedItem& item : progress.skipped) {
    v1::SkippedItem* skipped = out->add_skipped();
    skipped->mutable_key()->ParseFromString(item.key);
    skipped->set_reason(item.reason);
  }
}

// Items come and go while it is filled.
void DescribeBackfill(const gsi::IndexProgress& progress, int64_t items,
                      v1::IndexProgress* out) {
  const auto read = static_cast<int64_t>(progress.items_read);
  out->set_items_read(read);
  out->set_items_total(items);
  out->set_backfill_fraction(std::min(
      1.0,
      static_cast<double>(read) / std::max(1.0, static_cast<double>(items))));
  out->set_items_per_second(progress.items_per_second);
  if (progress.items_per_second > 0) {
    *out->mutable_time_left() = ToProto(
        absl::Seconds(static_cast<double>(std::max<int64_t>(0, items - read)) /
                      progress.items_per_second));
  }
}

}  // namespace

std::string TableArn(absl::string_view name) {
  return absl::StrCat("arn:aws:dynamodb:", kRegion, ":", kAccount, ":table/",
                      name);
}

v1::TableDescription Describe(const cluster::Table& table,
                              const cluster::TableCounts& counts) {
  const TableRecord& record = *table.record;
  v1::TableDescription description;
  description.set_table_name(table.name);
  description.set_table_arn(TableArn(table.name));
  description.set_table_id(record.uuid());
  description.set_table_status(v1::TABLE_STATUS_ACTIVE);
  *description.mutable_creation_date_time() = record.created();
  description.set_item_count(static_cast<int64_t>(counts.items));
  description.set_table_size_bytes(static_cast<int64_t>(counts.bytes));
  description.set_deletion_protection_enabled(record.deletion_protection());
  description.set_partition_count(static_cast<int>(table.partitions.size()));
  DescribeKeys(record, &description);
  DescribeLocalIndexes(table, counts, &description);
  DescribeGlobalIndexes(table, counts, &description);
  DescribeThroughput(record, &description);
  DescribeClass(record, &description);
  DescribeSettings(record, &description);
  DescribeStreams(record, &description);
  return description;
}

absl::Status AddProgress(const cluster::Table& table, IndexKeeper* indexes,
                         v1::TableDescription* description) {
  if (indexes == nullptr) return absl::OkStatus();
  for (size_t i = 0; i < table.global_indexes.size(); ++i) {
    const absl::StatusOr<gsi::IndexProgress> found =
        indexes->ProgressOf(table, table.global_indexes[i]);
    // It has gone since, or has just come.
    if (absl::IsNotFound(found.status())) continue;
    ASSIGN_OR_RETURN(const gsi::IndexProgress progress, found);
    v1::IndexProgress* out =
        description->mutable_global_secondary_indexes(static_cast<int>(i))
            ->mutable_progress();
    out->set_changes_behind(static_cast<int64_t>(progress.changes_behind));
    *out->mutable_time_behind() = ToProto(progress.time_behind);
    DescribeSkipped(progress, out);
    out->set_paused(progress.propagation.paused);
    if (progress.propagation.delay > absl::ZeroDuration()) {
      *out->mutable_delay() = ToProto(progress.propagation.delay);
    }
    if (progress.filling) {
      DescribeBackfill(progress, description->item_count(), out);
    }
  }
  return absl::OkStatus();
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return out;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

absl::Status DescribedTableNotFound(absl::string_view name) {
  return TableNotFound(
      name, absl::StrCat("Requested resource not found: Table: ", name,
                         " not found"));
}

}  // namespace pallet::service
