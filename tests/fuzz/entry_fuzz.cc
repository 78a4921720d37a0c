// SPDX-License-Identifier: Apache-2.0
//
// Any bytes: an entry that decodes is what the builder makes of its effects;
// any other is data loss.
#include <cstdint>

#include "base/check.h"
#include "storage/entry.h"

namespace {

using namespace pallet::storage;

void CheckEntry(absl::string_view bytes) {
  absl::StatusOr<EntryReader> reader = EntryReader::Open(bytes);
  if (!reader.ok()) {
    CHECK(absl::IsDataLoss(reader.status()) && bytes.size() < 24);
    return;
  }
  EntryBuilder builder;
  Effect effect;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(&effect);
    if (!more.ok()) {
      CHECK(absl::IsDataLoss(more.status()));
      return;
    }
    if (!*more) break;
    switch (effect.op) {
      case EffectOp::kPut:
        builder.Put(effect.database, effect.key, effect.value);
        break;
      case EffectOp::kDelete:
        builder.Delete(effect.database, effect.key);
        break;
      case EffectOp::kDeleteRange:
        builder.DeleteRange(effect.database, effect.key, effect.value);
        break;
      case EffectOp::kIndexCounts: {
        const absl::StatusOr<IndexCounts> counts = DecodeIndexCounts(effect);
        if (!counts.ok()) {
          CHECK(absl::IsDataLoss(counts.status()));
          return;
        }
        builder.SetIndexCounts(*counts);
        break;
      }
      case EffectOp::kSchemaVersion: {
        const absl::StatusOr<uint64_t> version = DecodeSchemaVersion(effect);
        if (!version.ok()) {
          CHECK(absl::IsDataLoss(version.status()));
          return;
        }
        builder.SetSchemaVersion(*version);
        break;
      }
    }
  }
  CHECK(builder.Finish(reader->header()) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckEntry({reinterpret_cast<const char*>(data), size});
  return 0;
}
