// SPDX-License-Identifier: Apache-2.0
//
// EtcdClient: etcd's key-value store and leases, as much of them as a cluster
// needs. Every call has a deadline and waits; if the endpoint that was used does
// not answer, the next one is asked.
//
// Errors: kUnavailable if no endpoint answers, with a message that names etcd;
// for Txn also kOutcomeUnknown (model/errors.h) if it may have happened.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace pallet::cluster {

struct EtcdValue {
  std::string key, value;
  int64_t mod_revision = 0;
};

struct EtcdPut {
  std::string key, value;
  int64_t lease = 0;  // 0: none
};

struct EtcdTxn {
  // Holds if the key has that value or, if there is none, is not there.
  struct Condition {
    std::string key;
    bool absent = false;
    std::string value = {};
  };
  std::vector<Condition> conditions;
  std::vector<EtcdPut> puts;
};

class EtcdClient {
 public:
  // "host:port,host:port".
  static absl::StatusOr<std::unique_ptr<EtcdClient>> Make(
      absl::string_view endpoints, absl::Duration timeout = absl::Seconds(2));
  EtcdClient(const EtcdClient&) = delete;
  ~EtcdClient();

  // kNotFound.
  absl::StatusOr<EtcdValue> Get(const std::string& key);
  // All that begin with `prefix`, in order.
  absl::StatusOr<std::vector<EtcdValue>> List(const std::string& prefix);
  // first <= key <= last.
  absl::StatusOr<std::vector<EtcdValue>> Range(const std::string& first,
                                               const std::string& last);
  absl::Status Put(const EtcdPut& put);
  absl::Status Delete(const std::string& key);
  // False if a condition did not hold: then nothing was done.
  absl::StatusOr<bool> Commit(const EtcdTxn& txn);

  absl::StatusOr<int64_t> GrantLease(absl::Duration ttl);
  // kNotFound if it has run out.
  absl::Status KeepAlive(int64_t lease);
  absl::Status RevokeLease(int64_t lease);

 private:
  struct Endpoint;
  struct Answer;

  EtcdClient(std::vector<std::unique_ptr<Endpoint>> endpoints,
             absl::Duration timeout);
  absl::StatusOr<std::vector<EtcdValue>> List(const std::string& begin,
                                              const std::string& end);
  // Calls `call` at one endpoint after the other until one answers.
  absl::Status Try(
      const std::function<absl::Status(Endpoint&, absl::Duration)>& call,
      bool repeatable) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::vector<std::unique_ptr<Endpoint>> endpoints_;
  const absl::Duration timeout_;
  absl::Mutex mutex_;
  size_t current_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pallet::cluster
