/* SPDX-License-Identifier: Apache-2.0 */
/* select - who waits for which descriptor: resources of native libraries (enif_select), ports of linked-in
 * drivers (driver_select). One owner at a time; a new one steals the descriptor from the old one.
 *
 *   FREE --select--> NIF (a resource, which it keeps alive) | DRIVER (a port for input, one for output)
 *
 * A resource gets one message per select; a port is called until it deselects.
 * An FdState is made when its number is first used and lives as long as the VM.
 * Locks: NIF_LIST, the table's; no callback and no message under it. Layer: nif. */
#ifndef JOIST_NIF_SELECT_H
#define JOIST_NIF_SELECT_H

#include "nif/nif.h"
#include "sched/poll.h"

enum FdOwner { FD_FREE, FD_NIF, FD_DRIVER };

/* A message to be sent when the descriptor is ready. */
typedef struct FdWait {
    term_t pid;                  /* TERM_NONE: nobody waits */
    term_t msg;                  /* in heap */
    Heap heap;
} FdWait;

enum { FD_WAIT_READ, FD_WAIT_WRITE, FD_WAIT_ERROR, FD_WAITS };

typedef struct FdState {
    PollFd poll;
    Vm *vm;                      /* const */
    enum FdOwner owner;
    Binary *resource;            /* FD_NIF: referenced */
    FdWait wait[FD_WAITS];
    term_t in_port, out_port;    /* FD_DRIVER: or TERM_NONE */
    uint32_t ready;              /* FD_DRIVER: POLL_* that the ports have not been called for */
} FdState;

typedef struct FdTable {
    Mutex lock;                  /* class NIF_LIST */
    FdState **states;            /* by number */
    size_t count;
    /* A descriptor selected by this port is ready; set by io. On a scheduler, between slices */
    void (*port_ready)(Vm *vm, term_t port);
    /* Tell the logger; set by io */
    void (*report)(Vm *vm, const char *text);
} FdTable;

void fd_table_init(Vm *vm);

/* ---- for ports: events are POLL_READ, POLL_WRITE ---- */
/* 0, or -1 when the number is none. `by`: the driver's name, for the report when it is stolen. */
int fd_port_select(Vm *vm, int fd, term_t port, uint32_t events, const char *by);
/* False when the port had no interest in fd at all. */
bool fd_port_deselect(Vm *vm, int fd, term_t port, uint32_t events);
/* Events to call the port for; they are no longer ready. */
uint32_t fd_port_take(Vm *vm, int fd, term_t port);
/* The port has been called: look for these events again if they are still selected. */
void fd_port_rearm(Vm *vm, int fd, term_t port, uint32_t events);
/* Descriptors in use by resources. */
size_t fd_resource_count(Vm *vm);

#endif
