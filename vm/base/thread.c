/* SPDX-License-Identifier: Apache-2.0 */
/* thread - POSIX threads, Linux futexes, processors we may use; see thread.h.
 * Layer: base. */
#include "base/affinity.h"
#include "base/thread.h"
#include "base/alloc.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES 16 /* what the kernel keeps, the NUL included */

static THREAD_LOCAL char my_name[NAME_BYTES];

/* ---- threads ---- */

typedef struct Start {
    void *(*run)(void *);
    void *arg;
    char name[NAME_BYTES];
} Start;

#if defined(JOIST_ASAN) || defined(JOIST_TSAN)
static void make_fault_stack(void) {}
#else
enum { FAULT_STACK_BYTES = 128 << 10 };

static void drop_fault_stack(void *stack)
{
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(stack, FAULT_STACK_BYTES);
}

/* Handlers of faults find room even when the thread has none left. Sanitizers bring their own. */
static void make_fault_stack(void)
{
    void *stack = mmap(NULL, FAULT_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) return;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = FAULT_STACK_BYTES}, NULL);
    thread_at_exit(drop_fault_stack, stack);
}
#endif

static void *thread_main(void *arg)
{
    Start start = *(Start *)arg;
    mem_free(MEM_SYS, arg, sizeof(Start));
    make_fault_stack();
    if (start.name[0])
        thread_set_name(start.name);
    return start.run(start.arg);
}

static int create_raw(Thread *t, size_t stack_bytes, Start *start)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error)
        return error;
    if (stack_bytes)
        error = pthread_attr_setstacksize(
            &attr, round_up(MAX(stack_bytes, (size_t)PTHREAD_STACK_MIN), 4096));
    affinity_forget(&attr);
    if (!error)
        error = pthread_create(&t->raw, &attr, thread_main, start);
    pthread_attr_destroy(&attr);
    return error;
}

/* Signals of what a thread itself does. Were they blocked, the kernel would end the program without a word. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

int thread_create(Thread *t, const ThreadOptions *options, void *(*run)(void *), void *arg)
{
    Start *start = MEM_NEW(SYS, Start);
    start->run = run;
    start->arg = arg;
    if (options->name)
        snprintf(start->name, sizeof start->name, "%s", options->name);
    sigset_t all, before;
    if (options->block_signals) {
        sigfillset(&all);
        for (size_t i = 0; i < ARRAY_LEN(faults); i++) sigdelset(&all, faults[i]);
        pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    int error = create_raw(t, options->stack_bytes, start);
    if (options->block_signals)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        MEM_DELETE(SYS, start);
    return error;
}

void *thread_join(Thread *t)
{
    void *result;
    int error = pthread_join(t->raw, &result);
    CHECK(error == 0);
    return result;
}

void thread_detach(Thread *t)
{
    pthread_detach(t->raw);
}

void thread_set_name(const char *name)
{
    snprintf(my_name, sizeof my_name, "%s", name);
    pthread_setname_np(pthread_self(), my_name);
}

const char *thread_name(void)
{
    return my_name;
}

void thread_yield(void)
{
    sched_yield();
}

void thread_sleep_ns(int64_t ns)
{
    struct timespec ts = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
        continue;
}

word_t thread_mark(void)
{
    static atomic_word_t last;
    static THREAD_LOCAL word_t mine;
    if (UNLIKELY(mine == 0))
        mine = add_relaxed(&last, 1) + 1;
    return mine;
}

/* ---- exit hooks: a chain hung on one pthread key. Plain malloc, because the counters of
 *      mem_alloc are themselves given back by such a hook ---- */

typedef struct ExitHook {
    struct ExitHook *next;
    void (*fn)(void *);
    void *arg;
} ExitHook;

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void run_exit_hooks(void *first)
{
    for (ExitHook *h = first, *next; h; h = next) {
        next = h->next;
        h->fn(h->arg);
        free(h);
    }
}

static void make_exit_key(void)
{
    int error = pthread_key_create(&exit_key, run_exit_hooks);
    CHECK(error == 0);
}

void thread_at_exit(void (*fn)(void *), void *arg)
{
    pthread_once(&exit_once, make_exit_key);
    ExitHook *h = malloc(sizeof *h);
    CHECK(h != NULL);
    *h = (ExitHook){pthread_getspecific(exit_key), fn, arg};
    pthread_setspecific(exit_key, h);
}

static void delete_spare(void *spare)
{
    ThreadSpare *s = spare;
    if (s->object) s->delete(s->object);
    s->object = NULL;
}

bool thread_spare_keep(ThreadSpare *s, void *object, void (*delete)(void *))
{
    if (s->object) return false;
    if (!s->delete) thread_at_exit(delete_spare, s);
    s->delete = delete;
    s->object = object;
    return true;
}

/* ---- processors ---- */

int thread_cpus_online(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

/* Of the main thread, which is what tools set from outside. */
static int cpus_in_mask(void)
{
    cpu_set_t set;
    if (sched_getaffinity(getpid(), sizeof set, &set) != 0)
        return thread_cpus_online();
    return CPU_COUNT(&set);
}

/* Processors that the control group grants, rounded up; INT_MAX without a quota. */
static int cpus_in_quota(void)
{
    long long quota = -1, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f) {
        if (fscanf(f, "%lld %lld", &quota, &period) != 2)
            quota = -1; /* "max 100000" */
        fclose(f);
    } else {
        f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
        FILE *g = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
        if (!f || !g || fscanf(f, "%lld", &quota) != 1 || fscanf(g, "%lld", &period) != 1)
            quota = -1;
        if (f)
            fclose(f);
        if (g)
            fclose(g);
    }
    if (quota <= 0 || period <= 0)
        return INT_MAX;
    return (int)MIN((quota + period - 1) / period, INT_MAX);
}

int thread_cpus_usable(void)
{
    return MAX(1, MIN(cpus_in_mask(), cpus_in_quota()));
}

/* ---- futex ---- */

bool futex_wait(atomic_u32_t *word, uint32_t seen, int64_t ns)
{
    struct timespec ts = {ns / 1000000000, ns % 1000000000};
    long r = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, ns < 0 ? NULL : &ts, NULL, 0);
    return !(r < 0 && errno == ETIMEDOUT);
}

int futex_wake(atomic_u32_t *word, int how_many)
{
    return (int)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, how_many, NULL, NULL, 0);
}

/* ---- events:  CLEAR --wait--> WAITED --set--> SET --reset--> CLEAR;  CLEAR --set--> SET ---- */

enum { EVENT_CLEAR, EVENT_SET, EVENT_WAITED };

void event_init(Event *e)
{
    store_relaxed(&e->state, EVENT_CLEAR);
}

/* Release: pairs with the acquire loads of event_wait_timeout_ns. */
void event_set(Event *e)
{
    if (swap_acq_rel(&e->state, EVENT_SET) == EVENT_WAITED)
        futex_wake(&e->state, INT_MAX);
}

/* Full barrier: what is looked at after the reset is at least as new as the last set. */
void event_reset(Event *e)
{
    swap_seq(&e->state, EVENT_CLEAR);
}

bool event_is_set(Event *e)
{
    return load_acquire(&e->state) == EVENT_SET;
}

void event_wait(Event *e)
{
    event_wait_timeout_ns(e, -1);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

bool event_wait_timeout_ns(Event *e, int64_t ns)
{
    int64_t end = ns > 0 ? now_ns() + MIN(ns, INT64_MAX / 4) : 0;
    for (;;) {
        uint32_t state = EVENT_CLEAR;
        if (!cas_acquire(&e->state, &state, EVENT_WAITED) && state == EVENT_SET)
            return true;
        int64_t left = ns < 0 ? -1 : ns == 0 ? 0 : end - now_ns();
        if (ns >= 0 && left <= 0)
            break;
        futex_wait(&e->state, EVENT_WAITED, left);
    }
    uint32_t waited = EVENT_WAITED;
    return !cas_acquire(&e->state, &waited, EVENT_CLEAR) && waited == EVENT_SET;
}

size_t thread_stack_left(void)
{
    pthread_attr_t attr;
    void *low;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) != 0) return 0;
    int error = pthread_attr_getstack(&attr, &low, &size);
    pthread_attr_destroy(&attr);
    return error ? 0 : (size_t)((char *)__builtin_frame_address(0) - (char *)low);
}
