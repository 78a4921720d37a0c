// SPDX-License-Identifier: Apache-2.0
//
// Requests and responses of PartiQL; otherwise as requests.h. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/value.h"

namespace pallet {

// One statement of DynamoDB's PartiQL:
//
//   client.ExecuteStatement({.statement = "SELECT * FROM cities WHERE country "
//                                         "= ?",
//                            .parameters = {"DE"}});
//
// One that begins with SELECT is repeated as reads are, others as writes.
struct ExecuteStatementRequest {
  std::string statement = {};
  std::vector<Value> parameters = {};  // for the question marks, in order
  bool consistent_read = false;
  std::optional<int> limit = {};  // evaluated items
  std::string page_token = {};    // a next_page_token of the same statement
  bool return_item_on_failure = false;
};

struct ExecuteStatementResponse {
  std::vector<Item> items = {};      // found, or returned by a write
  std::string next_page_token = {};  // empty: this was the last page
};

// Up to 25 statements, all reads or all writes, each of one item.
struct BatchExecuteRequest {
  struct Statement {
    std::string statement = {};
    std::vector<Value> parameters = {};
    bool consistent_read = false;
    bool return_item_on_failure = false;
  };
  std::vector<Statement> statements = {};
};

struct BatchExecuteResponse {
  struct Result {
    // "DuplicateItem", "ConditionalCheckFailed" and others, as DynamoDB has
    // them. Empty: the statement succeeded.
    std::string error_code = {};
    std::string error_message = {};
    // What it found or returns; of a failed condition, what it failed on.
    std::optional<Item> item = {};
  };
  std::vector<Result> results = {};  // in the order of the request
};

// Up to 100 statements as one transaction, all reads or all writes. Errors as of
// TransactWriteRequest.
struct ExecuteTransactionRequest {
  struct Statement {
    std::string statement = {};
    std::vector<Value> parameters = {};
    bool return_item_on_failure = false;  // in the reason
  };
  std::vector<Statement> statements = {};
  std::string token = {};  // as TransactWriteRequest's
};

struct ExecuteTransactionResponse {
  // Of reads, in their order; nullopt for what is not there.
  std::vector<std::optional<Item>> items = {};
};

}  // namespace pallet
