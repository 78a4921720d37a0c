// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a segment's frames, once as they are and once with checksums
// that fit, so that what is behind them is reached: recovery gives frames with
// ascending numbers or data loss, and a log opened on what it gave, killed and
// read again gives the same.
#include <xxhash.h>

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "tests/testing/log_harness.h"

namespace {

using namespace pallet;
using namespace pallet::storage;

constexpr uint64_t kSegmentId = 1;

// Makes the records of a payload fit their checksums, as far as they go. Returns
// those checksums.
std::string RepairRecords(char* payload, size_t size) {
  std::string sums;
  constexpr size_t kHeader = kRecordOverhead - 8;
  while (size >= kRecordOverhead) {
    const size_t length =
        std::min<size_t>(LoadU32(payload + 25), size - kRecordOverhead);
    StoreU32(payload + 25, length);
    StoreU64(payload + kHeader + length,
             XXH3_64bits(payload, kHeader + length));
    sums.append(payload + kHeader + length, sizeof(uint64_t));
    payload += kRecordOverhead + length;
    size -= kRecordOverhead + length;
  }
  return sums;
}

// Makes every sector that starts like a frame a sound header; `chain` also
// makes the numbers and links follow each other.
void Repair(std::string* frames, bool chain) {
  FrameHeader last;
  for (size_t at = 0; at + kLogSector <= frames->size(); at += kLogSector) {
    char* const frame = frames->data() + at;
    if (absl::string_view(frame, 4) != "PLTF") continue;
    const size_t room = frames->size() - at - kFrameHeaderBytes;
    FrameHeader header;
    header.length = std::min<size_t>(LoadU32(frame + 4), room);
    header.count = LoadU32(frame + 8);
    header.segment_id = kSegmentId;
    header.number =
        FrameNumber(chain ? last.number.value() + 1 : LoadU64(frame + 24));
    header.previous = chain ? last.checksum : LoadU64(frame + 32);
    header.synced = FrameNumber(LoadU64(frame + 40));
    const std::string sums =
        RepairRecords(frame + kFrameHeaderBytes, header.length);
    header.records_checksum = XXH3_64bits(sums.data(), sums.size());
    header.checksum = EncodeFrameHeader(header, frame);
    last = header;
  }
}

void CheckSegment(absl::string_view frames) {
  testing::LogHarness harness;
  {
    auto file = harness.memory().Open(testing::LogHarness::SegmentPath(1),
                                      OpenMode::kCreateNew);
    CHECK_OK((*file)->Write(0, EncodeSegmentHeader({1, kSegmentId})));
    CHECK_OK((*file)->Write(kLogSector, frames));
  }
  uint64_t last = 0;
  const absl::StatusOr<RecoveredLog> recovered =
      RecoverLog(&harness.memory(), "log", FrameNumber(0),
                 [&last](const FrameView& frame) {
                   CHECK(last == 0 || frame.number.value() == last + 1);
                   last = frame.number.value();
                   return absl::OkStatus();
                 });
  if (!recovered.ok()) {
    CHECK(absl::IsDataLoss(recovered.status())) << recovered.status();
    return;
  }
  CHECK_OK(harness.Open());
  const std::vector<std::string> delivered = harness.delivered();
  harness.LosePower();
  CHECK_OK(harness.Recover().status());
  CHECK(harness.delivered() == delivered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 64 << 10) return 0;
  std::string frames(reinterpret_cast<const char*>(data) + 1, size - 1);
  frames.resize((frames.size() + kLogSector - 1) / kLogSector * kLogSector);
  if (data[0] % 3 > 0) Repair(&frames, /*chain=*/data[0] % 3 == 2);
  CheckSegment(frames);
  return 0;
}
