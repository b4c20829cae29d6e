/* SPDX-License-Identifier: Apache-2.0 */
/* md5 - the digest that nodes prove their cookie with. Source: RFC 1321, algorithm in section 3. */
#ifndef JOIST_LAUNCH_MD5_H
#define JOIST_LAUNCH_MD5_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t state[4];
    uint64_t bytes;
    uint8_t block[64];
} Md5;

static void md5_start(Md5 *m)
{
    *m = (Md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

/* Function, word and rotation of step i; the constants are the sines of the section. */
static uint32_t md5_mix(unsigned i, const uint32_t s[4], unsigned *word)
{
    uint32_t b = s[1], c = s[2], d = s[3];
    switch (i / 16) {
    case 0: *word = i; return (b & c) | (~b & d);
    case 1: *word = (5 * i + 1) % 16; return (b & d) | (c & ~d);
    case 2: *word = (3 * i + 5) % 16; return b ^ c ^ d;
    default: *word = 7 * i % 16; return c ^ (b | ~d);
    }
}

static void md5_block(Md5 *m)
{
    static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t x[16], s[4];
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *p = m->block + 4 * i;
        x[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    memcpy(s, m->state, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        unsigned word, turn = turns[i / 16][i % 4];
        uint32_t f = md5_mix(i, s, &word) + s[0] + x[word] + (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
        s[0] = s[3], s[3] = s[2], s[2] = s[1];
        s[1] += f << turn | f >> (32 - turn);
    }
    for (unsigned i = 0; i < 4; i++) m->state[i] += s[i];
}

static void md5_add(Md5 *m, const void *data, size_t n)
{
    for (const uint8_t *p = data; n > 0; n--) {
        m->block[m->bytes++ % 64] = *p++;
        if (m->bytes % 64 == 0) md5_block(m);
    }
}

static void md5_end(Md5 *m, uint8_t out[16])
{
    uint64_t bits = 8 * m->bytes;
    md5_add(m, "\x80", 1);
    while (m->bytes % 64 != 56) md5_add(m, "", 1);
    for (unsigned i = 0; i < 8; i++) md5_add(m, &(uint8_t){(uint8_t)(bits >> 8 * i)}, 1);
    for (unsigned i = 0; i < 16; i++) out[i] = (uint8_t)(m->state[i / 4] >> 8 * (i % 4));
}

#endif
