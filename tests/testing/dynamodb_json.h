// SPDX-License-Identifier: Apache-2.0
//
// DynamoDB's JSON of a public message, and back, by reflection: written anew,
// so that tests of the JSON door have something to compare with. Slow, and for
// good text only.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace pallet::testing {

// Every field that is set, under its name in UpperCamel.
std::string ToDynamoDbJson(const google::protobuf::Message& message);

// Sets what `text` has; a member without a field fails a CHECK.
void FromDynamoDbJson(const std::string& text,
                      google::protobuf::Message* message);

}  // namespace pallet::testing
