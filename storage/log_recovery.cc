// SPDX-License-Identifier: Apache-2.0
#include "storage/log_recovery.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

constexpr size_t kReadAheadBytes = size_t{256} << 10;
constexpr FrameNumber kNoLimit(std::numeric_limits<uint64_t>::max());

// A segment file and a window on it.
class Segment {
 public:
  static absl::StatusOr<std::unique_ptr<Segment>> Open(FileSystem* file_system,
                                                       const std::string& path,
                                                       uint64_t seq) {
    auto segment = std::unique_ptr<Segment>(new Segment);
    ASSIGN_OR_RETURN(segment->file_, file_system->Open(path, OpenMode::kRead));
    ASSIGN_OR_RETURN(segment->file_bytes_, segment->file_->Size());
    ASSIGN_OR_RETURN(const absl::string_view bytes,
                     segment->View(0, kLogSector));
    absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
    if (header.ok() && header->seq != seq) {
      header = model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat("the segment says that its number is ", header->seq));
    }
    if (!header.ok()) {
      const std::string message =
          absl::StrCat(path, ": ", header.status().message());
      if (absl::IsDataLoss(header.status())) {
        return model::MakeError(model::Reason::kDataLoss, message);
      }
      return absl::Status(header.status().code(), message);
    }
    segment->header_ = *header;
    FrameHeader first;
    ASSIGN_OR_RETURN(const bool found, segment->HeaderAt(kLogSector, &first));
    if (found) segment->first_frame_ = first.number;
    return segment;
  }

  const SegmentHeader& header() const { return header_; }
  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_bytes_; }
  // kNoLimit: it holds none.
  FrameNumber first_frame() const { return first_frame_; }

  // False if no sound header of this segment is there.
  absl::StatusOr<bool> HeaderAt(uint64_t offset, FrameHeader* header) {
    ASSIGN_OR_RETURN(const absl::string_view bytes,
                     View(offset, kFrameHeaderBytes));
    return DecodeFrameHeader(bytes, header_.id, header);
  }

  // False if the records are not those the header speaks of. They view into the
  // window and die with the next call.
  absl::StatusOr<bool> RecordsAt(uint64_t offset, const FrameHeader& header,
                                 std::vector<RecordView>* records) {
    records->clear();
    if (header.frame_bytes() > file_bytes_ - offset) return false;
    ASSIGN_OR_RETURN(const absl::string_view bytes,
                     View(offset, header.frame_bytes()));
    if (bytes.size() < header.frame_bytes()) return false;
    return DecodeRecords(header, bytes.substr(kFrameHeaderBytes, header.length),
                         records);
  }

  // Frees the window.
  void Rest() { window_ = std::string(); }

 private:
  Segment() = default;

  // `size` bytes at `offset`, fewer at the end of the file.
  absl::StatusOr<absl::string_view> View(uint64_t offset, size_t size) {
    if (offset < window_at_ || offset + size > window_at_ + window_.size()) {
      window_at_ = offset;
      window_.resize(std::max(size, kReadAheadBytes));
      ASSIGN_OR_RETURN(const size_t count,
                       file_->Read(offset, window_.size(), window_.data()));
      window_.resize(count);
    }
    return absl::string_view(window_).substr(offset - window_at_, size);
  }

  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  SegmentHeader header_;
  FrameNumber first_frame_ = kNoLimit;
  uint64_t window_at_ = 0;
  std::string window_;
};

// The segments of the directory, oldest first. A gap is older than the log: it
// comes of a truncation that did not reach the disk whole.
absl::StatusOr<std::vector<std::unique_ptr<Segment>>> OpenSegments(
    FileSystem* file_system, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   file_system->List(directory));
  std::vector<std::unique_ptr<Segment>> segments;
  for (const std::string& name : names) {
    uint64_t seq;
    if (!ParseSegmentFileName(name, &seq)) continue;
    ASSIGN_OR_RETURN(
        std::unique_ptr<Segment> segment,
        Segment::Open(file_system, absl::StrCat(directory, "/", name), seq));
    if (!segments.empty() && segments.back()->header().seq + 1 != seq) {
      segments.clear();
    }
    segment->Rest();
    segments.push_back(std::move(segment));
  }
  return segments;
}

class Recovery {
 public:
  Recovery(std::vector<std::unique_ptr<Segment>> segments, FrameNumber after,
           absl::FunctionRef<absl::Status(const FrameView&)> deliver)
      : segments_(std::move(segments)), after_(after), deliver_(deliver) {}

  absl::StatusOr<RecoveredLog> Run() {
    for (size_t i = 0; i < segments_.size(); ++i) {
      RETURN_IF_ERROR(ReadSegment(i));
      if (LimitOf(i) == kNoLimit || !NextSegmentFollows(i)) {
        RETURN_IF_ERROR(CheckEnd(i));
        break;
      }
    }
    for (size_t i = log_.segments.size(); i < segments_.size(); ++i) {
      Describe(*segments_[i]);
    }
    return CheckReach();
  }

 private:
  // Frames of segment `i` with this number or a higher one are void.
  FrameNumber LimitOf(size_t i) const {
    FrameNumber limit = kNoLimit;
    for (size_t j = i + 1; j < segments_.size(); ++j) {
      limit = std::min(limit, segments_[j]->first_frame());
    }
    return limit;
  }

  // Whether the frame after the last read starts a later segment than `i`.
  // Where the log begins is not known before the first frame; CheckReach looks
  // whether it is early enough.
  bool NextSegmentFollows(size_t i) const {
    return !started_ || LimitOf(i).value() == log_.last_frame.value() + 1;
  }

  absl::Status ReadSegment(size_t i) {
    Segment& segment = *segments_[i];
    const FrameNumber limit = LimitOf(i);
    log_.end = {segment.header().seq, kLogSector};
    while (true) {
      FrameHeader header;
      ASSIGN_OR_RETURN(const bool found,
                       segment.HeaderAt(log_.end.offset, &header));
      if (!found || header.number >= limit || !Continues(header)) break;
      ASSIGN_OR_RETURN(const bool sound,
                       segment.RecordsAt(log_.end.offset, header, &records_));
      if (!sound) break;
      RETURN_IF_ERROR(Take(segment, header));
      log_.end.offset += header.frame_bytes();
    }
    Describe(segment);
    segment.Rest();
    return absl::OkStatus();
  }

  bool Continues(const FrameHeader& header) const {
    return !started_ || (header.number.value() == log_.last_frame.value() + 1 &&
                         header.previous == log_.last_checksum);
  }

  // REQUIRES: records_ are those of the frame at log_.end.
  absl::Status Take(const Segment& segment, const FrameHeader& header) {
    if (!started_) first_frame_ = header.number;
    started_ = true;
    log_.last_frame = header.number;
    log_.last_checksum = header.checksum;
    log_.ends_with_marker = header.count == 0;
    std::vector<UncoveredFrame>& uncovered = log_.uncovered;
    uncovered.erase(uncovered.begin(),
                    std::find_if(uncovered.begin(), uncovered.end(),
                                 [&header](const UncoveredFrame& frame) {
                                   return frame.header.number > header.synced;
                                 }));
    if (header.number > header.synced) {
      uncovered.push_back({log_.end, header});
    }
    for (const RecordView& record : records_) {
      if (IsKnown(record.kind)) continue;
      return model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat(At(segment, log_.end), ": frame ", header.number.value(),
                       " holds a record of kind ",
                       static_cast<int>(record.kind)));
    }
    if (header.number <= after_) return absl::OkStatus();
    ++log_.frames;
    log_.bytes += header.frame_bytes();
    return deliver_({header.number, records_});
  }

  void Describe(const Segment& segment) {
    log_.segments.push_back(
        {segment.header(), segment.file_bytes(), log_.last_frame});
  }

  // Looks behind log_.end, which is in segment `i`, for a witness against it.
  absl::Status CheckEnd(size_t i) {
    // Without any frame, those that the checkpoint lacks are the ones to miss.
    const FrameNumber missing((started_ ? log_.last_frame : after_).value() +
                              1);
    for (size_t j = i; j < segments_.size(); ++j) {
      Segment& segment = *segments_[j];
      uint64_t offset = j == i ? log_.end.offset : kLogSector;
      for (; offset < segment.file_bytes(); offset += kLogSector) {
        FrameHeader witness;
        ASSIGN_OR_RETURN(const bool found, segment.HeaderAt(offset, &witness));
        if (!found) continue;
        log_.torn_tail = true;
        if (witness.synced < missing) continue;
        return model::MakeError(
            model::Reason::kDataLoss,
            absl::StrCat(At(*segments_[i], log_.end), ": frame ",
                         missing.value(), " is not sound, but frame ",
                         witness.number.value(), " at ", segment.path(),
                         " offset ", offset, " says that it was synced"));
      }
      segment.Rest();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RecoveredLog> CheckReach() {
    if (log_.last_frame < after_) {
      return model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat(Name(), " ends with frame ", log_.last_frame.value(),
                       ", but the checkpoint holds frame ", after_.value()));
    }
    if (started_ && first_frame_.value() > after_.value() + 1) {
      return model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat(Name(), " begins with frame ", first_frame_.value(),
                       ", but the checkpoint ends with frame ",
                       after_.value()));
    }
    return std::move(log_);
  }

  std::string Name() const {
    return segments_.empty()
               ? "the log, which has no segments,"
               : absl::StrCat("the log from ", segments_.front()->path());
  }

  static std::string At(const Segment& segment, LogPosition position) {
    return absl::StrCat(segment.path(), " offset ", position.offset);
  }

  const std::vector<std::unique_ptr<Segment>> segments_;
  const FrameNumber after_;
  const absl::FunctionRef<absl::Status(const FrameView&)> deliver_;

  RecoveredLog log_;
  bool started_ = false;  // a frame was read
  FrameNumber first_frame_;
  std::vector<RecordView> records_;
};

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(
    FileSystem* file_system, const std::string& directory, FrameNumber after,
    absl::FunctionRef<absl::Status(const FrameView&)> deliver) {
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Segment>> segments,
                   OpenSegments(file_system, directory));
  return Recovery(std::move(segments), after, deliver).Run();
}

}  // namespace pallet::storage
