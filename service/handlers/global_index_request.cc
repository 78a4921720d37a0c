// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/global_index_request.h"

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/schema.h"
#include "service/handlers/schema_request.h"
#include "service/handlers/table_settings.h"
#include "service/handlers/throughput.h"

namespace pallet::service {
namespace {

using storage::v1::AttributeDefinitionRecord;
using storage::v1::GlobalIndexRecord;
using storage::v1::TableRecord;
using Update = v1::GlobalSecondaryIndexUpdate;

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

bool IsPayPerRequest(const TableRecord& record) {
  return record.billing_mode() ==
         storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST;
}

const std::string& NameOf(const Update& update) {
  if (update.has_create()) return update.create().index_name();
  if (update.has_update()) return update.update().index_name();
  return update.delete_().index_name();
}

template <typename Action>
void CheckActionThroughput(const Action& action, const std::string& path,
                           model::Constraints* constraints) {
  if (!action.has_provisioned_throughput()) return;
  CheckThroughput(action.provisioned_throughput(), path, constraints);
}

// --- Throughput ---

// Of an index that is made. REQUIRES: it has one exactly if it must.
template <typename Wanted>
absl::Status SetNewThroughput(const Wanted& wanted, const TableRecord& table,
                              GlobalIndexRecord* index) {
  if (wanted.has_provisioned_throughput()) {
    RETURN_IF_ERROR(CheckThroughputBounds(wanted.provisioned_throughput()));
    auto* throughput = index->mutable_provisioned_throughput();
    throughput->set_read_capacity_units(
        wanted.provisioned_throughput().read_capacity_units());
    throughput->set_write_capacity_units(
        wanted.provisioned_throughput().write_capacity_units());
  }
  RETURN_IF_ERROR(SetOnDemandThroughput(
      SettingOf::kNewTable, wanted.on_demand_throughput(), table, index));
  return SetWarmThroughput(SettingOf::kNewTable, wanted.warm_throughput(),
                           table, index);
}

absl::Status NoThroughput(absl::string_view index) {
  return Invalid(absl::StrCat(
      "ProvisionedThroughput is not specified for index: ", index));
}

absl::Status ChangeThroughput(
    const v1::UpdateGlobalSecondaryIndexAction& action, absl::Time now,
    const TableRecord& table, GlobalIndexRecord* index) {
  const bool says_more = SaysSomething(action.on_demand_throughput()) ||
                         SaysSomething(action.warm_throughput());
  if (action.has_provisioned_throughput()) {
    if (IsPayPerRequest(table)) {
      return Invalid(
          absl::StrCat("The only Updates for index: ", index->name(),
                       " when TableThroughputMode is PAY_PER_REQUEST can be to "
                       "OnDemandThroughput, WarmThroughput"));
    }
    RETURN_IF_ERROR(CheckThroughputBounds(action.provisioned_throughput()));
    *index->mutable_warm_throughput() = WarmThroughputOf(table, *index);
    RETURN_IF_ERROR(SetThroughput(action.provisioned_throughput(),
                                  index->name(), now,
                                  index->mutable_provisioned_throughput()));
  } else if (!says_more) {
    return Invalid(absl::StrCat(
        "Both ReadCapacityUnits and WriteCapacityUnits must be specified for "
        "index: ",
        index->name()));
  }
  RETURN_IF_ERROR(SetOnDemandThroughput(
      SettingOf::kExistingTable, action.on_demand_throughput(), table, index));
  if (!SaysSomething(action.warm_throughput())) return absl::OkStatus();
  return SetWarmThroughput(SettingOf::kExistingTable, action.warm_throughput(),
                           table, index);
}

// What a change of the table's billing mode means to its indexes.
absl::Status FollowBilling(bool was_per_request, TableRecord* record) {
  const bool per_request = IsPayPerRequest(*record);
  if (per_request == was_per_request) return absl::OkStatus();
  std::vector<std::string> without;
  for (GlobalIndexRecord& index : *record->mutable_global_indexes()) {
    if (per_request) {
      // It stays ready for what it once was.
      *index.mutable_warm_throughput() = WarmThroughputOf(*record, index);
      index.clear_provisioned_throughput();
      continue;
    }
    index.clear_on_demand_throughput();
    if (!index.has_provisioned_throughput()) without.push_back(index.name());
  }
  if (without.empty()) return absl::OkStatus();
  return Invalid(
      absl::StrCat("ProvisionedThroughput must be specified for index: ",
                   absl::StrJoin(without, ",")));
}

// --- Which indexes there are ---

GlobalIndexRecord* FindIndex(TableRecord* record, absl::string_view name) {
  for (GlobalIndexRecord& index : *record->mutable_global_indexes()) {
    if (index.name() == name) return &index;
  }
  return nullptr;
}

bool IsLocal(const TableRecord& record, absl::string_view name) {
  return absl::c_any_of(record.local_indexes(),
                        [&](const auto& each) { return each.name() == name; });
}

absl::Status NoSuchIndex(const TableRecord& record, absl::string_view name,
                         absl::string_view doing) {
  if (IsLocal(record, name)) {
    return model::ValidationError(
        absl::StrCat("Cannot ", doing,
                     " an index that is not a GlobalSecondaryIndex: ", name));
  }
  return model::MakeError(
      model::Reason::kResourceNotFound,
      absl::StrCat("Requested resource not found: Index: ", name,
                   " not found of table: ", record.name()));
}

absl::Status OneOnly() {
  return model::MakeError(
      model::Reason::kLimitExceeded,
      "Subscriber limit exceeded: Only 1 online index can be created or "
      "deleted simultaneously per table");
}

// An index that is being filled is the one change at a time; it may be deleted.
absl::Status CheckNoneIsBeingMade(const Update& update, TableRecord* record) {
  if (!update.has_create() && !update.has_delete_()) return absl::OkStatus();
  const bool is_there = FindIndex(record, NameOf(update)) != nullptr;
  if (update.has_create() == is_there)
    return absl::OkStatus();  // refused later
  for (const GlobalIndexRecord& index : record->global_indexes()) {
    const bool filled = index.state() == storage::v1::GLOBAL_INDEX_STATE_ACTIVE;
    if (!filled && index.name() != NameOf(update)) return OneOnly();
  }
  return absl::OkStatus();
}

absl::Status Create(const v1::CreateGlobalSecondaryIndexAction& action,
                    TableRecord* record) {
  if (FindIndex(record, action.index_name()) != nullptr ||
      IsLocal(*record, action.index_name())) {
    return model::ValidationError(
        "Attempting to create an index which already exists");
  }
  if (IsPayPerRequest(*record)) {
    if (action.has_provisioned_throughput()) {
      return Invalid(absl::StrCat(
          "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified "
          "for index: ",
          action.index_name(), " when BillingMode is PAY_PER_REQUEST"));
    }
  } else if (!action.has_provisioned_throughput()) {
    return NoThroughput(action.index_name());
  }
  GlobalIndexRecord index = RecordOf(MembersOf(action));
  RETURN_IF_ERROR(SetNewThroughput(action, *record, &index));
  *record->add_global_indexes() = std::move(index);
  return absl::OkStatus();
}

absl::Status Delete(absl::string_view name, TableRecord* record) {
  auto& indexes = *record->mutable_global_indexes();
  for (int i = 0; i < indexes.size(); ++i) {
    if (indexes[i].name() != name) continue;
    indexes.DeleteSubrange(i, 1);
    return absl::OkStatus();
  }
  return NoSuchIndex(*record, name, "delete");
}

absl::Status Apply(const Update& update, absl::Time now, TableRecord* record) {
  if (update.has_create()) return Create(update.create(), record);
  if (update.has_delete_()) {
    return Delete(update.delete_().index_name(), record);
  }
  GlobalIndexRecord* index = FindIndex(record, update.update().index_name());
  if (index == nullptr) {
    return NoSuchIndex(*record, update.update().index_name(), "update");
  }
  return ChangeThroughput(update.update(), now, *record, index);
}

// --- Attribute definitions ---

bool NewIndexNames(const TableRecord& record, absl::string_view attribute) {
  for (const GlobalIndexRecord& index : record.global_indexes()) {
    if (index.id() != 0) continue;
    if (absl::c_any_of(index.key_schema(), [&](const auto& each) {
          return each.name() == attribute;
        })) {
      return true;
    }
  }
  return false;
}

// A delta. What is there already stays as it is; another type matters only to
// an index that comes with it.
absl::Status MergeDefinitions(const v1::UpdateTableRequest& request,
                              TableRecord* record) {
  absl::flat_hash_set<std::string> seen;
  for (const v1::AttributeDefinition& each : request.attribute_definitions()) {
    if (!seen.insert(each.attribute_name()).second) {
      return model::ValidationError(absl::StrCat(
          "Attribute Name is duplicated: ", each.attribute_name()));
    }
    const auto type =
        static_cast<storage::v1::ScalarType>(each.attribute_type());
    const auto known = absl::c_find_if(
        record->attribute_definitions(), [&](const auto& definition) {
          return definition.name() == each.attribute_name();
        });
    if (known == record->attribute_definitions().end()) {
      auto* definition = record->add_attribute_definitions();
      definition->set_name(each.attribute_name());
      definition->set_type(type);
    } else if (known->type() != type &&
               NewIndexNames(*record, each.attribute_name())) {
      return Invalid(absl::StrCat(
          "Attributes cannot be redefined. Please check that your attribute "
          "has the same type as previously defined. Attribute: ",
          each.attribute_name()));
    }
  }
  return absl::OkStatus();
}

void DropUnusedDefinitions(TableRecord* record) {
  absl::flat_hash_set<std::string> used;
  for (const auto& each : record->key_schema()) used.insert(each.name());
  for (const auto& index : record->local_indexes()) {
    used.insert(index.sort_attribute());
  }
  for (const GlobalIndexRecord& index : record->global_indexes()) {
    for (const auto& each : index.key_schema()) used.insert(each.name());
  }
  auto& definitions = *record->mutable_attribute_definitions();
  definitions.erase(std::remove_if(definitions.begin(), definitions.end(),
                                   [&](const AttributeDefinitionRecord& each) {
                                     return !used.contains(each.name());
                                   }),
                    definitions.end());
}

}  // namespace

void CheckGlobalIndexes(const v1::CreateTableRequest& request,
                        model::Constraints* constraints) {
  const auto& indexes = request.global_secondary_indexes();
  for (int i = 0; i < indexes.size(); ++i) {
    const std::string path =
        absl::StrCat("globalSecondaryIndexes.", i + 1, ".member.");
    CheckIndexMembers(MembersOf(indexes[i]), 0, path, constraints);
    CheckActionThroughput(indexes[i], path, constraints);
  }
}

void CheckIndexUpdates(const v1::UpdateTableRequest& request,
                       model::Constraints* constraints) {
  const auto& updates = request.global_secondary_index_updates();
  for (int i = 0; i < updates.size(); ++i) {
    const Update& each = updates[i];
    const std::string path =
        absl::StrCat("globalSecondaryIndexUpdates.", i + 1, ".member.");
    const auto check_name = [&](const auto& action, absl::string_view step) {
      CheckIndexName(action.has_index_name() ? &action.index_name() : nullptr,
                     absl::StrCat(path, step), constraints);
    };
    if (each.has_update()) {
      check_name(each.update(), "update.");
      CheckActionThroughput(each.update(), path + "update.", constraints);
    }
    if (each.has_create()) {
      CheckIndexMembers(MembersOf(each.create()), 0, path + "create.",
                        constraints);
      CheckActionThroughput(each.create(), path + "create.", constraints);
    }
    if (each.has_delete_()) check_name(each.delete_(), "delete.");
  }
}

absl::Status CheckIndexUpdateRules(const v1::UpdateTableRequest& request) {
  absl::flat_hash_set<std::string> names;
  int online = 0;
  for (const Update& each : request.global_secondary_index_updates()) {
    const int actions = int{each.has_update()} + int{each.has_create()} +
                        int{each.has_delete_()};
    if (actions == 0) {
      return Invalid(
          "One of GlobalSecondaryIndexUpdate.Update, "
          "GlobalSecondaryIndexUpdate.Create, "
          "GlobalSecondaryIndexUpdate.Delete must not be null");
    }
    if (actions > 1) {
      return Invalid(
          "Only one global secondary index action is allowed per "
          "GlobalSecondaryIndexUpdate object");
    }
    if (!names.insert(NameOf(each)).second) {
      return Invalid(
          absl::StrCat("Only one global secondary index update per index is "
                       "allowed simultaneously. Index: ",
                       NameOf(each)));
    }
    if (!each.has_update()) ++online;
  }
  if (online <= 1 || request.allow_several_index_changes()) {
    return absl::OkStatus();
  }
  return OneOnly();
}

absl::Status CheckIndexBilling(const v1::CreateTableRequest& request) {
  const bool per_request =
      request.billing_mode() == v1::BILLING_MODE_PAY_PER_REQUEST;
  for (const auto& each : request.global_secondary_indexes()) {
    if (!per_request && !each.has_provisioned_throughput()) {
      return NoThroughput(each.index_name());
    }
    if (per_request && each.has_provisioned_throughput()) {
      return Invalid(absl::StrCat(
          "ProvisionedThroughput should not be specified for index: ",
          each.index_name(), " when BillingMode is PAY_PER_REQUEST"));
    }
  }
  return absl::OkStatus();
}

absl::Status AddGlobalIndexes(const v1::CreateTableRequest& request,
                              TableRecord* record) {
  for (const auto& each : request.global_secondary_indexes()) {
    GlobalIndexRecord* index = record->add_global_indexes();
    *index = RecordOf(MembersOf(each));
    RETURN_IF_ERROR(SetNewThroughput(each, *record, index));
  }
  return absl::OkStatus();
}

absl::Status UpdateGlobalIndexes(const v1::UpdateTableRequest& request,
                                 size_t max_global_indexes,
                                 bool was_per_request, absl::Time now,
                                 TableRecord* record) {
  bool creates = false;
  for (const Update& each : request.global_secondary_index_updates()) {
    if (!request.allow_several_index_changes()) {
      RETURN_IF_ERROR(CheckNoneIsBeingMade(each, record));
    }
    creates = creates || each.has_create();
    RETURN_IF_ERROR(Apply(each, now, record));
  }
  RETURN_IF_ERROR(FollowBilling(was_per_request, record));
  const auto count = static_cast<size_t>(record->global_indexes_size());
  if (creates && count > max_global_indexes) {
    return model::MakeError(
        model::Reason::kLimitExceeded,
        absl::StrCat("Subscriber limit exceeded: GlobalSecondaryIndex count "
                     "exceeds the per-table limit of ",
                     max_global_indexes));
  }
  RETURN_IF_ERROR(MergeDefinitions(request, record));
  DropUnusedDefinitions(record);
  if (!creates) return absl::OkStatus();
  model::TableSchemaDefinition definition = DefinitionOf(*record);
  definition.max_global_indexes = count;
  return model::MakeTableSchema(definition).status();
}

}  // namespace pallet::service
