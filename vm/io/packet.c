/* SPDX-License-Identifier: Apache-2.0 */
/* packet - ends of packets. See packet.h. Layer: io. */
#include "io/packet.h"

#include "data/binary.h"

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A header of `header` bytes and `body` bytes behind it. */
static int64_t sized(const PacketLimits *limits, uint32_t header, uint64_t body)
{
    if (limits->max_bytes && body > limits->max_bytes) return PACKET_INVALID;
    return header + body > INT32_MAX ? PACKET_INVALID : (int64_t)(header + body);
}

/* BER: identifier octets, then length octets. An indefinite length counts as 0. */
static int64_t asn1_length(const PacketLimits *limits, const uint8_t *p, size_t n)
{
    size_t at = 1;
    if (n < 2) return PACKET_MORE;
    if ((p[0] & 0x1F) == 0x1F) {
        while (at < n && (p[at] & 0x80)) at++;
        if (++at >= n) return PACKET_MORE;
    }
    uint8_t first = p[at++];
    if (!(first & 0x80)) return sized(limits, (uint32_t)at, first);
    uint32_t octets = first & 0x7F, body = 0;
    if (octets > 4) return PACKET_INVALID;
    if (n - at < octets) return PACKET_MORE;
    for (uint32_t i = 0; i < octets; i++) body = body << 8 | p[at++];
    return sized(limits, (uint32_t)at, body);
}

static int64_t cdr_length(const PacketLimits *limits, const uint8_t *p, size_t n)
{
    if (n < 12) return PACKET_MORE;
    if (memcmp(p, "GIOP", 4) != 0) return PACKET_INVALID;
    return sized(limits, 12, p[6] & 1 ? le32(p + 8) : bytes_load_be32(p + 8));
}

static int64_t fcgi_length(const PacketLimits *limits, const uint8_t *p, size_t n)
{
    if (n < 8) return PACKET_MORE;
    return p[0] != 1 ? PACKET_INVALID : sized(limits, 8, be16(p + 4) + p[6]);
}

/* RFC 1006: version 3, and a length that counts the header of four bytes. */
static int64_t tpkt_length(const PacketLimits *limits, const uint8_t *p, size_t n)
{
    if (n < 4) return PACKET_MORE;
    uint32_t total = be16(p + 2);
    return p[0] != 3 || total < 4 ? PACKET_INVALID : sized(limits, 4, total - 4);
}

/* A client hello as SSL 2 had it: two bytes of length with the highest bit set, then the type. */
static bool is_ssl2_hello(const uint8_t *p) { return (p[0] & 0x80) && p[2] == 1; }

static int64_t tls_length(const PacketLimits *limits, const uint8_t *p, size_t n)
{
    if (n < 5) return PACKET_MORE;
    if (!is_ssl2_hello(p)) return sized(limits, 5, be16(p + 3));
    uint32_t body = be16(p) & 0x7FFF;
    return body < 3 ? PACKET_INVALID : sized(limits, 5, body - 3);
}

static int64_t line_length(const PacketLimits *l, const uint8_t *p, size_t n)
{
    const uint8_t *end = n ? memchr(p, l->delimiter, n) : NULL;
    size_t length = end ? (size_t)(end - p) + 1 : n;
    if (l->max_bytes && length > l->max_bytes) return PACKET_INVALID;
    if (l->line_bytes && (end ? length > l->line_bytes : length >= l->line_bytes)) return l->line_bytes;
    return end ? (int64_t)length : PACKET_MORE;
}

static bool http_too_long(const PacketLimits *l, size_t length, bool complete)
{
    if (l->max_bytes) return length > l->max_bytes;
    return l->line_bytes && (complete ? length > l->line_bytes : length >= l->line_bytes);
}

/* A header goes on in lines that begin with white space; so the byte behind it must be there to see. */
static int64_t http_length(const PacketLimits *l, const uint8_t *p, size_t n, bool header)
{
    size_t at = 0;
    for (;;) {
        const uint8_t *end = at < n ? memchr(p + at, '\n', n - at) : NULL;
        size_t length = end ? (size_t)(end - p) + 1 : n;
        if (http_too_long(l, length, end != NULL)) return PACKET_INVALID;
        if (!end) return PACKET_MORE;
        bool empty = length == 1 || (length == 2 && p[0] == '\r');
        if (!header || empty) return (int64_t)length;
        if (length == n) return PACKET_MORE;
        if (p[length] != ' ' && p[length] != '\t') return (int64_t)length;
        at = length;
    }
}

int64_t packet_length(enum PacketType type, const PacketLimits *limits, const uint8_t *p, size_t n)
{
    switch (type) {
    case PB_RAW: return n ? (int64_t)n : PACKET_MORE;
    case PB_1: return n < 1 ? PACKET_MORE : sized(limits, 1, p[0]);
    case PB_2: return n < 2 ? PACKET_MORE : sized(limits, 2, be16(p));
    case PB_4: return n < 4 ? PACKET_MORE : sized(limits, 4, bytes_load_be32(p));
    case PB_ASN1: return asn1_length(limits, p, n);
    case PB_SUNRM: return n < 4 ? PACKET_MORE : sized(limits, 4, bytes_load_be32(p) & 0x7FFFFFFF);
    case PB_CDR: return cdr_length(limits, p, n);
    case PB_FCGI: return fcgi_length(limits, p, n);
    case PB_LINE: return line_length(limits, p, n);
    case PB_TPKT: return tpkt_length(limits, p, n);
    case PB_HTTP: case PB_HTTP_BIN: return http_length(limits, p, n, false);
    case PB_HTTPH: case PB_HTTPH_BIN: return http_length(limits, p, n, true);
    case PB_SSL_TLS: return tls_length(limits, p, n);
    }
    return PACKET_INVALID;
}

/* An SSL 2 hello is given the header of a TLS handshake, type and three bytes of length. */
static term_t tls_term(Heap *h, term_t socket, const uint8_t *p, size_t n)
{
    uint8_t *to;
    term_t data, type, major, minor;
    if (is_ssl2_hello(p)) {
        uint32_t body = (uint32_t)n - 3;
        data = heap_binary_new(h, body + 4, &to);
        to[0] = 1, to[1] = (uint8_t)(body >> 16), to[2] = (uint8_t)(body >> 8), to[3] = (uint8_t)body;
        memcpy(to + 4, p + 3, body);
        type = term_small(22), major = term_small(p[3]), minor = term_small(p[4]);
    } else {
        data = heap_binary(h, p + 5, n - 5);
        type = term_small(p[0]), major = term_small(p[1]), minor = term_small(p[2]);
    }
    return heap_tuple5(h, am_ssl_tls, socket, type, heap_tuple2(h, major, minor), data);
}

term_t packet_term(Heap *h, enum PacketType type, term_t socket, const uint8_t *p, size_t n)
{
    switch (type) {
    case PB_HTTP: return packet_http_start(h, p, n, false);
    case PB_HTTP_BIN: return packet_http_start(h, p, n, true);
    case PB_HTTPH: return packet_http_header(h, p, n, false);
    case PB_HTTPH_BIN: return packet_http_header(h, p, n, true);
    case PB_SSL_TLS: return tls_term(h, socket, p, n);
    default: return TERM_NONE;
    }
}
