/* SPDX-License-Identifier: Apache-2.0 */
/* inet_tcp_in - input of a connection: bytes into packets, packets to the owner (active) or to the one who
 * asked (passive). The buffer is the storage of a binary that large packets share; bytes once delivered
 * never change, as new ones are only written behind them. Layer: io. */
#include "io/inet.h"

#include <errno.h>
#include <unistd.h>

enum { READS_PER_EVENT = 8, KEEP_BYTES = 65536 };

bool tcp_wants_input(const InetSocket *s)
{
    if (!inet_is_connected(s) || s->port->state != PORT_OPEN || s->port->exit_asked) return false;
    return s->ask_count > 0 || (inet_is_active(s) && !s->read_closed);
}

/* ---- the buffer ---- */

static size_t have(const InetSocket *s) { return s->input_end - s->input_start; }
static uint8_t *input_at(const InetSocket *s) { return binary_data(s->input) + s->input_start; }

void tcp_clear_input(InetSocket *s)
{
    if (s->input) binary_unref(s->input);
    s->input = NULL;
    s->input_start = s->input_end = s->input_cap = 0;
    s->want = 0;
}

/* What is delivered may be used by others now: the rest of the storage is still ours. */
static void consume(InetSocket *s, size_t n)
{
    s->input_start += n;
    s->want = 0;
    if (have(s) > 0) return;
    if (binary_refs(s->input) == 1 && s->input_cap <= KEEP_BYTES) s->input_start = s->input_end = 0;
    else tcp_clear_input(s);
}

/* Bytes to read next: all of a packet whose end is known, else a buffer full. */
static size_t read_size(const InetSocket *s)
{
    size_t missing = s->want > have(s) ? s->want - have(s) : 0;
    if (s->packet == PB_RAW && missing) return missing;
    return MAX(missing, s->buffer > have(s) ? s->buffer - have(s) : s->buffer);
}

/* Room for n more bytes; false: no memory. */
static bool make_room(InetSocket *s, size_t n)
{
    if (s->input && s->input_cap - s->input_end >= n) return true;
    size_t old = have(s);
    if (s->input && binary_refs(s->input) == 1 && s->input_cap >= old + n) {
        memmove(binary_data(s->input), input_at(s), old);
    } else {
        Binary *fresh = binary_new_try(old + n);
        if (!fresh) return false;
        if (s->input) {
            memcpy(binary_data(fresh), input_at(s), old);
            binary_unref(s->input);
        }
        s->input = fresh;
        s->input_cap = old + n;
    }
    s->input_start = 0;
    s->input_end = old;
    return true;
}

void tcp_unread(InetSocket *s, const uint8_t *bytes, size_t n)
{
    size_t old = have(s);
    if (n == 0 || !make_room(s, n)) return;
    if (binary_refs(s->input) > 1) return; /* not reached: room was made in storage of our own */
    memmove(input_at(s) + n, input_at(s), old);
    memcpy(input_at(s), bytes, n);
    s->input_end += n;
}

/* ---- the end ---- */

void tcp_tell_closed(InetSocket *s)
{
    if (!s->close_told) inet_tell(s, am_tcp_closed);
    s->close_told = true;
}

/* After the last byte, or an error, of a socket somebody reads from. */
static void end_passive(InetSocket *s, term_t reason)
{
    if (s->exit_on_close) {
        tcp_clear_output(s);
        inet_close(s);
    } else {
        s->read_closed = true;
    }
    inet_answer_all(s, reason);
    inet_update_timer(s);
}

static void end_active(InetSocket *s)
{
    tcp_tell_closed(s);
    s->read_closed = true;
    if (s->exit_on_close) port_quit(s->port);
}

void tcp_peer_closed(InetSocket *s)
{
    if (s->exit_on_close) tcp_release_busy(s, am_closed);
    tcp_clear_input(s);
    if (inet_is_active(s)) {
        end_active(s);
        return;
    }
    if (s->exit_on_close) s->closed_for_send = true;
    end_passive(s, am_closed);
}

static void read_failed(InetSocket *s, int error)
{
    if (error == ECONNRESET && !s->show_reset) {
        tcp_peer_closed(s);
        return;
    }
    tcp_release_busy(s, am_closed);
    tcp_clear_input(s);
    if (!inet_is_active(s)) {
        end_passive(s, inet_reason(error));
        return;
    }
    inet_tell_error(s, am_tcp_error, inet_reason(error));
    end_active(s);
    if (!s->exit_on_close) inet_close(s);
}

/* ---- packets ---- */

/* After the first line of HTTP come headers. */
static enum PacketType type_now(const InetSocket *s)
{
    if (!s->http_headers) return s->packet;
    return s->packet == PB_HTTP ? PB_HTTPH : s->packet == PB_HTTP_BIN ? PB_HTTPH_BIN : s->packet;
}

/* Bytes of the packet at the front, all of which are there; PACKET_MORE or PACKET_INVALID. */
static int64_t next_packet(InetSocket *s)
{
    if (s->packet == PB_RAW) {
        s->want = inet_is_active(s) ? 0 : s->recv_length;
        if (have(s) == 0 || have(s) < s->want) return PACKET_MORE;
        return (int64_t)(s->want ? s->want : have(s));
    }
    PacketLimits limits = {s->packet_size, 0, s->delimiter};
    if (s->packet == PB_LINE || packet_is_parsed(s->packet)) limits.line_bytes = s->buffer;
    const uint8_t *data = s->input ? input_at(s) : (const uint8_t *)"";
    int64_t n = packet_length(type_now(s), &limits, data, have(s));
    s->want = n > 0 ? (size_t)n : 0;
    return n > (int64_t)have(s) ? PACKET_MORE : n;
}

static term_t parsed_packet(InetSocket *s, Heap *h, const uint8_t *bytes, size_t n)
{
    term_t t = packet_term(h, type_now(s), s->port->id, bytes, n);
    if (s->packet != PB_HTTP && s->packet != PB_HTTP_BIN) return t;
    if (t == am_http_eoh) s->http_headers = false;
    else if (term_is_tuple(t) && tuple_element(t, 1) != am_http_error) s->http_headers = true;
    return t;
}

static void deliver_active(InetSocket *s, term_t data, Heap *h, size_t n)
{
    term_t id = s->port->id, msg;
    if (s->deliver_port) {
        msg = heap_tuple2(h, id, heap_tuple2(h, am_data, data));
        add_owned(&s->port->bytes_in, n);
    } else if (s->packet == PB_SSL_TLS) {
        msg = data;
    } else {
        msg = heap_tuple3(h, packet_is_parsed(s->packet) ? am_http : am_tcp, id, data);
    }
    inet_send(s, s->port->owner, msg, h);
    inet_active_used(s, am_tcp_passive);
}

/* A packet of n bytes for the channel between two nodes. */
static void deliver_channel(InetSocket *s, size_t n, const uint8_t *bytes, size_t length)
{
    add_owned(&s->port->bytes_in, length);
    inet_count(&s->in, n);
    s->port->dist_ops->input(s->port, s->port->dist, bytes, length);
    consume(s, n);
}

/* The first n bytes are a packet. */
static void deliver(InetSocket *s, size_t n)
{
    Heap h = {0};
    const uint8_t *bytes = input_at(s);
    size_t skip = packet_header_bytes(s->packet);
    size_t length = n - skip - packet_padding_bytes(s->packet, bytes);
    if (s->deliver_port && s->port->dist_ops && inet_is_active(s)) {
        deliver_channel(s, n, bytes + skip, length);
        return;
    }
    term_t data = packet_is_parsed(s->packet) ? parsed_packet(s, &h, bytes, n)
                                              : inet_data(s, &h, s->input, bytes + skip, length);
    inet_count(&s->in, n);
    consume(s, n);
    if (s->ask_count > 0) inet_answer(s, &s->asks[0], heap_tuple2(&h, am_ok, data), &h);
    else deliver_active(s, data, &h, length);
}

/* The packets that are there; true: more are wanted. */
static bool deliver_packets(InetSocket *s)
{
    while (tcp_wants_input(s)) {
        int64_t n = next_packet(s);
        if (n == PACKET_MORE) return true;
        if (n == PACKET_INVALID) read_failed(s, EMSGSIZE);
        else deliver(s, (size_t)n);
    }
    return false;
}

void tcp_deliver(InetSocket *s)
{
    if (deliver_packets(s)) inet_arm(s, POLL_READ);
}

/* One read; true: there may be more. */
static bool read_once(InetSocket *s)
{
    size_t room = read_size(s);
    if (!make_room(s, room)) {
        read_failed(s, ENOMEM);
        return false;
    }
    ssize_t n;
    do n = recv(s->fd, binary_data(s->input) + s->input_end, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        s->input_end += (size_t)n;
        tcp_deliver(s);
        return (size_t)n == room;
    }
    if (n == 0) tcp_peer_closed(s);
    else if (errno != EAGAIN && errno != EWOULDBLOCK) read_failed(s, errno);
    else inet_arm(s, POLL_READ);
    return false;
}

/* What has come is the owner's when the option is set: he need not wait for the poll set. */
void tcp_read_now(InetSocket *s)
{
    if (deliver_packets(s)) read_once(s);
}

void tcp_input(InetSocket *s)
{
    for (int i = 0; i < READS_PER_EVENT && tcp_wants_input(s); i++)
        if (!read_once(s)) return;
    if (tcp_wants_input(s)) inet_arm(s, POLL_READ);
}
