// SPDX-License-Identifier: Apache-2.0
//
// The C face of the Go archive (shim.go); engine.cc alone calls it. What the
// bytes mean: cluster/raft/engine_format.h.
#pragma once

#include <stdint.h>

// Bytes that the shim fills in and grows with realloc; the caller frees them.
typedef struct {
  char* data;
  uint64_t size;
  uint64_t capacity;
} pallet_raft_buffer;

#ifdef __cplusplus
extern "C" {

// Many engines live beside each other; each takes calls from one thread at a
// time. Neither answers zero nor a number twice.
uint64_t pallet_raft_open();
void pallet_raft_close(uint64_t engine);

// Runs operations, replaces what `out` has by the records they led to. Anything
// but 0: the operations are malformed, and the engine must be closed.
int32_t pallet_raft_run(uint64_t engine, const char* operations, uint64_t size,
                        pallet_raft_buffer* out);

// From where the random election timeouts of all engines follow. For
// simulations; otherwise they come from the time of the start.
void pallet_raft_seed(uint64_t seed);
}
#endif
