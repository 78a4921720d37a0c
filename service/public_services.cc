// SPDX-License-Identifier: Apache-2.0
#include "service/public_services.h"

#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/cluster_service.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service {

// A message of each file is named so that the linker keeps its descriptors.
std::vector<const google::protobuf::ServiceDescriptor*> PublicServices() {
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const auto* descriptor :
       {v1::PipelineOperation::descriptor(),
        v1::CreateTableRequest::descriptor(), v1::WatchRequest::descriptor(),
        v1::GetTopologyRequest::descriptor()}) {
    const auto* file = descriptor->file();
    for (int i = 0; i < file->service_count(); ++i) {
      services.push_back(file->service(i));
    }
  }
  return services;
}

}  // namespace pallet::service
