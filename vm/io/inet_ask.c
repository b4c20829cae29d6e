/* SPDX-License-Identifier: Apache-2.0 */
/* inet_ask - replies to requests, requests that are answered later, messages to programs.
 * See inet.h. Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/oserr.h"
#include "data/binary.h"
#include "term/atom.h"

#include <errno.h>

/* ---- replies to port_control ---- */

static term_t reply(Process *p, uint8_t status, const void *bytes, size_t n)
{
    term_t tail = heap_string(&p->heap, bytes, n, TERM_NIL);
    return heap_cons(&p->heap, term_small(status), tail);
}

term_t inet_ok(Process *p, const void *bytes, size_t n) { return reply(p, INET_REP_OK, bytes, n); }

term_t inet_ok_u32(Process *p, uint32_t v)
{
    uint8_t b[4];
    bytes_store_be32(b, v);
    return inet_ok(p, b, 4);
}

term_t inet_ok_id(Process *p, uint16_t id)
{
    uint8_t b[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    return inet_ok(p, b, 2);
}

term_t inet_error_text(Process *p, const char *text)
{
    return reply(p, INET_REP_ERROR, text, strlen(text));
}

term_t inet_error(Process *p, int error) { return inet_error_text(p, oserr_name(error)); }

term_t inet_reason(int error) { return atom_from_cstr(oserr_name(error)); }

/* ---- messages ---- */

void inet_send(InetSocket *s, term_t to, term_t msg, Heap *h)
{
    port_send(s->port, to, msg, h);
}

void inet_tell(InetSocket *s, term_t tag)
{
    Heap h = {0};
    inet_send(s, s->port->owner, heap_tuple2(&h, tag, s->port->id), &h);
}

void inet_tell_error(InetSocket *s, term_t tag, term_t reason)
{
    Heap h = {0};
    inet_send(s, s->port->owner, heap_tuple3(&h, tag, s->port->id, reason), &h);
}

void inet_reply_ok(InetSocket *s, term_t caller)
{
    Heap h = {0};
    inet_send(s, caller, heap_tuple3(&h, am_inet_reply, s->port->id, am_ok), &h);
}

void inet_reply_error(InetSocket *s, term_t caller, term_t reason)
{
    Heap h = {0};
    term_t status = heap_tuple2(&h, am_error, reason);
    inet_send(s, caller, heap_tuple3(&h, am_inet_reply, s->port->id, status), &h);
}

/* ---- requests that wait ---- */

int64_t inet_due(int32_t timeout_ms)
{
    return timeout_ms < 0 ? TIMER_NEVER : clock_monotonic_ns() + timeout_ms * NS_PER_MS;
}

uint16_t inet_ask(InetSocket *s, Process *p, uint8_t request, int32_t timeout)
{
    if (s->ask_count == s->ask_cap) {
        size_t cap = s->ask_cap ? 2 * s->ask_cap : 1;
        s->asks = mem_realloc(MEM_IO, s->asks, s->ask_cap * sizeof *s->asks, cap * sizeof *s->asks);
        s->ask_cap = cap;
    }
    uint16_t id = s->next_id++;
    s->asks[s->ask_count++] = (InetAsk){id, request, p->id, inet_due(timeout)};
    return id;
}

InetAsk *inet_find_ask(InetSocket *s, uint8_t request)
{
    for (size_t i = 0; i < s->ask_count; i++)
        if (s->asks[i].request == request) return &s->asks[i];
    return NULL;
}

void inet_drop_ask(InetSocket *s, InetAsk *ask)
{
    size_t at = (size_t)(ask - s->asks);
    memmove(ask, ask + 1, (--s->ask_count - at) * sizeof *ask);
}

InetAsk *inet_find_accept(InetSocket *s)
{
    for (;;) {
        InetAsk *ask = inet_find_ask(s, INET_REQ_ACCEPT);
        if (!ask || process_lookup_alive(s->port->vm, ask->caller)) return ask;
        inet_drop_ask(s, ask);
    }
}

void inet_answer(InetSocket *s, InetAsk *ask, term_t result, Heap *h)
{
    InetAsk a = *ask;
    inet_drop_ask(s, ask);
    inet_send(s, a.caller,
              heap_tuple4(h, am_inet_async, s->port->id, term_small(a.id), result), h);
}

void inet_answer_ok(InetSocket *s, InetAsk *ask)
{
    Heap h = {0};
    inet_answer(s, ask, am_ok, &h);
}

void inet_answer_error(InetSocket *s, InetAsk *ask, term_t reason)
{
    Heap h = {0};
    inet_answer(s, ask, heap_tuple2(&h, am_error, reason), &h);
}

void inet_answer_all(InetSocket *s, term_t reason)
{
    while (s->ask_count > 0) inet_answer_error(s, &s->asks[0], reason);
}

void inet_check_due(InetSocket *s, void (*due)(InetSocket *s, InetAsk *ask))
{
    int64_t now = clock_monotonic_ns();
    for (size_t i = 0; i < s->ask_count;) {
        size_t before = s->ask_count;
        if (s->asks[i].due_ns <= now) due(s, &s->asks[i]);
        if (s->ask_count == before) i++;
    }
}

void inet_update_timer(InetSocket *s)
{
    int64_t due = s->send_due_ns;
    for (size_t i = 0; i < s->ask_count; i++) due = MIN(due, s->asks[i].due_ns);
    if (due != s->timer_ns) port_set_timer(s->port, due);
    s->timer_ns = due;
}

/* ---- data ---- */

enum { SHARE_MIN = 512 };

/* Large data shares the storage it was read into, unless that would keep much more alive. */
static term_t whole(Heap *h, Binary *storage, const uint8_t *bytes, size_t n)
{
    if (!storage || n < SHARE_MIN || n < storage->size / 4) return heap_binary(h, bytes, n);
    return heap_binary_of(h, binary_ref(storage), (size_t)(bytes - binary_data(storage)), n);
}

term_t inet_data(const InetSocket *s, Heap *h, Binary *storage, const uint8_t *bytes, size_t n)
{
    if (!s->binary || s->header > n) return heap_string(h, (const char *)bytes, n, TERM_NIL);
    if (s->header == 0) return whole(h, storage, bytes, n);
    term_t tail = heap_binary(h, bytes + s->header, n - s->header);
    return heap_string(h, (const char *)bytes, s->header, tail);
}

void inet_active_used(InetSocket *s, term_t passive)
{
    if (s->active == INET_ONCE) s->active = INET_PASSIVE;
    if (s->active != INET_MULTI || --s->active_count > 0) return;
    s->active = INET_PASSIVE;
    s->active_count = 0;
    inet_tell(s, passive);
}
