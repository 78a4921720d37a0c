// SPDX-License-Identifier: Apache-2.0
//
// Batches that ask again for what the service left unprocessed: round after
// round with backoff, as long as the time and the attempts without progress
// allow. What is left then is in the response. Thread-safe as RetryLoop.
#pragma once

#include "absl/time/time.h"
#include "client/connection.h"
#include "client/retry_loop.h"

namespace pallet {

void StartBatch(RetryContext* context, const BatchGetRequest& request,
                absl::Duration timeout, Callback<BatchGetResponse> done);
void StartBatch(RetryContext* context, const BatchWriteRequest& request,
                absl::Duration timeout, Callback<BatchWriteResponse> done);

}  // namespace pallet
