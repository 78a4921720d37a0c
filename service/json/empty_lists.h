// SPDX-License-Identifier: Apache-2.0
//
// The lists of a request that are there and empty, which no message can say.
#pragma once

#include <simdjson.h>

#include <string>

#include "service/json/encoded_request.h"
#include "service/json/shape.h"

namespace pallet::service::json {

// Notes each once in `empty_lists`, as the path that errors name:
// "requestItems.t.member.keys". `path` leads to `value`: "" for a request.
// Messages nest a few levels; items, which nest more, are not looked into.
void NoteEmptyLists(const Shape& shape, const simdjson::dom::element& value,
                    const std::string& path, EncodedRequest* request);

}  // namespace pallet::service::json
