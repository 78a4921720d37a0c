// SPDX-License-Identifier: Apache-2.0
#include "service/pipeline_frame.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::service {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr int kOperationsField = 1;  // PipelineRequest
constexpr int kResultsField = 1;     // PipelineResponse
constexpr int kTagField = 1;         // both
constexpr int kTimeoutField = 2;     // PipelineOperation
constexpr int kErrorField = 2;       // PipelineResult
constexpr int kFirstMember = 3;      // of the oneof, both

// Of a field's tag and of a length: protobuf's parser takes no longer ones.
constexpr size_t kMaxPrefixBytes = 5;

// What stands before a result in a frame.
constexpr size_t kMaxHead = 1 + kMaxVarintBytes;

constexpr uint32_t TagOf(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}
constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr auto kLength = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

// Takes fields off the front of protobuf bytes, as protobuf's parser does:
// unlike our own codecs it accepts varints that are longer than they need to
// be, because other writers are free to make them. CodedInputStream alone is
// laxer: it takes tags and lengths of ten bytes and cuts them to 32 bits.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes)
      : bytes_(bytes),
        input_(reinterpret_cast<const uint8_t*>(bytes.data()),
               static_cast<int>(bytes.size())) {}

  // False at the end and at what is no field.
  bool Next() {
    const size_t start = position();
    tag_ = input_.ReadTag();
    const bool is_field = WireFormatLite::GetTagFieldNumber(tag_) != 0;
    if (!is_field || position() - start > kMaxPrefixBytes) tag_ = 0;
    return tag_ != 0;
  }
  uint32_t tag() const { return tag_; }
  bool AtEnd() { return input_.ConsumedEntireMessage(); }
  size_t position() const { return input_.CurrentPosition(); }

  bool Varint(uint64_t* value) { return input_.ReadVarint64(value); }

  bool Bytes(absl::string_view* value) {
    const size_t prefix = position();
    uint64_t length = 0;
    if (!input_.ReadVarint64(&length)) return false;
    const size_t start = position();
    if (start - prefix > kMaxPrefixBytes) return false;
    if (length > bytes_.size() - start) return false;
    *value = bytes_.substr(start, length);
    return input_.Skip(static_cast<int>(length));
  }

  // Past a field nobody knows. False for a group, which proto3 does not have.
  bool Skip() {
    uint64_t number = 0;
    absl::string_view bytes;
    switch (WireFormatLite::GetTagWireType(tag_)) {
      case WireFormatLite::WIRETYPE_VARINT:
        return Varint(&number);
      case WireFormatLite::WIRETYPE_FIXED64:
        return input_.Skip(8);
      case WireFormatLite::WIRETYPE_FIXED32:
        return input_.Skip(4);
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        return Bytes(&bytes);
      default:
        return false;
    }
  }

 private:
  const absl::string_view bytes_;
  google::protobuf::io::CodedInputStream input_;
  uint32_t tag_ = 0;
};

absl::Status Malformed() {
  return model::ValidationError("The frame is not a pallet.v1.PipelineRequest");
}

absl::Status NotBuilt(absl::string_view message, uint32_t tag) {
  return model::MakeError(
      model::Reason::kNotBuilt,
      absl::StrCat(message, " field ", WireFormatLite::GetTagFieldNumber(tag),
                   " is not built"));
}

// A google.protobuf.Duration.
bool ReadTimeout(FieldReader* fields, absl::Duration* timeout) {
  constexpr int kSecondsField = 1;
  constexpr int kNanosField = 2;
  absl::string_view bytes;
  if (!fields->Bytes(&bytes)) return false;
  FieldReader duration(bytes);
  uint64_t seconds = 0, nanos = 0;
  while (duration.Next()) {
    const bool sound = duration.tag() == TagOf(kSecondsField, kVarint)
                           ? duration.Varint(&seconds)
                       : duration.tag() == TagOf(kNanosField, kVarint)
                           ? duration.Varint(&nanos)
                           : duration.Skip();
    if (!sound) return false;
  }
  // Protobuf cuts an int32 as this does.
  *timeout = absl::Seconds(static_cast<int64_t>(seconds)) +
             absl::Nanoseconds(static_cast<int32_t>(nanos));
  return duration.AtEnd();
}

// One field of an operation; false if it is malformed.
bool ReadField(FieldReader* fields, PipelineOperation* operation) {
  const uint32_t tag = fields->tag();
  if (tag == TagOf(kTagField, kVarint)) return fields->Varint(&operation->tag);
  if (tag == TagOf(kTimeoutField, kLength)) {
    return ReadTimeout(fields, &operation->timeout);
  }
  if (WireFormatLite::GetTagFieldNumber(tag) < kFirstMember ||
      WireFormatLite::GetTagWireType(tag) != kLength) {
    operation->refused = NotBuilt("PipelineOperation", tag);
    return fields->Skip();
  }
  if (operation->member != 0) {
    operation->refused =
        model::ValidationError("PipelineOperation has more than one operation");
  }
  operation->member = WireFormatLite::GetTagFieldNumber(tag);
  return fields->Bytes(&operation->request);
}

absl::StatusOr<PipelineOperation> ParseOperation(absl::string_view bytes) {
  FieldReader fields(bytes);
  PipelineOperation operation;
  while (fields.Next()) {
    if (!ReadField(&fields, &operation)) return Malformed();
  }
  if (!fields.AtEnd()) return Malformed();
  if (operation.member == 0 && operation.refused.ok()) {
    operation.refused =
        model::ValidationError("PipelineOperation.operation is required");
  }
  return operation;
}

}  // namespace

absl::StatusOr<PipelineOperation> PipelineFrameReader::Next() {
  FieldReader fields(rest_);
  if (!fields.Next()) return Malformed();
  absl::string_view operation;
  if (fields.tag() != TagOf(kOperationsField, kLength)) {
    if (!fields.Skip()) return Malformed();
    return NotBuilt("PipelineRequest", fields.tag());
  }
  if (!fields.Bytes(&operation)) return Malformed();
  rest_.remove_prefix(fields.position());
  return ParseOperation(operation);
}

void PipelineFrameWriter::AddResponse(uint64_t tag, int member,
                                      absl::string_view response) {
  Add(tag, member, response);
}

void PipelineFrameWriter::AddError(uint64_t tag, absl::string_view status) {
  Add(tag, kErrorField, status);
}

void PipelineFrameWriter::Add(uint64_t tag, int member,
                              absl::string_view bytes) {
  const uint32_t member_tag = TagOf(member, kLength);
  // proto3 leaves a zero out.
  const size_t tag_size = tag == 0 ? 0 : 1 + VarintBytes(tag);
  const size_t size = tag_size + VarintBytes(member_tag) +
                      VarintBytes(bytes.size()) + bytes.size();
  // Frames come in a row that are about as long as the last.
  if (frame_.empty()) frame_.reserve(std::max(last_bytes_, size + kMaxHead));
  AppendVarint(&frame_, TagOf(kResultsField, kLength));
  AppendVarint(&frame_, size);
  if (tag != 0) {
    AppendVarint(&frame_, TagOf(kTagField, kVarint));
    AppendVarint(&frame_, tag);
  }
  AppendVarint(&frame_, member_tag);
  AppendBytes(&frame_, bytes);
  ++results_;
  payload_bytes_ += bytes.size();
}

std::string PipelineFrameWriter::Take() {
  results_ = 0;
  payload_bytes_ = 0;
  last_bytes_ = frame_.size();
  return std::exchange(frame_, std::string());
}

}  // namespace pallet::service
