// SPDX-License-Identifier: Apache-2.0
//
// Propagation and backfill of a global index (docs/adr/0018-global-indexes.md)
// for spin: one lineage, two rows, an index of two partitions ("targets"), one
// follower, a network that loses, delays and doubles. Everything that happens
// is one guarded, atomic action of World; what may interleave are the actions.
//
// README.md says what the rules are and how to run. BREAK_* leaves one out.

#ifndef WRITES
#define WRITES 3  // changes of rows
#endif
#ifndef FAULTS
#define FAULTS 1  // crashes, lost or late messages, copies: so many of any kind
#endif

#define ROWS 2
#define TARGETS 2
#define KEYS 3  // index keys 1 and 2 lie in target 0, key 3 in target 1
#define NO_KEY 0  // a row that is not there, or that the index leaves out

#define TARGET_OF(key) ((key) / 3)
#define LIES_IN(key, target) ((key) != NO_KEY && TARGET_OF(key) == (target))
#define AT(row, key) ((row) * KEYS + (key) - 1)

// --- The source partition: rows, and the changes since the beginning ---

byte head;  // seq of the newest change
byte row_key[ROWS];
byte row_seq[ROWS];  // of its last change: a row's state is named by it

byte change_row[WRITES + 1];  // by seq, as the others
byte change_old[WRITES + 1];  // the old index key
byte change_new[WRITES + 1];  // only the rules look at it
bit recorded[WRITES + 1];
byte trimmed;  // no change up to it is kept

bit attached;
byte attached_at;
byte next_row;  // of the backfill; ROWS: it is done

byte first_key[ROWS];  // only the rules look at it

// --- The index partitions ---

byte cursor[TARGETS];
byte entry[ROWS * KEYS];  // seq of the state it shows, plus one; 0: no entry

// --- What is under way ---

#define LEAVE 0
#define DELETE 1
#define PUT(seq) ((seq) + 2)

#define FORGET 1
#define REMEMBER(key) ((key) + 1)

typedef Message {
  bit used;
  bit chunk;      // of a backfill; else changes
  byte expected;  // of changes
  byte seq;       // the new cursor; of a chunk, the head it was read after
  byte mutation[ROWS * KEYS];
  byte memory[ROWS];  // what becomes of `early` when it was taken: not sent
};

Message sent[TARGETS];  // the follower waits for it
Message late[TARGETS];  // it does not, any more

// --- The follower; lost in a crash ---

#define IDLE 0
#define READ_HEAD 1  // of a chunk
#define READ_ROWS 2  // only if a rule is broken
#define WAIT 3
#define SAVE 4

byte phase;
byte durable[TARGETS];  // cursors, as the targets are known to have them
byte known[TARGETS];    // nothing between `durable` and here matters to them
byte early[TARGETS * ROWS];  // key of the entry put early, by row
byte early_seq[TARGETS * ROWS];  // and the state it shows
bit doubt[TARGETS];          // it did not hear what became of its last changes
byte late_head;  // chunks up to this head may still be on their way
byte newest;                 // of the rows the backfill has read
byte chunk_head;
byte chunk_end;
bit chunk_failed;
byte seen_key[ROWS];  // only if a rule is broken
byte seen_seq[ROWS];

// --- The rules ---

byte shown[TARGETS];  // the furthest cursor anybody has been told
// Memory was lost when the head was here: entries may be there that nobody
// remembers, for states of rows up to it.
byte lost_at;
// A batch that began before `lost_at` may have put a second entry; the newest
// state it can have seen. Rule 3 holds for whoever is so far.
byte settled_at;
byte faults = FAULTS;

// What an action chooses; 0 behind it.
byte target, which, new_key, through;
// Used inside one d_step: no part of the state.
hidden byte each, slot, at_seq, a_key, last, present, taken, possible, some,
    settled;

// 2, 3 and 1 for one target. The last change up to the cursor, or a newer
// state, is what it shows.
inline CheckTarget(T) {
  for (each : 0 .. ROWS - 1) {
    last = 0;
    for (at_seq : 1 .. shown[T]) {
      if
      :: change_row[at_seq] == each -> last = at_seq
      :: else
      fi
    }
    present = 0;
    for (a_key : 1 .. KEYS) {
      if
      :: TARGET_OF(a_key) == T && entry[AT(each, a_key)] > 0 ->
         present++;
         slot = entry[AT(each, a_key)] - 1;
         assert(slot >= last);  // rule 2: not older
         assert((slot == 0 && first_key[each] == a_key) ||
                (slot > 0 && change_row[slot] == each &&
                 change_new[slot] == a_key))
      :: else
      fi
    }
    if
    :: present == 0 && (next_row == ROWS || last > attached_at) ->
       possible = (last == 0 && !LIES_IN(first_key[each], T)) ||
                  (last > 0 && !LIES_IN(change_new[last], T));
       for (at_seq : last + 1 .. head) {
         if
         :: change_row[at_seq] == each &&
            !LIES_IN(change_new[at_seq], T) -> possible = 1
         :: else
         fi
       }
       assert(possible)  // rule 2: absent in some state that is not older
    :: else
    fi
    if
    :: next_row == ROWS && known[T] >= lost_at && known[T] >= settled_at &&
       known[T] >= newest ->
       assert(present <= 1)  // rule 3
    :: else
    fi
    if
    :: next_row == ROWS && known[T] == head ->  // rule 1
       for (a_key : 1 .. KEYS) {
         assert(TARGET_OF(a_key) != T ||
                entry[AT(each, a_key)] ==
                    (row_key[each] == a_key -> row_seq[each] + 1 : 0))
       }
    :: else
    fi
  }
}

// Forgets what makes no difference any more: fewer states.
inline Simplify() {
  if
  :: known[0] >= newest && known[1] >= newest -> newest = 0
  :: else
  fi;
  if
  :: known[0] >= lost_at && known[1] >= lost_at &&
     known[0] >= settled_at && known[1] >= settled_at ->
     lost_at = 0;
     settled_at = 0
  :: else
  fi;
  for (each : 0 .. ROWS - 1) {
    last = 0;
    for (slot : 1 .. head) {
      at_seq = head + 1 - slot;
      if
      :: change_row[at_seq] == each ->
         if
         :: last > 0 && last <= shown[0] && last <= shown[1] ->
            change_new[at_seq] = NO_KEY;
            if
            :: last <= durable[0] && last <= durable[1] ->
               change_row[at_seq] = ROWS
            :: else
            fi
         :: else
         fi;
         last = at_seq
      :: else
      fi
    }
  }
  for (at_seq : 1 .. head) {
    if
    :: at_seq <= durable[0] && at_seq <= durable[1] ->
       change_old[at_seq] = NO_KEY;
       recorded[at_seq] = 0
    :: else
    fi
  }
}

inline Check() {
  for (target : 0 .. TARGETS - 1) {
    if
    :: known[target] > shown[target] -> shown[target] = known[target]
    :: else
    fi;
    CheckTarget(target)
  }
  Simplify();
  target = 0
}

// Whoever was promised one entry for each row must wait again.
inline LoseMemory() { lost_at = head }

// --- Messages ---

inline Clear(m) {
  m.used = 0;
  m.chunk = 0;
  m.expected = 0;
  m.seq = 0;
  for (slot : 0 .. ROWS * KEYS - 1) { m.mutation[slot] = LEAVE }
  for (slot : 0 .. ROWS - 1) { m.memory[slot] = 0 }
  slot = 0
}

inline Copy(from, to) {
  to.used = 1;
  to.chunk = from.chunk;
  to.expected = from.expected;
  to.seq = from.seq;
  for (slot : 0 .. ROWS * KEYS - 1) { to.mutation[slot] = from.mutation[slot] }
  slot = 0
}

// What an index partition does with it, in one log record. Sets `taken`.
inline Apply(m, T) {
  if
#ifdef BREAK_NO_COMPARE
  :: !m.chunk -> taken = 1
#else
  :: !m.chunk -> taken = (cursor[T] == m.expected)
#endif
#ifdef BREAK_LATE_CHUNK
  :: m.chunk -> taken = 1
#else
  :: m.chunk -> taken = (cursor[T] <= m.seq)
#endif
  fi;
  printf("chunk %d to target %d (%d -> %d) at %d: taken %d\n", m.chunk, T,
         m.expected, m.seq, cursor[T], taken);
  if
  :: taken ->
     for (slot : 0 .. ROWS * KEYS - 1) {
       if
       :: m.mutation[slot] == DELETE -> entry[slot] = 0
       :: m.mutation[slot] >= PUT(0) ->
          entry[slot] = m.mutation[slot] - PUT(0) + 1
       :: else
       fi
     }
     if
     :: !m.chunk -> cursor[T] = m.seq
     :: else
     fi
  :: else
  fi;
  slot = 0
}

// Lets `early` follow what was carried out.
inline Remember(T) {
  for (slot : 0 .. ROWS - 1) {
    if
    :: sent[T].memory[slot] == FORGET ->
       early[T * ROWS + slot] = NO_KEY;
       early_seq[T * ROWS + slot] = 0
#ifndef BREAK_FORGET_EARLY
    :: sent[T].memory[slot] > FORGET ->
       early[T * ROWS + slot] = sent[T].memory[slot] - 1;
       a_key = early[T * ROWS + slot];
       if
       :: sent[T].mutation[AT(slot, a_key)] >= PUT(0) ->
          early_seq[T * ROWS + slot] =
              sent[T].mutation[AT(slot, a_key)] - PUT(0)
       :: else  // it is what was there
       fi;
       a_key = 0
#endif
    :: else
    fi
  }
  slot = 0
}

// The follower hears what became of its message. `heard` 0: it hears nothing.
inline Conclude(T, heard) {
  if
  :: !heard -> printf("nothing heard from target %d\n", T)
  :: else
  fi;
  if
  :: !heard ->
     chunk_failed = sent[T].chunk | chunk_failed;
     doubt[T] = !sent[T].chunk | doubt[T]
  :: heard && sent[T].chunk ->
     // A chunk is remembered when all its targets have taken it.
     if
     :: taken -> skip
     :: else -> chunk_failed = 1
     fi
  :: heard && !sent[T].chunk && taken ->
     durable[T] = sent[T].seq;
     known[T] = sent[T].seq;
     doubt[T] = 0;
     Remember(T)
  :: heard && !sent[T].chunk && !taken ->
     durable[T] = cursor[T];
     known[T] = cursor[T];
     doubt[T] = 0;
     for (slot : 0 .. ROWS - 1) {
       early[T * ROWS + slot] = NO_KEY;
       early_seq[T * ROWS + slot] = 0
     }
     LoseMemory()
  fi;
  if
  :: sent[T].chunk -> sent[T].used = 0  // its memory is wanted yet
  :: else -> Clear(sent[T])
  fi;
  taken = 0;
  if
  :: sent[0].used || sent[1].used
  :: else ->
     if
     :: (sent[0].chunk || sent[1].chunk) ->
        if
        :: chunk_failed -> phase = IDLE
        :: else -> Remember(0); Remember(1); phase = SAVE
        fi
     :: else -> phase = IDLE
     fi;
     Clear(sent[0]);
     Clear(sent[1]);
     chunk_failed = 0
  fi
}

// --- The follower's plans ---

#ifdef BREAK_ROW_FIRST
#define KEY_NOW(which) seen_key[which]
#define SEQ_NOW(which) seen_seq[which]
#else
#define KEY_NOW(which) row_key[which]
#define SEQ_NOW(which) row_seq[which]
#endif

// Brings target T from its cursor to N.
inline PlanChanges(T, N) {
  some = 0;
#ifndef BREAK_SETTLED_EARLY
  if
  :: known[T] < lost_at -> settled_at = head
  :: else
  fi;
#endif
  printf("changes (%d, %d] for target %d\n", known[T], N, T);
  // Where a row has one entry at most, that is the early one, or else that of the
  // first change: nothing else is deleted.
  // And what is there already is not put again.
#ifdef BREAK_LATE_COPY
#define NO_CHUNK_MAY_COME 1
#else
#define NO_CHUNK_MAY_COME (durable[T] > late_head)
#endif
#ifdef BREAK_ONE_DELETE
  settled = 1;
#else
  settled = next_row == ROWS && durable[T] >= lost_at &&
            durable[T] >= settled_at && durable[T] >= newest &&
            NO_CHUNK_MAY_COME && !doubt[T];
#endif
  for (each : 0 .. ROWS - 1) {
    last = 0;
    for (at_seq : known[T] + 1 .. N) {
      assert(at_seq <= attached_at || at_seq > trimmed);  // rule 4: it is there
      if
      :: change_row[at_seq] == each && recorded[at_seq] ->
         present = last > 0 || early[T * ROWS + each] != NO_KEY;
         last = at_seq;
         if
         :: LIES_IN(change_old[at_seq], T) &&
            change_old[at_seq] != KEY_NOW(each) && !(settled && present) ->
            some = 1;
#ifndef BREAK_KEEP_OLD
            sent[T].mutation[AT(each, change_old[at_seq])] = DELETE
#endif
         :: else
         fi
      :: else
      fi
    }
    if
    :: last > 0 && early[T * ROWS + each] != NO_KEY ->
       sent[T].memory[each] = FORGET;
       if
       :: early[T * ROWS + each] != KEY_NOW(each) ->
          sent[T].mutation[AT(each, early[T * ROWS + each])] = DELETE;
          some = 1
       :: else
       fi
    :: else
    fi;
    if
    :: last > 0 && LIES_IN(KEY_NOW(each), T) ->
       if
       :: settled && early[T * ROWS + each] == KEY_NOW(each) &&
          early_seq[T * ROWS + each] == SEQ_NOW(each)  // it has it already
       :: else ->
          sent[T].mutation[AT(each, KEY_NOW(each))] = PUT(SEQ_NOW(each));
          some = 1
       fi;
       if
       :: SEQ_NOW(each) > N -> sent[T].memory[each] = REMEMBER(KEY_NOW(each))
       :: else
       fi
    :: else
    fi
  }
  if
  :: some ->
     sent[T].used = 1;
     sent[T].expected = durable[T];
     sent[T].seq = N;
     phase = WAIT
  :: else ->  // nothing there matters to it
     known[T] = N;
     Remember(T);
     Clear(sent[T]);
     phase = IDLE
  fi;
  each = 0; at_seq = 0; last = 0; some = 0; present = 0; settled = 0
}

inline PlanChunk() {
  printf("chunk of rows [%d, %d) after head %d\n", next_row, chunk_end,
         chunk_head);
  for (each : next_row .. chunk_end - 1) {
    if
    :: row_key[each] != NO_KEY ->
       target = TARGET_OF(row_key[each]);
       sent[target].used = 1;
       sent[target].chunk = 1;
       sent[target].seq = chunk_head;
       sent[target].mutation[AT(each, row_key[each])] = PUT(row_seq[each]);
       if
       :: row_seq[each] > known[target] ->
          sent[target].memory[each] = REMEMBER(row_key[each])
       :: else
       fi
    :: else
    fi;
#ifndef BREAK_FILLED_EARLY
    if
    :: row_key[each] != NO_KEY && row_seq[each] > newest ->
       newest = row_seq[each]
    :: else
    fi
#endif
  }
  each = 0; target = 0
}

inline Send() {
  if
  :: sent[0].used || sent[1].used -> phase = WAIT
  :: else -> phase = SAVE
  fi
}

// --- What happens ---

inline Write(R, K) {
  head++;
  change_row[head] = R;
  change_new[head] = K;
  change_old[head] = (attached -> row_key[R] : NO_KEY);
  recorded[head] = attached;
  row_key[R] = K;
  row_seq[R] = head
}

inline Restart() {
  printf("crash\n");
  for (target : 0 .. TARGETS - 1) {
    Clear(sent[target]);
    durable[target] = cursor[target];
    known[target] = cursor[target];
    doubt[target] = 0
  }
  for (each : 0 .. TARGETS * ROWS - 1) {
    early[each] = NO_KEY;
    early_seq[each] = 0
  }
  for (each : 0 .. ROWS - 1) { seen_key[each] = 0; seen_seq[each] = 0 }
  newest = 0;
  late_head = head;
  chunk_head = 0;
  chunk_end = 0;
  chunk_failed = 0;
  phase = IDLE;
  LoseMemory();
  each = 0; target = 0
}

active proctype World() {
  atomic {
    if
    :: row_key[0] = 1
    :: row_key[0] = 3
    fi;
    row_key[1] = 1;
    first_key[0] = row_key[0];
    first_key[1] = row_key[1]
  }

  do
  // The writer puts, moves and deletes: the first row at will, the other one
  // between key 1 and nothing.
  :: atomic {
       head < WRITES && (attached || head == 0) ->
       if
       :: which = 0; new_key = 1
       :: which = 0; new_key = 2
       :: which = 0; new_key = 3
       :: which = 0; new_key = NO_KEY
       :: which = 1; new_key = 1
       :: which = 1; new_key = NO_KEY
       fi;
       Write(which, new_key);
       printf("write %d: row %d gets key %d\n", head, which, new_key);
       if
       :: !attached -> recorded[head] = 1  // for another index
#ifdef BREAK_OLD_SCHEMA
       :: attached -> change_old[head] = NO_KEY
#endif
       :: skip
       fi;
       d_step { which = 0; new_key = 0; Check() }
     }

  :: d_step { !attached && head <= 1 -> attached = 1; attached_at = head;
       printf("attach at %d\n", head); Check() }

  // A round of changes for one target. (The code sends one to several targets
  // at once; each sees only its own.)
#ifdef BREAK_ROW_FIRST
  :: d_step {
       attached && phase == IDLE && (known[0] < head || known[1] < head) ->
       for (each : 0 .. ROWS - 1) {
         seen_key[each] = row_key[each];
         seen_seq[each] = row_seq[each]
       }
       each = 0;
       phase = READ_ROWS
     }
#define CAN_CUT (phase == READ_ROWS)
#else
#define CAN_CUT (phase == IDLE)
#endif
  :: atomic {
       attached && CAN_CUT && (known[0] < head || known[1] < head) ->
       if
       :: known[0] < head -> target = 0
       :: known[1] < head -> target = 1
       fi;
       through = known[target] + 1;
       do
       :: through < head -> through++
       :: break
       od;
       d_step {
         which = target;
         PlanChanges(which, through);
         for (each : 0 .. ROWS - 1) { seen_key[each] = 0; seen_seq[each] = 0 }
         each = 0; target = 0; through = 0; which = 0;
         Check()
       }
     }

  // A cursor that has moved without entries.
#define MAY_KEEP(T) (durable[T] < known[T] && known[T] == head)
  :: atomic {
       attached && phase == IDLE && next_row == ROWS &&
       (MAY_KEEP(0) || MAY_KEEP(1)) ->
       if
       :: MAY_KEEP(0) -> target = 0
       :: MAY_KEEP(1) -> target = 1
       fi;
       sent[target].used = 1;
       sent[target].expected = durable[target];
       sent[target].seq = known[target];
       phase = WAIT;
       target = 0
     }

  // A chunk of backfill: the head, then the rows.
  :: atomic {
       attached && phase == IDLE && next_row < ROWS ->
       if
       :: chunk_end = next_row + 1
       :: chunk_end = ROWS
       fi;
       d_step {
#ifdef BREAK_HEAD_LAST
         PlanChunk();
#else
         chunk_head = head;
         late_head = head;
#endif
         phase = READ_HEAD
       }
     }
  :: d_step {
       phase == READ_HEAD ->
#ifdef BREAK_HEAD_LAST
       sent[0].seq = (sent[0].used -> head : 0);
       sent[1].seq = (sent[1].used -> head : 0);
#else
       PlanChunk();
#endif
       chunk_head = 0;
       Send()
     }
  :: d_step {
       phase == SAVE ->
       next_row = chunk_end;
       printf("backfill is at row %d\n", next_row);
       chunk_end = 0;
       phase = IDLE;
       Check()
     }

  // A message is delivered, and the follower hears of it.
  :: atomic {
       phase == WAIT ->
       if
       :: sent[0].used -> target = 0
       :: sent[1].used -> target = 1
       fi;
       if
       :: skip
       :: faults > 0 && !late[target].used ->  // twice
          d_step { faults--; Copy(sent[target], late[target]) }
       fi;
       d_step {
         which = target;
         Apply(sent[which], which);
         Conclude(which, 1);
         which = 0;
         Check()
       }
     }

  // It hears nothing.
  :: atomic {
       phase == WAIT && faults > 0 ->
       faults--;
       if
       :: sent[0].used -> target = 0
       :: sent[1].used -> target = 1
       fi;
       if
       :: skip
       :: d_step {
            which = target;
            Apply(sent[which], which);
            taken = 0;
            which = 0;
            LoseMemory()
          }
       :: !late[target].used -> d_step { Copy(sent[target], late[target]) }
       fi;
       d_step { which = target; Conclude(which, 0); which = 0; Check() }
     }

  // A message that nobody waits for.
  :: atomic {
       late[0].used || late[1].used ->
       if
       :: late[0].used -> target = 0
       :: late[1].used -> target = 1
       fi;
       d_step {
         which = target;
         Apply(late[which], which);
         if
         :: taken -> LoseMemory()
         :: else
         fi;
         taken = 0;
         Clear(late[which]);
         which = 0;
         Check()
       }
     }

  // The process dies; what was sent is lost, arrives, or arrives later.
  :: atomic {
       attached && faults > 0 ->
       faults--;
       through = 0;
       do
       :: through < TARGETS ->
          if
          :: skip
          :: sent[through].used && phase == WAIT ->
             d_step {
               which = through;
               Apply(sent[which], which);
               taken = 0;
               which = 0
             }
          :: sent[through].used && phase == WAIT && !late[through].used ->
             d_step {
               which = through;
               Copy(sent[which], late[which]);
               which = 0
             }
          fi;
          through++
       :: else -> break
       od;
       d_step { through = 0; Restart(); Check() }
     }

  // Trimming.
#ifdef BREAK_TRIM
#define TRIM_TO (durable[0] > durable[1] -> durable[0] : durable[1])
#else
#define TRIM_TO (durable[0] < durable[1] -> durable[0] : durable[1])
#endif
  :: d_step {
       attached && phase == IDLE && TRIM_TO > trimmed ->
       trimmed = TRIM_TO;
       printf("trim to %d\n", trimmed);
       assert(trimmed <= cursor[0] && trimmed <= cursor[1]);  // rule 4
       for (each : 1 .. trimmed) { recorded[each] = 0 }
       each = 0
     }

  // Nothing can happen any more: all is where it ought to be.
  :: else ->
     assert(attached && phase == IDLE && next_row == ROWS && trimmed == head &&
            cursor[0] == head && cursor[1] == head &&
            known[0] == head && known[1] == head);
     break
  od
}
