/* SPDX-License-Identifier: Apache-2.0 */
/* loader_test - every .beam of the OTP at hand loads; damaged copies are refused or load, but nothing
 * else happens. */
#include "base/epoch.h"
#include "base/hash.h"
#include "base/log.h"
#include "code/range.h"
#include "heap/literal.h"
#include "loader/beamfile.h"
#include "loader/load.h"
#include "term/atom.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define SMALL_FILE 12000

static Vm vm;
static EpochDomain epoch;
static glob_t beams;

static void start_tables(void)
{
    log_init();
    atom_table_init((size_t)1 << 21);
    epoch_domain_init(&epoch);
    vm.epoch = &epoch;
    literal_space_init(&vm);
    code_init(&vm);
    loader_init(&vm);
    vm.loader->verify = VERIFY_ALL;
    const char *root = getenv("OTP_ROOT");
    char pattern[1000];
    snprintf(pattern, sizeof pattern, "%s/lib/*/ebin/*.beam", root ? root : "/usr/lib/erlang");
    glob(pattern, 0, NULL, &beams);
    glob("/usr/lib/elixir/lib/*/ebin/*.beam", GLOB_APPEND, NULL, &beams);
}

static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*size);
    ck_assert_uint_eq(fread(data, 1, *size, f), *size);
    fclose(f);
    return data;
}

START_TEST(all_beams_load)
{
    char error[200];
    ck_assert_uint_gt(beams.gl_pathc, 0);
    for (size_t i = 0; i < beams.gl_pathc; i++) {
        size_t size;
        char *data = read_file(beams.gl_pathv[i], &size);
        CodeInstance *c = loader_build(&vm, TERM_NONE, data, size, false, error, sizeof error);
        ck_assert_msg(c != NULL, "%s: %s", beams.gl_pathv[i], error);
        loader_discard(&vm, c);
        free(data);
    }
}
END_TEST

static void damage(char *data, size_t size, uint64_t *seed)
{
    for (uint64_t flips = 1 + random_next(seed) % 3; flips > 0; flips--) {
        size_t at = random_next(seed) % size;
        if (random_next(seed) % 2)
            data[at] = (char)(data[at] ^ 1 << random_next(seed) % 8);
        else
            data[at] = (char)random_next(seed);
    }
}

START_TEST(damaged_beams_are_survived)
{
    char error[200];
    uint64_t seed = 4711;
    for (size_t i = 0; i < beams.gl_pathc; i += 7) {
        size_t size;
        char *data = read_file(beams.gl_pathv[i], &size);
        for (int k = 0; k < 20 && size <= SMALL_FILE; k++) {
            size_t n = random_next(&seed) % 8 ? size : random_next(&seed) % size + 1;
            char *copy = malloc(n);
            memcpy(copy, data, n);
            damage(copy, n, &seed);
            CodeInstance *c = loader_build(&vm, TERM_NONE, copy, n, true, error, sizeof error);
            if (c)
                loader_discard(&vm, c);
            free(copy);
        }
        free(data);
    }
}
END_TEST

static CodeInstance *build(const char *name)
{
    char error[200], suffix[200];
    snprintf(suffix, sizeof suffix, "/%s.beam", name);
    for (size_t i = 0; i < beams.gl_pathc; i++) {
        const char *path = beams.gl_pathv[i];
        size_t size, n = strlen(path), k = strlen(suffix);
        if (n < k || strcmp(path + n - k, suffix) != 0)
            continue;
        char *data = read_file(path, &size);
        CodeInstance *c = loader_build(&vm, atom_from_cstr(name), data, size, false, error, sizeof error);
        ck_assert_msg(c != NULL, "%s", error);
        free(data);
        return c;
    }
    ck_abort_msg("no %s.beam", name);
}

/* ---- the forms of OTP 28: lengths of atoms as compact terms, literals not compressed ---- */

static size_t put_u32(uint8_t *to, size_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(n >> (24 - 8 * i));
    return 4;
}

static size_t new_atoms(BeamChunk c, uint8_t *to)
{
    Reader r = {c.data, c.data + c.size};
    uint32_t count;
    ck_assert(reader_u32(&r, &count));
    size_t n = put_u32(to, -(size_t)count);
    for (; count > 0; count--) {
        size_t bytes = *r.at++;
        if (bytes >= 16)
            to[n++] = (uint8_t)((bytes >> 3 & 0xE0) | 8);
        to[n++] = (uint8_t)(bytes < 16 ? bytes << 4 : bytes);
        memcpy(to + n, r.at, bytes);
        n += bytes;
        r.at += bytes;
    }
    return n;
}

static size_t new_literals(BeamChunk c, uint8_t *to, size_t room)
{
    uLongf got = room - 4;
    ck_assert_int_eq(uncompress(to + 4, &got, c.data + 4, c.size - 4), Z_OK);
    return put_u32(to, 0) + got;
}

static size_t convert(const char *data, size_t size, uint8_t *to, size_t room)
{
    Reader r = {(const uint8_t *)data + 12, (const uint8_t *)data + size};
    size_t n = 12;
    memcpy(to, data, 12);
    while (reader_left(&r) >= 8) {
        const uint8_t *id = r.at;
        uint32_t bytes;
        r.at += 4;
        ck_assert(reader_u32(&r, &bytes));
        BeamChunk c = {r.at, bytes};
        size_t got = bytes;
        memcpy(to + n, id, 4);
        if (memcmp(id, "AtU8", 4) == 0)
            got = new_atoms(c, to + n + 8);
        else if (memcmp(id, "LitT", 4) == 0)
            got = new_literals(c, to + n + 8, room - n - 8);
        else
            memcpy(to + n + 8, c.data, bytes);
        put_u32(to + n + 4, got);
        n += 8 + round_up(got, 4);
        r.at += MIN(round_up(bytes, 4), reader_left(&r));
    }
    put_u32(to + 4, n - 8);
    return n;
}

START_TEST(new_forms_load)
{
    char error[200];
    for (size_t i = 0; i < beams.gl_pathc; i += 11) {
        size_t size;
        char *data = read_file(beams.gl_pathv[i], &size);
        size_t room = 20 * size + 100000;
        uint8_t *converted = calloc(1, room);
        size_t n = convert(data, size, converted, room);
        CodeInstance *c = loader_build(&vm, TERM_NONE, converted, n, true, error, sizeof error);
        ck_assert_msg(c != NULL, "%s: %s", beams.gl_pathv[i], error);
        loader_discard(&vm, c);
        free(converted);
        free(data);
    }
}
END_TEST

START_TEST(wrong_name_is_refused)
{
    char error[200];
    size_t size;
    char *data = read_file(beams.gl_pathv[0], &size);
    ck_assert_ptr_null(loader_build(&vm, atom_from_cstr("no_such_name"), data, size, false, error, sizeof error));
    free(data);
}
END_TEST

START_TEST(commit_and_replace)
{
    term_t lists = atom_from_cstr("lists");
    bool bad[2];
    CodeInstance *first = build("lists"), *second = build("lists"), *third = build("lists");
    ck_assert_int_eq(loader_commit(&vm, (CodeInstance *[]){first, second}, 2, bad), COMMIT_DUPLICATED);
    ck_assert(!bad[0] && bad[1]);
    ck_assert_int_eq(loader_commit(&vm, &first, 1, bad), COMMIT_OK);
    Export *e = export_find(&vm, lists, atom_from_cstr("foldl"), 3);
    ck_assert(instance_contains(first, export_addr(e)));
    ck_assert_int_eq(loader_commit(&vm, &second, 1, bad), COMMIT_OK);
    ck_assert(instance_contains(second, export_addr(e)));
    ck_assert_ptr_eq(module_find(&vm, lists)->old, first);
    ck_assert_int_eq(loader_commit(&vm, &third, 1, bad), COMMIT_NOT_PURGED);
    CodeLocation at;
    ck_assert(code_locate(&vm, export_addr(e), &at));
    ck_assert_ptr_eq(at.instance, second);
    ck_assert(at.mfa->arity == 3 && at.line > 0);
    loader_discard(&vm, third);
}
END_TEST

int main(void)
{
    start_tables();
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, all_beams_load);
    tcase_add_test(t, damaged_beams_are_survived);
    tcase_add_test(t, new_forms_load);
    tcase_add_test(t, wrong_name_is_refused);
    tcase_add_test(t, commit_and_replace);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
