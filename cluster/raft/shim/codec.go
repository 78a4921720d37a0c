// SPDX-License-Identifier: Apache-2.0
//
// Words of the format between engine.cc and this archive; its grammar stands in
// cluster/raft/engine_format.h. Integers are big endian.

package main

import (
	"encoding/binary"

	"go.etcd.io/etcd/raft/raftpb"
)

// reader consumes from the front. Once something was missing it is bad, and all
// that follows is zero: who reads looks at bad before it acts.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || uint64(len(r.rest)) < n {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// flag takes 0 or 1.
func (r *reader) flag() bool {
	b := r.u8()
	if b > 1 {
		r.bad = true
	}
	return b == 1
}

// bytes are the caller's own: the library keeps them, C++ takes its buffer back.
func (r *reader) bytes() []byte {
	return append([]byte(nil), r.take(uint64(r.u32()))...)
}

// count of things that take at least `each` bytes, so that a damaged count
// cannot ask for more memory than there is input.
func (r *reader) count(each int) int {
	n := r.u32()
	if uint64(n)*uint64(each) > uint64(len(r.rest)) {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return int(n)
}

func (r *reader) replicas() []uint64 {
	var ids []uint64
	for n := r.count(8); n > 0; n-- {
		ids = append(ids, r.u64())
	}
	return ids
}

func (r *reader) members() raftpb.ConfState {
	return raftpb.ConfState{
		Voters:         r.replicas(),
		Learners:       r.replicas(),
		VotersOutgoing: r.replicas(),
		LearnersNext:   r.replicas(),
	}
}

func (r *reader) entries() []raftpb.Entry {
	var entries []raftpb.Entry
	for n := r.count(8 + 8 + 1 + 4); n > 0; n-- {
		entry := raftpb.Entry{Index: r.u64(), Term: r.u64()}
		kind := r.u8()
		if kind > uint8(raftpb.EntryConfChangeV2) {
			r.bad = true
		}
		entry.Type = raftpb.EntryType(kind)
		entry.Data = r.bytes()
		entries = append(entries, entry)
	}
	return entries
}

type writer struct {
	b []byte
}

func (w *writer) u8(v uint8) { w.b = append(w.b, v) }

func (w *writer) u32(v uint32) {
	var t [4]byte
	binary.BigEndian.PutUint32(t[:], v)
	w.b = append(w.b, t[:]...)
}

func (w *writer) u64(v uint64) {
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], v)
	w.b = append(w.b, t[:]...)
}

func (w *writer) flag(v bool) {
	if v {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

func (w *writer) bytes(v []byte) {
	w.u32(uint32(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) replicas(ids []uint64) {
	w.u32(uint32(len(ids)))
	for _, id := range ids {
		w.u64(id)
	}
}

func (w *writer) members(m *raftpb.ConfState) {
	w.replicas(m.Voters)
	w.replicas(m.Learners)
	w.replicas(m.VotersOutgoing)
	w.replicas(m.LearnersNext)
}
