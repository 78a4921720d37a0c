// SPDX-License-Identifier: Apache-2.0
//
// PipelineObserver: what the stages of writing tell whoever looks after the
// store.
#pragma once

namespace pallet::storage {

// Called on the writers' threads, must not block.
class PipelineObserver {
 public:
  virtual ~PipelineObserver() = default;
  // The last batch in the log is not covered by a later frame yet.
  virtual void OnLogged() = 0;
  // There is no room: make a checkpoint.
  virtual void OnCheckpointDue() = 0;
};

}  // namespace pallet::storage
