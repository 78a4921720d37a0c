// SPDX-License-Identifier: Apache-2.0
#include "service/open_streams.h"

#include <vector>

namespace pallet::service {

void OpenStreams::Add(const std::shared_ptr<DrainableStream>& stream) {
  bool draining = false;
  {
    absl::MutexLock lock(&mutex_);
    draining = draining_;
    streams_.emplace(stream.get(), stream);
  }
  if (draining) stream->Drain();
}

void OpenStreams::Remove(DrainableStream* stream) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void OpenStreams::DrainAll() {
  // Not under the lock: a stream that ends removes itself.
  std::vector<std::shared_ptr<DrainableStream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    for (const auto& [key, weak] : streams_) {
      if (auto stream = weak.lock()) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->Drain();
}

}  // namespace pallet::service
