/* SPDX-License-Identifier: Apache-2.0 */
/* thread - native threads and events.
 * Events: a latch for one sleeper and any number of setters: event_set makes the present or
 *         next wait return at once, until event_reset. event_set publishes: what the setter
 *         wrote before is visible after event_wait.
 * Exit:   hooks registered with thread_at_exit run in the thread that ends, last first.
 * Layer: base. */
#ifndef JOIST_BASE_THREAD_H
#define JOIST_BASE_THREAD_H

#include "base/atomic.h"
#include "base/base.h"

#include <pthread.h>

typedef struct Thread {
    pthread_t raw;
} Thread;

typedef struct ThreadOptions {
    const char *name;    /* at most 15 bytes are shown by the kernel; NULL: none */
    size_t stack_bytes;  /* 0: the system's default */
    bool block_signals;  /* the thread receives no asynchronous signals */
} ThreadOptions;

/* 0, or an errno value. */
int thread_create(Thread *t, const ThreadOptions *options, void *(*run)(void *), void *arg)
    MUST_CHECK;
void *thread_join(Thread *t);
void thread_detach(Thread *t);
void thread_set_name(const char *name);
/* Name of the calling thread; "" when never named. */
const char *thread_name(void);
void thread_yield(void);
/* Bytes of stack below the caller's frame; 0: unknown. */
size_t thread_stack_left(void);
void thread_sleep_ns(int64_t ns);
/* Small number, unique among living threads, > 0. For marks and stripes, not for arrays. */
word_t thread_mark(void);
/* Run fn(arg) when the calling thread ends. */
void thread_at_exit(void (*fn)(void *), void *arg);

/* One object that a thread keeps to use it again; THREAD_LOCAL, so that there is no lock. It ends with the thread. */
typedef struct ThreadSpare {
    void *object;             /* owned, or NULL */
    void (*delete)(void *);   /* NULL: none was ever kept here */
} ThreadSpare;
/* NULL: there is none. The caller owns it. */
static inline void *thread_spare_take(ThreadSpare *s)
{
    void *object = s->object;
    s->object = NULL;
    return object;
}
/* Takes the object over, unless there is one already: false. */
bool thread_spare_keep(ThreadSpare *s, void *object, void (*delete)(void *)) MUST_CHECK;

/* Processors: online, and usable by us (affinity mask, cgroup quota rounded up), each >= 1. */
int thread_cpus_online(void);
int thread_cpus_usable(void);

/* ---- events ---- */
typedef struct Event {
    atomic_u32_t state; /* EVENT_CLEAR, EVENT_SET or EVENT_WAITED */
} Event;

void event_init(Event *e);
void event_set(Event *e);
void event_reset(Event *e);
bool event_is_set(Event *e);
void event_wait(Event *e);
/* Wait at most ns (< 0: no limit); true if the event was set. */
bool event_wait_timeout_ns(Event *e, int64_t ns);

/* ---- futex, for lock.c and others that build on a word ---- */
/* Sleep while *word == seen, at most ns (< 0: no limit). False only on timeout. */
bool futex_wait(atomic_u32_t *word, uint32_t seen, int64_t ns);
int futex_wake(atomic_u32_t *word, int how_many); /* number of threads woken */

#endif
