/* SPDX-License-Identifier: Apache-2.0 */
/* port_input - from bytes that came in to messages: stream, packets with a length, lines.
 * Layer: io. */
#include "data/binary.h"
#include "io/port.h"

/* {Port, {data, Data}}; tag: eol or noeol of line mode, else TERM_NONE. */
static void deliver(Port *port, const uint8_t *bytes, size_t n, term_t tag)
{
    if (port->dist_ops) {
        port->dist_ops->input(port, port->dist, bytes, n);
        return;
    }
    Heap h = {0};
    term_t data = port->opt.binary ? heap_binary(&h, bytes, n)
                                   : heap_string(&h, (const char *)bytes, n, TERM_NIL);
    if (tag != TERM_NONE) data = heap_tuple2(&h, tag, data);
    port_send_owner(port, heap_tuple2(&h, am_data, data), &h);
}

static size_t packet_length(const uint8_t *head, unsigned n)
{
    size_t length = 0;
    for (unsigned i = 0; i < n; i++) length = length << 8 | head[i];
    return length;
}

/* Deliver complete packets of [at, end); the rest stays. */
static const uint8_t *take_packets(Port *port, const uint8_t *at, const uint8_t *end)
{
    unsigned head = (unsigned)port->opt.packet;
    while ((size_t)(end - at) >= head) {
        size_t n = packet_length(at, head);
        if ((size_t)(end - at) - head < n) break;
        deliver(port, at + head, n, TERM_NONE);
        at += head + n;
    }
    return at;
}

/* A carriage return before the newline is part of it. Where the room of a line ends nothing is decided
 * before it is known what comes next: "abc\r\n" is one line of three characters. */
static const uint8_t *take_lines(Port *port, const uint8_t *at, const uint8_t *end)
{
    size_t max = port->opt.line_max;
    while (at < end) {
        size_t n = (size_t)(end - at);
        const uint8_t *newline = memchr(at, '\n', MIN(n, max + 2));
        size_t length = newline ? (size_t)(newline - at) : n;
        if (length > 0 && at[length - 1] == '\r' && (newline || length == max + 1)) length--;
        if (length > max) {
            deliver(port, at, max, am_noeol);
            at += max;
        } else if (newline) {
            deliver(port, at, length, am_eol);
            at = newline + 1;
        } else {
            break;
        }
    }
    return at;
}

static const uint8_t *take(Port *port, const uint8_t *at, const uint8_t *end)
{
    if (port->opt.packet == PACKET_LINE) return take_lines(port, at, end);
    return take_packets(port, at, end);
}

void port_input(Port *port, const uint8_t *bytes, size_t n)
{
    add_owned(&port->bytes_in, n);
    if (port->opt.packet == PACKET_STREAM) {
        deliver(port, bytes, n, TERM_NONE);
        return;
    }
    if (port->input.len > 0) {
        buf_append(&port->input, bytes, n);
        bytes = (const uint8_t *)port->input.data;
        n = port->input.len;
    }
    const uint8_t *end = bytes + n, *rest = take(port, bytes, end);
    size_t left = (size_t)(end - rest);
    if (bytes == (const uint8_t *)port->input.data) {
        memmove(port->input.data, rest, left);
        buf_truncate(&port->input, left);
    } else {
        buf_append(&port->input, rest, left);
    }
}

static void deliver_last(Port *port, const uint8_t *at, size_t n)
{
    for (size_t max = port->opt.line_max; n > 0;) {
        size_t length = MIN(n, max);
        deliver(port, at, length, am_noeol);
        at += length;
        n -= length;
    }
}

void port_input_end(Port *port)
{
    Heap h = {0};
    if (port->opt.packet == PACKET_LINE) deliver_last(port, (const uint8_t *)port->input.data, port->input.len);
    buf_clear(&port->input);
    if (port->opt.eof) port_send_owner(port, am_eof, &h);
    else port_exit(port, am_normal);
}
