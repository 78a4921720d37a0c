// SPDX-License-Identifier: Apache-2.0
//
// The services of the public contract, as their descriptors. Pure function.
#pragma once

#include <google/protobuf/descriptor.h>

#include <vector>

namespace pallet::service {

std::vector<const google::protobuf::ServiceDescriptor*> PublicServices();

}  // namespace pallet::service
