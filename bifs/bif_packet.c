/* SPDX-License-Identifier: Apache-2.0 */
/* bif_packet - erlang:decode_packet/3 (io/packet.h does the work). Layer: bifs. */
#include "bifs/bif.h"
#include "data/binary.h"
#include "io/packet.h"

static bool type_of(term_t t, enum PacketType *type)
{
    if (term_is_small(t)) {
        static const int8_t by_number[] = {PB_RAW, PB_1, PB_2, -1, PB_4};
        if (small_value(t) < 0 || small_value(t) > 4 || small_value(t) == 3) return false;
        *type = (enum PacketType)by_number[small_value(t)];
        return true;
    }
    switch (t) {
    case am_raw: *type = PB_RAW; return true;
    case am_asn1: *type = PB_ASN1; return true;
    case am_sunrm: *type = PB_SUNRM; return true;
    case am_cdr: *type = PB_CDR; return true;
    case am_fcgi: *type = PB_FCGI; return true;
    case am_line: *type = PB_LINE; return true;
    case am_tpkt: *type = PB_TPKT; return true;
    case am_ssl_tls: *type = PB_SSL_TLS; return true;
    case am_http: *type = PB_HTTP; return true;
    case am_httph: *type = PB_HTTPH; return true;
    case am_http_bin: *type = PB_HTTP_BIN; return true;
    case am_httph_bin: *type = PB_HTTPH_BIN; return true;
    default: return false;
    }
}

static bool options_of(term_t list, PacketLimits *l)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (!term_is_tuple_of(t, 2) || !term_is_small(tuple_element(t, 2))) return false;
        int64_t v = small_value(tuple_element(t, 2));
        if (v < 0 || v > UINT32_MAX) return false;
        switch (tuple_element(t, 1)) {
        case am_packet_size: l->max_bytes = (uint32_t)v; break;
        case am_line_length: l->line_bytes = (uint32_t)v; break;
        case am_line_delimiter:
            if (v > 255) return false;
            l->delimiter = (uint8_t)v;
            break;
        default: return false;
        }
    }
    return list == TERM_NIL;
}

/* bin may end with some bits that are no byte: they are part of the rest. */
static term_t packet_result(Process *p, enum PacketType type, term_t bin, const uint8_t *data, size_t length)
{
    Heap *h = &p->heap;
    unsigned skip = packet_header_bytes(type);
    uint64_t bytes = length - skip - packet_padding_bytes(type, data);
    term_t packet = packet_is_parsed(type) ? packet_term(h, type, TERM_NIL, data, length)
                                           : heap_sub_bits(h, bin, 8 * skip, 8 * bytes);
    uint64_t at = 8 * (uint64_t)length;
    return heap_tuple3(h, am_ok, packet, heap_sub_bits(h, bin, at, bitstring_bits(bin) - at));
}

static term_t decode(Process *p, enum PacketType type, const PacketLimits *limits, term_t bin,
                     const uint8_t *data, size_t n)
{
    int64_t length = packet_length(type, limits, data, n);
    if (length == PACKET_INVALID) return heap_tuple2(&p->heap, am_error, am_invalid);
    if (length == PACKET_MORE) return heap_tuple2(&p->heap, am_more, am_undefined);
    if ((uint64_t)length > n) return heap_tuple2(&p->heap, am_more, term_small(length));
    return packet_result(p, type, bin, data, (size_t)length);
}

BIF(erlang, decode_packet, 3, 0)
{
    enum PacketType type;
    PacketLimits limits = {0, 0, '\n'};
    if (!term_is_bitstring(a[1]) || !options_of(a[2], &limits)) return bif_error(p, EXC_BADARG);
    if (!type_of(a[0], &type)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    uint64_t bits = bitstring_bits(a[1]) & ~(uint64_t)7;
    term_t bytes = bits == bitstring_bits(a[1]) ? a[1] : heap_sub_bits(&p->heap, a[1], 0, bits);
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *data = binary_bytes(bytes, &n, &temp);
    term_t result = decode(p, type, &limits, a[1], data, n);
    temp_bytes_free(&temp);
    return result;
}
