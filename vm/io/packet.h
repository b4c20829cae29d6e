/* SPDX-License-Identifier: Apache-2.0 */
/* packet - where packets end in a stream of bytes, and what HTTP and TLS packets mean.
 * Used by erlang:decode_packet/3 and by the inet driver, whose numbers for packet types these are.
 * Only looks at bytes and builds terms: keeps no state. Input comes from outside: everything is checked.
 * Semantics: erlang(3) decode_packet/3, inet(3) {packet, Type}. Layer: io. */
#ifndef JOIST_IO_PACKET_H
#define JOIST_IO_PACKET_H

#include "heap/heap.h"

enum PacketType {
    PB_RAW = 0, PB_1 = 1, PB_2 = 2, PB_4 = 3, PB_ASN1 = 4, PB_SUNRM = 5, PB_CDR = 6, PB_FCGI = 7,
    PB_LINE = 8, PB_TPKT = 9, PB_HTTP = 10, PB_HTTPH = 11, PB_SSL_TLS = 12, PB_HTTP_BIN = 13,
    PB_HTTPH_BIN = 14,
};

typedef struct PacketLimits {
    uint32_t max_bytes;   /* of a packet without its header; 0: any */
    uint32_t line_bytes;  /* longer lines are cut (HTTP: invalid, if max_bytes is 0); 0: any */
    uint8_t delimiter;    /* of PB_LINE */
} PacketLimits;

#define PACKET_INVALID (-1)
#define PACKET_MORE 0
/* Bytes of the first packet in data[0..n), its header included: all of them are there if the result is
 * not larger than n. PACKET_MORE: its length is not known yet. PB_RAW: all that is there. */
int64_t packet_length(enum PacketType type, const PacketLimits *limits, const uint8_t *data, size_t n);
/* Bytes of its header that the receiver does not get: 0, 1, 2 or 4. */
static inline unsigned packet_header_bytes(enum PacketType type)
{
    return type == PB_1 ? 1 : type == PB_2 ? 2 : type == PB_4 ? 4 : 0;
}
/* Bytes of padding at the end of the packet that begins at data, which the receiver does not get. */
static inline unsigned packet_padding_bytes(enum PacketType type, const uint8_t *data)
{
    return type == PB_FCGI ? data[6] : 0;
}
/* True for packets that are received as a term of their own (packet_term). */
static inline bool packet_is_parsed(enum PacketType type) { return type >= PB_HTTP; }
/* That term for the packet data[0..n): http_request, http_response, http_header, http_eoh, http_error,
 * or {ssl_tls, Socket, Type, Version, Bin}. */
term_t packet_term(Heap *h, enum PacketType type, term_t socket, const uint8_t *data, size_t n);

/* packet_http.c: the lines of HTTP; binaries: strings are binaries, else lists. */
term_t packet_http_start(Heap *h, const uint8_t *line, size_t n, bool binaries);
term_t packet_http_header(Heap *h, const uint8_t *line, size_t n, bool binaries);

#endif
