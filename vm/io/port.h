/* SPDX-License-Identifier: Apache-2.0 */
/* port - ports: the processes of the outside world.
 *
 *   program --command, control, close--> Port [lock] --PortDriver--> descriptors, children
 *   program <--{Port,{data,..}} etc.--   owner   <--ready-- poll set, as a Task
 *
 * Every operation on a port happens under its lock, in the thread of whoever asks: calls of one
 * process keep their order, and an answer is there at once. Commands sent while another thread has the lock are an
 * exception (port_queue.h). Readiness of descriptors comes
 * as a task of the run queues and takes the same lock.
 * Life: OPEN -> CLOSING (close asked for; the driver still flushes its queue) -> DEAD (links and monitors
 * told, gone from the table) -> retired through the epoch, when no event can come any more -> freed by
 * the last run of its task, which may be waiting in a run queue until then.
 * A driver callback may call port_close/port_exit; the port is then torn down when the callback
 * has returned. Locks: PORT; inside it signals may be sent. Semantics: erlang(3) open_port/2 and
 * "Ports and Port Drivers" of the reference manual. Layer: io. */
#ifndef JOIST_IO_PORT_H
#define JOIST_IO_PORT_H

#include "base/buf.h"
#include "base/epoch.h"
#include "base/lock.h"
#include "proc/process.h"
#include "proc/registry.h"
#include "proc/timer.h"
#include "sched/poll.h"
#include "sched/sched.h"
#include "trace/trace.h"

struct Port;

enum PacketMode { PACKET_STREAM, PACKET_1 = 1, PACKET_2 = 2, PACKET_4 = 4, PACKET_LINE = 8 };

/* Options of open_port/2 that drivers look at. Terms live in the caller's heap during start only. */
typedef struct PortOptions {
    enum PacketMode packet;
    size_t line_max;
    bool in, out;               /* neither given: both */
    bool binary, eof, exit_status, use_stdio, stderr_to_stdout, hide, parallelism;
    term_t cd, env, args, arg0; /* TERM_NONE when absent */
    uint64_t queue_high, queue_low; /* busy limits of the queue; UINT64_MAX: disabled */
    uint64_t port_high, port_low;
} PortOptions;

/* What opens the port: {spawn, Cmd} and so on. */
enum PortSource { SOURCE_SPAWN, SOURCE_EXECUTABLE, SOURCE_FD, SOURCE_DRIVER };

typedef struct PortDriver {
    const char *name;
    /* Set up; 0, or errno for open_port/2 to raise (-1: badarg). spec: what follows the tag. */
    int (*start)(struct Port *port, Process *p, enum PortSource source, term_t spec,
                 const PortOptions *opt);
    /* Release everything; no callback comes after it. */
    void (*stop)(struct Port *port);
    /* Bytes to write; consumed at once (queue what cannot be written). NULL: output is refused. */
    void (*output)(struct Port *port, const uint8_t *bytes, size_t n);
    /* Used instead of output when there: the term itself, an iolist of n bytes, from process p. */
    void (*output_term)(struct Port *port, Process *p, term_t data, size_t n);
    /* A descriptor is ready (POLL_*), or the time of port_set_timer has come (PORT_TIMER). */
    void (*ready)(struct Port *port, uint32_t events);
    /* port_control: result term in h, or TERM_NONE for badarg. */
    term_t (*control)(struct Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n);
    /* port_call: likewise. */
    term_t (*call)(struct Port *port, Process *p, uint32_t op, term_t arg);
    /* True while bytes wait to be written; the port then stays until it calls port_flushed. */
    bool (*pending)(struct Port *port);
    /* The port begins to close, but bytes are pending. May be NULL. */
    void (*closing)(struct Port *port);
    /* A process that the port watches is down. May be NULL. */
    void (*down)(struct Port *port, RefNum ref);
    /* Bytes that wait, for port_info. */
    size_t (*queued)(const struct Port *port);
    /* Write all that is pending, blocking (the VM halts). */
    void (*flush)(struct Port *port);
    /* Instead of output for a distribution channel: one packet, answered to nobody. */
    void (*output_packet)(struct Port *port, const uint8_t *bytes, size_t n);
    struct Mutex *lock;         /* of all its ports; NULL: each has its own */
    bool no_force;              /* port_command with `force` is not supported */
} PortDriver;

/* What a port does for a channel between nodes instead of talking to its owner; set by dist. Each is
 * called with the port locked; arg is Port.dist. */
typedef struct PortDistOps {
    /* A packet has come in. */
    void (*input)(struct Port *port, void *arg, const uint8_t *bytes, size_t n);
    /* No longer busy. */
    void (*writable)(struct Port *port, void *arg);
    /* The port is closed for this reason; nothing else is called afterwards. */
    void (*gone)(struct Port *port, void *arg, term_t reason);
    /* Hand over everything that waits (the VM halts). */
    void (*flush)(struct Port *port, void *arg);
} PortDistOps;

typedef struct PortMonitor {
    term_t pid;
    RefNum ref;
} PortMonitor;

/* Events like POLL_*. */
enum { PORT_TIMER = 1u << 8, PORT_SELECTED = 1u << 9, PORT_ASYNC = 1u << 10, PORT_COMMANDS = 1u << 11 };

enum PortState { PORT_OPEN, PORT_CLOSING, PORT_DEAD };

typedef struct Port {
    term_t id;                   /* const; first: the table of ports looks for it there */
    uint64_t born;               /* const: ptab.h */
    Vm *vm;                      /* const */
    const PortDriver *driver;    /* const */
    Mutex *lock;                 /* class PORT; protects everything below; const */
    Mutex own_lock;              /* `lock`, unless the driver has one for all its ports */
    _Atomic(enum PortState) state; /* written under the lock */
    bool in_driver;              /* a callback is running */
    bool exit_asked;             /* torn down after the callback */
    bool hidden;                 /* table lock: closes, but its driver is not done */
    bool reply_closed;           /* owner asked by message: answer {Port, closed} */
    bool busy;
    term_t exit_reason;          /* in exit_piece if boxed */
    HeapPiece exit_piece;
    term_t owner;                /* connected process */
    char *title;                 /* port_info name */
    term_t *links;               /* pids */
    size_t link_count, link_cap;
    PortMonitor *monitors;
    size_t monitor_count, monitor_cap;
    term_t *waiting;             /* processes suspended because the port is busy */
    size_t waiting_count, waiting_cap;
    term_t data;                 /* port_set_data; in data_piece if boxed */
    HeapPiece data_piece;
    atomic_u64_t bytes_in, bytes_out; /* written under the lock */
    int64_t os_pid;              /* -1: none */
    const PortDistOps *dist_ops; /* NULL: no distribution channel */
    void *dist;
    PortOptions opt;             /* without terms */
    Buf input;                   /* incomplete packet or line */
    void *driver_data;
    TraceFlags trace;            /* see port_trace.h */
    AtomicStack told;            /* events that it is the tracer of (tracer_port.h) */
    AtomicStack asked;           /* commands that came while it was locked (port_queue.h), last first */
    _Atomic(size_t) asked_bytes;
    FifoNode *queued;            /* of these, those taken in, first first */
    unsigned consumed;           /* percent of a time slice, while they are carried out */
    term_t commander;            /* who gave the command, while one is carried out for somebody else; or TERM_NONE */
    _Atomic(uint32_t) events;    /* POLL_*, PORT_TIMER that the task has to handle */
    _Atomic(bool) retired;       /* nobody else can schedule the task any more: its run frees */
    Timer timer;                 /* port_set_timer */
    Task task;
    PollFd poll_in, poll_out;
    EpochNode free_later;
} Port;

void port_init(Vm *vm);
/* Spaces of watch.h and socket.h. */
struct WatchSpace *io_watches(Vm *vm);
void io_set_watches(Vm *vm, struct WatchSpace *space);
struct SocketSpace *io_sockets(Vm *vm);
void io_set_sockets(Vm *vm, struct SocketSpace *space);
void port_add_driver(Vm *vm, const PortDriver *d);

/* Open port of this id, locked; NULL when there is none or it closes. */
Port *port_lock(Vm *vm, term_t id);
/* The same without waiting: *busy when somebody else holds it. */
Port *port_try_lock(Vm *vm, term_t id, bool *busy);
/* Same by id or registered name. */
Port *port_lock_any(Vm *vm, term_t id_or_name);
/* The lock of a port that is known to be there, in whatever state; undone by port_unlock. */
void port_take_lock(Port *port);
/* How many ports this thread has locked: with one it may wait for no other. */
extern THREAD_LOCAL unsigned port_locks_held;
/* Unlock, and tear down what asked for it meanwhile. */
void port_unlock(Port *port);

/* ---- for drivers, port locked ---- */
/* Bytes have come in: deliver as the options say. */
void port_input(Port *port, const uint8_t *bytes, size_t n);
/* No more input: {Port, eof} if that was asked for, else the port exits normally. */
void port_input_end(Port *port);
void port_send_exit_status(Port *port, int status);
/* The port ends with reason (copied). */
void port_exit(Port *port, term_t reason);
/* The port ends normally, and its owner, who knows already, gets no exit signal. */
void port_quit(Port *port);
/* The pending output of a closing port is out. */
void port_flushed(Port *port);
/* Output queue grew or shrank: suspends and resumes senders. */
void port_set_busy(Port *port, bool busy);
/* Call ready with PORT_TIMER at due_ns (monotonic) or later; TIMER_NEVER: not. One per port. */
void port_set_timer(Port *port, int64_t due_ns);
/* A port of its own for owner, made by the driver of `parent` (an accepted connection): same options,
 * linked to the owner. setup fills it in before others can see it. NULL: no room in the table. */
Port *port_spawn(Port *parent, term_t owner, void (*setup)(Port *fresh, void *arg), void *arg);
/* Call the driver for this event soon; any thread (see nif_enter). */
void port_event(Port *port, uint32_t event);
/* A message, built in h, to this process, if it lives. */
void port_send(Port *port, term_t to, term_t msg, Heap *h);
/* {Port, Msg} to the owner; msg is built in h. */
void port_send_owner(Port *port, term_t msg, Heap *h);

/* Processes' view: natives of bif_port.c. */
enum PortCommandResult { PORT_COMMAND_OK, PORT_COMMAND_BADARG, PORT_COMMAND_BUSY,
                        PORT_COMMAND_NO_FORCE };
enum PortCommandResult port_command(Port *port, Process *p, term_t data, bool force);
/* An exit signal has come from this process; by_link: it was linked, and is no more. */
void port_exit_signal(Port *port, term_t from, term_t reason, bool by_link);
/* Write one packet of a distribution channel. */
void port_output_packet(Port *port, const uint8_t *bytes, size_t n);
/* p, which executes, is suspended until the port is no longer busy; it then tries again. */
void port_wait_not_busy(Port *port, Process *p);
/* Close on behalf of a program; flushes first. */
void port_close(Port *port);
/* The end for this reason, flushing first. */
void port_end(Port *port, term_t reason);
/* Give the port a name. */
enum RegisterResult port_register(Vm *vm, term_t name, term_t id);
bool port_has_link(const Port *port, term_t pid);
void port_add_link(Port *port, term_t pid);
bool port_drop_link(Port *port, term_t pid);
/* [{erl_link, port, Pid, linked, Id}] in the heap of p; undefined when there is no such port. */
term_t port_link_list(Process *p, term_t id);

/* New port for p, or NULL: *error is the errno (or -1 for badarg, -2 for system_limit). */
Port *port_open(Process *p, enum PortSource source, term_t spec, const PortOptions *opt,
                const char *title, const PortDriver *driver, int *error);
const PortDriver *port_find_driver(Vm *vm, const char *name, size_t n);
/* The identifiers of all ports at one moment. */
term_t port_list(Vm *vm, Heap *h);
/* Write out what is pending everywhere; the VM is about to end. */
void port_flush_all(Vm *vm);
/* Bytes that all ports have ever read and written, for statistics(io). */
void port_io_bytes(Vm *vm, uint64_t *in, uint64_t *out);

static_assert(offsetof(Port, id) == 0, "see proc_init");

/* Built-in drivers (drv_*.c). */
extern const PortDriver drv_fd, drv_spawn, drv_forker, drv_ram_file, drv_tcp, drv_udp, drv_vanilla;

#endif
