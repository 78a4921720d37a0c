// SPDX-License-Identifier: Apache-2.0
//
// The frames of ItemService.Pipeline (pipeline.proto), read and written as
// bytes: a request stays a view into its frame, an answer is copied once.
//
//   frame  := (0x0A length operation)*           PipelineRequest
//   operation := tag | timeout | one request     PipelineOperation
//   result := tag | error or one response        PipelineResult
//
// The member of an operation has the field number of its response.
// Pure functions and values; one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pallet::service {

struct PipelineOperation {
  uint64_t tag = 0;
  // From the moment it is read.
  absl::Duration timeout = absl::InfiniteDuration();
  // The set member of the oneof, or 0: none, or `refused` says why.
  int member = 0;
  absl::string_view request;  // its bytes; a view into the frame
  // Why the operation cannot run though its frame is sound.
  absl::Status refused;
};

// The operations of a frame, one after the other. Borrows the frame.
class PipelineFrameReader {
 public:
  explicit PipelineFrameReader(absl::string_view frame) : rest_(frame) {}

  bool AtEnd() const { return rest_.empty(); }

  // The next operation. kInvalidArgument if the frame is no PipelineRequest,
  // kUnimplemented for fields of the frame this version does not know; there
  // is nothing to go on with after that.
  // REQUIRES: !AtEnd().
  absl::StatusOr<PipelineOperation> Next();

 private:
  absl::string_view rest_;
};

// Answers gathered into one PipelineResponse.
class PipelineFrameWriter {
 public:
  void AddResponse(uint64_t tag, int member, absl::string_view response);
  // `status`: an encoded google.rpc.Status.
  void AddError(uint64_t tag, absl::string_view status);

  uint32_t results() const { return results_; }
  size_t bytes() const { return frame_.size(); }
  // Of the answers alone.
  uint64_t payload_bytes() const { return payload_bytes_; }
  bool empty() const { return results_ == 0; }

  // The frame; the writer is empty again.
  std::string Take();

 private:
  void Add(uint64_t tag, int member, absl::string_view bytes);

  std::string frame_;
  size_t last_bytes_ = 0;  // of the frame taken last
  uint32_t results_ = 0;
  uint64_t payload_bytes_ = 0;
};

}  // namespace pallet::service
