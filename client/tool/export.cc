// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/thread.h"
#include "client/tool/commands.h"
#include "client/tool/progress.h"

namespace pallet::tool {

absl::Status ScanAll(Client& client, const ScanRequest& request, int segments,
                     absl::FunctionRef<absl::Status(const Item&)> use) {
  absl::Mutex mutex;
  absl::Status first_error;
  const auto read_segment = [&](int segment) {
    ScanRequest part = request;
    part.total_segments = segments;
    part.segment = segment;
    for (const absl::StatusOr<Item>& item : client.StreamScan(part)) {
      absl::MutexLock lock(&mutex);
      if (!first_error.ok()) return;
      first_error = item.ok() ? use(*item) : item.status();
    }
  };
  {
    std::vector<Thread> threads;
    for (int segment = 1; segment < segments; ++segment) {
      threads.emplace_back("scan", [&, segment] { read_segment(segment); });
    }
    read_segment(0);
  }
  return first_error;
}

int Export(Session& session, const ExportOptions& options) {
  const auto table = session.client.DescribeTable({.table = options.table});
  if (!table.ok()) return session.output.Fail(table.status());
  std::ofstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary | std::ios::trunc);
  }
  std::ostream& out = options.file == "-" ? std::cout : file;
  Progress progress(session.clock, options.table, table->item_count);
  int64_t items = 0;
  absl::Status status =
      ScanAll(session.client, {.table = options.table}, options.segments,
              [&](const Item& item) {
                out << ToJson(item, session.json_style) << '\n';
                ++items;
                progress.Update(items, items);
                return out ? absl::OkStatus()
                           : absl::InternalError("cannot write the file");
              });
  out.flush();
  if (status.ok() && !out) {
    status = absl::InternalError(
        absl::StrCat("cannot write the file ", options.file));
  }
  progress.Finish(items);
  return status.ok() ? kDone : session.output.Fail(status);
}

}  // namespace pallet::tool
