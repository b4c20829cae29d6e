/* SPDX-License-Identifier: Apache-2.0 */
/* words_fuzz - libFuzzer's driver for the command line: erl's words (erlexec.c) and the emulator's flags (cli.c). An
 * input is words, each ended by a zero; what follows the word "#" is the text of every file they name and of
 * the variables that hold flags. Linked so that leaving comes back here (--wrap, see the Makefile). */
#include "api/cli.h"
#include "api/erlexec.h"
#include "base/base.h"
#include "harness.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WORDS 64

static jmp_buf over;
static char *text;
static bool parsing; /* libFuzzer itself opens files, too */

FILE *__real_fopen(const char *name, const char *mode);
int __real_setenv(const char *name, const char *value, int overwrite);
FILE *__wrap_fopen(const char *name, const char *mode);
int __wrap_execvp(const char *file, char *const argv[]);
void __wrap_leave(int status);
int __wrap_setenv(const char *name, const char *value, int overwrite);
void __wrap_sys_print_error(const char *fmt, ...);

FILE *__wrap_fopen(const char *name, const char *mode)
{
    if (!parsing) return __real_fopen(name, mode);
    return text && *text ? fmemopen(text, strlen(text), mode) : NULL;
}

int __wrap_execvp(const char *file UNUSED, char *const argv[] UNUSED) { return -1; }
void __wrap_leave(int status UNUSED) { longjmp(over, 1); }
int __wrap_setenv(const char *name, const char *value, int overwrite)
{
    if (!parsing) return __real_setenv(name, value, overwrite);
    return strlen(name) + strlen(value) > 100000;
}

void __wrap_sys_print_error(const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
}

static void parse(int argc, char **argv)
{
    static Config config;
    static Launch launch;
    Places places = {.root = "/r", .bindir = "/r/b", .progname = "erl", .home = "/h", .otp_release = "25"};
    erlexec_arguments(&places, argc, argv, &launch);
    Args words = {0};
    args_add(&words, "beam.smp");
    args_add_all(&words, &launch.emulator);
    config_default(&config);
    config.schedulers = 8;
    config.schedulers_online = 4;
    config_parse(&config, words.count, words.at, "13.1");
    if (config.schedulers == 0 || config.schedulers > 1024 || config.schedulers_online > config.schedulers ||
        config.dirty_cpu == 0 || config.dirty_cpu > config.schedulers || config.dirty_cpu_online > config.dirty_cpu)
        abort();
}

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
    return freopen("/dev/null", "w", stdout) ? 0 : -1; /* libFuzzer itself writes to stderr */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *words[MAX_WORDS + 1], *copy = malloc(bytes + 1), *at = copy;
    int count = 0;
    if (!copy) return -1;
    if (bytes) memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    text = NULL;
    for (; at < copy + bytes && count < MAX_WORDS && !text; at += strlen(at) + 1) {
        if (strcmp(at, "#") == 0 && at + 2 <= copy + bytes)
            text = at + 2;
        else
            words[count++] = at;
    }
    words[count] = NULL;
    setenv("ERL_ZFLAGS", text ? text : "", 1);
    parsing = true;
    if (setjmp(over) == 0) parse(count, words);
    parsing = false;
    free(copy);
    return 0;
}
