// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/table_settings.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::GlobalIndexRecord;
using storage::v1::TableRecord;
using storage::v1::WarmThroughputRecord;

// What an on-demand table starts with.
constexpr int64_t kInitialReads = 12000;
constexpr int64_t kInitialWrites = 4000;

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

bool IsPayPerRequest(const TableRecord& record) {
  return record.billing_mode() ==
         storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST;
}

// --- On-demand ceilings ---

absl::Status CeilingRefused(SettingOf setting, absl::string_view member) {
  const bool created = setting == SettingOf::kNewTable;
  return Invalid(
      absl::StrCat(member, " for OnDemandThroughput cannot be specified when ",
                   created ? "" : "the ", "table BillingMode is PROVISIONED",
                   created ? "." : ""));
}

// "table" or "index : <name>".
std::string OwnerOf(const TableRecord&) { return "table"; }
std::string OwnerOf(const GlobalIndexRecord& index) {
  return absl::StrCat("index : ", index.name());
}

absl::Status CheckCeiling(SettingOf setting, bool given, int64_t units,
                          absl::string_view member, absl::string_view owner) {
  constexpr int64_t kNone = -1;
  const bool taken_away =
      setting == SettingOf::kExistingTable && units == kNone;
  if (!given || units >= 1 || taken_away) return absl::OkStatus();
  return Invalid(absl::StrCat("Requested ", member,
                              " for OnDemandThroughput for ", owner,
                              " is outside of valid range"));
}

template <typename Record>
absl::Status SetCeilings(SettingOf setting,
                         const v1::OnDemandThroughput& wanted, bool per_request,
                         Record* record) {
  constexpr char kReads[] = "MaxReadRequestUnits";
  constexpr char kWrites[] = "MaxWriteRequestUnits";
  if (!SaysSomething(wanted)) return absl::OkStatus();
  if (!per_request) {
    return CeilingRefused(
        setting, wanted.has_max_read_request_units() ? kReads : kWrites);
  }
  const std::string owner = OwnerOf(*record);
  RETURN_IF_ERROR(CheckCeiling(setting, wanted.has_max_read_request_units(),
                               wanted.max_read_request_units(), kReads, owner));
  RETURN_IF_ERROR(CheckCeiling(setting, wanted.has_max_write_request_units(),
                               wanted.max_write_request_units(), kWrites,
                               owner));
  auto* ceilings = record->mutable_on_demand_throughput();
  if (wanted.max_read_request_units() > 0) {
    ceilings->set_max_read_request_units(wanted.max_read_request_units());
  } else if (wanted.has_max_read_request_units()) {
    ceilings->clear_max_read_request_units();
  }
  if (wanted.max_write_request_units() > 0) {
    ceilings->set_max_write_request_units(wanted.max_write_request_units());
  } else if (wanted.has_max_write_request_units()) {
    ceilings->clear_max_write_request_units();
  }
  if (!ceilings->has_max_read_request_units() &&
      !ceilings->has_max_write_request_units()) {
    record->clear_on_demand_throughput();
  }
  return absl::OkStatus();
}

// --- Warm throughput ---

// What it is ready for by its billing mode alone.
template <typename Record>
WarmThroughputRecord BaseOf(bool per_request, const Record& record) {
  WarmThroughputRecord base;
  if (per_request) {
    base.set_read_units_per_second(kInitialReads);
    base.set_write_units_per_second(kInitialWrites);
  } else {
    const auto& throughput = record.provisioned_throughput();
    base.set_read_units_per_second(throughput.read_capacity_units());
    base.set_write_units_per_second(throughput.write_capacity_units());
  }
  return base;
}

absl::Status TooCold(SettingOf setting, bool per_request, bool reads,
                     absl::string_view owner) {
  std::string than;
  if (setting == SettingOf::kExistingTable) {
    than = "current WarmThroughput, decreasing WarmThroughput is not supported";
  } else if (per_request) {
    than =
        "initial throughput for OnDemand. See: "
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
        "on-demand-capacity-mode.html#on-demand-capacity-mode-initial";
  } else {
    than = absl::StrCat(reads ? "Read" : "Write",
                        "CapacityUnits of ProvisionedThroughput");
  }
  return Invalid(absl::StrCat("Requested ", reads ? "Read" : "Write",
                              "UnitsPerSecond for WarmThroughput for ", owner,
                              " is lower than ", than));
}

template <typename Record>
WarmThroughputRecord WarmOf(bool per_request, const Record& record) {
  WarmThroughputRecord warm = BaseOf(per_request, record);
  const WarmThroughputRecord& kept = record.warm_throughput();
  warm.set_read_units_per_second(
      std::max(warm.read_units_per_second(), kept.read_units_per_second()));
  warm.set_write_units_per_second(
      std::max(warm.write_units_per_second(), kept.write_units_per_second()));
  return warm;
}

template <typename Record>
absl::Status SetWarm(SettingOf setting, const v1::WarmThroughput& wanted,
                     bool per_request, absl::string_view owner,
                     Record* record) {
  WarmThroughputRecord warm = WarmOf(per_request, *record);
  if (wanted.has_read_units_per_second()) {
    if (wanted.read_units_per_second() < warm.read_units_per_second()) {
      return TooCold(setting, per_request, /*reads=*/true, owner);
    }
    warm.set_read_units_per_second(wanted.read_units_per_second());
  }
  if (wanted.has_write_units_per_second()) {
    if (wanted.write_units_per_second() < warm.write_units_per_second()) {
      return TooCold(setting, per_request, /*reads=*/false, owner);
    }
    warm.set_write_units_per_second(wanted.write_units_per_second());
  }
  *record->mutable_warm_throughput() = warm;
  return absl::OkStatus();
}

// --- Encryption ---

constexpr char kDefaultKey[] = "alias/aws/dynamodb";

std::string KeyArn(const v1::SseSpecification& wanted) {
  const std::string& id =
      wanted.has_kms_master_key_id() ? wanted.kms_master_key_id() : kDefaultKey;
  if (absl::StartsWith(id, "arn:")) return id;
  return absl::StrCat("arn:aws:kms:", kRegion, ":", kAccount, ":",
                      absl::StartsWith(id, "alias/") ? "" : "key/", id);
}

absl::Status CheckWanted(const v1::SseSpecification& wanted) {
  const bool has_type = wanted.sse_type() != v1::SSE_TYPE_UNSPECIFIED;
  if (!wanted.enabled()) {
    if (has_type) {
      return Invalid("SSEType can not be specified if Enabled is false");
    }
    if (wanted.has_kms_master_key_id()) {
      return Invalid("KMSMasterKeyId can not be specified if Enabled is false");
    }
    return absl::OkStatus();
  }
  if (wanted.sse_type() == v1::SSE_TYPE_AES256) {
    return Invalid("SSEType AES256 is not supported");
  }
  if (wanted.has_kms_master_key_id() && !has_type) {
    return Invalid("SSEType KMS is required if KMSMasterKeyId is specified");
  }
  return absl::OkStatus();
}

}  // namespace

bool SaysSomething(const v1::OnDemandThroughput& throughput) {
  return throughput.has_max_read_request_units() ||
         throughput.has_max_write_request_units();
}

bool SaysSomething(const v1::WarmThroughput& throughput) {
  return throughput.has_read_units_per_second() ||
         throughput.has_write_units_per_second();
}

absl::Status SetOnDemandThroughput(SettingOf setting,
                                   const v1::OnDemandThroughput& wanted,
                                   TableRecord* record) {
  return SetCeilings(setting, wanted, IsPayPerRequest(*record), record);
}

absl::Status SetOnDemandThroughput(SettingOf setting,
                                   const v1::OnDemandThroughput& wanted,
                                   const TableRecord& table,
                                   GlobalIndexRecord* index) {
  return SetCeilings(setting, wanted, IsPayPerRequest(table), index);
}

WarmThroughputRecord WarmThroughputOf(const TableRecord& record) {
  return WarmOf(IsPayPerRequest(record), record);
}

WarmThroughputRecord WarmThroughputOf(const TableRecord& table,
                                      const GlobalIndexRecord& index) {
  return WarmOf(IsPayPerRequest(table), index);
}

absl::Status SetWarmThroughput(SettingOf setting,
                               const v1::WarmThroughput& wanted,
                               TableRecord* record) {
  return SetWarm(setting, wanted, IsPayPerRequest(*record), "table", record);
}

absl::Status SetWarmThroughput(SettingOf setting,
                               const v1::WarmThroughput& wanted,
                               const TableRecord& table,
                               GlobalIndexRecord* index) {
  return SetWarm(setting, wanted, IsPayPerRequest(table),
                 absl::StrCat("index ", index->name()), index);
}

void CheckEncryption(const v1::SseSpecification& wanted,
                     model::Constraints* constraints) {
  CheckEnum(EnumRule::kSseType, wanted.sse_type(), "sSESpecification.sSEType",
            constraints);
}

absl::Status SetEncryption(SettingOf setting,
                           const v1::SseSpecification& wanted,
                           TableRecord* record) {
  RETURN_IF_ERROR(CheckWanted(wanted));
  const bool changes = setting == SettingOf::kExistingTable;
  if (!wanted.enabled()) {
    if (changes && !record->has_encryption()) {
      return Invalid("Table is already encrypted by default");
    }
    record->clear_encryption();
    return absl::OkStatus();
  }
  const std::string key_arn = KeyArn(wanted);
  if (changes && record->encryption().key_arn() == key_arn) {
    return Invalid(
        "Table is already encrypted with given KMSMasterKeyId. Use "
        "KMSMasterKeyId parameter if you want to change Master Key");
  }
  record->mutable_encryption()->set_type(
      storage::v1::TABLE_ENCRYPTION_TYPE_KMS);
  record->mutable_encryption()->set_key_arn(key_arn);
  return absl::OkStatus();
}

}  // namespace pallet::service
