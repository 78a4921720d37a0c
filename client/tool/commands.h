// SPDX-License-Identifier: Apache-2.0
//
// The commands of the tool: each takes its options, talks to the service,
// prints, and returns an exit code. main.cc fills the options from the command
// line.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/client.h"
#include "client/tool/output.h"

namespace pallet::tool {

// What every command has. Not thread-safe.
struct Session {
  Client client;
  Output output;
  JsonStyle json_style;  // of what is read and what is printed
  Clock* clock;
};

// ---- Tables (table_commands.cc)

struct CreateOptions {
  std::string table = {};
  std::string key = {};   // "name" or "name:S|N|B"
  std::string sort = {};  // as key; empty: none
  bool deletion_protection = false;
  bool if_missing = false;
  std::vector<std::string> local_indexes = {};  // "name=key", see main.cc
  std::vector<std::string> indexes = {};        // "name=key/sort", likewise
  std::vector<std::string> tags = {};           // "key=value"
};

struct UpdateTableOptions {
  std::string table = {};
  std::vector<std::string> add_indexes = {};   // as CreateOptions::indexes
  std::vector<std::string> drop_indexes = {};  // names
};

struct PropagationOptions {
  std::string table = {};
  std::string index = {};
  std::string delay = {};  // "90s", "1h"
};

struct TimeToLiveOptions {
  std::string table = {};
  std::string attribute = {};  // "off": ends it; empty: only tells of it
  bool hide_expired = false;
};

int ListTables(Session& session);
int CreateTable(Session& session, const CreateOptions& options);
int DescribeTable(Session& session, const std::string& table);
int TimeToLive(Session& session, const TimeToLiveOptions& options);
int UpdateTable(Session& session, const UpdateTableOptions& options);
int PauseIndex(Session& session, const PropagationOptions& options);
int ResumeIndex(Session& session, const PropagationOptions& options);
int DelayIndex(Session& session, const PropagationOptions& options);
int DeleteTable(Session& session, const std::string& table);
int ListTags(Session& session, const std::string& table);
int Tag(Session& session, const std::string& table,
        const std::vector<std::string>& tags);  // "key=value"
int Untag(Session& session, const std::string& table,
          const std::vector<std::string>& keys);

// ---- Items (item_commands.cc)

// Expressions and what their placeholders stand for; names and values are JSON
// objects.
struct ExpressionOptions {
  std::string names = {};
  std::string values = {};
};

struct WriteOptions {
  std::string table = {};
  std::string item = {};  // JSON of the item or key; "-": standard input
  std::string condition = {};
  ExpressionOptions expressions = {};
  bool return_old = false;
};

struct UpdateOptions {
  std::string table = {};
  std::string key = {};
  std::string update = {};  // expression
  std::string condition = {};
  ExpressionOptions expressions = {};
  ReturnedItem returned = ReturnedItem::kNone;
};

struct GetOptions {
  std::string table = {};
  std::string key = {};
  std::string projection = {};
  ExpressionOptions expressions = {};
  bool consistent = false;
};

struct ReadOptions {
  std::string table = {};
  std::string index = {};
  std::string key_condition = {};  // query only
  std::string filter = {};
  std::string projection = {};
  ExpressionOptions expressions = {};
  bool consistent = false;
  bool reverse = false;  // query only
  bool count = false;
  int64_t limit = 0;  // items to print; 0: all
  int segments = 1;   // scan only
  int segment = -1;   // scan only; -1: all of them, side by side
};

int PutItem(Session& session, const WriteOptions& options);
int GetItem(Session& session, const GetOptions& options);
int DeleteItem(Session& session, const WriteOptions& options);
int UpdateItem(Session& session, const UpdateOptions& options);
int Query(Session& session, const ReadOptions& options);
int Scan(Session& session, const ReadOptions& options);

// ---- PartiQL (statement_commands.cc)

struct StatementOptions {
  std::string statement = {};                // "-": standard input
  std::vector<std::string> parameters = {};  // JSON values
  bool consistent = false;
  int64_t limit = 0;  // items to print; 0: all
};

int RunStatement(Session& session, const StatementOptions& options);

// ---- Streams (stream_commands.cc)

struct TailOptions {
  std::string table = {};
  std::string filter = {};
  ExpressionOptions expressions = {};
  bool snapshot = false;
  int64_t limit = 0;  // changes to print; 0: until it is stopped
};

// Of all tables that have or had one not long ago.
int ListStreams(Session& session);
// kNone disables it.
int SetStream(Session& session, const std::string& table, StreamView view);
int TailStream(Session& session, const TailOptions& options);

// ---- The cluster (cluster_commands.cc)

// A client of one node.
using NodeConnector =
    absl::FunctionRef<absl::StatusOr<Client>(const std::string& address)>;

// Nodes and tables at a glance. `behind`: entries of the log that a copy has
// still to apply.
int ClusterStatus(Session& session, NodeConnector connect);

// ---- Whole tables (load.cc, export.cc)

struct LoadOptions {
  std::string table = {};
  std::string file = {};    // "-": standard input
  std::string format = {};  // "json", "jsonl", "csv", "tsv"; empty: by the name
  std::vector<std::string> numbers = {};  // columns of a CSV file
  int in_flight = 256;
  int64_t max_errors = 0;  // more than these end the load
};

struct ExportOptions {
  std::string table = {};
  std::string file = "-";  // standard output
  int segments = 4;
};

int Load(Session& session, const LoadOptions& options);
int Export(Session& session, const ExportOptions& options);

// Calls `use` with every item of the scan, one at a time, in no order if there
// are several segments; an error of `use` ends the scan.
absl::Status ScanAll(Client& client, const ScanRequest& request, int segments,
                     absl::FunctionRef<absl::Status(const Item&)> use);

// ---- Load generator (bench.cc)

struct BenchOptions {
  std::string table = "pallet_bench";
  std::string operation = "get";  // "get", "put", "mixed"
  int64_t items = 10000;
  int value_bytes = 1000;
  int in_flight = 64;
  absl::Duration duration = absl::Seconds(5);
  bool keep = false;  // leave the table
};

int Bench(Session& session, const BenchOptions& options);

}  // namespace pallet::tool
