/* SPDX-License-Identifier: Apache-2.0 */
/* channel - the connection to one node: its state, who depends on it, what waits to be sent.
 *
 *   IDLE --channel_request--> PENDING --create_dist_channel--> OPENING --queue encoded--> UP
 *     ^                          |                                |                       |
 *     +------- abort ------------+------------- controller gone --+-----------------------+
 *
 * There is one Channel per node name, for as long as the VM lives. Each way from IDLE to UP and back is a
 * connection with a number of its own, which links and monitors keep (`conn` in proc/link.h): a signal
 * about the end of one connection leaves those of the next alone.
 * Members are the local processes that may have links or monitors over the connection. Each gets a signal
 * when it ends, and looks through its own links and monitors; the channel knows no more of them.
 * Threads: any. Locks: DIST_CHANNEL for state and output, DIST_LINKS for members, DIST_INPUT for input.
 * The controller is a port (its lock comes before all of these) or a process. Layer: dist.
 * See vm/doc/dist.md. */
#ifndef JOIST_DIST_CHANNEL_H
#define JOIST_DIST_CHANNEL_H

#include "base/hashtab.h"
#include "bifs/bif.h"
#include "data/node.h"
#include "dist/node.h"
#include "etf/etf.h"
#include "io/port.h"
#include "proc/link.h"
#include "proc/signal.h"

/* Capabilities of a connection (distribution protocol, "Distribution Flags"). */
#define DFLAG_PUBLISHED 0x1ull
#define DFLAG_UNICODE_IO 0x1000ull
#define DFLAG_HEADER 0x2000ull            /* distribution header with atom cache */
#define DFLAG_SEND_SENDER 0x80000ull
#define DFLAG_EXIT_PAYLOAD 0x400000ull
#define DFLAG_FRAGMENTS 0x800000ull
#define DFLAG_UNLINK_ID 0x2000000ull
#define DFLAG_SPAWN (1ull << 32)
#define DFLAG_ALIAS (8ull << 32)

/* Numbers of all capabilities as the protocol lists them; each is described there. */
#define DFLAGS_OURS 0xd07df7fbcull
#define DFLAGS_MANDATORY 0x1070f94ull
#define DFLAGS_REJECTABLE 0x802042ull

enum ChannelState { CHANNEL_IDLE, CHANNEL_PENDING, CHANNEL_OPENING, CHANNEL_UP };

/* What the other end has been told: an atom, or TERM_NONE, in each slot. */
typedef struct AtomCache {
    term_t atoms[ATOM_CACHE_SLOTS];
} AtomCache;

/* One packet to be sent. Its header is made when it goes out, as that is the order of the atom cache. */
typedef struct DistItem {
    struct DistItem *next;
    term_t *atoms;           /* atom_count of them, by index in the bytes */
    unsigned atom_count;
    bool headed;             /* with a distribution header; else as it is */
    uint64_t sequence, fragment; /* fragment 0: not in parts */
    bool first;              /* first fragment */
    uint8_t *bytes;
    size_t n;
} DistItem;

/* What is sent before the connection is there: its capabilities are not known yet. */
typedef struct DistWaiting {
    struct DistWaiting *next;
    HeapPiece piece;
    term_t control, payload; /* payload: TERM_NONE without */
    size_t words;
} DistWaiting;

struct DistInput;

typedef struct Channel {
    HashNode link;           /* lock of the DistSpace */
    Vm *vm;                  /* const */
    term_t name;             /* const */
    Mutex lock;
    /* lock */
    _Atomic(enum ChannelState) state;
    int64_t idle_since_ns;   /* while IDLE */
    uint32_t conn;           /* of the present connection, or the last one */
    unsigned notifying;      /* ends of earlier connections that are still being told: the next opens after them */
    uint64_t flags;
    uint32_t creation;
    term_t controller;       /* port or pid; TERM_NONE */
    term_t input_handler;    /* pid, when the controller is a process */
    DistItem *out_first, **out_last;
    DistWaiting *wait_first, **wait_last;
    size_t out_bytes;        /* of items and of what waits */
    bool busy;
    term_t *blocked;         /* processes that sleep because it is busy */
    size_t blocked_count, blocked_cap;
    AtomCache *out_cache;    /* NULL until needed */
    uint64_t sequence;       /* of fragmented messages */
    bool want_data;          /* controller process: tell it when there is something */
    bool with_size;          /* dist_ctrl_set_opt get_size */
    uint64_t packets_in, packets_out;
    Task task;               /* writes what could not be written at once */
    Mutex members_lock;      /* class DIST_LINKS */
    HashTab members;         /* members_lock: local pids */
    HashTab named;           /* members_lock: monitors by name from there */
    HashTab watchers;        /* members_lock: monitor_node/2 */
    HashTab orphans;         /* members_lock: spawn requests whose parent and child miss each other (orphans.c) */
    uint32_t closed_conn;    /* members_lock: connections up to this one are gone */
    Mutex input_lock;        /* class DIST_INPUT */
    struct DistInput *input; /* input_lock */
} Channel;

/* ---- finding ---- */
/* Of this name, made if need be. */
Channel *channel_get(Vm *vm, term_t name);
Channel *channel_find(Vm *vm, term_t name);
Channel *channel_of(Vm *vm, Node *node);
/* Calls fn for each, without locks held. */
void channel_each(Vm *vm, void (*fn)(Channel *c, void *ctx), void *ctx);
/* {Number, Node}: how Erlang names a connection; and back (NULL: no such term). */
term_t channel_handle(Heap *h, const Channel *c, uint32_t conn);
Channel *channel_of_handle(Vm *vm, term_t handle, uint32_t *conn);

/* ---- life ---- */
/* Begin a connection unless there is one; returns its number. */
uint32_t channel_begin(Channel *c);
/* The same, asking net_kernel to set it up; 0: this node is not alive. */
uint32_t channel_request(Channel *c);
/* PENDING and this number: give up. */
bool channel_abort(Channel *c, uint32_t conn);
enum ChannelOpen { CHANNEL_OPENED, CHANNEL_REFUSED, CHANNEL_LATER };
enum ChannelOpen channel_open(Channel *c, term_t controller, uint64_t flags, uint32_t creation, uint32_t *conn);
/* The connection has ended. */
void channel_down(Channel *c, uint32_t conn, term_t reason);
/* Make the controller end, so that the connection does. */
void channel_kill(Channel *c, term_t reason);
static inline bool channel_is_up(const Channel *c)
{
    return load_relaxed(&c->state) == CHANNEL_UP;
}

/* ---- members ---- */
/* p may have links or monitors over this connection from now on. False: it is gone. */
bool channel_add_member(Channel *c, uint32_t conn, Process *p);
/* p dies. */
void channel_forget(Channel *c, term_t pid);
/* Monitors by name (19): which process was meant. */
void channel_name_add(Channel *c, term_t ref, term_t pid);
term_t channel_name_take(Channel *c, term_t ref); /* TERM_NONE: unknown */
/* monitor_node/2: one more, or one less. False: the connection is gone. */
bool channel_watch(Channel *c, uint32_t conn, Process *p);
void channel_unwatch(Channel *c, term_t pid);
/* The process of an entry of members or watchers. */
term_t channel_member_pid(const HashNode *link);
/* How often pid watches. */
uint32_t channel_watch_count(Channel *c, term_t pid);
/* Records of the nodes that p watches, before list (lists.c). */
term_t channel_watched_nodes(Process *p, term_t list);
/* Links, or monitors, over the channel as records for get_internal_state (lists.c). p stops the world. */
term_t channel_lists(Process *p, Channel *c, bool links);

/* ---- output (out.c) ---- */
#define CHANNEL_CONNECT 1u    /* ask for a connection if there is none */
#define CHANNEL_NOSUSPEND 2u  /* the caller does not want to wait */
#define CHANNEL_FORCE 4u      /* busy or not */
/* May something be sent now? SENT: yes, over connection *conn. */
enum RemoteResult channel_prepare(Channel *c, Process *p, unsigned flags, uint32_t *conn);
/* p has sent something without asking: true if it should sleep now because the channel is busy. */
bool channel_wait(Channel *c, Process *p);
/* Send over that connection; nothing happens if it is gone. control: tuple of the newest form, which is
 * turned into what the other node understands. p: who pays; may be NULL. */
void channel_send(Channel *c, Process *p, uint32_t conn, term_t control, term_t payload);
/* The same for messages, which may be large. control is built in h. REMOTE_YIELD: call the native again; then
 * channel_is_sending, and channel_send_rest goes on. */
enum RemoteResult channel_send_yielding(Channel *c, Process *p, uint32_t conn, term_t control, Heap *h,
                                        term_t payload);
bool channel_is_sending(const Process *p);
enum RemoteResult channel_send_rest(Process *p);
/* Write out what waits as far as possible; if somebody else holds the port, leave it to the task. */
void channel_flush(Channel *c);
/* The same, waiting for the port: for a thread that holds no lock. */
void channel_flush_waiting(Channel *c);
/* Next packet for a controller process, header and all, appended to out; false: none. */
bool channel_take_packet(Channel *c, term_t controller, Buf *out);
void channel_drop_output(Channel *c);
void channel_encode_waiting(Channel *c, uint32_t conn);
extern const PortDistOps channel_port_ops;

/* ---- input (in.c) ---- */
/* One packet; input_lock is held. False: garbage, the connection must end. */
bool channel_input(Channel *c, uint32_t conn, const uint8_t *bytes, size_t n);
void channel_drop_input(Channel *c);

/* ---- what comes in (control.c) ---- */
/* control: the tuple; payload: TERM_NONE without; both in h, which is emptied. False: malformed. */
bool control_received(Channel *c, uint32_t conn, term_t control, term_t payload, Heap *h);

/* ---- others ---- */
extern const ProcRemoteOps channel_remote_ops;                      /* ops.c */
void nodes_tell(Vm *vm, term_t what, Channel *c, uint32_t conn, bool visible, term_t name, term_t reason);
term_t nodes_monitor_flag(Process *p, term_t flag, term_t value);   /* nodes.c */
/* [{Pid, Options}] of all subscriptions, the newest first, for test suites. */
term_t nodes_monitors(Process *p);
void nodes_forget(Vm *vm, term_t pid);
/* A spawn request of p has failed. m: its pending monitor; both are gone afterwards. */
void spawn_request_failed(Process *p, Monitor *m, term_t reason);   /* spawn_remote.c */
bool spawn_asked(Channel *c, uint32_t conn, term_t control, term_t args, Heap *h);
bool spawn_answered(Channel *c, uint32_t conn, term_t control);
bool spawn_abandon(Process *p, RefNum ref);
/* p dies: the children of requests that are not answered yet get its reason. */
void spawn_parent_exits(Process *p, term_t reason);
/* A request of `parent` with a link: its child is known now (an atom: there is none), or the reason for which the
 * parent has left it; the other is TERM_NONE. What comes second makes an exit signal of the two. (orphans.c) */
void orphan_child(Channel *c, uint32_t conn, RefNum ref, term_t parent, term_t child);
void orphan_reason(Channel *c, uint32_t conn, RefNum ref, term_t parent, term_t reason);
void orphans_free(HashTab *t);

#endif
