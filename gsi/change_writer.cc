// SPDX-License-Identifier: Apache-2.0
#include "gsi/change_writer.h"

#include "gsi/records.h"
#include "model/item_view.h"
#include "model/local_index.h"
#include "storage/side_rows.h"

namespace pallet::gsi {

void RecordChange(storage::PartitionId lineage, storage::ChangeSeq seq,
                  absl::Time time, absl::string_view row_key,
                  absl::string_view old_item,
                  const std::vector<std::string>& key_attributes,
                  storage::WriteContext& context) {
  std::string old_keys;
  if (!old_item.empty()) {
    model::KeepAttributes(model::ItemView(old_item), key_attributes, &old_keys);
  }
  context.PutSideRow(storage::ChangeKey(lineage, seq),
                     EncodeChange({time, row_key, old_keys}));
}

}  // namespace pallet::gsi
