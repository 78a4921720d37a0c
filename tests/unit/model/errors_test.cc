// SPDX-License-Identifier: Apache-2.0
#include "model/errors.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/constraints.h"

namespace pallet::model {
namespace {

TEST(ErrorsTest, Example) {
  const absl::Status status =
      MakeError(Reason::kResourceNotFound, "Requested resource not found");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "Requested resource not found");
  EXPECT_EQ(ReasonOf(status), Reason::kResourceNotFound);
  EXPECT_EQ(InfoOf(ReasonOf(status)).dynamodb_name,
            "ResourceNotFoundException");
}

TEST(ErrorsTest, EachReasonHasItsOwnNameAndComesBackFromItsStatus) {
  std::set<absl::string_view> names;
  for (const ReasonInfo& info : AllReasons()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(&InfoOf(info.reason), &info);
    const absl::Status status = MakeError(info.reason, "why");
    EXPECT_EQ(status.code(), info.code);
    EXPECT_EQ(ReasonOf(status), info.reason);
  }
  EXPECT_EQ(AllReasons().back().reason, Reason::kInternal);
}

TEST(ErrorsTest, AStatusFromElsewhereIsInternal) {
  EXPECT_EQ(ReasonOf(absl::NotFoundError("file")), Reason::kInternal);
}

TEST(ErrorsTest, TheEnvelopeGoesAroundWhatAskedForItOnce) {
  absl::Status status = EnvelopedValidationError("x is wrong");
  EXPECT_EQ(status.message(), "x is wrong");
  EXPECT_EQ(ReasonOf(status), Reason::kValidation);

  status = WithEnvelope(std::move(status));
  EXPECT_EQ(status.message(), "1 validation error detected: x is wrong");
  EXPECT_EQ(ReasonOf(status), Reason::kValidation);
  EXPECT_EQ(WithEnvelope(status), status);

  EXPECT_EQ(WithEnvelope(ValidationError("bare")).message(), "bare");
  EXPECT_TRUE(WithEnvelope(absl::OkStatus()).ok());
}

TEST(ErrorsTest, AMessageIsCutBetweenCharacters) {
  const std::string whole(kMaxMessageBytes, 'x');
  EXPECT_EQ(ValidationError(whole).message(), whole);

  std::string umlauts;
  while (umlauts.size() <= kMaxMessageBytes) umlauts += "\xC3\xA4";
  const absl::Status cut = ValidationError(umlauts);
  EXPECT_LE(cut.message().size(), kMaxMessageBytes);
  EXPECT_EQ(cut.message().substr(cut.message().size() - 5), "\xC3\xA4...");
}

TEST(ConstraintsTest, Example) {
  Constraints constraints;
  constraints.CheckLength("ab", "tableName", 3, 255);
  constraints.Violated(absl::nullopt, "keySchema", "not be null");
  EXPECT_EQ(constraints.ToStatus().message(),
            "2 validation errors detected: Value 'ab' at 'tableName' failed to "
            "satisfy constraint: Member must have length greater than or equal "
            "to 3; Value null at 'keySchema' failed to satisfy constraint: "
            "Member must not be null");
  EXPECT_EQ(ReasonOf(constraints.ToStatus()), Reason::kValidation);
}

TEST(ConstraintsTest, LengthsAtTheLimitsAreFine) {
  Constraints constraints;
  constraints.CheckLength("abc", "name", 3, 5);
  constraints.CheckLength("abcde", "name", 3, 5);
  EXPECT_TRUE(constraints.ToStatus().ok());
  constraints.CheckLength("abcdef", "name", 3, 5);
  EXPECT_EQ(constraints.ToStatus().message(),
            "1 validation error detected: Value 'abcdef' at 'name' failed to "
            "satisfy constraint: Member must have length less than or equal to "
            "5");
}

TEST(ConstraintsTest, TenAreTold) {
  Constraints constraints;
  for (int i = 1; i <= 11; ++i) {
    constraints.Violated(absl::StrCat(i), "m", "be 0");
  }
  const std::string message(constraints.ToStatus().message());
  EXPECT_NE(message.find("10 validation errors detected: Value '1' at"),
            std::string::npos);
  EXPECT_NE(message.find("Value '10' at"), std::string::npos);
  EXPECT_EQ(message.find("Value '11' at"), std::string::npos);
}

}  // namespace
}  // namespace pallet::model
