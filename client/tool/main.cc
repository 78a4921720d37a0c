// SPDX-License-Identifier: Apache-2.0
//
// The `pallet` command: what can be typed, and what it runs.
#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "client/tool/commands.h"

namespace pallet::tool {
namespace {

constexpr char kFooter[] = R"(
Examples:
  pallet tables create cities --key country --sort name
  pallet put cities '{"country": "DE", "name": "Berlin", "population": 3769000}'
  pallet get cities --key '{"country": "DE", "name": "Berlin"}'
  pallet query cities 'country = :c and begins_with(#n, :p)' \
      --names '{"#n": "name"}' --values '{":c": "DE", ":p": "Ber"}'
  pallet update cities 'SET population = population + :n' \
      --key '{"country": "DE", "name": "Berlin"}' --values '{":n": 1}' \
      --if 'attribute_exists(population)' --return updated-new
  pallet sql 'SELECT * FROM cities WHERE country = ?' --param '"DE"'
  pallet streams enable cities && pallet streams tail cities --snapshot
  pallet load cities cities.json
  pallet export cities > cities.jsonl

Items are plain JSON; with --json typed they are DynamoDB's JSON
({"name": {"S": "Berlin"}}), which keeps sets and binary values.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 no connection.)";

constexpr char kIndexHelp[] =
    "another key for all items: NAME=KEY,KEY/SORT,SORT (up to four of each, no "
    "/ without a sort key), and =keys or =a,b for what it holds beside keys "
    "(default: all)";

// Everything the command line can say.
struct CommandLine {
  std::string address = "localhost:8001";
  OutputFormat output = OutputFormat::kAuto;
  JsonStyle json_style = JsonStyle::kPlain;
  double timeout_seconds = 30;
  bool unary_calls = false;

  std::string table;
  std::vector<std::string> tags;
  CreateOptions create;
  UpdateTableOptions update_table;
  PropagationOptions propagation;
  TimeToLiveOptions time_to_live;
  WriteOptions put, erase;
  UpdateOptions update;
  GetOptions get;
  ReadOptions query, scan;
  StatementOptions statement;
  TailOptions tail;
  StreamView view = StreamView::kNewAndOldImages;
  LoadOptions load;
  ExportOptions dump;
  BenchOptions bench;
  double bench_seconds = 5;

  std::function<int(Session&)> run;
};

void AddGlobals(CLI::App& app, CommandLine& line) {
  app.add_option(
         "-a,--address", line.address,
         "host:port of the service; of a cluster's nodes, with commas between")
      ->envname("PALLET_ADDRESS")
      ->capture_default_str();
  app.add_option("-o,--output", line.output,
                 "json, table or auto: a table on a terminal")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, OutputFormat>{{"auto", OutputFormat::kAuto},
                                              {"json", OutputFormat::kJson},
                                              {"table", OutputFormat::kTable}}))
      ->option_text("FORMAT");
  app.add_option("--json", line.json_style,
                 "plain or typed: how items are read and printed")
      ->transform(CLI::CheckedTransformer(std::map<std::string, JsonStyle>{
          {"plain", JsonStyle::kPlain}, {"typed", JsonStyle::kTyped}}))
      ->option_text("STYLE");
  app.add_option("--timeout", line.timeout_seconds, "seconds for each call")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--unary", line.unary_calls,
               "a call for each operation instead of the shared stream");
}

void AddExpressions(CLI::App* command, ExpressionOptions& options) {
  command->add_option("--names", options.names,
                      "what #placeholders stand for, as a JSON object");
  command->add_option("--values", options.values,
                      "what :placeholders stand for, as a JSON object");
}

void AddTags(CLI::App* tables, CommandLine& line) {
  CLI::App* list = tables->add_subcommand("tags", "Print the tags of a table");
  list->add_option("table", line.table, "name")->required();
  list->callback([&line] {
    line.run = [&line](Session& session) {
      return ListTags(session, line.table);
    };
  });
  CLI::App* tag = tables->add_subcommand("tag", "Add or change tags");
  tag->add_option("table", line.table, "name")->required();
  tag->add_option("tags", line.tags, "KEY=VALUE")->required();
  tag->callback([&line] {
    line.run = [&line](Session& session) {
      return Tag(session, line.table, line.tags);
    };
  });
  CLI::App* untag = tables->add_subcommand("untag", "Take tags away");
  untag->add_option("table", line.table, "name")->required();
  untag->add_option("keys", line.tags, "keys of tags")->required();
  untag->callback([&line] {
    line.run = [&line](Session& session) {
      return Untag(session, line.table, line.tags);
    };
  });
}

void AddTimeToLive(CLI::App* tables, CommandLine& line) {
  CLI::App* command = tables->add_subcommand(
      "ttl", "Print or set which attribute tells when items expire");
  command->add_option("table", line.time_to_live.table, "name")->required();
  command->add_option("attribute", line.time_to_live.attribute,
                      "of seconds since 1970; off: items expire no more");
  command->add_flag("--hide-expired", line.time_to_live.hide_expired,
                    "from reads at once, before they are deleted");
  command->callback([&line] {
    line.run = [&line](Session& session) {
      return TimeToLive(session, line.time_to_live);
    };
  });
}

void AddPropagation(CLI::App* tables, CommandLine& line) {
  const auto add = [&](const char* name, const char* what,
                       int (*run)(Session&, const PropagationOptions&)) {
    CLI::App* command = tables->add_subcommand(name, what);
    command->add_option("table", line.propagation.table, "name")->required();
    command->add_option("index", line.propagation.index, "global index")
        ->required();
    command->callback([&line, run] {
      line.run = [&line, run](Session& session) {
        return run(session, line.propagation);
      };
    });
    return command;
  };
  add("pause-index", "Let a global index take no changes and not be filled",
      PauseIndex);
  add("resume-index", "Let it go on", ResumeIndex);
  add("delay-index", "Let changes wait before a global index takes them",
      DelayIndex)
      ->add_option("duration", line.propagation.delay,
                   "500ms, 90s, at most 1h; 0s: no delay")
      ->required();
}

void AddTables(CLI::App& app, CommandLine& line) {
  CLI::App* tables = app.add_subcommand("tables", "List and change tables");
  tables->require_subcommand(1);

  tables->add_subcommand("list", "Print the names of all tables")
      ->callback([&line] { line.run = ListTables; });

  CLI::App* create = tables->add_subcommand("create", "Create a table");
  create->add_option("table", line.create.table, "name")->required();
  create
      ->add_option("--key", line.create.key,
                   "partition key: name, or name:S, name:N, name:B")
      ->required();
  create->add_option("--sort", line.create.sort, "sort key, likewise");
  create->add_option("--local-index", line.create.local_indexes,
                     "second order: NAME=KEY, NAME=KEY=keys or NAME=KEY=a,b "
                     "(what it holds beside keys; default: all)");
  create->add_option("--index", line.create.indexes, kIndexHelp);
  create->add_option("--tag", line.create.tags, "KEY=VALUE");
  create->add_flag("--deletion-protection", line.create.deletion_protection,
                   "refuse to delete it");
  create->add_flag("--if-missing", line.create.if_missing,
                   "it may be there already");
  create->callback([&line] {
    line.run = [&line](Session& session) {
      return CreateTable(session, line.create);
    };
  });

  CLI::App* describe = tables->add_subcommand("describe", "Print what it is");
  describe->add_option("table", line.table, "name")->required();
  describe->callback([&line] {
    line.run = [&line](Session& session) {
      return DescribeTable(session, line.table);
    };
  });

  CLI::App* update =
      tables->add_subcommand("update", "Add and drop global indexes");
  update->add_option("table", line.update_table.table, "name")->required();
  update->add_option("--add-index", line.update_table.add_indexes, kIndexHelp);
  update->add_option("--drop-index", line.update_table.drop_indexes,
                     "name of an index");
  update->callback([&line] {
    line.run = [&line](Session& session) {
      return UpdateTable(session, line.update_table);
    };
  });

  AddPropagation(tables, line);
  AddTimeToLive(tables, line);
  AddTags(tables, line);

  CLI::App* erase =
      tables->add_subcommand("delete", "Delete a table and all its items");
  erase->add_option("table", line.table, "name")->required();
  erase->callback([&line] {
    line.run = [&line](Session& session) {
      return DeleteTable(session, line.table);
    };
  });
}

void AddWrite(CLI::App* command, WriteOptions& options) {
  command->add_option("--if", options.condition,
                      "condition expression that must hold");
  AddExpressions(command, options.expressions);
  command->add_flag("--return-old", options.return_old,
                    "print the item as it was before");
}

void AddItems(CLI::App& app, CommandLine& line) {
  CLI::App* put = app.add_subcommand("put", "Put an item");
  put->add_option("table", line.put.table, "table")->required();
  put->add_option("item", line.put.item, "JSON; - reads standard input")
      ->required();
  AddWrite(put, line.put);
  put->callback([&line] {
    line.run = [&line](Session& session) { return PutItem(session, line.put); };
  });

  CLI::App* get = app.add_subcommand("get", "Print the item with a key");
  get->add_option("table", line.get.table, "table")->required();
  get->add_option("-k,--key", line.get.key, "the key as JSON")->required();
  get->add_option("--projection", line.get.projection,
                  "attributes to return, as an expression");
  get->add_option("--names", line.get.expressions.names,
                  "what #placeholders stand for, as a JSON object");
  get->add_flag("--consistent", line.get.consistent, "strongly consistent");
  get->callback([&line] {
    line.run = [&line](Session& session) { return GetItem(session, line.get); };
  });

  CLI::App* erase = app.add_subcommand("delete", "Delete the item with a key");
  erase->add_option("table", line.erase.table, "table")->required();
  erase->add_option("-k,--key", line.erase.item, "the key as JSON")->required();
  AddWrite(erase, line.erase);
  erase->callback([&line] {
    line.run = [&line](Session& session) {
      return DeleteItem(session, line.erase);
    };
  });
}

void AddUpdate(CLI::App& app, CommandLine& line) {
  CLI::App* update =
      app.add_subcommand("update", "Change attributes of an item, or make it");
  update->add_option("table", line.update.table, "table")->required();
  update
      ->add_option("update", line.update.update,
                   "update expression: SET, REMOVE, ADD, DELETE")
      ->required();
  update->add_option("-k,--key", line.update.key, "the key as JSON")
      ->required();
  update->add_option("--if", line.update.condition,
                     "condition expression that must hold");
  AddExpressions(update, line.update.expressions);
  update
      ->add_option("--return", line.update.returned,
                   "print the item or what the update names of it: old, new, "
                   "updated-old or updated-new")
      ->transform(CLI::CheckedTransformer(std::map<std::string, ReturnedItem>{
          {"old", ReturnedItem::kOld},
          {"new", ReturnedItem::kNew},
          {"updated-old", ReturnedItem::kUpdatedOld},
          {"updated-new", ReturnedItem::kUpdatedNew}}))
      ->option_text("WHAT");
  update->callback([&line] {
    line.run = [&line](Session& session) {
      return UpdateItem(session, line.update);
    };
  });
}

void AddRead(CLI::App* command, ReadOptions& options) {
  command->add_option("--filter", options.filter, "filter expression");
  command->add_option("--projection", options.projection,
                      "attributes to return, as an expression");
  command->add_option("--index", options.index, "index to read");
  AddExpressions(command, options.expressions);
  command->add_option("-n,--limit", options.limit, "items to print at most")
      ->check(CLI::PositiveNumber);
  command->add_flag("--count", options.count, "print the number of items only");
  command->add_flag("--consistent", options.consistent, "strongly consistent");
}

void AddReads(CLI::App& app, CommandLine& line) {
  CLI::App* query =
      app.add_subcommand("query", "Print items of one partition key");
  query->add_option("table", line.query.table, "table")->required();
  query
      ->add_option("condition", line.query.key_condition,
                   "key condition expression")
      ->required();
  AddRead(query, line.query);
  query->add_flag("-r,--reverse", line.query.reverse, "last sort key first");
  query->callback([&line] {
    line.run = [&line](Session& session) { return Query(session, line.query); };
  });

  CLI::App* scan = app.add_subcommand("scan", "Print all items of a table");
  scan->add_option("table", line.scan.table, "table")->required();
  AddRead(scan, line.scan);
  CLI::Option* segments =
      scan->add_option("--segments", line.scan.segments,
                       "read in so many parts, side by side")
          ->check(CLI::Range(1, 1000000));
  scan->add_option("--segment", line.scan.segment,
                   "only this part, counted from 0")
      ->needs(segments);
  scan->callback([&line] {
    line.run = [&line](Session& session) { return Scan(session, line.scan); };
  });
}

void AddStatement(CLI::App& app, CommandLine& line) {
  CLI::App* sql = app.add_subcommand(
      "sql", "Run a PartiQL statement and print the items it finds or returns");
  sql->add_option("statement", line.statement.statement,
                  "the statement; - reads it from standard input")
      ->required();
  sql->add_option("-p,--param", line.statement.parameters,
                  "JSON value for the next question mark")
      ->allow_extra_args(false);
  sql->add_option("-n,--limit", line.statement.limit, "print so many items")
      ->check(CLI::PositiveNumber);
  sql->add_flag("--consistent", line.statement.consistent,
                "strongly consistent");
  sql->callback([&line] {
    line.run = [&line](Session& session) {
      return RunStatement(session, line.statement);
    };
  });
}

void AddStreams(CLI::App& app, CommandLine& line) {
  CLI::App* streams =
      app.add_subcommand("streams", "Follow tables: list, enable, tail");
  streams->require_subcommand(1);
  streams->add_subcommand("list", "Print the streams of all tables")
      ->callback([&line] { line.run = ListStreams; });
  CLI::App* enable = streams->add_subcommand("enable", "Enable a stream");
  enable->add_option("table", line.table, "name")->required();
  enable->add_option("--view", line.view, "what it has of each change")
      ->transform(CLI::CheckedTransformer(std::map<std::string, StreamView>{
          {"both", StreamView::kNewAndOldImages},
          {"new", StreamView::kNewImage},
          {"old", StreamView::kOldImage},
          {"keys", StreamView::kKeysOnly}}))
      ->option_text("both, new, old or keys [both]");
  enable->callback([&line] {
    line.run = [&line](Session& session) {
      return SetStream(session, line.table, line.view);
    };
  });
  CLI::App* disable = streams->add_subcommand("disable", "Disable a stream");
  disable->add_option("table", line.table, "name")->required();
  disable->callback([&line] {
    line.run = [&line](Session& session) {
      return SetStream(session, line.table, StreamView::kNone);
    };
  });
  CLI::App* tail = streams->add_subcommand(
      "tail", "Print what happens to a table, as it happens");
  tail->add_option("table", line.tail.table, "name")->required();
  tail->add_flag("--snapshot", line.tail.snapshot, "its items first");
  tail->add_option("--filter", line.tail.filter, "expression of what is told");
  AddExpressions(tail, line.tail.expressions);
  tail->add_option("-n,--limit", line.tail.limit, "print so many changes")
      ->check(CLI::PositiveNumber);
  tail->callback([&line] {
    line.run = [&line](Session& session) {
      return TailStream(session, line.tail);
    };
  });
}

void AddCluster(CLI::App& app, CommandLine& line) {
  CLI::App* cluster = app.add_subcommand("cluster", "The nodes of a cluster");
  cluster->require_subcommand(1);
  cluster
      ->add_subcommand("status",
                       "Print nodes and tables: who leads, how many copies "
                       "there are, how far they and the indexes are behind")
      ->callback([&line] {
        line.run = [&line](Session& session) {
          return ClusterStatus(session, [&line](const std::string& address) {
            return Client::Connect({.address = address,
                                    .retry = {.max_attempts = 1},
                                    .unary_calls = true});
          });
        };
      });
}

void AddWholeTables(CLI::App& app, CommandLine& line) {
  CLI::App* load = app.add_subcommand("load", "Put the items of a file");
  load->add_option("table", line.load.table, "table")->required();
  load->add_option("file", line.load.file,
                   "JSON lines, a JSON array, CSV or TSV; - reads standard "
                   "input")
      ->required();
  load->add_option("--format", line.load.format,
                   "json, jsonl, csv or tsv (default: by the file's name)")
      ->check(CLI::IsMember({"json", "jsonl", "csv", "tsv"}));
  load->add_option("--numbers", line.load.numbers,
                   "columns of a CSV file that are numbers: a,b,c")
      ->delimiter(',');
  load->add_option("--in-flight", line.load.in_flight, "puts at the same time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  load->add_option("--max-errors", line.load.max_errors,
                   "go on while no more puts than this fail")
      ->capture_default_str();
  load->callback([&line] {
    line.run = [&line](Session& session) { return Load(session, line.load); };
  });

  CLI::App* dump =
      app.add_subcommand("export", "Write all items as JSON lines");
  dump->add_option("table", line.dump.table, "table")->required();
  dump->add_option("file", line.dump.file, "file (default: standard output)");
  dump->add_option("--segments", line.dump.segments,
                   "parts to read side by side")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  dump->callback([&line] {
    line.run = [&line](Session& session) { return Export(session, line.dump); };
  });
}

void AddBench(CLI::App& app, CommandLine& line) {
  CLI::App* bench = app.add_subcommand(
      "bench", "Measure throughput and latency on a table of its own");
  bench
      ->add_option("operation", line.bench.operation,
                   "get, put or mixed (95 % gets)")
      ->check(CLI::IsMember({"get", "put", "mixed"}))
      ->capture_default_str();
  bench->add_option("--table", line.bench.table, "table, made if missing")
      ->capture_default_str();
  bench->add_option("--items", line.bench.items, "items in it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bench->add_option("--size", line.bench.value_bytes, "bytes of an item")
      ->check(CLI::Range(0, 400000))
      ->capture_default_str();
  bench
      ->add_option("--in-flight", line.bench.in_flight,
                   "operations at the same time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  bench->add_option("--seconds", line.bench_seconds, "how long")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bench->add_flag("--keep", line.bench.keep, "leave the table there");
  bench->callback([&line] {
    line.run = [&line](Session& session) {
      line.bench.duration = absl::Seconds(line.bench_seconds);
      return Bench(session, line.bench);
    };
  });
}

int Run(CommandLine& line) {
  Output output(line.output, line.json_style);
  absl::StatusOr<Client> client =
      Client::Connect({.address = line.address,
                       .timeout = absl::Seconds(line.timeout_seconds),
                       .unary_calls = line.unary_calls});
  if (!client.ok()) return output.Misused(client.status());
  Session session{*std::move(client), std::move(output), line.json_style,
                  Clock::Real()};
  return line.run(session);
}

int Main(int argc, char** argv) {
  // Debian's abseil checks the order of locks at each lock, gRPC's and ours,
  // for three times the price of the lock; tests keep the check.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Talks to a Pallet table service.", "pallet");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  CommandLine line;
  AddGlobals(app, line);
  AddTables(app, line);
  AddItems(app, line);
  AddUpdate(app, line);
  AddReads(app, line);
  AddStatement(app, line);
  AddStreams(app, line);
  AddCluster(app, line);
  AddWholeTables(app, line);
  AddBench(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return Run(line);
}

}  // namespace
}  // namespace pallet::tool

int main(int argc, char** argv) { return pallet::tool::Main(argc, argv); }
