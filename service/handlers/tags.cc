// SPDX-License-Identifier: Apache-2.0
//
// TagResource, UntagResource and ListTagsOfResource: labels the catalog keeps
// with a table. They hold when a change answers.
#include "service/handlers/tags.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/schema.h"
#include "model/utf8.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/router.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using google::protobuf::RepeatedPtrField;
using storage::v1::TableRecord;
using storage::v1::TagRecord;

constexpr int kMaxTags = 50;
constexpr size_t kMaxKeyCharacters = 128;
constexpr size_t kMaxValueCharacters = 256;
constexpr int kTagsPerPage = 10;

// Letters, digits and blanks of any script, and + - = . _ : / @. Beyond ASCII
// everything passes: there are no tables of scripts here.
bool HasTagCharacters(absl::string_view text) {
  constexpr absl::string_view kMarks = " +-=._:/@";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || absl::ascii_isalnum(byte) ||
           absl::StrContains(kMarks, c);
  });
}

absl::Status BadKey(absl::string_view key) {
  return model::ValidationError(
      absl::StrCat("The Tag Key provided is invalid, Key: ", key));
}

absl::Status CheckKey(absl::string_view key) {
  const size_t characters = model::CountUtf8Characters(key);
  if (characters < 1 || characters > kMaxKeyCharacters ||
      !HasTagCharacters(key)) {
    return BadKey(key);
  }
  return absl::OkStatus();
}

absl::Status CheckTag(const v1::Tag& tag) {
  if (!tag.has_key()) return BadKey("null");
  RETURN_IF_ERROR(CheckKey(tag.key()));
  if (absl::StartsWith(tag.key(), "aws:")) {
    return model::ValidationError(
        absl::StrCat("Tag Key cannot be prefixed with aws:, Key: ", tag.key()));
  }
  if (tag.has_value() &&
      model::CountUtf8Characters(tag.value()) <= kMaxValueCharacters &&
      HasTagCharacters(tag.value())) {
    return absl::OkStatus();
  }
  return model::ValidationError(
      absl::StrCat("The Tag Value provided is invalid, Value: ",
                   tag.has_value() ? tag.value() : "null"));
}

// The name of the table that `arn` means; indexes have no tags.
absl::StatusOr<std::string> TableOfArn(const std::string* arn) {
  model::Constraints constraints;
  CheckPresent(arn != nullptr, "resourceArn", &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  if (absl::StartsWith(*arn, "arn:")) return model::TableNameOf(*arn);
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ARNs must start "
                   "with 'arn:': ",
                   *arn));
}

// DynamoDB's spelling.
absl::Status ResourceNotFound(absl::string_view name, absl::string_view arn) {
  return TableNotFound(
      name, absl::StrCat("Requested resource not found: ResourcArn: ", arn,
                         " not found"));
}

absl::Status Change(cluster::PartitionHost& host, const std::string& name,
                    const std::string& arn,
                    absl::FunctionRef<absl::Status(TableRecord&)> change) {
  if (host.FindTable(name) == nullptr) return ResourceNotFound(name, arn);
  return host.UpdateTable(name, change).status();
}

absl::StatusOr<std::string> TagResource(cluster::PartitionHost& host,
                                        const v1::TagResourceRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfArn(PALLET_OPTIONAL(request, resource_arn)));
  if (request.tags().empty()) {
    return model::ValidationError(
        "Atleast one Tag needs to be provided as Input.");
  }
  RETURN_IF_ERROR(CheckTags(request.tags()));
  RETURN_IF_ERROR(Change(
      host, name, request.resource_arn(),
      [&](TableRecord& record) { return AddTags(request.tags(), &record); }));
  return std::string();
}

absl::StatusOr<std::string> UntagResource(
    cluster::PartitionHost& host, const v1::UntagResourceRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfArn(PALLET_OPTIONAL(request, resource_arn)));
  if (request.tag_keys().empty()) {
    return model::ValidationError(
        "Atleast one Tag Key needs to be provided as Input.");
  }
  for (const std::string& key : request.tag_keys()) {
    RETURN_IF_ERROR(CheckKey(key));
  }
  const auto is_named = [&](const TagRecord& tag) {
    return std::find(request.tag_keys().begin(), request.tag_keys().end(),
                     tag.key()) != request.tag_keys().end();
  };
  RETURN_IF_ERROR(
      Change(host, name, request.resource_arn(), [&](TableRecord& record) {
        auto* tags = record.mutable_tags();
        tags->erase(std::remove_if(tags->begin(), tags->end(), is_named),
                    tags->end());
        return absl::OkStatus();
      }));
  return std::string();
}

// A page's token is the number of tags before it.
absl::StatusOr<int> StartOf(const v1::ListTagsOfResourceRequest& request) {
  int start = 0;
  if (!request.has_next_token()) return start;
  if (absl::SimpleAtoi(request.next_token(), &start) && start > 0) return start;
  return model::ValidationError("Invalid NextToken");
}

absl::StatusOr<std::string> ListTagsOfResource(
    const cluster::PartitionHost& host,
    const v1::ListTagsOfResourceRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfArn(PALLET_OPTIONAL(request, resource_arn)));
  ASSIGN_OR_RETURN(const int start, StartOf(request));
  const cluster::TablePtr table = host.FindTable(name);
  if (table == nullptr) return ResourceNotFound(name, request.resource_arn());
  const auto& tags = table->record->tags();
  const int end = std::min(tags.size() - start, kTagsPerPage) + start;
  v1::ListTagsOfResourceResponse response;
  for (int i = start; i < end; ++i) {
    response.add_tags()->set_key(tags[i].key());
    response.mutable_tags()->rbegin()->set_value(tags[i].value());
  }
  if (end < tags.size()) response.set_next_token(absl::StrCat(end));
  return response.SerializeAsString();
}

}  // namespace

absl::Status CheckTags(const RepeatedPtrField<v1::Tag>& tags) {
  absl::flat_hash_set<std::string> seen;
  for (const v1::Tag& tag : tags) {
    RETURN_IF_ERROR(CheckTag(tag));
    if (seen.insert(tag.key()).second) continue;
    return model::ValidationError(absl::StrCat(
        "Duplicate Tag Keys provided as input: Duplicate Tag Key found ",
        tag.key()));
  }
  return absl::OkStatus();
}

absl::Status AddTags(const RepeatedPtrField<v1::Tag>& tags,
                     TableRecord* record) {
  for (const v1::Tag& tag : tags) {
    auto* known = record->mutable_tags();
    const auto found = std::find_if(
        known->begin(), known->end(),
        [&](const TagRecord& each) { return each.key() == tag.key(); });
    TagRecord* const slot = found == known->end() ? known->Add() : &*found;
    slot->set_key(tag.key());
    slot->set_value(tag.value());
  }
  if (record->tags_size() <= kMaxTags) return absl::OkStatus();
  return model::ValidationError(
      "Number of Tags exceed the current limit for the provided ResourceArn");
}

void RegisterTags(const HandlerOptions& options, OperationRegistry* registry) {
  cluster::PartitionHost* const host = options.host;
  registry->Add("TagResource", Pooled<v1::TagResourceRequest>(
                                   options.control,
                                   [host](const v1::TagResourceRequest& request,
                                          const CallContext&) {
                                     return TagResource(*host, request);
                                   }));
  registry->Add(
      "UntagResource",
      Pooled<v1::UntagResourceRequest>(
          options.control,
          [host](const v1::UntagResourceRequest& request, const CallContext&) {
            return UntagResource(*host, request);
          }));
  registry->Add("ListTagsOfResource",
                Inline<v1::ListTagsOfResourceRequest>(
                    [host](const v1::ListTagsOfResourceRequest& request,
                           const CallContext&) {
                      return ListTagsOfResource(*host, request);
                    }));
}

}  // namespace pallet::service
