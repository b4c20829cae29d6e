/* SPDX-License-Identifier: Apache-2.0 */
/* socket - natives of prim_socket and prim_net, on which kernel's socket and net stand.
 *   socket_table.c   what is supported: protocols, options, flags (socket_*.def)
 *   socket_life.c    opening, closing, death of the owner, the registry, socket:info/0,1
 *   socket_wait.c    processes that wait: queues, messages, cancelling
 *   socket_conn.c    bind, connect, listen, accept, shutdown, names
 *   socket_send.c    output, socket_recv.c input, socket_cmsg.c control messages
 *   socket_setopt.c, socket_getopt.c, socket_ioctl.c
 *   socket_addr.c    addresses and names of domains and types; net.c names and interfaces
 *
 *   program --native--> Socket [lock] --system call--> would block: ask the poll set, answer `select`
 *   program <--{'$socket', Socket, select, Ref}-- poll set: the descriptor is ready, try again
 *           <--{'$socket', Socket, abort, {Ref, Reason}}-- closed or broken meanwhile
 *
 * A program holds a Socket by a magic reference to a box that points to it. Of the processes that
 * want to read (accept counts as reading) one waits for the descriptor, the others in a queue
 * behind it; likewise for writing. The message that says "ready" is made when the poll set is asked
 * and waits in the Socket; its reference to the box keeps the socket alive until then.
 * Memory: a Socket and its Requests go through the epoch, since the poll set and dying processes
 *         (watch.h) may be looking. Locks: PORT (a socket never meets a port); signals inside.
 * Semantics: socket(3), prim_socket.erl. Layer: io. */
#ifndef JOIST_IO_SOCKET_H
#define JOIST_IO_SOCKET_H

#include "base/epoch.h"
#include "base/lock.h"
#include "bifs/bif.h"
#include "data/binary.h"
#include "io/watch.h"
#include "sched/poll.h"

#include <sys/socket.h>

/* Bits of read_state and write_state, in the order in which info shows them. */
enum {
    SOCK_BOUND = 1, SOCK_LISTENING = 2, SOCK_ACCEPTING = 4, SOCK_CONNECTING = 8, SOCK_CONNECTED = 16,
    SOCK_SELECTED = 32, SOCK_CLOSING = 64, SOCK_CLOSED = 128,
};

typedef union SockAddr {
    struct sockaddr sa;
    struct sockaddr_storage storage;
} SockAddr;

/* A process that waits; first in its queue: for the descriptor. */
typedef struct Request {
    Watch watch;                 /* first */
    struct Request *next;
    struct Socket *socket;
    term_t pid, ref;             /* ref: what the program calls the operation */
    term_t ref_words[ALIAS_REF_WORDS];
    HeapPiece ref_piece;
    EpochNode free_later;
} Request;

typedef struct RequestQueue {
    Request *first, **last;      /* last is NULL while nothing was ever queued */
} RequestQueue;

/* A message to be sent when the descriptor is ready. */
typedef struct Select {
    term_t pid;                  /* TERM_NONE: nobody asked */
    term_t message;
    HeapPiece piece;
} Select;

typedef struct SendFileCounters {
    uint64_t calls, bytes, fails, max, max_now, packets, packet_max, tries, waits;
} SendFileCounters;

typedef struct Socket {
    Vm *vm;                      /* const */
    Mutex lock;                  /* class PORT; protects what follows, unless said otherwise */
    Mutex box_lock;              /* class SYSTEM */
    Binary *box;                 /* box_lock: what references point to; NULL: nobody has one */
    RefNum number;               /* const: of every reference */
    _Atomic(int) fd;             /* -1: closed; taken by whoever closes it */
    int origin;                  /* const: descriptor it was made from, or -1 */
    bool close_on_close;         /* const: the descriptor is ours */
    int domain, type, protocol;  /* const */
    uint32_t read_state, write_state;
    term_t owner, closer;        /* pids, or undefined */
    Watch owner_watch, closer_watch;
    RequestQueue readers, acceptors, writers, connector;
    Select read_select, write_select;
    PollFd poll;
    bool debug, inform_on_wrap, use_registry;
    size_t read_buffer, read_control, write_control; /* bytes */
    uint32_t read_max, read_count;     /* buffers to fill for one recv: option, and so far */
    term_t meta;
    HeapPiece meta_piece;
    int file;                    /* being sent; -1: none */
    SendFileCounters *file_counters; /* NULL: never sent one */
    uint64_t read_bytes, read_fails, read_packets, read_packet_max, read_packet_now, read_tries,
        read_waits, write_bytes, write_fails, write_packets, write_packet_max, write_packet_now,
        write_tries, write_waits, accept_done, accept_fails, accept_tries, accept_waits;
    EpochNode free_later;
} Socket;

void socket_init(Vm *vm);

static inline bool socket_reads(const Socket *s) { return !(s->read_state & (SOCK_CLOSING | SOCK_CLOSED)); }
static inline bool socket_writes(const Socket *s) { return !(s->write_state & (SOCK_CLOSING | SOCK_CLOSED)); }
static inline int socket_fd(const Socket *s) { return load_relaxed(&s->fd); }

/* ---- arguments and results ---- */
/* The socket of a reference, or NULL. */
Socket *socket_of(term_t ref);
/* Fetches the socket of a native's argument; leaves the native when there is none. */
#define SOCKET_ARG(s, ref) \
    Socket *s = socket_of(ref); \
    if (!s) return bif_error(p, EXC_BADARG)
bool term_to_int(term_t t, int *v);
bool term_to_uint(term_t t, uint32_t *v);
/* {ok, T}, {error, Posix}, {error, Reason}, {error, {invalid, What}}, {invalid, What}. */
term_t socket_ok(Process *p, term_t t);
term_t socket_errno(Process *p, int error);
term_t socket_error(Process *p, term_t reason);
term_t socket_error_invalid(Process *p, term_t what);
term_t socket_invalid(Process *p, term_t what);
/* error({invalid, What}) */
term_t socket_raise_invalid(Process *p, term_t what);
/* For an argument that is no int: {invalid, {integer_range, T}}, or badarg if it is no integer at all. */
term_t socket_no_int(Process *p, term_t t);
static inline term_t socket_closed(Process *p) { return socket_error(p, am_closed); }
/* {'$socket', Ref}, or TERM_NONE when the last reference is gone. */
term_t socket_term(Heap *h, Socket *s);

/* ---- life ---- */
/* A socket for an open descriptor, owned by p; the caller's reference is the result. */
term_t socket_new(Process *p, int fd, int domain, int type, int protocol, const Socket *like,
                  Socket **made);
/* A reference to the box, or NULL when the last one is gone already. */
Binary *socket_box(Socket *s);
/* The owner is gone: close. Socket locked. */
void socket_owner_down(Socket *s);
void socket_count(Vm *vm, int domain, int type, int protocol, int change);
void socket_register(Socket *s);
/* {'$socket', Tag, Socket} to the registry. */
void socket_tell_registry(Socket *s, term_t tag);

/* ---- waiting: socket locked ---- */
bool queue_has(const RequestQueue *q, term_t pid);
void queue_add(Socket *s, RequestQueue *q, Process *p, term_t ref);
size_t queue_length(const RequestQueue *q);
/* The first request is p's (added if the queue is empty) and called ref from now on. */
void queue_lead(Socket *s, RequestQueue *q, Process *p, term_t ref);
/* The first request is done; the next one is told when the descriptor is ready. False: there is none. */
bool queue_next(Socket *s, RequestQueue *q);
/* The first request is done; the others are aborted. */
void queue_abort(Socket *s, RequestQueue *q, term_t reason);
/* Ask the poll set on behalf of a process; 0 or errno. */
int socket_select_read(Socket *s, term_t pid, term_t ref);
int socket_select_write(Socket *s, term_t pid, term_t ref);
/* The descriptor is about to be closed: nobody waits any more. */
void socket_stop_waiting(Socket *s);
/* error({select_read | select_write, -1}) */
term_t socket_select_failed(Process *p, term_t what);

/* ---- addresses ---- */
/* A sockaddr map; false: it is none. */
bool sockaddr_decode(term_t map, SockAddr *a, socklen_t *bytes);
/* bytes < 0: the size that the family has. */
term_t sockaddr_term(Heap *h, const SockAddr *a, int bytes);
/* Address whose family is a kind of hardware. */
term_t sockaddr_hardware_term(Heap *h, const struct sockaddr *a);
bool in_addr_decode(term_t t, void *addr);
bool in6_addr_decode(term_t t, void *addr);
term_t in_addr_term(Heap *h, const void *addr);
term_t in6_addr_term(Heap *h, const void *addr);
/* 1: a known name, -1: a number, 0: neither. */
int domain_decode(term_t t, int *domain);
bool type_decode(term_t t, int *type);
term_t domain_term(int domain);
term_t type_term(int type);
/* level as in options and control messages */
bool level_decode(term_t t, int *level);
term_t level_term(int level);
bool timeval_decode(term_t t, struct timeval *v);
term_t timeval_term(Heap *h, const struct timeval *v);
bool tos_decode(term_t t, int *tos);
term_t tos_term(int tos);
/* Map of n keys and values. */
term_t map_of(Heap *h, size_t n, ...);

/* ---- tables ---- */
typedef struct SocketFlag {
    term_t name;
    int value;
} SocketFlag;
/* Names of the flags that are set, what is left over as a number. */
term_t socket_message_flags(Heap *h, int flags);
term_t socket_interface_flags(Heap *h, int flags);

enum SockOptKind {
    OPT_NONE, OPT_BOOL, OPT_INT, OPT_DEVICE, OPT_DOMAIN, OPT_LINGER, OPT_PROTOCOL, OPT_TYPE, OPT_MEMBER4,
    OPT_SOURCE4, OPT_FILTER, OPT_MTU, OPT_INTERFACE4, OPT_PKTOPTIONS, OPT_TOS, OPT_ADDRFORM,
    OPT_MEMBER6, OPT_HOPS, OPT_CONGESTION, OPT_ASSOC, OPT_EVENTS, OPT_INITMSG, OPT_RTO,
};
typedef struct SocketOption {
    int level, number;
    term_t name;
    enum SockOptKind set, get;   /* both OPT_NONE: known, not supported */
} SocketOption;
/* NULL: no such option. */
const SocketOption *socket_option(int level, int number);
enum { CONGESTION_NAME_MAX = 256 };
/* Level otp; socket locked. */
term_t socket_get_otp(Process *p, Socket *s, int option);

/* ---- control messages ---- */
/* List of cmsg() maps into buffer; false: invalid. */
bool cmsg_decode(term_t list, uint8_t *buffer, size_t size, size_t *used);
/* One as a map. */
term_t cmsg_term(Heap *h, const struct cmsghdr *c, const uint8_t *data, size_t n);

#endif
