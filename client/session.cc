// SPDX-License-Identifier: Apache-2.0
#include "client/session.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "base/bytes.h"
#include "base/check.h"
#include "model/errors.h"

namespace pallet {
namespace {

constexpr size_t kMaxPositions = 100;  // in one request
constexpr uint8_t kPositionFormat = 1;
constexpr uint8_t kTokenFormat = 1;

// A partition, and the table it is of: both numbers are never used again.
struct Lineage {
  uint64_t table = 0;
  uint64_t partition = 0;

  friend auto operator<=>(const Lineage&, const Lineage&) = default;
};

using Seqs = std::map<Lineage, uint64_t>;  // the newest of each

// A position as the service writes it (service/position.h).
std::string EncodePosition(const Lineage& lineage, uint64_t seq) {
  std::string bytes;
  AppendU8(&bytes, kPositionFormat);
  AppendU64(&bytes, lineage.table);
  AppendU64(&bytes, lineage.partition);
  AppendU64(&bytes, seq);
  return bytes;
}

bool DecodePosition(absl::string_view bytes, Lineage* lineage, uint64_t* seq) {
  uint8_t format = 0;
  return ConsumeU8(&bytes, &format) && format == kPositionFormat &&
         ConsumeU64(&bytes, &lineage->table) &&
         ConsumeU64(&bytes, &lineage->partition) && ConsumeU64(&bytes, seq) &&
         bytes.empty();
}

void Keep(const Lineage& lineage, uint64_t seq, Seqs* seqs) {
  uint64_t& kept = (*seqs)[lineage];
  kept = std::max(kept, seq);
}

// What is remembered of a table.
struct Seen {
  // It was written to at a position that this client cannot read.
  bool unreadable = false;
  Seqs seqs = {};
};

// Of a name or an ARN.
std::string NameOf(absl::string_view table) {
  return std::string(table.substr(table.rfind('/') + 1));
}

bool ConsumeSeen(absl::string_view* in, Seen* seen) {
  uint8_t unreadable = 0;
  uint64_t count = 0;
  if (!ConsumeU8(in, &unreadable) || !ConsumeVarint(in, &count)) return false;
  seen->unreadable = unreadable != 0;
  for (; count > 0; --count) {
    Lineage lineage;
    uint64_t seq = 0;
    if (!ConsumeVarint(in, &lineage.table) ||
        !ConsumeVarint(in, &lineage.partition) || !ConsumeVarint(in, &seq)) {
      return false;
    }
    Keep(lineage, seq, &seen->seqs);
  }
  return true;
}

}  // namespace

class Session::Memory {
 public:
  void Remember(absl::string_view table, const std::string& position) {
    absl::MutexLock lock(&mutex_);
    Add(NameOf(table), position, /*alone=*/true);
  }

  // A batch or transaction does not tell which of its tables a position is of; it is kept for
  // each. The service ignores those of other tables.
  void Remember(const std::set<std::string>& tables,
                const std::vector<std::string>& positions) {
    absl::MutexLock lock(&mutex_);
    for (const std::string& table : tables) {
      for (const std::string& position : positions) {
        Add(NameOf(table), position, tables.size() == 1);
      }
    }
  }

  Freshness Add(const SessionOptions& options, absl::string_view table,
                Freshness freshness) const {
    freshness.strong |= options.strong;
    if (options.max_staleness.has_value()) {
      freshness.max_staleness =
          std::min(*options.max_staleness,
                   freshness.max_staleness.value_or(absl::InfiniteDuration()));
    }
    if (!options.read_own_writes || freshness.strong) return freshness;
    absl::MutexLock lock(&mutex_);
    const auto seen = tables_.find(NameOf(table));
    if (seen == tables_.end()) return freshness;
    const Seqs& seqs = seen->second.seqs;
    if (seen->second.unreadable ||
        freshness.positions.size() + seqs.size() > kMaxPositions) {
      freshness.strong = true;
      return freshness;
    }
    for (const auto& [lineage, seq] : seqs) {
      freshness.positions.push_back(EncodePosition(lineage, seq));
    }
    return freshness;
  }

  //   token := 0x01 (name bytes | seen)*                           (in base64)
  //   seen  := unreadable u8 | count varint |
  //            (table varint | partition varint | seq varint)*
  std::string Token() const {
    absl::MutexLock lock(&mutex_);
    std::string token;
    AppendU8(&token, kTokenFormat);
    for (const auto& [name, seen] : tables_) {
      AppendBytes(&token, name);
      AppendU8(&token, seen.unreadable ? 1 : 0);
      AppendVarint(&token, seen.seqs.size());
      for (const auto& [lineage, seq] : seen.seqs) {
        AppendVarint(&token, lineage.table);
        AppendVarint(&token, lineage.partition);
        AppendVarint(&token, seq);
      }
    }
    return absl::WebSafeBase64Escape(token);
  }

  absl::Status Join(absl::string_view token) {
    const absl::Status malformed =
        model::ValidationError("this is not the token of a session");
    std::string decoded;
    if (!absl::WebSafeBase64Unescape(token, &decoded)) return malformed;
    absl::string_view rest = decoded;
    uint8_t format = 0;
    if (!ConsumeU8(&rest, &format) || format != kTokenFormat) return malformed;
    std::map<std::string, Seen> tables;
    while (!rest.empty()) {
      absl::string_view name;
      if (!ConsumeBytes(&rest, &name) ||
          !ConsumeSeen(&rest, &tables[std::string(name)])) {
        return malformed;
      }
    }
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, seen] : tables) {
      Seen& mine = tables_[name];
      mine.unreadable |= seen.unreadable;
      for (const auto& [lineage, seq] : seen.seqs) {
        Keep(lineage, seq, &mine.seqs);
      }
    }
    return absl::OkStatus();
  }

  // Operations under way, which the last copy waits for.
  void Begin() {
    absl::MutexLock lock(&mutex_);
    ++under_way_;
  }
  void End() {
    absl::MutexLock lock(&mutex_);
    CHECK(under_way_ > 0);
    --under_way_;
  }
  void AwaitNone() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* under_way) { return *under_way == 0; }, &under_way_));
  }

 private:
  // `alone`: the position is certainly of this table.
  void Add(const std::string& name, const std::string& position, bool alone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (position.empty()) return;  // this service tells none
    Lineage lineage;
    uint64_t seq = 0;
    Seen& seen = tables_[name];
    if (!DecodePosition(position, &lineage, &seq)) {
      seen.unreadable = true;
      return;
    }
    if (alone) {  // a table that had the name before it is no more
      seen.seqs.erase(seen.seqs.begin(),
                      seen.seqs.lower_bound(Lineage{lineage.table, 0}));
    }
    Keep(lineage, seq, &seen.seqs);
  }

  mutable absl::Mutex mutex_;
  std::map<std::string, Seen> tables_ ABSL_GUARDED_BY(mutex_);  // by name
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Passes everything on; looks at what writes are answered and adds to what
// reads of indexes ask.
class Session::SessionConnection final : public Connection {
 public:
  SessionConnection(std::shared_ptr<Connection> connection,
                    const SessionOptions& options,
                    std::shared_ptr<Memory> memory)
      : connection_(std::move(connection)),
        options_(options),
        memory_(std::move(memory)) {}

  ~SessionConnection() override { memory_->AwaitNone(); }

#define PALLET_CALL(Request)                                    \
  void Call(const Request& request, const CallOptions& options, \
            Callback<ResponseOf<Request>> done) override {      \
    Pass(request, options, std::move(done));                    \
  }
  PALLET_CALL(GetItemRequest)
  PALLET_CALL(BatchGetRequest)
  PALLET_CALL(TransactGetRequest)
  PALLET_CALL(ExecuteStatementRequest)
  PALLET_CALL(BatchExecuteRequest)
  PALLET_CALL(ExecuteTransactionRequest)
  PALLET_CALL(CreateTableRequest)
  PALLET_CALL(DescribeTableRequest)
  PALLET_CALL(UpdateTableRequest)
  PALLET_CALL(UpdateIndexPropagationRequest)
  PALLET_CALL(UpdateTimeToLiveRequest)
  PALLET_CALL(DescribeTimeToLiveRequest)
  PALLET_CALL(DeleteTableRequest)
  PALLET_CALL(ListTablesRequest)
  PALLET_CALL(ListStreamsRequest)
  PALLET_CALL(DescribeClusterRequest)
  PALLET_CALL(TagRequest)
  PALLET_CALL(UntagRequest)
  PALLET_CALL(ListTagsRequest)
#undef PALLET_CALL

  void Call(const PutItemRequest& request, const CallOptions& options,
            Callback<PutItemResponse> done) override {
    Write(request, options, std::move(done));
  }
  void Call(const DeleteItemRequest& request, const CallOptions& options,
            Callback<DeleteItemResponse> done) override {
    Write(request, options, std::move(done));
  }
  void Call(const UpdateItemRequest& request, const CallOptions& options,
            Callback<UpdateItemResponse> done) override {
    Write(request, options, std::move(done));
  }
  void Call(const BatchWriteRequest& request, const CallOptions& options,
            Callback<BatchWriteResponse> done) override {
    std::set<std::string> tables;
    for (const auto& [table, writes] : request.tables) tables.insert(table);
    WriteSeveral(request, std::move(tables), options, std::move(done));
  }
  void Call(const TransactWriteRequest& request, const CallOptions& options,
            Callback<TransactWriteResponse> done) override {
    std::set<std::string> tables;
    for (const auto& action : request.actions) {
      std::visit([&](const auto& each) { tables.insert(each.table); }, action);
    }
    WriteSeveral(request, std::move(tables), options, std::move(done));
  }

  void Call(const QueryRequest& request, const CallOptions& options,
            Callback<QueryResponse> done) override {
    Pass(Fresh(request), options, std::move(done));
  }
  void Call(const ScanRequest& request, const CallOptions& options,
            Callback<ScanResponse> done) override {
    Pass(Fresh(request), options, std::move(done));
  }
  std::unique_ptr<PageStream> Stream(const QueryRequest& request,
                                     const CallOptions& options) override {
    return connection_->Stream(Fresh(request), options);
  }
  std::unique_ptr<PageStream> Stream(const ScanRequest& request,
                                     const CallOptions& options) override {
    return connection_->Stream(Fresh(request), options);
  }
  std::unique_ptr<WatchStream> Watch(const WatchRequest& request,
                                     const CallOptions& options) override {
    return connection_->Watch(request, options);
  }

 private:
  template <typename Request>
  void WriteSeveral(const Request& request, std::set<std::string> tables,
                    const CallOptions& options,
                    Callback<ResponseOf<Request>> done) {
    using Response = ResponseOf<Request>;
    Pass(request, options,
         Callback<Response>([memory = memory_, tables = std::move(tables),
                             done = std::move(done)](
                                absl::StatusOr<Response> response) mutable {
           if (response.ok()) {
             memory->Remember(tables, response->positions);
           }
           done(std::move(response));
         }));
  }

  template <typename Request>
  void Write(const Request& request, const CallOptions& options,
             Callback<ResponseOf<Request>> done) {
    using Response = ResponseOf<Request>;
    Pass(request, options,
         Callback<Response>(
             [memory = memory_, table = request.table, done = std::move(done)](
                 absl::StatusOr<Response> response) mutable {
               if (response.ok()) memory->Remember(table, response->position);
               done(std::move(response));
             }));
  }

  template <typename Request>
  Request Fresh(Request request) const {
    if (!request.index.empty()) {
      request.freshness =
          memory_->Add(options_, request.table, std::move(request.freshness));
    }
    return request;
  }

  template <typename Request>
  void Pass(const Request& request, const CallOptions& options,
            Callback<ResponseOf<Request>> done) {
    memory_->Begin();
    connection_->Call(
        request, options,
        [memory = memory_, done = std::move(done)](
            absl::StatusOr<ResponseOf<Request>> response) mutable {
          done(std::move(response));
          done = nullptr;  // what it holds dies before the session may
          memory->End();
        });
  }

  // Shared with the client that the session is of.
  const std::shared_ptr<Connection> connection_;
  const SessionOptions options_;
  const std::shared_ptr<Memory> memory_;
};

Session::Session(const Client& client, const SessionOptions& options)
    : Session(client, options, std::make_shared<Memory>()) {}

Session::Session(const Client& client, const SessionOptions& options,
                 std::shared_ptr<Memory> memory)
    : memory_(memory),
      client_(std::make_shared<SessionConnection>(client.connection(), options,
                                                  memory)) {}

std::string Session::Token() const { return memory_->Token(); }

absl::Status Session::Join(absl::string_view token) {
  return memory_->Join(token);
}

}  // namespace pallet
