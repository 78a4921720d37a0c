// SPDX-License-Identifier: Apache-2.0
//
// OpenStreams: the streams of a server that must be told when it drains; a
// unary call just ends. Thread-safe.
#pragma once

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace pallet::service {

// A stream that can be asked to end soon.
class DrainableStream {
 public:
  virtual ~DrainableStream() = default;

  // Takes nothing new; what is under way is answered, then the stream ends with
  // SHUTTING_DOWN. May be called more than once, and after the end.
  virtual void Drain() = 0;
};

class OpenStreams {
 public:
  // Drains it at once if the server already does.
  void Add(const std::shared_ptr<DrainableStream>& stream)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(DrainableStream* stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void DrainAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<DrainableStream*, std::weak_ptr<DrainableStream>> streams_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::service
