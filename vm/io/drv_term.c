/* SPDX-License-Identifier: Apache-2.0 */
/* drv_term - terms that drivers describe as arrays of words: erl_drv_output_term, erl_drv_send_term. Each word
 * names a kind, its arguments follow; composed terms take what was built before from a stack.
 * Semantics: erl_driver(3) erl_drv_output_term. Any thread may call. Layer: io. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/binary.h"
#include "data/map.h"
#include "etf/etf.h"
#include "io/drv.h"
#include "io/port_trace.h"
#include "proc/ptab.h"

#define API EXPORTED

typedef struct Builder {
    Vm *vm;
    Heap heap;
    const ErlDrvTermData *at, *end;
    Buf stack;                   /* of term_t */
} Builder;

static size_t depth(const Builder *b) { return b->stack.len / sizeof(term_t); }

static void push(Builder *b, term_t t) { buf_append(&b->stack, &t, sizeof t); }

/* The n newest terms, which are taken off; NULL: there are fewer. */
static const term_t *pop(Builder *b, size_t n)
{
    if (depth(b) < n) return NULL;
    b->stack.len -= n * sizeof(term_t); /* buf_truncate would write behind the rest */
    return (const term_t *)(const void *)(b->stack.data + b->stack.len);
}

/* The stack is read after pop and before the next push, where it is still intact. */
static bool push_tuple(Builder *b, size_t n)
{
    const term_t *e = pop(b, n);
    if (!e) return false;
    push(b, heap_tuple(&b->heap, n, e));
    return true;
}

static bool push_list(Builder *b, size_t n)
{
    const term_t *e = n > 0 ? pop(b, n) : NULL;
    if (!e) return false;
    push(b, heap_list(&b->heap, n - 1, e, e[n - 1]));
    return true;
}

static bool push_map(Builder *b, size_t n)
{
    bool duplicates;
    const term_t *e = pop(b, 2 * n);
    if (!e) return false;
    term_t *pairs = mem_alloc(MEM_TEMP, 2 * n * sizeof *pairs);
    memcpy(pairs, e, 2 * n * sizeof *pairs);
    term_t map = map_from_pairs(&b->heap, pairs, n, &duplicates);
    mem_free(MEM_TEMP, pairs, 2 * n * sizeof *pairs);
    if (!duplicates) push(b, map);
    return !duplicates;
}

static bool push_string_cons(Builder *b, const char *text, size_t n)
{
    const term_t *tail = pop(b, 1);
    if (!tail || (!text && n)) return false;
    push(b, heap_string(&b->heap, text, n, *tail));
    return true;
}

static bool push_driver_binary(Builder *b, ErlDrvBinary *bin, size_t n, size_t offset)
{
    if (!bin && n == 0) {
        push(b, heap_binary(&b->heap, "", 0));
        return true;
    }
    if (!bin || offset > (size_t)bin->orig_size || n > (size_t)bin->orig_size - offset) return false;
    push(b, heap_binary_of(&b->heap, binary_ref(drv_binary(bin)), offset, n));
    return true;
}

static bool push_external(Builder *b, const unsigned char *data, size_t n)
{
    size_t used;
    term_t t = data ? etf_decode_used(&b->heap, b->vm, data, n, 0, &used) : TERM_NONE;
    if (t != TERM_NONE) push(b, t);
    return t != TERM_NONE;
}

static bool push_float(Builder *b, const double *d)
{
    if (!d || !__builtin_isfinite(*d)) return false;
    push(b, heap_float(&b->heap, *d));
    return true;
}

static bool push_checked(Builder *b, term_t t, bool ok)
{
    if (ok) push(b, t);
    return ok;
}

/* Arguments that follow each kind. */
static int argument_count(ErlDrvTermData kind)
{
    switch (kind) {
    case ERL_DRV_NIL: return 0;
    case ERL_DRV_BINARY: return 3;
    case ERL_DRV_STRING: case ERL_DRV_STRING_CONS: case ERL_DRV_EXT2TERM: case ERL_DRV_BUF2BINARY: return 2;
    default: return kind >= ERL_DRV_NIL && kind <= ERL_DRV_MAP ? 1 : -1;
    }
}

static bool build_one(Builder *b, ErlDrvTermData kind, const ErlDrvTermData *a)
{
    Heap *h = &b->heap;
    switch (kind) {
    case ERL_DRV_NIL: push(b, TERM_NIL); return true;
    case ERL_DRV_ATOM: return push_checked(b, a[0], term_is_atom(a[0]));
    case ERL_DRV_PORT: return push_checked(b, a[0], term_is_local_port(a[0]));
    case ERL_DRV_PID: return push_checked(b, a[0], term_is_local_pid(a[0]));
    case ERL_DRV_INT: push(b, heap_int(h, (int64_t)a[0])); return true;
    case ERL_DRV_UINT: push(b, heap_uint(h, a[0])); return true;
    case ERL_DRV_INT64: push(b, heap_int(h, *(const int64_t *)a[0])); return true;
    case ERL_DRV_UINT64: push(b, heap_uint(h, *(const uint64_t *)a[0])); return true;
    case ERL_DRV_FLOAT: return push_float(b, (const double *)a[0]);
    case ERL_DRV_BINARY: return push_driver_binary(b, (ErlDrvBinary *)a[0], a[1], a[2]);
    case ERL_DRV_BUF2BINARY: return push_checked(b, heap_binary(h, a[0] ? (void *)a[0] : "", a[0] ? a[1] : 0),
                                                 a[0] || a[1] == 0);
    case ERL_DRV_STRING: return push_checked(b, heap_string(h, (char *)a[0], a[0] ? a[1] : 0, TERM_NIL),
                                             a[0] || a[1] == 0);
    case ERL_DRV_STRING_CONS: return push_string_cons(b, (char *)a[0], a[1]);
    case ERL_DRV_TUPLE: return push_tuple(b, a[0]);
    case ERL_DRV_LIST: return push_list(b, a[0]);
    case ERL_DRV_MAP: return push_map(b, a[0]);
    case ERL_DRV_EXT2TERM: return push_external(b, (const unsigned char *)a[0], a[1]);
    default: return false;
    }
}

/* TERM_NONE: not one whole term. */
static term_t build(Builder *b)
{
    while (b->at < b->end) {
        ErlDrvTermData kind = *b->at++;
        int n = argument_count(kind);
        if (n < 0 || b->end - b->at < n || !build_one(b, kind, b->at)) return TERM_NONE;
        b->at += n;
    }
    const term_t *t = depth(b) == 1 ? pop(b, 1) : NULL;
    return t ? *t : TERM_NONE;
}

/* What other threads send is not traced: they do not have the port's lock. */
static void trace_send(term_t from, term_t to, term_t message, bool exists)
{
    Port *port = sched_self ? drv_port((ErlDrvPort)(uintptr_t)from) : NULL;
    if (port && port->in_driver) port_trace_send(port, to, message, exists);
}

/* 1: sent; 0: no such process; -1: the array is wrong. */
static int send_term(Vm *vm, term_t from, term_t to, const ErlDrvTermData *data, int len)
{
    Builder b = {.vm = vm, .at = data, .end = data + MAX(len, 0)};
    buf_init(&b.stack, MEM_TEMP);
    term_t t = build(&b);
    buf_free(&b.stack);
    Process *p = t != TERM_NONE && term_is_local_pid(to) ? process_lookup_alive(vm, to) : NULL;
    if (t != TERM_NONE) trace_send(from, to, t, p != NULL);
    if (p) message_send_heap(vm, from, p, t, &b.heap);
    else heap_dispose(&b.heap);
    return t == TERM_NONE ? -1 : p != NULL;
}

API int erl_drv_send_term(ErlDrvTermData port, ErlDrvTermData to, ErlDrvTermData *data, int len)
{
    Vm *vm = vm_default();
    EpochSection section = nif_enter(vm);
    int result = send_term(vm, port, to, data, len);
    nif_leave(vm, section);
    return result;
}

API int erl_drv_output_term(ErlDrvTermData id, ErlDrvTermData *data, int len)
{
    Vm *vm = vm_default();
    EpochSection section = nif_enter(vm);
    const Port *port = drv_port((ErlDrvPort)id);
    bool closes = port && port->state == PORT_CLOSING;
    int result = !port ? -1 : closes ? 0 : send_term(vm, id, port->owner, data, len);
    nif_leave(vm, section);
    return result;
}

API int driver_output_term(ErlDrvPort port, ErlDrvTermData *data, int len)
{
    return erl_drv_output_term(driver_mk_port(port), data, len);
}

API int driver_send_term(ErlDrvPort port, ErlDrvTermData to, ErlDrvTermData *data, int len)
{
    return erl_drv_send_term(driver_mk_port(port), to, data, len);
}
