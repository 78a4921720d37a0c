// SPDX-License-Identifier: Apache-2.0
//
// FileJournal: a journal that outlives its process, and what reads it again.
// Each note is one append of fixed size, so that kill -9 leaves whole notes.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "tests/testing/store_workload.h"

namespace pallet::testing {

class FileJournal : public Journal {
 public:
  static constexpr size_t kNoteBytes = 16;

  explicit FileJournal(const std::string& path)
      : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644)) {
    CHECK(file_ >= 0) << path;
  }
  ~FileJournal() override { close(file_); }

  void Intend(const SlotOperation& operation) override {
    Append('I', operation);
  }
  void Acknowledge(const SlotOperation& operation) override {
    Append('A', operation);
  }

  // Feeds the notes after the first `*read` bytes to `expectations`.
  static void Read(const std::string& path, size_t* read,
                   SlotExpectations* expectations) {
    auto content = ReadFile(FileSystem::Real(), path);
    if (!content.ok()) return;  // killed before the first note
    absl::string_view notes = *content;
    notes.remove_prefix(*read);
    while (notes.size() >= kNoteBytes) {
      SlotOperation operation;
      const char kind = notes[0];
      operation.is_delete = notes[1] != 0;
      operation.slot = LoadU32(notes.data() + 4);
      operation.version = LoadU64(notes.data() + 8);
      if (kind == 'I') {
        expectations->Intend(operation);
      } else {
        expectations->Acknowledge(operation);
      }
      notes.remove_prefix(kNoteBytes);
      *read += kNoteBytes;
    }
  }

 private:
  void Append(char kind, const SlotOperation& operation) {
    char note[kNoteBytes] = {kind, static_cast<char>(operation.is_delete)};
    StoreU32(note + 4, operation.slot);
    StoreU64(note + 8, operation.version);
    CHECK(write(file_, note, sizeof(note)) == sizeof(note));
  }

  const int file_;
};

}  // namespace pallet::testing
