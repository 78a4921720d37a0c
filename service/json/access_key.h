// SPDX-License-Identifier: Apache-2.0
//
// A key pair whose holder may use the DynamoDB JSON port.
#pragma once

#include <string>

namespace pallet::service::json {

struct AccessKey {
  std::string id;
  std::string secret;
};

}  // namespace pallet::service::json
