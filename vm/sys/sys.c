/* SPDX-License-Identifier: Apache-2.0 */
/* sys - ending the program, and signals.
 *
 *   signal handler --number--> pipe --> main thread --{notify, Name}--> erl_signal_server
 *
 * The main thread is the only one that takes asynchronous signals: all others block them, so no signal
 * interrupts running code. Semantics: kernel_app(6) "OS Signal Event Handler"; os(3) set_signal/2.
 * Layer: sys. */
#include "sys/sys.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/thread.h"
#include "exec/exec.h"
#include "io/child.h"
#include "io/native_text.h"
#include "io/port.h"
#include "nif/nif.h"
#include "proc/message.h"
#include "proc/registry.h"
#include "sched/sched.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


/* The terminal may be in raw mode, so lines end in both. */
void sys_print_error(const char *fmt, ...)
{
    Buf b = BUF_INIT(TEMP);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    for (const char *p = buf_text(&b); *p; p++) {
        if (*p == '\n') fputc('\r', stderr);
        fputc(*p, stderr);
    }
    buf_free(&b);
    fflush(stderr);
}

/* ---- the end ---- */

void sys_exit(Vm *vm, int code)
{
    if (vm->sys->restore_terminal) vm->sys->restore_terminal(vm);
    fflush(stdout);
    fflush(stderr);
    exec_print_counts();
    _exit(code & 0xFF);
}

void sys_abort(Vm *vm)
{
    if (vm->sys->restore_terminal) vm->sys->restore_terminal(vm);
    abort();
}

/* Who is in the middle of a slice may have said one half of what it has to say, and its exit not yet. A
 * native that does not come back is not waited for. */
#define SLICES_NS 200000000

void sys_halt(Vm *vm, int code, bool flush)
{
    uint32_t running = 0;
    if (!atomic_compare_exchange_strong(&vm->sys->halting, &running, 1)) return;
    sched_stop_processes(vm);
    if (flush) sched_await_slices(vm, SLICES_NS);
    if (flush) nif_halt(vm);
    if (flush) port_flush_all(vm);
    sys_exit(vm, code);
}

void sys_crash(Vm *vm, const char *slogan)
{
    static atomic_u32_t crashed;
    static THREAD_LOCAL bool by_me;
    if (atomic_exchange(&crashed, 1)) {
        if (by_me) { /* memory has run out while the dump is written */
            fault_give_up();
            _exit(1);
        }
        for (;;) pause(); /* another thread is writing the dump and will end us */
    }
    by_me = true;
    if (vm->sys && vm->sys->restore_terminal) vm->sys->restore_terminal(vm);
    fflush(stdout);
    sys_print_error("%s\n", slogan);
    crash_dump_write(vm, slogan);
    fflush(stderr);
    _exit(1);
}

/* ---- signals ---- */

typedef struct SignalName {
    term_t name;
    int number;
} SignalName;

static const SignalName *signal_names(size_t *count)
{
    static const SignalName names[] = {
        {am_sighup, SIGHUP}, {am_sigquit, SIGQUIT}, {am_sigabrt, SIGABRT}, {am_sigalrm, SIGALRM},
        {am_sigterm, SIGTERM}, {am_sigusr1, SIGUSR1}, {am_sigusr2, SIGUSR2}, {am_sigchld, SIGCHLD},
        {am_sigstop, SIGSTOP}, {am_sigtstp, SIGTSTP}, {am_sigcont, SIGCONT}, {am_sigwinch, SIGWINCH},
        {am_siginfo, 0}, {am_sigint, SIGINT},
    };
    *count = ARRAY_LEN(names);
    return names;
}

int signal_number(term_t name)
{
    size_t count;
    const SignalName *names = signal_names(&count);
    for (size_t i = 0; i < count; i++)
        if (names[i].name == name) return names[i].number;
    return 0;
}

static term_t signal_atom(int number)
{
    size_t count;
    const SignalName *names = signal_names(&count);
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number) return names[i].name;
    return TERM_NONE;
}

/* The write end; the only thing a handler can reach. One VM per program takes signals. */
static int handler_pipe = -1;

/* child: whose end a SIGCHLD tells, 0 for one that somebody has sent. */
typedef struct OsSignal {
    int number;
    pid_t child;
} OsSignal;

static void on_signal(int number, siginfo_t *info, void *context UNUSED)
{
    int saved = errno;
    OsSignal s = {number, number == SIGCHLD && info->si_code > 0 ? info->si_pid : 0};
    ssize_t n = write(handler_pipe, &s, sizeof s);
    (void)n;
    errno = saved;
}

static enum SignalAction action_of(Vm *vm, int number)
{
    return (enum SignalAction)(load_relaxed(&vm->sys->signal_actions) >> (2 * (number & 31)) & 3);
}

void signal_set(Vm *vm, int number, enum SignalAction action)
{
    struct sigaction sa = {0};
    uint64_t shift = 2 * ((uint64_t)number & 31);
    uint64_t actions = load_relaxed(&vm->sys->signal_actions);
    store_relaxed(&vm->sys->signal_actions, (actions & ~(UINT64_C(3) << shift)) | (uint64_t)action << shift);
    sigemptyset(&sa.sa_mask);
    sa.sa_flags = SA_RESTART;
    if (action == SIGNAL_HANDLE) {
        sa.sa_flags |= SA_SIGINFO;
        sa.sa_sigaction = on_signal;
    } else {
        /* a SIGCHLD that is really ignored takes the exit status of children with it */
        sa.sa_handler = action == SIGNAL_DEFAULT || number == SIGCHLD ? SIG_DFL : SIG_IGN;
    }
    sigaction(number, &sa, NULL);
}

/* {notify, Name} to erl_signal_server; lost when there is none. */
static void signal_notify(Vm *vm, term_t name)
{
    Heap heap = {0};
    EpochSection section = epoch_enter(vm->epoch);
    Process *server = registry_find_process(vm, am_erl_signal_server);
    if (server) {
        term_t message = heap_tuple2(&heap, am_notify, name);
        message_send_heap(vm, am_system, server, message, &heap);
    }
    epoch_leave(vm->epoch, section);
}

static void signal_deliver(Vm *vm, const OsSignal *s)
{
    if (s->number == SIGINT) sys_break(vm);
    else if (action_of(vm, s->number) != SIGNAL_HANDLE) return;
    else if (s->child == 0 || !child_forget(vm, s->child)) signal_notify(vm, signal_atom(s->number));
}

/* It waits in poll since the thread sanitizer holds signals back from a thread that waits in read. */
void sys_signal_loop(Vm *vm)
{
    for (;;) {
        OsSignal s;
        struct pollfd told = {.fd = vm->sys->signal_pipe[0], .events = POLLIN};
        if (poll(&told, 1, -1) < 0) continue;
        ssize_t n = read(vm->sys->signal_pipe[0], &s, sizeof s);
        if (n == sizeof s)
            signal_deliver(vm, &s);
        else if (n == 0 || errno != EINTR)
            PANIC("signal pipe: %s", n == 0 ? "closed" : strerror(errno));
    }
}

static void signals_init(Vm *vm, const Config *config)
{
    SysSpace *sys = vm->sys;
    CHECK(pipe2(sys->signal_pipe, O_CLOEXEC) == 0);
    handler_pipe = sys->signal_pipe[1];
    signal(SIGPIPE, SIG_IGN);
    signal_set(vm, SIGCHLD, SIGNAL_IGNORE); /* the parent may have ignored it */
    signal_set(vm, SIGTERM, SIGNAL_HANDLE);
    signal_set(vm, SIGUSR1, SIGNAL_HANDLE);
    if (config->break_mode == BREAK_IGNORED || config->break_mode == BREAK_INTERRUPTS_SHELL)
        signal_set(vm, SIGINT, SIGNAL_IGNORE);
    else if (config->break_mode == BREAK_HANDLER)
        signal_set(vm, SIGINT, SIGNAL_HANDLE);
}

/* ---- init ---- */

bool sys_native_utf8(const Config *config)
{
    if (config->file_names != FILE_NAMES_LOCALE) return config->file_names == FILE_NAMES_UTF8;
    return native_text_locale_is_utf8();
}

static void on_panic(const char *text) { crash_dump_write(vm_default(), text); }

static void on_out_of_memory(enum MemType type, size_t bytes)
{
    char slogan[128];
    snprintf(slogan, sizeof slogan, "Cannot allocate %zu bytes of memory (of type \"%s\").", bytes,
             mem_type_text(type));
    sys_crash(vm_default(), slogan);
}

void sys_init(Vm *vm, const Config *config, const Release *release)
{
    vm->config = config;
    vm->release = release;
    vm->sys = MEM_NEW(SYS, SysSpace);
    mutex_init(&vm->sys->env_lock, LOCK_SYSTEM);
    atomic_init(&vm->sys->outstanding_requests, (uint32_t)config->schedulers * 2);
    atomic_init(&vm->sys->cpus_usable, (uint32_t)thread_cpus_usable());
    signals_init(vm, config);
    fault_init();
    base_set_panic_hook(on_panic);
    mem_set_out_of_memory_hook(on_out_of_memory);
}
