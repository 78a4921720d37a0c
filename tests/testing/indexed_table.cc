// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/indexed_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "gsi/change_writer.h"
#include "model/item_codec.h"
#include "pallet/v1/value.pb.h"
#include "storage/key_codec.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"
#include "tests/testing/store_client.h"

namespace pallet::testing {
namespace {

constexpr uint64_t kSeed = 7;
constexpr storage::KeyspaceId kTable{1};
const model::KeySchema kTableKey = {{"pk", model::ScalarType::kString}, {}};
// All that any index may have in its key.
const std::vector<std::string> kKeyAttributes = {"a", "b", "c"};

storage::PartitionId SourceId(size_t i) { return storage::PartitionId(1 + i); }
storage::PartitionId TargetId(uint64_t index, size_t i) {
  return storage::PartitionId(10 * index + i);
}

storage::HashRange HalfOf(size_t i) {
  constexpr uint64_t kMiddle = uint64_t{1} << 63;
  return i == 0 ? storage::HashRange{0, kMiddle - 1}
                : storage::HashRange{kMiddle, UINT64_MAX};
}

std::string RowKeyOf(const std::string& pk) {
  return storage::RowKey(
      kTable, {{model::ScalarType::kString, pk}, std::nullopt}, kSeed);
}

std::string Encode(const TestItem& test_item) {
  v1::Item item;
  auto& attributes = *item.mutable_attributes();
  attributes["pk"].set_s(test_item.pk);
  if (test_item.a) attributes["a"].set_s(*test_item.a);
  if (test_item.b) attributes["b"].set_n(absl::StrCat(*test_item.b));
  if (test_item.c_is_number) {
    attributes["c"].set_n("1");
  } else if (test_item.c) {
    attributes["c"].set_s(*test_item.c);
  }
  attributes["v"].set_s(test_item.v);
  const auto canonical = model::CanonicalizeItem(item.SerializeAsString());
  CHECK(canonical.ok()) << canonical.status();
  return canonical->bytes;
}

}  // namespace

IndexedTable::IndexedTable(std::string directory,
                           const std::vector<uint64_t>& indexes,
                           IndexedTableOptions options)
    : directory_(std::move(directory)), options_(std::move(options)) {
  // The same versions however often the table is opened.
  for (const uint64_t id : indexes) {
    known_.push_back({id, id, false});
    version_ = std::max(version_, id);
  }
  Open();
}

IndexedTable::~IndexedTable() { Close(); }

void IndexedTable::Open() {
  for (size_t i = 0; i < stores_.size(); ++i) {
    storage::StoreOptions options;
    options.directory = absl::StrCat(directory_, "/", i);
    options.memtable_bytes = 64 << 10;  // so that the image has a share
    options.map_size = uint64_t{1} << 30;
    options.file_system = options_.file_systems[i];
    auto store = storage::Store::Open(options);
    CHECK(store.ok()) << store.status();
    stores_[i] = *std::move(store);
    const absl::Status made =
        stores_[i]->CreatePartition(SourceId(i), kTable, HalfOf(i));
    CHECK(made.ok()) << made;
  }
  for (const uint64_t id : KnownIds()) MakePartitions(id);
  gsi::PropagatorOptions options;
  options.round_changes = options_.round_changes;
  options.round_growth = options_.round_growth;
  options.chunk = options_.chunk;
  options.observer = options_.observer;
  options.on_filled = [this](const gsi::TopologyPtr&,
                             const std::vector<uint64_t>& indexes) {
    OnFilled(indexes);
  };
  propagator_ = std::make_unique<gsi::Propagator>(options);
  for (auto& store : stores_) store->SetChangeListener(propagator_.get());
  Publish();
}

void IndexedTable::Close() {
  for (auto& store : stores_) store->SetChangeListener(nullptr);
  propagator_->Stop();  // it may be telling us of an index
  propagator_ = nullptr;
  for (auto& store : stores_) store = nullptr;
}

void IndexedTable::Restart() {
  Close();
  Open();
}

gsi::IndexTopology IndexedTable::MakeIndex(uint64_t id,
                                           uint64_t version) const {
  using model::ScalarType;
  const model::KeyAttribute a{"a", ScalarType::kString};
  const model::KeyAttribute b{"b", ScalarType::kNumber};
  const model::KeyAttribute c{"c", ScalarType::kString};
  gsi::IndexTopology index;
  index.id = id;
  index.keyspace = storage::KeyspaceId(100 + static_cast<uint32_t>(id));
  index.schema_version = version;
  switch (id % 3) {
    case 1:
      index.schema = std::make_shared<model::GlobalIndex>(
          absl::StrCat("by-a-", id), model::IndexKeySchema{{a}}, kTableKey,
          model::Projection{});
      break;
    case 2:
      index.schema = std::make_shared<model::GlobalIndex>(
          absl::StrCat("by-ab-", id), model::IndexKeySchema{{a}, {b}},
          kTableKey, model::Projection{model::ProjectionKind::kKeysOnly});
      break;
    default:
      index.schema = std::make_shared<model::GlobalIndex>(
          absl::StrCat("by-cb-", id), model::IndexKeySchema{{c, b}}, kTableKey,
          model::Projection{model::ProjectionKind::kInclude, {"v"}});
  }
  for (size_t i = 0; i < stores_.size(); ++i) {
    index.targets.push_back({TargetId(id, i), HalfOf(i), stores_[i].get()});
  }
  return index;
}

void IndexedTable::Publish() {
  absl::MutexLock publishing(&publish_);
  auto table = std::make_shared<gsi::TableTopology>();
  {
    absl::MutexLock lock(&mutex_);
    table->table = 1;
    table->name = "table";
    table->schema_version = version_;
    table->hash_seed = kSeed;
    for (size_t i = 0; i < stores_.size(); ++i) {
      table->sources.push_back(
          {SourceId(i), kTable, HalfOf(i), stores_[i].get()});
    }
    for (const Known& known : known_) {
      table->indexes.push_back(MakeIndex(known.id, known.version));
      table->indexes.back().active = known.active;
    }
    topology_ = table;
  }
  const absl::Status set = propagator_->SetTable(table);
  CHECK(set.ok()) << set;
}

gsi::TopologyPtr IndexedTable::topology() const {
  absl::MutexLock lock(&mutex_);
  return topology_;
}

std::vector<uint64_t> IndexedTable::KnownIds() const {
  absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> ids;
  for (const Known& known : known_) ids.push_back(known.id);
  return ids;
}

void IndexedTable::MakePartitions(uint64_t id) {
  for (size_t i = 0; i < stores_.size(); ++i) {
    const absl::Status made = stores_[i]->CreatePartition(
        TargetId(id, i), storage::KeyspaceId(100 + static_cast<uint32_t>(id)),
        HalfOf(i));
    CHECK(made.ok()) << made;
  }
}

void IndexedTable::AddIndex(uint64_t id) {
  MakePartitions(id);
  {
    absl::MutexLock lock(&mutex_);
    known_.push_back({id, id, false});
    version_ = std::max(version_, id);
  }
  Publish();
}

void IndexedTable::DropIndex(uint64_t id) {
  {
    absl::MutexLock lock(&mutex_);
    known_.erase(
        std::remove_if(known_.begin(), known_.end(),
                       [id](const Known& known) { return known.id == id; }),
        known_.end());
  }
  Publish();
  for (size_t i = 0; i < stores_.size(); ++i) {
    const absl::Status dropped = stores_[i]->DropPartition(TargetId(id, i));
    CHECK(dropped.ok()) << dropped;
  }
}

bool IndexedTable::HasIndex(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(known_.begin(), known_.end(),
                     [id](const Known& known) { return known.id == id; });
}

void IndexedTable::OnFilled(const std::vector<uint64_t>& indexes) {
  {
    absl::MutexLock lock(&mutex_);
    for (Known& known : known_) {
      for (const uint64_t id : indexes) {
        if (known.id == id) known.active = true;
      }
    }
  }
  Publish();
}

void IndexedTable::AwaitActive(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto is_active = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::any_of(known_.begin(), known_.end(), [id](const Known& known) {
      return known.id == id && known.active;
    });
  };
  mutex_.Await(absl::Condition(&is_active));
}

// --- Writes ---

storage::PartitionId IndexedTable::SourceOf(const std::string& pk) const {
  const uint64_t hash = storage::HashOfRowKey(RowKeyOf(pk));
  return SourceId(HalfOf(0).Contains(hash) ? 0 : 1);
}

absl::Status IndexedTable::Put(const TestItem& item, Position* position) {
  return Write(item.pk, Encode(item), position);
}

absl::Status IndexedTable::Delete(const std::string& pk) {
  return Write(pk, "", nullptr);
}

absl::Status IndexedTable::Write(const std::string& pk, const std::string& item,
                                 Position* position) {
  const storage::PartitionId lineage = SourceOf(pk);
  const std::string row_key = RowKeyOf(pk);
  const absl::Time now = absl::UnixEpoch() + absl::Seconds(1);
  return WriteAndWait(
      *stores_[lineage == SourceId(0) ? 0 : 1], lineage,
      [&](storage::WriteContext& context) -> absl::Status {
        auto old = context.Get(row_key);
        if (!old.ok()) return old.status();
        const std::string old_item(old->has_value() ? (*old)->item : "");
        const storage::ChangeSeq seq = context.change_seq();
        if (position != nullptr) *position = {lineage, seq};
        if (item.empty()) {
          if (old_item.empty()) return absl::OkStatus();
          context.Delete(row_key);
        } else {
          context.Put(row_key, item, static_cast<uint32_t>(item.size()));
        }
        if (context.schema_version() > 0) {
          gsi::RecordChange(lineage, seq, now, row_key, old_item,
                            kKeyAttributes, context);
        }
        return absl::OkStatus();
      });
}

// --- Looking ---

void IndexedTable::AwaitAll() {
  const gsi::TopologyPtr table = topology();
  std::vector<gsi::Propagator::Goal> goals;
  for (const gsi::Source& source : table->sources) {
    const auto info = source.store->Partition(source.id);
    CHECK(info.ok()) << info.status();
    for (const gsi::IndexTopology& index : table->indexes) {
      for (const gsi::Target& target : index.targets) {
        goals.push_back({target.id, source.id, info->change_seq});
      }
    }
  }
  absl::Notification done;
  propagator_->Await(std::move(goals), absl::InfiniteDuration(),
                     [&done](const absl::Status& status) {
                       CHECK(status.ok()) << status;
                       done.Notify();
                     });
  done.WaitForNotification();
}

gsi::IndexCheck IndexedTable::Check() {
  const auto check = gsi::CheckIndexes(*topology());
  CHECK(check.ok()) << check.status();
  return *check;
}

absl::Status IndexedTable::Verify() {
  for (auto& store : stores_) {
    const absl::Status status = store->Verify();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

uint64_t IndexedTable::CountDoubles(uint64_t id) {
  uint64_t doubles = 0;
  const gsi::TopologyPtr table = topology();
  for (const gsi::IndexTopology& index : table->indexes) {
    if (index.id != id) continue;
    for (const gsi::Target& target : index.targets) {
      const auto info = target.store->Partition(target.id);
      CHECK(info.ok()) << info.status();
      std::set<std::string> seen;
      const absl::Status read = target.store->Read(
          [&](storage::ReadTransaction& transaction) -> absl::Status {
            const std::string begin = storage::FirstRowKey(*info, 0);
            const auto cursor =
                transaction.Cursor(begin, storage::EndRowKey(*info, 0));
            absl::Status moved = cursor->SeekAtOrAfter(begin);
            while (moved.ok() && cursor->Valid()) {
              const auto pk = model::ItemView(cursor->row().item).Find("pk");
              CHECK(pk.has_value());
              if (!seen.insert(model::ScalarOf(*pk)->bytes).second) ++doubles;
              moved = cursor->Next();
            }
            return moved;
          });
      CHECK(read.ok()) << read;
    }
  }
  return doubles;
}

uint64_t IndexedTable::CountChanges() {
  uint64_t changes = 0;
  for (size_t i = 0; i < stores_.size(); ++i) {
    const storage::SideRange range = storage::ChangesOf(SourceId(i));
    const absl::Status read = stores_[i]->Read(
        [&](storage::ReadTransaction& transaction) -> absl::Status {
          const auto cursor = transaction.Cursor(range.begin, range.end);
          absl::Status moved = cursor->SeekAtOrAfter(range.begin);
          while (moved.ok() && cursor->Valid()) {
            ++changes;
            moved = cursor->Next();
          }
          return moved;
        });
    CHECK(read.ok()) << read;
  }
  return changes;
}

}  // namespace pallet::testing
