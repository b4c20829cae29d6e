/* SPDX-License-Identifier: Apache-2.0 */
/* beamfile_test - compact terms and chunks, well-formed and not. */
#include "loader/beamfile.h"
#include "term/atom.h"

#include <check.h>
#include <stdlib.h>

static Compact compact(const uint8_t *bytes, size_t n, bool *ok)
{
    Compact c = {0};
    Reader r = {bytes, bytes + n};
    *ok = reader_compact(&r, &c);
    if (*ok)
        ck_assert_ptr_eq(r.at, bytes + n);
    return c;
}

#define COMPACT(...) compact((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), &ok)

START_TEST(short_values)
{
    bool ok;
    Compact c = COMPACT(0x50);
    ck_assert(ok && c.tag == COMPACT_U && c.value == 5);
    c = COMPACT(0xF3);
    ck_assert(ok && c.tag == COMPACT_X && c.value == 15);
    c = COMPACT(0x29, 0x80);
    ck_assert(ok && c.tag == COMPACT_I && c.value == (1u << 8 | 0x80));
    c = COMPACT(0x09, 0x10);
    ck_assert(ok && c.tag == COMPACT_I && c.value == 16);
}
END_TEST

START_TEST(long_values)
{
    bool ok;
    Compact c = COMPACT(0x19, 0xFF, 0xFE);
    ck_assert(ok && (int64_t)c.value == -2);
    c = COMPACT(0x18, 0x12, 0x34);
    ck_assert(ok && c.tag == COMPACT_U && c.value == 0x1234);
    c = COMPACT(0xD9, 0x80, 0, 0, 0, 0, 0, 0, 0);
    ck_assert(ok && (int64_t)c.value == INT64_MIN);
    c = COMPACT(0xF9, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    ck_assert(ok && c.big_bytes == 9 && c.big_at[0] == 1);
    c = COMPACT(0xF8, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9); /* unsigned of nine bytes */
    ck_assert(ok && c.big_bytes == 9 && c.value == UINT64_MAX);
}
END_TEST

START_TEST(damaged_values)
{
    bool ok;
    COMPACT(0x08);
    ck_assert(!ok);
    COMPACT(0x19, 0xFF);
    ck_assert(!ok);
    COMPACT(0x18, 0xFF, 0xFE); /* negative index */
    ck_assert(!ok);
    COMPACT(0xF9, 0x51, 1); /* size that is no unsigned */
    ck_assert(!ok);
    COMPACT(0xF9, 0xF8, 0xF8, 0xF8, 0xF8); /* size within size */
    ck_assert(!ok);
    compact(NULL, 0, &ok);
    ck_assert(!ok);
}
END_TEST

static const char no_chunks[] = "FOR1\0\0\0\4BEAM";
static const char one_chunk[] = "FOR1\0\0\0\20BEAMStrT\0\0\0\3abc";

START_TEST(chunks)
{
    BeamFile f;
    BeamChunk c;
    ck_assert(beamfile_scan(&f, no_chunks, 12));
    ck_assert(!beamfile_scan(&f, no_chunks, 11));
    ck_assert(beamfile_scan(&f, one_chunk, 24));
    ck_assert_uint_eq(f.chunk[CHUNK_StrT].size, 3);
    ck_assert(beamfile_chunk(one_chunk, 24, "StrT", &c) && memcmp(c.data, "abc", 3) == 0);
    ck_assert(!beamfile_chunk(one_chunk, 24, "Code", &c));
    for (size_t n = 0; n < 24; n++)
        ck_assert(!beamfile_scan(&f, one_chunk, n));
    ck_assert(!beamfile_open(&f, one_chunk, 24));
    ck_assert_str_eq(f.error, "no atom table");
    beamfile_close(&f);
}
END_TEST

int main(void)
{
    atom_table_init(1 << 20);
    Suite *s = suite_create("beamfile");
    TCase *t = tcase_create("all");
    tcase_add_test(t, short_values);
    tcase_add_test(t, long_values);
    tcase_add_test(t, damaged_values);
    tcase_add_test(t, chunks);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
