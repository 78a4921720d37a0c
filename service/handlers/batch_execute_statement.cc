// SPDX-License-Identifier: Apache-2.0
//
// BatchExecuteStatement: up to 25 statements side by side, all reads or all
// writes, each about one item. What fails is told in its place.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/statement.pb.h"
#include "service/capacity.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/statements.h"
#include "service/partiql/columns.h"
#include "service/partiql/requests.h"
#include "service/router.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::Reason;
using model::partiql::Statement;

constexpr int kMaxStatements = 25;
constexpr absl::string_view kName = "BatchExecuteStatement";

absl::Status CheckConstraints(
    const wire::BatchExecuteStatementRequest& request) {
  model::Constraints constraints;
  const int size = request.statements_size();
  if (size == 0) {
    constraints.Violated("[]", "statements",
                         "have length greater than or equal to 1");
  } else if (size > kMaxStatements) {
    constraints.Violated(
        "[...]", "statements",
        absl::StrCat("have length less than or equal to ", kMaxStatements));
  }
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  for (int i = 0; i < size; ++i) {
    const wire::BatchStatementRequest& each = request.statements(i);
    RETURN_IF_ERROR(CheckStatementText(
        PALLET_OPTIONAL(each, statement),
        absl::StrCat("statements.", i + 1, ".member.statement")));
    CheckEnum(EnumRule::kReturnValuesOnConditionCheckFailure,
              each.return_values_on_condition_check_failure(),
              absl::StrCat("statements.", i + 1,
                           ".member.returnValuesOnConditionCheckFailure"),
              &constraints);
  }
  return constraints.ToStatus();
}

wire::BatchStatementErrorCode CodeOf(Reason reason) {
  switch (reason) {
    case Reason::kConditionalCheckFailed:
      return wire::BATCH_STATEMENT_ERROR_CODE_CONDITIONAL_CHECK_FAILED;
    case Reason::kItemCollectionSizeLimitExceeded:
      return wire::
          BATCH_STATEMENT_ERROR_CODE_ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED;
    case Reason::kLimitExceeded:
      return wire::BATCH_STATEMENT_ERROR_CODE_REQUEST_LIMIT_EXCEEDED;
    case Reason::kValidation:
      return wire::BATCH_STATEMENT_ERROR_CODE_VALIDATION_ERROR;
    case Reason::kProvisionedThroughputExceeded:
      return wire::BATCH_STATEMENT_ERROR_CODE_PROVISIONED_THROUGHPUT_EXCEEDED;
    case Reason::kTransactionConflict:
      return wire::BATCH_STATEMENT_ERROR_CODE_TRANSACTION_CONFLICT;
    case Reason::kThrottling:
      return wire::BATCH_STATEMENT_ERROR_CODE_THROTTLING_ERROR;
    case Reason::kResourceNotFound:
      return wire::BATCH_STATEMENT_ERROR_CODE_RESOURCE_NOT_FOUND;
    case Reason::kDuplicateItem:
      return wire::BATCH_STATEMENT_ERROR_CODE_DUPLICATE_ITEM;
    default:
      return wire::BATCH_STATEMENT_ERROR_CODE_INTERNAL_SERVER_ERROR;
  }
}

void FillError(const absl::Status& status, wire::BatchStatementError* error) {
  error->set_code(CodeOf(model::ReasonOf(status)));
  error->set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    wire::ConditionalCheckFailure failure;
    if (absl::EndsWith(url, ".ConditionalCheckFailure") &&
        failure.ParseFromString(std::string(payload))) {
      error->set_item(failure.item());
    }
  });
}

// One statement of the batch.
struct Member {
  absl::Status status;  // not OK: it was not begun
  Statement statement = {};
  partiql::Columns columns = {};
  StatementCall call = {};
};

// The answers, as they come in from several threads.
class Answers {
 public:
  Answers(wire::ReturnConsumedCapacity capacity, std::vector<Member> members,
          Reply reply)
      : capacity_(capacity),
        members_(std::move(members)),
        left_(members_.size()),
        responses_(members_.size()),
        reply_(std::move(reply)) {}

  const std::vector<Member>& members() const { return members_; }

  void Take(size_t i, const absl::StatusOr<std::string>& answer)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const Member& member = members_[i];
    wire::BatchStatementResponse response;
    wire::ConsumedCapacity report;
    response.set_table_name(member.statement.table);
    if (!answer.ok()) {
      FillError(StatusOfWrite(member.statement.kind, answer.status()),
                response.mutable_error());
    } else if (member.statement.is_read()) {
      TakeRead(member, *answer, &response, &report);
    } else {
      TakeWrite(*answer, &response, &report);
    }
    absl::ReleasableMutexLock lock(&mutex_);
    responses_[i] = std::move(response);
    Account(report);
    if (--left_ > 0) return;
    const std::string encoded = Encode();
    lock.Release();
    reply_(encoded);
  }

 private:
  static void TakeRead(const Member& member, const std::string& answer,
                       wire::BatchStatementResponse* response,
                       wire::ConsumedCapacity* report) {
    wire::GetItemResponse read;
    CHECK(read.ParseFromString(answer));
    *report = read.consumed_capacity();
    if (!read.has_item()) return;
    response->set_item(member.columns.picks()
                           ? member.columns.Pick(model::ItemView(read.item()))
                           : read.item());
  }

  static void TakeWrite(const std::string& answer,
                        wire::BatchStatementResponse* response,
                        wire::ConsumedCapacity* report) {
    wire::UpdateItemResponse written;
    CHECK(written.ParseFromString(answer));
    *report = written.consumed_capacity();
    if (!written.attributes().empty()) {
      response->set_item(std::move(*written.mutable_attributes()));
    }
  }

  void Account(const wire::ConsumedCapacity& report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (report.table_name().empty()) return;
    UnitsByArm& units = units_[report.table_name()];
    // Without arms, all of it is the table's.
    units.table += report.has_table() ? report.table().capacity_units()
                                      : report.capacity_units();
    for (const auto& [name, arm] : report.local_secondary_indexes()) {
      units.local_indexes[name] += arm.capacity_units();
    }
    for (const auto& [name, arm] : report.global_secondary_indexes()) {
      units.global_indexes[name] += arm.capacity_units();
    }
  }

  std::string Encode() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    wire::BatchExecuteStatementResponse all;
    for (wire::BatchStatementResponse& response : responses_) {
      *all.add_responses() = std::move(response);
    }
    for (const auto& [table, units] : units_) {
      FillConsumedCapacity(capacity_, table, units,
                           all.add_consumed_capacity());
    }
    return all.SerializeAsString();
  }

  const wire::ReturnConsumedCapacity capacity_;
  const std::vector<Member> members_;
  absl::Mutex mutex_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  std::vector<wire::BatchStatementResponse> responses_ ABSL_GUARDED_BY(mutex_);
  // By the tables' names, as the statements have them.
  std::map<std::string, UnitsByArm> units_ ABSL_GUARDED_BY(mutex_);
  Reply reply_;  // called by whoever takes the last answer
};

absl::Status Prepare(const Router& router,
                     const wire::BatchStatementRequest& request,
                     wire::ReturnConsumedCapacity capacity, Member* member) {
  ASSIGN_OR_RETURN(member->statement,
                   ParseStatementOf(request.statement(), request.parameters()));
  const Statement& statement = member->statement;
  if (!statement.is_read()) {
    ASSIGN_OR_RETURN(
        member->call,
        CallOfWrite(
            router, statement, request.parameters(),
            {capacity, request.return_values_on_condition_check_failure()}));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(member->columns,
                   partiql::Columns::Create(statement.columns));
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   TableOfStatement(router, statement));
  if (statement.count.has_value() || !statement.order.empty()) {
    return model::ValidationError(
        absl::StrCat("COUNT and ORDER BY are not supported in ", kName));
  }
  wire::GetItemRequest get;
  RETURN_IF_ERROR(partiql::FillGet(statement, table->key, request.parameters(),
                                   member->columns, kName, &get));
  get.set_consistent_read(request.consistent_read());
  get.set_return_consumed_capacity(capacity);
  member->call = {"GetItem", get.SerializeAsString()};
  return absl::OkStatus();
}

// Of those that could be parsed.
absl::Status CheckAllOfOneKind(const std::vector<Member>& members) {
  bool reads = false;
  bool writes = false;
  for (const Member& member : members) {
    if (member.statement.table.empty()) continue;
    (member.statement.is_read() ? reads : writes) = true;
  }
  if (!reads || !writes) return absl::OkStatus();
  return model::ValidationError(
      "A batch must consist of either read statements or write statements; "
      "both cannot be mixed in one batch");
}

absl::Status Run(const Router& router, const OperationRegistry& registry,
                 const wire::BatchExecuteStatementRequest& request,
                 const CallContext& context, Reply* reply) {
  RETURN_IF_ERROR(CheckConstraints(request));
  // Arms are gathered by table; each answer tells its own.
  const auto capacity = WantsCapacity(request.return_consumed_capacity())
                            ? wire::RETURN_CONSUMED_CAPACITY_INDEXES
                            : wire::RETURN_CONSUMED_CAPACITY_NONE;
  std::vector<Member> members(static_cast<size_t>(request.statements_size()));
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].status = Prepare(router, request.statements(static_cast<int>(i)),
                                capacity, &members[i]);
  }
  RETURN_IF_ERROR(CheckAllOfOneKind(members));
  // Shared by the calls, of which any may be the last.
  auto answers =
      std::make_shared<Answers>(request.return_consumed_capacity(),
                                std::move(members), std::move(*reply));
  for (size_t i = 0; i < answers->members().size(); ++i) {
    const Member& member = answers->members()[i];
    if (!member.status.ok()) {
      answers->Take(i, member.status);
      continue;
    }
    RunCall(registry, member.call, context,
            [answers, i](const absl::StatusOr<std::string>& answer) {
              answers->Take(i, answer);
            });
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterBatchExecuteStatement(const HandlerOptions& options,
                                   OperationRegistry* registry) {
  registry->Add(std::string(kName),
                Submitted<wire::BatchExecuteStatementRequest>(
                    [router = Router(options.host), registry](
                        const wire::BatchExecuteStatementRequest& request,
                        const CallContext& context, Reply reply) {
                      const absl::Status status =
                          Run(router, *registry, request, context, &reply);
                      if (!status.ok()) reply(status);
                    }));
}

}  // namespace pallet::service
