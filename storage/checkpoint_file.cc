// SPDX-License-Identifier: Apache-2.0
#include "storage/checkpoint_file.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "model/errors.h"
#include "xxhash.h"

namespace pallet::storage {
namespace {

constexpr absl::string_view kMagic = "PALLETCP";
constexpr uint32_t kFormat = 1;
constexpr uint32_t kMaxPageSize = 65536;

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("the checkpoint file ", what));
}

void AppendGroup(const CheckpointGroup& group, std::string* out) {
  AppendU64(out, group.partition.value());
  for (const uint64_t number :
       {group.applied_index, group.applied_term, group.term, group.vote,
        group.commit, group.truncated_index, group.truncated_term}) {
    AppendU64(out, number);
  }
  AppendU64(out, group.change_seq.value());
  AppendU32(out, static_cast<uint32_t>(group.members.size()));
  for (const uint64_t member : group.members) AppendU64(out, member);
}

bool ConsumeGroup(absl::string_view* in, CheckpointGroup* group) {
  uint64_t partition, change_seq;
  uint32_t members;
  if (!ConsumeU64(in, &partition)) return false;
  for (uint64_t* number :
       {&group->applied_index, &group->applied_term, &group->term, &group->vote,
        &group->commit, &group->truncated_index, &group->truncated_term}) {
    if (!ConsumeU64(in, number)) return false;
  }
  if (!ConsumeU64(in, &change_seq) || !ConsumeU32(in, &members)) return false;
  group->partition = PartitionId(partition);
  group->change_seq = ChangeSeq(change_seq);
  if (members > in->size() / sizeof(uint64_t)) return false;
  group->members.resize(members);
  for (uint64_t& member : group->members) {
    if (!ConsumeU64(in, &member)) return false;
  }
  return true;
}

bool ConsumeFixed(absl::string_view* in, size_t size, std::string* bytes) {
  if (in->size() < size) return false;
  *bytes = std::string(in->substr(0, size));
  in->remove_prefix(size);
  return true;
}

// What follows magic and format.
bool ConsumeBody(absl::string_view* in, CheckpointFile* file) {
  uint32_t count;
  if (!ConsumeFixed(in, kImageUuidBytes, &file->image_uuid) ||
      !ConsumeU64(in, &file->number) || !ConsumeU64(in, &file->image_bytes) ||
      !ConsumeU32(in, &file->meta_pages.page_size) ||
      file->meta_pages.page_size == 0 ||
      file->meta_pages.page_size > kMaxPageSize ||
      !ConsumeFixed(in, 2 * size_t{file->meta_pages.page_size},
                    &file->meta_pages.bytes) ||
      !ConsumeU64(in, &file->contents.log_frame) || !ConsumeU32(in, &count)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!ConsumeGroup(in, &file->contents.groups.emplace_back())) return false;
  }
  return true;
}

}  // namespace

std::string EncodeCheckpoint(const CheckpointFile& file) {
  CHECK_EQ(file.image_uuid.size(), kImageUuidBytes);
  CHECK_EQ(file.meta_pages.bytes.size(), 2 * size_t{file.meta_pages.page_size});
  std::string out(kMagic);
  AppendU32(&out, kFormat);
  out += file.image_uuid;
  AppendU64(&out, file.number);
  AppendU64(&out, file.image_bytes);
  AppendU32(&out, file.meta_pages.page_size);
  out += file.meta_pages.bytes;
  AppendU64(&out, file.contents.log_frame);
  AppendU32(&out, static_cast<uint32_t>(file.contents.groups.size()));
  for (const CheckpointGroup& group : file.contents.groups) {
    AppendGroup(group, &out);
  }
  AppendU64(&out, XXH3_64bits(out.data(), out.size()));
  return out;
}

absl::StatusOr<CheckpointFile> DecodeCheckpoint(absl::string_view bytes) {
  absl::string_view in = bytes;
  uint32_t format;
  std::string magic;
  if (!ConsumeFixed(&in, kMagic.size(), &magic) || magic != kMagic ||
      !ConsumeU32(&in, &format)) {
    return Damaged("is no checkpoint file");
  }
  // A newer format may have its checksum elsewhere, so this comes first.
  if (format > kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint file has format ", format,
                     "; this version knows up to ", kFormat));
  }
  if (in.size() < sizeof(uint64_t)) return Damaged("is cut short");
  const size_t body_end = bytes.size() - sizeof(uint64_t);
  if (LoadU64(bytes.data() + body_end) != XXH3_64bits(bytes.data(), body_end)) {
    return Damaged("does not match its checksum");
  }
  in.remove_suffix(sizeof(uint64_t));
  CheckpointFile file;
  if (format == 0 || !ConsumeBody(&in, &file) || !in.empty()) {
    return Damaged("is malformed");
  }
  return file;
}

}  // namespace pallet::storage
