/* SPDX-License-Identifier: Apache-2.0 */
/* drv - linked-in drivers of shared libraries (include/erl_driver.h): the driver, its ports, and what the
 * functions of the interface share.
 *
 *   library.so --driver_init--> ErlDrvEntry --DynDriver--> PortDriver (drv_dyn.c) --> Port
 *   ErlDrvPort is the port's identifier: a function called with one of a port that is gone says so.
 *
 * Locking levels: a driver with ERL_DRV_FLAG_USE_PORT_LOCKING has a lock for each port, others have one for
 * all their ports; either way Port.lock is it, and every callback runs under it. Interface functions take no
 * lock: the callback that calls them has it. Those that any thread may call say so.
 * Life: UNUSED --load--> OK --last user gone--> UNLOAD --no port, no pin--> UNUSED, in a job of a scheduler.
 *       OK --reload--> RELOAD --no port, no pin--> OK with the new library.
 *       A DynDriver is never freed; the next load of its name uses it again.
 * Locks: DRIVER_LIST for the list, users and state of drivers. Layer: io. */
#ifndef JOIST_IO_DRV_H
#define JOIST_IO_DRV_H

#include "include/erl_driver.h"
#include "io/port.h"
#include "nif/ioqueue.h"
#include "nif/select.h"

enum DriverStatus { DRIVER_UNUSED, DRIVER_OK, DRIVER_UNLOAD, DRIVER_RELOAD, DRIVER_PERMANENT };
enum DriverUse { USE_LOADED, USE_AWAIT_LOAD, USE_AWAIT_UNLOAD, USE_AWAIT_UNLOAD_ONLY };

/* A process that has loaded the driver, or waits for something to become of it. */
typedef struct DriverUser {
    struct DriverUser *next;
    term_t pid;
    enum DriverUse use;
    unsigned count;              /* USE_LOADED */
    RefNum ref;                  /* others: of the message */
} DriverUser;

typedef struct DynDriver {
    PortDriver port_driver;      /* first: what a port has */
    struct DynDriver *next;      /* DRIVER_LIST */
    Vm *vm;                      /* const */
    char *name;                  /* const */
    ErlDrvEntry *entry;
    void *handle;                /* dlopen, NULL for entries that were added by add_driver_entry */
    char *path, *reload_path;    /* DRIVER_LIST */
    enum DriverStatus status;    /* DRIVER_LIST */
    bool kill_ports, reload_kill_ports; /* DRIVER_LIST */
    DriverUser *users;           /* DRIVER_LIST */
    unsigned ports, pins;        /* DRIVER_LIST; pins: calls under way, asynchronous jobs */
    Mutex lock;                  /* class PORT: of all ports, without port locking */
} DynDriver;

struct AsyncJob;

/* Port.driver_data. Locks: the port's. */
typedef struct DynPort {
    DynDriver *driver;
    ErlDrvData data;
    IoQueue queue;               /* with a pdl: under that */
    ErlDrvPDL pdl;
    int control_flags;
    term_t caller;               /* who asked for the callback that runs, or TERM_NONE */
    int64_t timer_due;           /* TIMER_NEVER: not set */
    NifMonitor *monitors;
    int *fds;                    /* selected */
    size_t fd_count, fd_room;
    struct AsyncJob *done;       /* async lock: jobs to be reported */
    ErlDrvSizeT msgq_low, msgq_high;
} DynPort;

struct erl_drv_port_data_lock {
    pthread_mutex_t mutex;
    atomic_u64_t refs;
};

extern const PortDriver dyn_port_driver;

/* The Port that a driver means; NULL: gone. In threads that are not the VM's, only inside nif_enter. */
Port *drv_port(ErlDrvPort handle);
static inline ErlDrvPort drv_handle(const Port *port) { return (ErlDrvPort)(uintptr_t)port->id; }
static inline DynPort *dyn_port(const Port *port) { return port->driver_data; }
static inline bool is_dyn_port(const Port *port) { return port->driver->start == dyn_port_driver.start; }
/* The storage of a driver's binary and back. */
static inline Binary *drv_binary(const ErlDrvBinary *b) { return binary_of_view(b); }
static inline ErlDrvBinary *drv_view(Binary *b) { return binary_view(b); }

enum { MAX_DRIVERS = 32 };

struct IoSpace {
    const PortDriver *drivers[MAX_DRIVERS]; /* const after init */
    size_t driver_count;
    Mutex table_lock;             /* class PTAB: changes of the table of ports, and looking at all of it */
    atomic_u64_t gone_in, gone_out; /* bytes through ports that are closed */
    struct WatchSpace *watches;     /* const after init */
    struct SocketSpace *sockets;    /* const after init */
    struct DdllSpace *ddll;
    struct AsyncPool *async;
    atomic_u32_t *children;         /* child.c: numbers of programs that were started */
    bool names_utf8;                /* const after init: native_text.h */
    term_t names_undecodable;       /* const after init */
};

/* An end that a driver asked for: the port goes when it is unlocked. */
void drv_end_soon(Port *port);
/* The queue got empty or has lost bytes: a closing port may be done. */
void drv_queue_changed(Port *port);

/* ---- ddll.c ---- */
/* A driver to open a port with, pinned by one port; NULL: none of that name, or on its way out. */
const PortDriver *ddll_driver_for_port(Vm *vm, const char *name, size_t n);
/* One more port of it (driver_create_port). */
void ddll_add_port(DynDriver *d);
/* The port is gone, or was never opened. */
void ddll_port_gone(DynDriver *d);
void ddll_pin(DynDriver *d);
void ddll_unpin(DynDriver *d);
bool ddll_lock_driver(DynDriver *d);
void ddll_add_entry(Vm *vm, ErlDrvEntry *entry);
bool ddll_remove_entry(Vm *vm, ErlDrvEntry *entry);
void ddll_init(Vm *vm);

/* ---- drv_async.c ---- */
void async_init(Vm *vm);
/* Call ready_async for jobs of this port that are done; with `dead` set only free them. */
void async_report(Port *port, bool dead);

#endif
