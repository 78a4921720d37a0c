// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/handlers.h"

namespace pallet::service {

void RegisterHandlers(const HandlerOptions& options,
                      OperationRegistry* registry) {
  RegisterBatchGetItem(options, registry);
  RegisterBatchWriteItem(options, registry);
  RegisterCreateTable(options, registry);
  RegisterDeleteItem(options, registry);
  RegisterDeleteTable(options, registry);
  RegisterDescribeEndpoints(options, registry);
  RegisterDescribeLimits(options, registry);
  RegisterDescribeTable(options, registry);
  RegisterGetItem(options, registry);
  RegisterListTables(options, registry);
  RegisterPutItem(options, registry);
  RegisterQuery(options, registry);
  RegisterScan(options, registry);
  RegisterTags(options, registry);
  RegisterUpdateItem(options, registry);
  RegisterUpdateTable(options, registry);
}

}  // namespace pallet::service
