// SPDX-License-Identifier: Apache-2.0
//
// group: one replica of one Raft group under etcd's library, and the rules that
// only this side can keep.
//
//  1. No second Ready before the first was advanced.
//  2. A replica that may have a committed change of members it did not apply
//     starts no election. The library (3.4.23) looks for such changes only
//     before some elections and only of the old form. So a follower does not
//     tick, and takes no MsgTimeoutNow, while a Ready is out or due.
//  3. A snapshot names the members as of the index it names: a receiver that is
//     not among them ignores it silently.
//  4. Nobody leaves a joint configuration automatically: the library proposes
//     that again and again until it is applied, and the second would panic.
//     C++ proposes it; one too many is skipped, on every replica alike.
//  5. Proposals and transfers of leadership come from C++, never from the
//     network: C++ evaluates the first and ends its lease before the second.
//  6. A silent replica answers no request for votes.

package main

import (
	"fmt"
	"io/ioutil"
	"log"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
)

const (
	maxMessageBytes   = 1 << 20
	maxInflightAppend = 256
)

// What the library wants to say is either a panic or of no use to operators.
var quiet = &raft.DefaultLogger{Logger: log.New(ioutil.Discard, "", 0)}

// storage is the library's view of the log: in memory, from the compacted index
// on. What is durable is C++'s affair.
type storage struct {
	*raft.MemoryStorage
	hard    raftpb.HardState
	applied uint64
	members raftpb.ConfState // as of applied
}

func (s *storage) InitialState() (raftpb.HardState, raftpb.ConfState, error) {
	return s.hard, s.members, nil
}

func (s *storage) Snapshot() (raftpb.Snapshot, error) {
	term, err := s.Term(s.applied)
	if err != nil {
		return raftpb.Snapshot{}, err
	}
	return raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{
		ConfState: s.members, Index: s.applied, Term: term}}, nil
}

type group struct {
	id      uint64
	replica uint64
	node    *raft.RawNode
	storage *storage
	silent  bool
	touched uint64           // in which run
	broken  bool             // the library panicked: nothing is done any more
	out     *raft.Ready      // handed out, not advanced
	members raftpb.ConfState // what the library goes by; that of `out`, applied
}

type start struct {
	replica        uint64
	compacted      uint64 // the log begins behind it
	compactedTerm  uint64
	applied        uint64
	hard           raftpb.HardState
	members        raftpb.ConfState // as of applied
	silent         bool
	electionTicks  uint32
	heartbeatTicks uint32
	maxUncommitted uint64
	entries        []raftpb.Entry
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func (g *group) start(s *start) {
	memory := raft.NewMemoryStorage()
	if s.compacted > 0 {
		check(memory.ApplySnapshot(raftpb.Snapshot{
			Metadata: raftpb.SnapshotMetadata{
				ConfState: s.members, Index: s.compacted, Term: s.compactedTerm}}))
	}
	next := s.compacted
	for _, entry := range s.entries {
		next++
		if entry.Index != next {
			panic(fmt.Sprintf("entry %d where %d belongs", entry.Index, next))
		}
	}
	check(memory.Append(s.entries))
	g.storage = &storage{MemoryStorage: memory, hard: s.hard,
		applied: s.applied, members: s.members}
	g.members = s.members
	g.replica = s.replica
	g.silent = s.silent
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        s.replica,
		ElectionTick:              int(s.electionTicks),
		HeartbeatTick:             int(s.heartbeatTicks),
		Storage:                   g.storage,
		Applied:                   s.applied,
		MaxSizePerMsg:             maxMessageBytes,
		MaxInflightMsgs:           maxInflightAppend,
		MaxUncommittedEntriesSize: s.maxUncommitted,
		CheckQuorum:               true,
		PreVote:                   true,
		DisableProposalForwarding: true,
		Logger:                    quiet,
	})
	check(err)
	g.node = node
}

func (g *group) leads() bool {
	return g.node.BasicStatus().RaftState == raft.StateLeader
}

// Rule 2.
func (g *group) mayElect() bool {
	return g.out == nil && !g.node.HasReady()
}

func (g *group) tick() {
	if g.leads() || g.mayElect() {
		g.node.Tick()
	}
}

func (g *group) campaign() {
	if g.mayElect() {
		_ = g.node.Campaign()
	}
}

// A message that is not for us, malformed or out of place is dropped, as the
// network might have done.
func (g *group) step(bytes []byte) {
	var m raftpb.Message
	if m.Unmarshal(bytes) != nil || m.To != g.replica || m.From == 0 {
		return
	}
	if m.Term == 0 && m.Type != raftpb.MsgReadIndex {
		return // the library would take it for one of its own
	}
	switch m.Type {
	case raftpb.MsgProp, raftpb.MsgTransferLeader:
		return
	case raftpb.MsgVote, raftpb.MsgPreVote:
		if g.silent {
			return
		}
	case raftpb.MsgTimeoutNow:
		if !g.mayElect() {
			return
		}
	case raftpb.MsgReadIndex, raftpb.MsgReadIndexResp:
		if len(m.Entries) != 1 {
			return
		}
	}
	_ = g.node.Step(m)
}

func (g *group) transfer(to uint64) {
	if g.leads() {
		g.node.TransferLeader(to)
	}
}

// Whether the library took it.
func (g *group) change(joint bool, changes []raftpb.ConfChangeSingle,
	context []byte) bool {
	if len(changes) == 1 && !joint {
		return g.node.ProposeConfChange(raftpb.ConfChange{
			Type: changes[0].Type, NodeID: changes[0].NodeID,
			Context: context}) == nil
	}
	change := raftpb.ConfChangeV2{Changes: changes, Context: context}
	if len(changes) > 0 {
		change.Transition = raftpb.ConfChangeTransitionJointExplicit
	}
	return g.node.ProposeConfChange(change) == nil
}

func (g *group) advance() {
	if g.out == nil {
		panic("advance without a Ready")
	}
	if n := len(g.out.CommittedEntries); n > 0 {
		g.storage.applied = g.out.CommittedEntries[n-1].Index
	} else if !raft.IsEmptySnap(g.out.Snapshot) {
		g.storage.applied = g.out.Snapshot.Metadata.Index
	}
	g.storage.members = g.members
	g.node.Advance(*g.out)
	g.out = nil
}

func (g *group) compact(index uint64) {
	if index > g.storage.applied {
		panic(fmt.Sprintf("compact to %d, applied is %d", index,
			g.storage.applied))
	}
	if err := g.storage.Compact(index); err != raft.ErrCompacted {
		check(err)
	}
}

// The members after a committed change, and its context.
func (g *group) applyChange(entry *raftpb.Entry) []byte {
	var change raftpb.ConfChangeV2
	if entry.Type == raftpb.EntryConfChange {
		var old raftpb.ConfChange
		check(old.Unmarshal(entry.Data))
		change = old.AsV2()
	} else {
		check(change.Unmarshal(entry.Data))
	}
	joint := len(g.members.VotersOutgoing) > 0
	if joint == change.LeaveJoint() { // rule 4
		g.members = *g.node.ApplyConfChange(change)
	}
	return change.Context
}

// Appends a Ready to w if there is one to hand out.
func (g *group) ready(w *writer) {
	if g.out != nil || !g.node.HasReady() { // rule 1
		return
	}
	rd := g.node.Ready()
	g.out = &rd
	status := g.node.BasicStatus()
	w.u8(recordReady)
	w.u64(g.id)
	w.u8(uint8(status.RaftState))
	w.u64(status.Lead)
	w.u64(status.Term)
	w.u64(status.Vote)
	w.u64(status.Commit)
	w.flag(!raft.IsEmptyHardState(rd.HardState))
	w.flag(rd.MustSync)
	installed := !raft.IsEmptySnap(rd.Snapshot)
	w.flag(installed)
	if installed {
		meta := &rd.Snapshot.Metadata
		check(g.storage.ApplySnapshot(rd.Snapshot))
		g.members = meta.ConfState
		w.u64(meta.Index)
		w.u64(meta.Term)
		w.members(&meta.ConfState)
	}
	check(g.storage.Append(rd.Entries))
	w.u32(uint32(len(rd.Entries)))
	for i := range rd.Entries {
		entry := &rd.Entries[i]
		w.u64(entry.Index)
		w.u64(entry.Term)
		w.u8(uint8(entry.Type))
		w.bytes(entry.Data)
	}
	w.u32(uint32(len(rd.Messages)))
	for i := range rd.Messages {
		g.message(w, &rd.Messages[i])
	}
	w.u32(uint32(len(rd.CommittedEntries)))
	for i := range rd.CommittedEntries {
		entry := &rd.CommittedEntries[i]
		w.u64(entry.Index)
		w.u64(entry.Term)
		w.u8(uint8(entry.Type))
		if entry.Type == raftpb.EntryNormal {
			w.bytes(entry.Data)
		} else {
			w.bytes(g.applyChange(entry))
			w.members(&g.members)
		}
	}
	w.u32(uint32(len(rd.ReadStates)))
	for i := range rd.ReadStates {
		w.u64(rd.ReadStates[i].Index)
		w.bytes(rd.ReadStates[i].RequestCtx)
	}
}

func (g *group) message(w *writer, m *raftpb.Message) {
	var snapshot uint64
	if m.Type == raftpb.MsgSnap {
		// Of now, not of when the library asked: C++ has applied just that.
		now, err := g.storage.Snapshot()
		check(err)
		m.Snapshot = now
		snapshot = now.Metadata.Index
	}
	bytes, err := m.Marshal()
	check(err)
	w.u64(m.To)
	w.u8(uint8(m.Type))
	w.u64(snapshot)
	w.bytes(bytes)
}
