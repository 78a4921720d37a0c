// SPDX-License-Identifier: Apache-2.0
#include "service/operation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"

namespace pallet::service {

absl::Status CallContext::Check() const {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    return model::MakeError(model::Reason::kCancelled,
                            "The call was cancelled");
  }
  if (deadline != absl::InfiniteDuration() && clock->Monotonic() >= deadline) {
    return model::MakeError(model::Reason::kDeadlineExceeded,
                            "The call's deadline has passed");
  }
  return absl::OkStatus();
}

void OperationRegistry::Add(absl::string_view name, Operation operation) {
  CHECK(operations_.emplace(std::string(name), std::move(operation)).second)
      << name;
}

void OperationRegistry::AddStream(absl::string_view name,
                                  StreamOperation operation) {
  CHECK(streams_.emplace(std::string(name), std::move(operation)).second)
      << name;
}

const Operation* OperationRegistry::Find(absl::string_view name) const {
  const auto found = operations_.find(name);
  return found == operations_.end() ? nullptr : &found->second;
}

const StreamOperation* OperationRegistry::FindStream(
    absl::string_view name) const {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : &found->second;
}

std::vector<std::string> OperationRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, operation] : operations_) names.push_back(name);
  for (const auto& [name, operation] : streams_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void AddDetail(const google::protobuf::MessageLite& detail,
               absl::Status* status) {
  CHECK(!status->ok());
  status->SetPayload(absl::StrCat(kDetailPrefix, detail.GetTypeName()),
                     absl::Cord(detail.SerializeAsString()));
}

absl::Status RpcNotBuilt(absl::string_view name) {
  return model::MakeError(
      model::Reason::kNotBuilt,
      absl::StrCat(name, " is not built in this version; nothing was done"));
}

}  // namespace pallet::service
