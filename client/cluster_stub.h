// SPDX-License-Identifier: Apache-2.0
//
// The stub of a client that knows several nodes of a cluster: attempts go to the
// node that leads, as far as is known, else to any that answers. It asks for the
// topology every second, and at once after an attempt that did not arrive.
//
//   an attempt fails on the way  -> the node is passed over for a while
//   the topology names a leader  -> attempts go there
//   no node is known to be well  -> the addresses are tried in turn
//
// It repeats nothing itself: that is the retry loop's, whose next attempt goes to
// the next node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/stub.h"

namespace pallet {

// Makes the stub of one node. Called without locks held.
using StubMaker =
    std::function<std::unique_ptr<Stub>(const std::string& address)>;

// REQUIRES: `addresses` is not empty; `clock` outlives the stub.
std::unique_ptr<Stub> MakeClusterStub(std::vector<std::string> addresses,
                                      StubMaker maker, Clock* clock);

// The addresses in "a:1, b:2"; empty ones are left out. What gRPC itself takes
// commas in ("ipv4:1.2.3.4:1,5.6.7.8:1") is one.
std::vector<std::string> AddressesIn(const std::string& addresses);

}  // namespace pallet
