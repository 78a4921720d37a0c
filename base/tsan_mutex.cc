// SPDX-License-Identifier: Apache-2.0
//
// Tells the thread sanitizer what absl's locks order. The distribution's abseil
// is built without it, so it sees neither a lock nor a notification and calls
// every use of them a race. Linked into each program of the tsan preset, with
// the linker's --wrap for each function below (CMakeLists.txt).
//
// A lock acquires what the last unlock released; a notification, a condition
// variable and a counter likewise. Conditions (absl::Condition) may be evaluated
// inside the library, where their locks are not seen: reads in there are not
// looked at.
#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

class IgnoreReads {
 public:
  IgnoreReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

using absl::Condition;
using absl::Duration;
using absl::Time;

}  // namespace

// WRAP(result, mangled name, (parameters), (arguments), before, after)
#define WRAP(result, name, parameters, arguments, before, after) \
  extern "C" result __real_##name parameters;                    \
  extern "C" result __wrap_##name parameters {                   \
    before;                                                      \
    const absl::Cleanup finish = [&] { after; };                 \
    const IgnoreReads ignore;                                    \
    return __real_##name arguments;                              \
  }

#define ACQUIRE(address) __tsan_acquire(address)
#define RELEASE(address) __tsan_release(address)
#define NOTHING static_cast<void>(0)

WRAP(void, _ZN4absl7debian35Mutex4LockEv, (void* self), (self), NOTHING,
     ACQUIRE(self))
WRAP(void, _ZN4absl7debian35Mutex6UnlockEv, (void* self), (self), RELEASE(self),
     NOTHING)
WRAP(bool, _ZN4absl7debian35Mutex7TryLockEv, (void* self), (self), NOTHING,
     ACQUIRE(self))
WRAP(void, _ZN4absl7debian35Mutex10ReaderLockEv, (void* self), (self), NOTHING,
     ACQUIRE(self))
WRAP(void, _ZN4absl7debian35Mutex12ReaderUnlockEv, (void* self), (self),
     RELEASE(self), NOTHING)
WRAP(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE,
     (void* self, const Condition& condition), (self, condition), RELEASE(self),
     ACQUIRE(self))
WRAP(bool,
     _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
     (void* self, const Condition& condition, Duration timeout),
     (self, condition, timeout), RELEASE(self), ACQUIRE(self))
WRAP(bool,
     _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE,
     (void* self, const Condition& condition, Time deadline),
     (self, condition, deadline), RELEASE(self), ACQUIRE(self))
WRAP(void, _ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE,
     (void* self, const Condition& condition), (self, condition), NOTHING,
     ACQUIRE(self))
WRAP(
    bool,
    _ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE,
    (void* self, const Condition& condition, Duration timeout),
    (self, condition, timeout), NOTHING, ACQUIRE(self))
WRAP(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE,
     (void* self, void* mutex), (self, mutex), RELEASE(mutex),
     (ACQUIRE(mutex), ACQUIRE(self)))
WRAP(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE,
     (void* self, void* mutex, Duration timeout), (self, mutex, timeout),
     RELEASE(mutex), (ACQUIRE(mutex), ACQUIRE(self)))
WRAP(void, _ZN4absl7debian37CondVar6SignalEv, (void* self), (self),
     RELEASE(self), NOTHING)
WRAP(void, _ZN4absl7debian37CondVar9SignalAllEv, (void* self), (self),
     RELEASE(self), NOTHING)
// HasBeenNotified is an inline load of the flag behind the mutex.
WRAP(void, _ZN4absl7debian312Notification6NotifyEv, (char* self), (self),
     (RELEASE(self), RELEASE(self + sizeof(absl::Mutex))), NOTHING)
WRAP(void, _ZNK4absl7debian312Notification19WaitForNotificationEv, (void* self),
     (self), NOTHING, ACQUIRE(self))
WRAP(
    bool,
    _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE,
    (void* self, Duration timeout), (self, timeout), NOTHING, ACQUIRE(self))
WRAP(bool, _ZN4absl7debian315BlockingCounter14DecrementCountEv, (void* self),
     (self), RELEASE(self), NOTHING)
WRAP(void, _ZN4absl7debian315BlockingCounter4WaitEv, (void* self), (self),
     NOTHING, ACQUIRE(self))
