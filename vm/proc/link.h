/* SPDX-License-Identifier: Apache-2.0 */
/* link - links, monitors and aliases of a process.
 *
 *   links        tree by other end (pid or port, local or not)       both ends have an entry
 *   monitors     tree by reference: what this process monitors       entry here, and at the
 *   lt_monitors  tree by reference: who monitors this process        monitored end
 *   aliases      active alias references of this process
 *
 * Unlink is a handshake (distribution protocol, "Link protocol"): the entry stays, marked with an id,
 * until the other end has acknowledged; meanwhile exit signals and link signals of that link have
 * no effect, and linking again makes the entry plain.
 * All trees are owner data; the other end learns of changes by signals.
 * Semantics: erlang(3) link/1, unlink/1, monitor/2,3, demonitor/2, alias/1. Layer: proc. */
#ifndef JOIST_PROC_LINK_H
#define JOIST_PROC_LINK_H

#include "base/hashtab.h"
#include "proc/process.h"

typedef struct Link {
    RbNode node;
    term_t other;            /* pid or port; boxed ones live in piece */
    uint64_t unlink_id;      /* 0: active */
    uint32_t conn;           /* other node: connection it was made over (dist) */
    HeapPiece piece;
} Link;

enum MonitorKind { MONITOR_PROCESS, MONITOR_PORT, MONITOR_TIME_OFFSET };
enum AliasMode { ALIAS_NONE, ALIAS_EXPLICIT, ALIAS_DEMONITOR, ALIAS_REPLY };

/* What this process monitors. */
typedef struct Monitor {
    RbNode node;
    RefNum ref;
    uint8_t kind;            /* enum MonitorKind */
    uint8_t alias;           /* enum AliasMode */
    bool spawn_pending;      /* remote spawn request under way (dist) */
    uint32_t conn;           /* other node: connection it was made over (dist) */
    term_t ref_term;         /* the reference as given to the program: plain or alias; in ref_words */
    term_t target;           /* pid, port, atom (clock_service; node) */
    term_t name;             /* registered name if monitored by name, else TERM_NONE */
    term_t name_node;        /* node atom of {name, node} */
    term_t tag;              /* first element of the message: 'DOWN' or {tag, T} */
    term_t ref_words[ALIAS_REF_WORDS];
    HeapPiece piece;
} Monitor;

/* Who monitors this process. */
typedef struct LtMonitor {
    RbNode node;
    term_t ref;              /* local (in ref_words) or external (in piece) */
    term_t watcher;          /* pid; or of native code, see ProcNativeOps */
    term_t name;             /* found by this name, or TERM_NONE */
    uint32_t conn;           /* watcher of another node: connection it came over (dist) */
    term_t ref_words[ALIAS_REF_WORDS];
    HeapPiece piece;
} LtMonitor;

typedef struct Alias {
    HashNode link;
    RefNum ref;
    uint8_t mode;            /* enum AliasMode; ALIAS_EXPLICIT for alias/0 */
    bool once;               /* alias([reply]) and reply_demonitor */
} Alias;
typedef struct AliasTable {
    HashTab tab;
} AliasTable;

/* ---- links [owner] ---- */
Link *link_find(Process *p, term_t other);
/* Entry for other, made active; *fresh says whether a link signal must be sent. */
Link *link_insert(Process *p, term_t other, bool *fresh);
void link_remove(Process *p, Link *l);
void link_free(Link *l);
/* Mark as being unlinked; returns the id to send. */
uint64_t link_begin_unlink(Process *p, Link *l);

/* ---- monitors [owner] ---- */
Monitor *monitor_find(Process *p, RefNum ref);
/* New entry; ref_term, target, tag are copied. */
Monitor *monitor_insert(Process *p, enum MonitorKind kind, term_t ref_term, term_t target, term_t name,
                        term_t name_node, enum AliasMode alias, term_t tag);
void monitor_remove(Process *p, Monitor *m);
void monitor_free(Monitor *m);
/* The time offset is another one: everybody who monitors it gets a message. A scheduler's thread. */
void monitors_time_offset_changed(Vm *vm);
/* MULTI_WARP: from now on the operating system's clock is looked at once a minute, for those who only monitor. */
void time_offset_init(Vm *vm);
LtMonitor *lt_monitor_find(Process *p, term_t ref);
/* conn: connection of a watcher of another node, else 0. */
void lt_monitor_insert(Process *p, term_t ref, term_t watcher, term_t name, uint32_t conn);
void lt_monitor_remove(Process *p, LtMonitor *m);
void lt_monitor_free(LtMonitor *m);
/* Take m back: tells the other end, frees m; deactivates the alias where its mode says so. */
void monitor_demonitor(Process *p, Monitor *m);

/* ---- aliases [owner] ---- */
void alias_activate(Process *p, RefNum ref, enum AliasMode mode, bool once);
Alias *alias_find(Process *p, RefNum ref);
bool alias_deactivate(Process *p, RefNum ref);
void alias_free_all(Process *p);

/* ---- operations of natives and of spawn [owner] ---- */
/* What link/1 does for local and remote ends; TERM_NONE with freason (noproc, badarg, trap). */
term_t link_to(Process *p, term_t other);
term_t link_unlink(Process *p, term_t other);

#endif
