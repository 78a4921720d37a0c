// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/service/handlers/handler_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "model/errors.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service {
namespace {

using google::protobuf::Message;

std::unique_ptr<Message> NewPublicMessage(absl::string_view name) {
  // A use of each service's file, so that the linker keeps them.
  CHECK(v1::PipelineRequest::descriptor() != nullptr);
  CHECK(v1::CreateTableRequest::descriptor() != nullptr);
  CHECK(v1::WatchRequest::descriptor() != nullptr);
  const auto* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          absl::StrCat("pallet.v1.", name));
  CHECK(type != nullptr) << name;
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
}

std::string Encode(absl::string_view operation, absl::string_view text) {
  const auto request = NewPublicMessage(absl::StrCat(operation, "Request"));
  CHECK(google::protobuf::TextFormat::ParseFromString(std::string(text),
                                                      request.get()))
      << text;
  return request->SerializeAsString();
}

// Without positions: each write has one, and what they are good for is tested
// with what they are for (index_reads_test).
std::string TextOf(absl::string_view operation, const std::string& encoded) {
  const auto response = NewPublicMessage(absl::StrCat(operation, "Response"));
  CHECK(response->ParseFromString(encoded));
  for (const char* name : {"position", "positions"}) {
    const auto* field = response->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) {
      response->GetReflection()->ClearField(response.get(), field);
    }
  }
  return response->ShortDebugString();
}

std::string TextOf(const absl::Status& status) {
  return absl::StrCat(model::InfoOf(model::ReasonOf(status)).name, ": ",
                      status.message());
}

std::string Member(absl::string_view name, absl::string_view value) {
  return absl::StrCat(" attributes { key: '", name, "' value { ", value,
                      " } }");
}

}  // namespace

absl::Status FakeIndexKeeper::TableChanged(const cluster::TablePtr& table) {
  heard.push_back(absl::StrCat("changed ", table->name));
  if (!activates) return absl::OkStatus();
  std::vector<cluster::IndexId> indexes;
  for (const auto& index : table->global_indexes) indexes.push_back(index.id);
  return host->ActivateIndexes(table->name, indexes).status();
}

void FakeIndexKeeper::TableGone(const cluster::Table& table) {
  heard.push_back(absl::StrCat("gone ", table.name));
}

void FakeIndexKeeper::AwaitFresh(const cluster::TablePtr& table,
                                 const cluster::GlobalIndex& index,
                                 const FreshnessGoal& goal,
                                 absl::Duration deadline,
                                 absl::AnyInvocable<void(absl::Status)> done) {
  last_goal = goal;
  done(fresh);
}

absl::StatusOr<gsi::IndexProgress> FakeIndexKeeper::ProgressOf(
    const cluster::Table& table, const cluster::GlobalIndex& index) {
  return progress;
}

absl::Status FakeIndexKeeper::CheckRoom(const cluster::Table& table,
                                        storage::PartitionId partition) {
  return room;
}

HandlerTest::HandlerTest() {
  cluster::PartitionHostOptions options;
  options.data_directory = directory_.path();
  options.open_store = [this](storage::StoreOptions store) {
    return OpenStore(store);
  };
  options.store_count = 3;
  options.clock = &clock_;
  logger_->set_level(LogLevel::kWarning);
  options.logger = logger_.get();
  auto host = cluster::PartitionHost::Open(std::move(options));
  CHECK(host.ok()) << host.status();
  host_ = *std::move(host);
  index_keeper_.host = host_.get();
  OpenTransactions();
  const std::string plain =
      Call("CreateTable",
           "table_name: 'plain' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
           "attribute_definitions { attribute_name: 'pk' "
           "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
           "key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }");
  const std::string pairs =
      Call("CreateTable",
           "table_name: 'pairs' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
           "attribute_definitions { attribute_name: 'pk' "
           "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
           "attribute_definitions { attribute_name: 'sk' "
           "attribute_type: SCALAR_ATTRIBUTE_TYPE_N } "
           "key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH } "
           "key_schema { attribute_name: 'sk' key_type: KEY_TYPE_RANGE }");
  CHECK(host_->FindTable("plain") != nullptr) << plain;
  CHECK(host_->FindTable("pairs") != nullptr) << pairs;
}

void HandlerTest::OpenTransactions() {
  registry_ = OperationRegistry();
  transactions_.reset();
  auto transactions = Transactions::Open({host_.get(), logger_.get()});
  CHECK(transactions.ok()) << transactions.status();
  transactions_ = *std::move(transactions);
  RegisterHandlers({.clock = &clock_,
                    .host = host_.get(),
                    .read_pool = &read_pool_,
                    .control = &control_,
                    .index_keeper = &index_keeper_,
                    .transactions = transactions_.get()},
                   &registry_);
}

absl::StatusOr<std::unique_ptr<storage::Store>> HandlerTest::OpenStore(
    const storage::StoreOptions& options) {
  auto store = disk_.Open(options);
  if (!store.ok()) return store;
  return std::make_unique<testing::StoreProxy>(*std::move(store),
                                               &store_control_);
}

HandlerTest::~HandlerTest() {
  read_pool_.Shutdown();
  control_.Shutdown();
}

std::string HandlerTest::Call(absl::string_view operation,
                              absl::string_view request,
                              const CallContext& context) {
  const Operation* run = registry_.Find(operation);
  CHECK(run != nullptr) << operation;
  absl::StatusOr<std::string> answer;
  absl::Notification answered;
  (*run)(Encode(operation, request), context,
         [&](absl::StatusOr<std::string> given) {
           answer = std::move(given);
           answered.Notify();
         });
  answered.WaitForNotification();
  return answer.ok() ? TextOf(operation, *answer) : TextOf(answer.status());
}

absl::StatusOr<std::unique_ptr<PageSource>> HandlerTest::Open(
    absl::string_view operation, absl::string_view request,
    const CallContext& context) {
  const StreamOperation* open = registry_.FindStream(operation);
  CHECK(open != nullptr) << operation;
  return (*open)(Encode(operation, request), context);
}

std::vector<std::string> HandlerTest::Stream(absl::string_view operation,
                                             absl::string_view request,
                                             const CallContext& context) {
  std::vector<std::string> messages;
  auto source = Open(operation, request, context);
  if (!source.ok()) return {TextOf(source.status())};
  while (true) {
    auto page = (*source)->Next();
    if (!page.ok()) messages.push_back(TextOf(page.status()));
    if (!page.ok() || !page->has_value()) return messages;
    messages.push_back(TextOf(operation, **page));
  }
}

std::string HandlerTest::S(absl::string_view name, absl::string_view value) {
  return Member(name, absl::StrCat("s: '", value, "'"));
}

std::string HandlerTest::N(absl::string_view name, absl::string_view value) {
  return Member(name, absl::StrCat("n: '", value, "'"));
}

std::string HandlerTest::B(absl::string_view name, absl::string_view escaped) {
  return Member(name, absl::StrCat("b: '", escaped, "'"));
}

std::string HandlerTest::Pair(absl::string_view pk, int sk) {
  return S("pk", pk) + N("sk", absl::StrCat(sk));
}

void HandlerTest::Put(absl::string_view table, absl::string_view item) {
  const std::string answer = Call(
      "PutItem", absl::StrCat("table_name: '", table, "' item {", item, " }"));
  CHECK(answer.empty()) << answer;
}

CallContext PastDeadline() {
  CallContext context;
  context.deadline = context.clock->Monotonic() - absl::Seconds(1);
  return context;
}

CallContext Cancelled() {
  CallContext context;
  context.cancelled = std::make_shared<std::atomic<bool>>(true);
  return context;
}

}  // namespace pallet::service
