/* SPDX-License-Identifier: Apache-2.0 */
/* cli_test - erl's command line: what the launcher hands to the emulator (measured with
 * `erl -emu_args_exit` of OTP 25), and what the emulator's flags mean. */
#include "api/cli.h"
#include "api/erlexec.h"
#include "base/buf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const Places places = {.root = "/otp", .bindir = "/otp/erts-13.1.5/bin", .progname = "erl",
                              .home = "/home/me", .otp_release = "25"};

#ifdef JOIST_ASAN
/* Words live as long as the launcher, which then becomes the VM. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:args_add\nleak:text_format\n"; }
#endif

/* The words for the emulator, joined by one space; the constant part is shown as "...". */
static char *emulator_words(const char *command_line)
{
    static Args all_words[64]; /* arguments live as long as the program */
    static Launch launches[64];
    static int used;
    ck_assert_int_lt(used, 64);
    Args *words = &all_words[used];
    Launch *launch = &launches[used++];
    Buf b = BUF_INIT(TEMP);
    size_t len;
    args_split(words, command_line, false);
    erlexec_arguments(&places, words->count, words->at, launch);
    for (int i = 0; i < launch->emulator.count; i++) {
        const char *w = launch->emulator.at[i];
        if (strcmp(w, "-root") == 0 && i + 6 < launch->emulator.count) {
            buf_puts(&b, "... ");
            i += 6;
            continue;
        }
        buf_printf(&b, "%s ", w);
    }
    if (b.len) buf_truncate(&b, b.len - 1);
    return buf_take(&b, &len);
}

static void expect(const char *command_line, const char *words)
{
    char *got = emulator_words(command_line);
    ck_assert_str_eq(got, words);
    mem_free_text(MEM_TEMP, got);
}

START_TEST(words_are_sorted)
{
    expect("", "-- ... -home /home/me --");
    expect("-noshell +P 1000 -- +Q 3 a -b", "-P 1000 -Q 3 -- ... -home /home/me -- -noshell -- a -b");
    expect("-extra +P 1 -- x", "-- ... -home /home/me -- -extra +P 1 -- x");
    expect("+Zfoo", "-Zfoo -- ... -home /home/me --");
    expect("-detached", "-- ... -home /home/me -- -noshell -noinput");
    expect("+Bi +Bc +B i", "-Bi -Bc -B i -- ... -home /home/me --");
    expect("+c false +c x", "-c false -c -- ... -home /home/me -- x");
    expect("+MBas aobf +hmqd off_heap", "-MBas aobf -hmqd off_heap -- ... -home /home/me --");
    expect("-make x y", "-B -- ... -home /home/me -- -noshell -noinput -s make all_or_nothing -s erlang halt");
    expect("-version -x", "-V -- ... -home /home/me -- -x");
    expect("-smp auto -emu_type opt", "-- ... -home /home/me -- -smp auto -emu_type opt");
}
END_TEST

START_TEST(the_environment_adds_words)
{
    setenv("ERL_AFLAGS", "-a \"b c\" \\d", 1);
    setenv("ERL_FLAGS", "+S 2 -extra q", 1);
    setenv("ERL_ZFLAGS", "-z", 1);
    expect("-x 1 -extra y", "-S 2 -- ... -home /home/me -- -a b c d -- -x 1 -- -z -- -extra y q --");
    expect("", "-S 2 -- ... -home /home/me -- -a b c d -- -z -- -extra q --");
    unsetenv("ERL_AFLAGS");
    unsetenv("ERL_FLAGS");
    setenv("ERL_ZFLAGS", "  ", 1);
    expect("-x", "-- ... -home /home/me -- -x");
    unsetenv("ERL_ZFLAGS");
}
END_TEST

START_TEST(files_add_words)
{
    char name[] = "/tmp/cli_test.XXXXXX", line[64];
    int fd = mkstemp(name);
    const char text[] = "-foo bar # comment\n+S 2\n-extra z\n";
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(line, sizeof line, "-args_file %s -b -extra w", name);
    expect(line, "-S 2 -- ... -home /home/me -- -foo bar -b -- -extra z -- w");
    unlink(name);
}
END_TEST

START_TEST(variables_are_set)
{
    expect("-env CLI_TEST yes -x", "-- ... -home /home/me -- -x");
    ck_assert_str_eq(getenv("CLI_TEST"), "yes");
}
END_TEST

static void missing(const char *line)
{
    fclose(stderr);
    emulator_words(line);
    exit(0);
}
START_TEST(a_flag_without_value_exits_1) { missing("+S"); }
END_TEST
START_TEST(an_unknown_dirty_flag_exits_1) { missing("+SDfoo 1"); }
END_TEST

static Config parse(const char *line)
{
    Config c;
    Args words = {0};
    args_add(&words, "beam.smp");
    args_split(&words, line, false);
    config_default(&c);
    c.schedulers = c.schedulers_online = 4;
    config_parse(&c, words.count, words.at, "13.1.5");
    return c;
}

START_TEST(flags_have_meanings)
{
    Config c = parse("-P 2000 -Q4000 -S 3:2 -hms 500 -hmqd off_heap -fnui -W e -T 3 -c -C multi_time_warp "
                     "-SDcpu 3:2 -SDio 7 -zdbbl 2 -Bi -d -pc unicode -MBas aobf -sbwt none -i erl_x "
                     "-- -root x -noinput");
    ck_assert_uint_eq(c.process_limit, 2000);
    ck_assert_uint_eq(c.port_limit, 4000);
    ck_assert_uint_eq(c.schedulers, 3);
    ck_assert_uint_eq(c.schedulers_online, 2);
    ck_assert_uint_eq(c.min_heap, 500);
    ck_assert(c.off_heap_messages && c.no_crash_dump && c.printable_unicode && !c.time_correction);
    ck_assert_int_eq(c.file_names, FILE_NAMES_UTF8);
    ck_assert_int_eq(c.file_name_warning, FILE_NAMES_IGNORE);
    ck_assert_int_eq(c.warnings_map, 'e');
    ck_assert_uint_eq(c.modified_timing, 3);
    ck_assert_str_eq(c.warp_mode, "multi_time_warp");
    ck_assert_uint_eq(c.dirty_cpu, 3);
    ck_assert_uint_eq(c.dirty_cpu_online, 2);
    ck_assert_uint_eq(c.dirty_io, 7);
    ck_assert_uint_eq(c.dist_busy_kbytes, 2);
    ck_assert_int_eq(c.break_mode, BREAK_IGNORED);
    ck_assert_str_eq(c.boot_module, "erl_x");
    ck_assert_int_eq(c.init_count, 3);
    ck_assert_str_eq(c.init_args[0], "-root");
    ck_assert(c.noshell_args);
}
END_TEST

START_TEST(schedulers_count_from_what_there_is)
{
    Config c = parse("-S -1:-2 --");
    ck_assert_uint_eq(c.schedulers, 3);
    ck_assert_uint_eq(c.schedulers_online, 1);
    c = parse("-S :2");
    ck_assert_uint_eq(c.schedulers, 4);
    ck_assert_uint_eq(c.schedulers_online, 2);
    c = parse("-S 2");
    ck_assert_uint_eq(c.schedulers_online, 2);
    c = parse("-SP 50:25");
    ck_assert_uint_eq(c.schedulers, 2);
    ck_assert_uint_eq(c.schedulers_online, 1);
}
END_TEST

static void refused(const char *line)
{
    fclose(stderr);
    parse(line);
    exit(0);
}
START_TEST(few_processes_exit_1) { refused("-P 1"); }
END_TEST
START_TEST(more_online_than_there_are_exit_1) { refused("-S 2:3"); }
END_TEST
START_TEST(an_unknown_flag_exits_1) { refused("-o"); }
END_TEST
START_TEST(a_bad_word_exits_1) { refused("-sbwt x"); }
END_TEST

int main(void)
{
    Suite *s = suite_create("cli");
    TCase *t = tcase_create("cli");
    tcase_add_test(t, words_are_sorted);
    tcase_add_test(t, the_environment_adds_words);
    tcase_add_test(t, files_add_words);
    tcase_add_test(t, variables_are_set);
    tcase_add_exit_test(t, a_flag_without_value_exits_1, 1);
    tcase_add_exit_test(t, an_unknown_dirty_flag_exits_1, 1);
    tcase_add_test(t, flags_have_meanings);
    tcase_add_test(t, schedulers_count_from_what_there_is);
    tcase_add_exit_test(t, few_processes_exit_1, 1);
    tcase_add_exit_test(t, more_online_than_there_are_exit_1, 1);
    tcase_add_exit_test(t, an_unknown_flag_exits_1, 1);
    tcase_add_exit_test(t, a_bad_word_exits_1, 1);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
