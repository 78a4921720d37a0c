// SPDX-License-Identifier: Apache-2.0
//
// Transactions over two partitions (docs/adr/0020-transactions.md) for spin: two
// requests under tokens of their own, each of which appends itself to a row in
// each partition, and is repeated until it is answered; a plain write to one row;
// a reader of both; crashes at any point, of recovery too. Every durable step is
// one atomic action; what may interleave are the steps.
//
// README.md says what the rules are and how to run. BREAK_* leaves one out.

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef TRIES
#define TRIES 2  // of the first request
#endif
#ifndef TRIES_OF_OTHER
#define TRIES_OF_OTHER 1
#endif

#ifdef REQUESTS_ONLY  // no plain write and no reader
#define OTHERS 0
#else
#define OTHERS 2
#endif

#define TXS 2
#define PARTITIONS 2
#define PLAIN TXS  // the plain write's number, in partition 0
// A row counts in two bits how often each has appended itself.
#define ONE_OF(tx) (1 << (2 * (tx)))
#define COUNT(value, tx) (((value) >> (2 * (tx))) & 3)
#define IN_BOTH(tx) (COUNT(row[0], tx) == 1 && COUNT(row[1], tx) == 1)

// --- Durable ---

byte row[PARTITIONS];
byte lock[PARTITIONS];  // 0: none, else the transaction plus one
byte lock_attempt[PARTITIONS];
byte lock_value[PARTITIONS];  // what the row is to become

#define ABSENT 0
#define PENDING 1
#define COMMITTED 2
byte ledger[TXS];
byte ledger_attempt[TXS];

// --- In memory ---

byte epoch;  // of the process; whoever is of an older one is dead
bit serving = 1;
byte under_way[TXS];  // the attempt that this process is at; 0: none

// --- What only the rules look at ---

byte attempts;    // so many have been begun
bit told_ok[TXS];
bit plain_ok;
byte crashes;
byte over;        // clients that will do nothing more

#define ALIVE (epoch == my_epoch)
#define CLEAR(p) lock[p] = 0; lock_attempt[p] = 0; lock_value[p] = 0
#define LOCK(p)                                  \
  lock[p] = tx + 1; lock_attempt[p] = mine;      \
  lock_value[p] = row[p] + ONE_OF(tx); locked[p] = 1

proctype Client(byte tx) {
  byte my_epoch, mine, tries;
  bit locked[PARTITIONS], refused;

again:
  if
  :: tries == (tx == 0 -> TRIES : TRIES_OF_OTHER) -> goto out
  :: else
  fi;
  tries++;
  // The token: PENDING, unless it is known.
  atomic {
    serving;
    my_epoch = epoch;
    locked[0] = 0; locked[1] = 0; refused = 0;
    if
    :: ledger[tx] == COMMITTED && under_way[tx] == 0 ->
       told_ok[tx] = 1;
       assert(IN_BOTH(tx));  // what is told shows
       goto out
    :: else ->
       assert(under_way[tx] == 0);
       attempts++;
       mine = attempts;
       under_way[tx] = mine;
       ledger[tx] = PENDING;
       ledger_attempt[tx] = mine
    fi
  }
  // Every partition locks its row, or is refused.
  do
  :: atomic { ALIVE && !locked[0] && !refused ->
       if
       :: lock[0] == 0 -> LOCK(0)
       :: else -> refused = 1
       fi }
  :: atomic { ALIVE && !locked[1] && !refused ->
       if
       :: lock[1] == 0 -> LOCK(1)
       :: else -> refused = 1
       fi }
  :: ALIVE && refused -> break
#ifdef BREAK_COMMIT_EARLY
  :: ALIVE && locked[0] -> break
#else
  :: ALIVE && locked[0] && locked[1] -> break
#endif
  :: !ALIVE -> goto again
  od;
  if
  :: refused -> goto abort
  :: else
  fi;
  // The commit point.
  if
  :: atomic { ALIVE ->
#ifndef BREAK_NO_COMMIT_RECORD
       ledger[tx] = COMMITTED
#endif
     }
  :: atomic { !ALIVE -> goto again }
  fi;
  // Every partition applies.
  do
  :: atomic { ALIVE && lock[0] == tx + 1 && lock_attempt[0] == mine ->
       row[0] = lock_value[0]; CLEAR(0) }
  :: atomic { ALIVE && lock[1] == tx + 1 && lock_attempt[1] == mine ->
       row[1] = lock_value[1]; CLEAR(1) }
  :: atomic { ALIVE && (lock[0] != tx + 1 || lock_attempt[0] != mine) &&
              (lock[1] != tx + 1 || lock_attempt[1] != mine) ->
       under_way[tx] = 0; told_ok[tx] = 1;
       assert(IN_BOTH(tx));
       goto out }
  :: atomic { !ALIVE -> goto again }
  od;

abort:
  // The locks go, then the record; then the caller is told, and may ask again.
#ifdef BREAK_KEEP_LOCKS
  locked[0] = 0;
#endif
  do
  :: atomic { ALIVE && locked[0] -> CLEAR(0); locked[0] = 0 }
  :: atomic { ALIVE && locked[1] -> CLEAR(1); locked[1] = 0 }
  :: atomic { ALIVE && !locked[0] && !locked[1] ->
       ledger[tx] = ABSENT; under_way[tx] = 0;
       goto again }
  :: atomic { !ALIVE -> goto again }
  od;

out:
  over++
}

proctype PlainWriter() {
  if
  :: atomic { serving ->
#ifndef BREAK_PLAIN_WRITES
       if
       :: lock[0] == 0 ->
#endif
       row[0] = row[0] + ONE_OF(PLAIN); plain_ok = 1
#ifndef BREAK_PLAIN_WRITES
       :: else  // told TransactionConflict
       fi
#endif
     }
  fi;
  over++
}

// Both rows, twice; once of each try.
proctype Reader() {
  byte my_epoch, i;
  byte first[PARTITIONS];
  bit before[TXS], plain_before, unsure;

  atomic {
    serving;
    my_epoch = epoch;
    before[0] = told_ok[0]; before[1] = told_ok[1]; plain_before = plain_ok
  }
  atomic {
    unsure = !ALIVE;
#ifndef BREAK_READ_LOCKED
    unsure = unsure || lock[0] != 0;
#endif
    first[0] = row[0]
  }
  atomic {
    unsure = unsure || !ALIVE;
#ifndef BREAK_READ_LOCKED
    unsure = unsure || lock[1] != 0;
#endif
    first[1] = row[1]
  }
#ifndef BREAK_READ_ONCE
  // The row read last was seen at the moment itself.
  atomic {
    unsure = unsure || !ALIVE;
#ifndef BREAK_READ_LOCKED
    unsure = unsure || lock[0] != 0;
#endif
    unsure = unsure || first[0] != row[0]
  }
#endif
  if
  :: unsure
  :: else ->
     atomic {
       for (i : 0 .. TXS - 1) {
         assert(COUNT(first[0], i) == COUNT(first[1], i));   // whole or not at all
         assert(!before[i] || COUNT(first[0], i) == 1)    // what was answered shows
       }
       assert(!plain_before || COUNT(first[0], PLAIN) == 1)
     }
  fi;
  over++
}

#ifdef BREAK_APPLY_ALL
#define IS_COMMITTED(p) 1
#else
#ifdef BREAK_RELEASE_ALL
#define IS_COMMITTED(p) 0
#else
#define IS_COMMITTED(p)                   \
  (ledger[lock[p] - 1] == COMMITTED &&    \
   ledger_attempt[lock[p] - 1] == lock_attempt[p])
#endif
#endif
#define SETTLE(p)                                  \
  if                                               \
  :: IS_COMMITTED(p) -> row[p] = lock_value[p]     \
  :: else                                          \
  fi;                                              \
  CLEAR(p)

// Crashes, and the starts behind them, which may crash too.
proctype World() {
  do
  :: atomic { crashes < CRASHES && over < TXS + OTHERS ->
       crashes++; epoch++; serving = 0;
       under_way[0] = 0; under_way[1] = 0 }
  :: atomic { !serving && lock[0] != 0 -> SETTLE(0) }
  :: atomic { !serving && lock[1] != 0 -> SETTLE(1) }
  :: atomic { !serving && lock[0] == 0 && lock[1] == 0 -> serving = 1 }
  :: over == TXS + OTHERS && serving -> break
  od;
  // Nothing is locked, and each is whole, once at most, as it was told.
  assert(lock[0] == 0 && lock[1] == 0);
  assert(COUNT(row[0], 0) == COUNT(row[1], 0) && COUNT(row[0], 0) <= 1);
  assert(COUNT(row[0], 1) == COUNT(row[1], 1) && COUNT(row[0], 1) <= 1);
  assert(!told_ok[0] || IN_BOTH(0));
  assert(!told_ok[1] || IN_BOTH(1));
  assert(!plain_ok || COUNT(row[0], PLAIN) == 1)
}

init {
  atomic {
    run Client(0); run Client(1); run World();
#ifndef REQUESTS_ONLY
    run PlainWriter(); run Reader()
#endif
  }
}
