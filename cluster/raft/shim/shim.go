// SPDX-License-Identifier: Apache-2.0
//
// etcd's Raft library as a C archive: one call takes operations of many groups
// and answers with what they led to. cluster/raft/engine_format.h has the bytes,
// group.go the rules, docs/adr/0023-raft.md the reasons.

package main

// #cgo CFLAGS: -I${SRCDIR}
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"math/rand"
	"sync"
	"unsafe"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
)

const (
	opCreate = iota + 1
	opDrop
	opTick
	opStep
	opPropose
	opReadIndex
	opCampaign
	opTransfer
	opChange
	opAdvance
	opCompact
	opSnapshotSent
	opUnreachable
	opSpeak
)

const (
	recordReady = iota + 1
	recordRefused
	recordFailed
)

const (
	resultOk = iota
	resultMalformed
	resultNoEngine
)

type engine struct {
	groups  map[uint64]*group
	runs    uint64
	touched []*group // in this run, in the order of their first operation
	out     writer
}

var (
	mutex   sync.Mutex // of what follows; an engine has one caller at a time
	engines = map[uint64]*engine{}
	opened  uint64
)

//export pallet_raft_open
func pallet_raft_open() C.uint64_t {
	mutex.Lock()
	defer mutex.Unlock()
	opened++
	engines[opened] = &engine{groups: map[uint64]*group{}}
	return C.uint64_t(opened)
}

//export pallet_raft_close
func pallet_raft_close(id C.uint64_t) {
	mutex.Lock()
	defer mutex.Unlock()
	delete(engines, uint64(id))
}

//export pallet_raft_run
func pallet_raft_run(id C.uint64_t, operations *C.char, size C.uint64_t,
	out *C.pallet_raft_buffer) C.int32_t {
	mutex.Lock()
	e := engines[uint64(id)]
	mutex.Unlock()
	if e == nil {
		return resultNoEngine
	}
	r := reader{}
	if size > 0 {
		r.rest = unsafe.Slice((*byte)(unsafe.Pointer(operations)), int(size))
	}
	e.out.b = e.out.b[:0]
	e.touched = e.touched[:0]
	e.runs++
	for len(r.rest) > 0 {
		if !e.operation(&r) {
			return resultMalformed
		}
	}
	for _, g := range e.touched {
		e.guard(g, func() { g.ready(&e.out) })
	}
	n := len(e.out.b)
	if uint64(out.capacity) < uint64(n) {
		out.capacity = C.uint64_t(2 * n)
		out.data = (*C.char)(C.realloc(unsafe.Pointer(out.data),
			C.size_t(out.capacity)))
		if out.data == nil {
			panic("out of memory")
		}
	}
	if n > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(out.data)), n), e.out.b)
	}
	out.size = C.uint64_t(n)
	return resultOk
}

// guard runs f for a sound group. A panic of the library is the end of that
// group alone: it is reported, with nothing of what f began to write.
func (e *engine) guard(g *group, f func()) {
	if g.broken {
		return
	}
	written := len(e.out.b)
	defer func() {
		if reason := recover(); reason != nil {
			g.broken = true
			e.out.b = e.out.b[:written]
			e.out.u8(recordFailed)
			e.out.u64(g.id)
			e.out.bytes([]byte(fmt.Sprint(reason)))
		}
	}()
	f()
}

func (e *engine) refuse(g *group, number uint64) {
	e.out.u8(recordRefused)
	e.out.u64(g.id)
	e.out.u64(number)
}

// operation reads one and does it; false if it makes no sense.
func (e *engine) operation(r *reader) bool {
	code, id := r.u8(), r.u64()
	g, known := e.groups[id]
	if r.bad || known == (code == opCreate) {
		return false
	}
	if !known {
		g = &group{id: id}
	}
	do := readOperation(code, g, r, func(number uint64) { e.refuse(g, number) })
	if r.bad || do == nil {
		return false
	}
	if code == opDrop {
		delete(e.groups, id)
		g.broken = true // it may have been touched
		return true
	}
	e.groups[id] = g
	e.guard(g, do)
	if g.touched != e.runs {
		g.touched = e.runs
		e.touched = append(e.touched, g)
	}
	return true
}

// readOperation reads all of an operation before anything of it is done. Nil if
// there is none with this code.
func readOperation(code uint8, g *group, r *reader, refuse func(uint64)) func() {
	switch code {
	case opCreate:
		s := &start{
			replica:        r.u64(),
			compacted:      r.u64(),
			compactedTerm:  r.u64(),
			applied:        r.u64(),
			hard:           raftpb.HardState{Term: r.u64(), Vote: r.u64(), Commit: r.u64()},
			members:        r.members(),
			silent:         r.flag(),
			electionTicks:  r.u32(),
			heartbeatTicks: r.u32(),
			maxUncommitted: r.u64(),
			entries:        r.entries(),
		}
		return func() { g.start(s) }
	case opDrop:
		return func() {}
	case opTick:
		return g.tick
	case opStep:
		message := r.bytes()
		return func() { g.step(message) }
	case opPropose:
		number, data := r.u64(), r.bytes()
		return func() {
			if g.node.Propose(data) != nil {
				refuse(number)
			}
		}
	case opReadIndex:
		context := r.bytes()
		return func() { g.node.ReadIndex(context) }
	case opCampaign:
		return g.campaign
	case opTransfer:
		to := r.u64()
		return func() { g.transfer(to) }
	case opChange:
		number, joint := r.u64(), r.flag()
		var changes []raftpb.ConfChangeSingle
		for n := r.count(9); n > 0; n-- {
			kind := r.u8()
			if kind > uint8(raftpb.ConfChangeAddLearnerNode) ||
				kind == uint8(raftpb.ConfChangeUpdateNode) {
				r.bad = true
			}
			changes = append(changes, raftpb.ConfChangeSingle{
				Type: raftpb.ConfChangeType(kind), NodeID: r.u64()})
		}
		context := r.bytes()
		return func() {
			if !g.change(joint, changes, context) {
				refuse(number)
			}
		}
	case opAdvance:
		return g.advance
	case opCompact:
		index := r.u64()
		return func() { g.compact(index) }
	case opSnapshotSent:
		to, whole := r.u64(), r.flag()
		status := raft.SnapshotFailure
		if whole {
			status = raft.SnapshotFinish
		}
		return func() { g.node.ReportSnapshot(to, status) }
	case opUnreachable:
		to := r.u64()
		return func() { g.node.ReportUnreachable(to) }
	case opSpeak:
		return func() { g.silent = false }
	}
	return nil
}

// The library's own source of random election timeouts. It lets nobody seed it,
// and a simulation must be repeatable.
//
//go:linkname libraryRandom go.etcd.io/etcd/raft.globalRand
var libraryRandom *lockedRandom

type lockedRandom struct {
	mutex  sync.Mutex
	random *rand.Rand
}

//export pallet_raft_seed
func pallet_raft_seed(seed C.uint64_t) {
	library := libraryRandom
	library.mutex.Lock()
	defer library.mutex.Unlock()
	library.random = rand.New(rand.NewSource(int64(seed)))
}

func main() {}
