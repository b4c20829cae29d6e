/* SPDX-License-Identifier: Apache-2.0 */
/* erlexec - see erlexec.h. Semantics: erl(1); measured with `erl -emu_args_exit`. Layer: api. */
#include "api/erlexec.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- wrong usage ---- */

NORETURN static void usage_exit(void)
{
    fputs("Usage: erl [-version] [-sname NAME | -name NAME] [-noshell] [-noinput] [-env VAR VALUE] "
          "[-compile file ...] [-make] [-man [manopts] MANPAGE] [-x] [-emu_args] [-start_epmd BOOLEAN] "
          "[-emu_type TYPE] [-emu_flavor FLAVOR] [-args_file FILENAME] [+A THREADS] [+a SIZE] [+B[c|d|i]] "
          "[+c [BOOLEAN]] [+C MODE] [+dcg DECENTRALIZED_COUNTER_GROUPS_LIMIT] [+h HEAP_SIZE_OPTION] "
          "[+J[Pperf] JIT_OPTION] [+M<SUBSWITCH> <ARGUMENT>] [+P MAX_PROCS] [+Q MAX_PORTS] [+R COMPAT_REL] "
          "[+r] [+rg READER_GROUPS_LIMIT] [+s<SUBSWITCH> SCHEDULER_OPTION] "
          "[+S NO_SCHEDULERS:NO_SCHEDULERS_ONLINE] "
          "[+SP PERCENTAGE_SCHEDULERS:PERCENTAGE_SCHEDULERS_ONLINE] [+T LEVEL] [+V] [+v] [+W<i|w|e>] "
          "[+z MISC_OPTION] [args ...]\n", stderr);
    leave(1);
}

NORETURN static void missing(const char *flag)
{
    fprintf(stderr, "Missing argument(s) for '%s'.\n", flag);
    usage_exit();
}

NORETURN static void wrong(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void wrong(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    usage_exit();
}

/* ---- collecting the words ---- */

static void read_file(Buf *b, const char *name)
{
    FILE *f = fopen(name, "r");
    size_t n;
    if (!f) wrong("Failed to open arguments file \"%s\": %s\n", name, strerror(errno));
    do {
        n = fread(buf_reserve(b, 4096), 1, 4096, f);
        buf_commit(b, n);
    } while (n > 0);
    if (ferror(f)) wrong("Failed to read arguments file \"%s\": %s\n", name, strerror(errno));
    fclose(f);
}

/* Words of a file, files named in it included; what follows -extra goes to `extra`. */
static void add_file(Args *out, Args *extra, const char *name, int depth)
{
    Args words = {0};
    Buf text = BUF_INIT(SYS);
    if (depth > 50) wrong("Too many nested arguments files: \"%s\"\n", name);
    read_file(&text, name);
    args_split(&words, buf_text(&text), true);
    buf_free(&text);
    if (words.count) args_add(&words, "--");
    for (int i = 0; i < words.count; i++) {
        if (strcmp(words.at[i], "-args_file") == 0) {
            if (++i >= words.count) missing("-args_file");
            add_file(out, extra, words.at[i], depth + 1);
        } else if (strcmp(words.at[i], "-extra") == 0) {
            while (++i < words.count) args_add(extra, words.at[i]);
        } else {
            args_add(out, words.at[i]);
        }
    }
}

static void add_words(Args *out, Args *extra, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-args_file") == 0) {
            if (++i >= argc) missing("-args_file");
            add_file(out, extra, argv[i], 0);
        } else if (strcmp(argv[i], "-extra") == 0) {
            while (++i < argc) args_add(extra, argv[i]);
        } else {
            args_add(out, argv[i]);
        }
    }
}

/* Each source ends in "--", so that a flag of one does not swallow words of the next. */
static void add_variable(Args *out, Args *extra, const char *name)
{
    Args words = {0};
    const char *value = getenv(name);
    if (!value) return;
    args_split(&words, value, false);
    if (words.count == 0) return;
    args_add(&words, "--");
    add_words(out, extra, words.count, words.at);
}

static bool has_words(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[strspn(value, " \t\n\r\f\v")];
}

/* A command line alone is taken as it stands; together with others it ends in "--" as they do. */
static void collect(const Places *places, int argc, char **argv, Args *out)
{
    Args extra = {0};
    char *versioned = text_format("ERL_OTP%s_FLAGS", places->otp_release);
    bool others = has_words(versioned) || has_words("ERL_AFLAGS") || has_words("ERL_FLAGS") ||
                  has_words("ERL_ZFLAGS");
    for (int i = 0; i < argc && strcmp(argv[i], "-extra") != 0; i++)
        others |= strcmp(argv[i], "-args_file") == 0;
    if (!others) {
        for (int i = 0; i < argc; i++) args_add(out, argv[i]);
        return;
    }
    add_variable(out, &extra, versioned);
    add_variable(out, &extra, "ERL_AFLAGS");
    add_words(out, &extra, argc, argv);
    if (argc > 0) args_add(out, "--");
    add_variable(out, &extra, "ERL_FLAGS");
    add_variable(out, &extra, "ERL_ZFLAGS");
    if (extra.count) {
        args_add(out, "-extra");
        args_add_all(out, &extra);
    }
}

/* ---- emulator flags: which take their value from the next word ---- */

static bool one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0) return true;
    return false;
}

static const char *const with_value[] = {
    "a", "A", "C", "e", "i", "n", "P", "Q", "t", "T", "R", "W", "K", "IOs", "IOt", "IOp", "IOPt", "IOPp",
    "S", "SP", "SDcpu", "SDPcpu", "SDio", "pc",
    "sbt", "sbwtdcpu", "sbwtdio", "sbwt", "scl", "sct", "secio", "sfwi", "stbt", "swct", "swtdcpu", "swtdio",
    "swt", "sws", "sss", "sssdcpu", "sssdio", "spp", "sub",
    "hms", "hmbs", "hpds", "hmax", "hmaxk", "hmaxel", "hmqd", "h",
    "rg", "zdbbl", "zdntgc", "zebwt", "JPperf", "JDdump", "JMsingle", "JPfp", "JPcover", "Jjit", "Jverify", NULL,
};
static const char *const allocator_switches[] = {
    "as", "asbcst", "atags", "acul", "acnl", "acfml", "cp", "e", "t", "lmbcs", "mbcgs", "mbsd", "mmbcs",
    "mmmbc", "mmsbc", "msbclt", "ramv", "rmbcmt", "rsbcmt", "rsbcst", "sbct", "smbcs", NULL,
};
static const char *const other_m_switches[] = {
    "ea", "ummc", "uycs", "usac", "im", "is", "it", "lpm", "Mamcbf", "Mrmcbf", "Mmcs", "Mscs", "Mscrfsd",
    "Msco", "Mscrpm", "Ye", "Ym", "Ytp", "Ytt", "Iscs", "Xscs", "dai", NULL,
};

static bool allocator_flag(const char *flag)
{
    return flag[0] == 'M' && ((flag[1] && strchr("uBIDEFHLRSTXZ", flag[1]) && one_of(flag + 2, allocator_switches)) ||
                              one_of(flag + 1, other_m_switches));
}

/* +FLAG at at[i]; returns the index of the last word used. */
static int emulator_flag(Launch *out, const Args *words, int i)
{
    const char *word = words->at[i], *flag = word + 1;
    const char *next = i + 1 < words->count ? words->at[i + 1] : NULL;
    args_add(&out->emulator, text_format("-%s", flag));
    if (one_of(flag, with_value) || allocator_flag(flag)) {
        if (!next) missing(word);
    } else if (strncmp(flag, "SD", 2) == 0 || strncmp(flag, "IO", 2) == 0) {
        missing(word);
    } else if (strcmp(flag, "c") == 0) {
        if (!next || (strcmp(next, "true") != 0 && strcmp(next, "false") != 0)) return i;
    } else if (flag[0] == 'B') {
        if (flag[1] && !strchr("icd", flag[1])) missing(text_format("-%s", flag));
        if (flag[1] || !next || next[0] == '-' || next[0] == '+') return i;
        if (next[0] != 'i') missing("-B");
    } else {
        return i;
    }
    args_add(&out->emulator, next);
    return i + 1;
}

/* ---- flags of the launcher itself ---- */

typedef struct Walk {
    const Args *words;
    int i;
    Launch *out;
    Args *rest;        /* for init */
    bool distributed, no_epmd, start_epmd_flag, halt_after;
} Walk;

static const char *walk_next(Walk *w, const char *flag)
{
    if (w->i + 1 >= w->words->count) missing(flag);
    return w->words->at[++w->i];
}

static void keep_with_value(Walk *w, const char *flag)
{
    args_add(w->rest, flag);
    args_add(w->rest, walk_next(w, flag));
}

static void set_start_epmd(Walk *w, const char *flag)
{
    keep_with_value(w, flag);
    const char *value = w->words->at[w->i];
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        wrong("Expected boolean argument for '-start_epmd'.\n");
    w->no_epmd = value[0] == 'f';
    w->start_epmd_flag = true;
}

static void add_list(Args *a, const char *const *list)
{
    for (; *list; list++) args_add(a, *list);
}

static void check_flavor(Walk *w, const char *flag)
{
    keep_with_value(w, flag);
    const char *value = w->words->at[w->i];
    static const char *const known[] = {"opt", "smp", "jit", "emu", NULL};
    if (one_of(value, known)) return;
    fputs("erlexec: Invalid emulator type or flavor. Available combinations are: \n  -emu_flavor smp\n\n", stderr);
    leave(1);
}

NORETURN static void run_man(Walk *w)
{
    char **argv = w->words->at + w->i;
    argv[0] = "man";
    execvp("man", argv);
    fputs("erlexec: Could not execute the 'man' command.\n", stderr);
    leave(1);
}

/* Who configures through the standard input has no shell to read from it. */
static void config_descriptor(Walk *w, const char *flag)
{
    if (w->i + 1 >= w->words->count) missing(flag);
    if (strcmp(w->words->at[w->i + 1], "0") == 0)
        add_list(w->rest, (const char *const[]){"-noshell", "-noinput", NULL});
    args_add(w->rest, flag);
}

/* True when the flag concerned us; else it is init's. */
static bool launcher_flag(Walk *w, const char *flag)
{
    Launch *out = w->out;
    if (strcmp(flag, "-detached") == 0) {
        out->detached = true;
        add_list(w->rest, (const char *const[]){"-noshell", "-noinput", NULL});
    } else if (strcmp(flag, "-noinput") == 0) {
        add_list(w->rest, (const char *const[]){"-noshell", "-noinput", NULL});
    } else if (strcmp(flag, "-configfd") == 0) {
        config_descriptor(w, flag);
    } else if (strcmp(flag, "-emu_args") == 0) {
        out->print = true;
    } else if (strcmp(flag, "-emu_args_exit") == 0) {
        out->print_exit = true;
    } else if (strcmp(flag, "-emu_name_exit") == 0) {
        puts("beam.smp");
        leave(0);
    } else if (strcmp(flag, "-env") == 0) {
        const char *name = walk_next(w, flag);
        setenv(name, walk_next(w, flag), 1);
    } else if (strcmp(flag, "-epmd") == 0) {
        out->epmd = walk_next(w, flag);
    } else if (strcmp(flag, "-name") == 0 || strcmp(flag, "-sname") == 0) {
        keep_with_value(w, flag);
        w->distributed = true;
    } else if (strcmp(flag, "-start_epmd") == 0) {
        set_start_epmd(w, flag);
    } else if (strcmp(flag, "-no_epmd") == 0) {
        args_add(w->rest, flag);
        w->no_epmd = true;
    } else if (strcmp(flag, "-nohup") == 0) {
        args_add(w->rest, flag);
        out->nohup = true;
    } else if (strcmp(flag, "-keep_window") == 0) {
        return true;
    } else if (strcmp(flag, "-version") == 0) {
        args_add(&out->emulator, "-V");
    } else if (strcmp(flag, "-emu_type") == 0 || strcmp(flag, "-emu_flavor") == 0) {
        check_flavor(w, flag);
    } else if (strcmp(flag, "-smp") == 0) {
        const char *next = w->i + 1 < w->words->count ? w->words->at[w->i + 1] : "";
        if (strcmp(next, "disable") == 0) {
            fputs("Argument '-smp disable' not supported. Use \"+S 1\" instead.\n", stderr);
            usage_exit();
        }
        if (strcmp(next, "auto") == 0 || strcmp(next, "enable") == 0) {
            args_add(w->rest, flag);
            args_add(w->rest, next);
            w->i++;
        } else {
            return false;
        }
    } else if (strcmp(flag, "-compile") == 0) {
        add_list(w->rest, (const char *const[]){"-noshell", "-noinput", "-s", "c", "lc_batch", NULL});
        args_add(&out->emulator, "-B");
    } else if (strcmp(flag, "-make") == 0) {
        add_list(w->rest, (const char *const[]){"-noshell", "-noinput", "-s", "make", "all_or_nothing", NULL});
        args_add(&out->emulator, "-B");
        w->halt_after = true;
        w->i = w->words->count;
    } else if (strcmp(flag, "-man") == 0) {
        run_man(w);
    } else {
        return false;
    }
    return true;
}

static void walk_words(Walk *w)
{
    for (w->i = 0; w->i < w->words->count; w->i++) {
        const char *word = w->words->at[w->i];
        if (strcmp(word, "-extra") == 0) {
            for (; w->i < w->words->count; w->i++) args_add(w->rest, w->words->at[w->i]);
        } else if (word[0] == '+') {
            w->i = emulator_flag(w->out, w->words, w->i);
        } else if (word[0] != '-' || !launcher_flag(w, word)) {
            args_add(w->rest, word);
        }
    }
}

static bool has_flag(const Args *a, const char *flag)
{
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->at[i], flag) == 0) return true;
    return false;
}

void erlexec_arguments(const Places *places, int argc, char **argv, Launch *out)
{
    Args words = {0}, rest = {0};
    memset(out, 0, sizeof *out);
    collect(places, argc, argv, &words);
    Walk w = {.words = &words, .out = out, .rest = &rest};
    if (places->home) add_list(&rest, (const char *const[]){"-home", places->home, NULL});
    if (getenv("ERL_EPMD_PORT"))
        add_list(&rest, (const char *const[]){"-epmd_port", getenv("ERL_EPMD_PORT"), NULL});
    args_add(&rest, "--");
    walk_words(&w);
    if (w.no_epmd && !w.start_epmd_flag && !has_flag(&rest, "-proto_dist")) {
        fputs("erlexec: Missing -proto_dist option, expected when using -no_epmd.\n", stderr);
        leave(1);
    }
    if (w.halt_after) add_list(&rest, (const char *const[]){"-s", "erlang", "halt", NULL});
    add_list(&out->emulator, (const char *const[]){"--", "-root", places->root, "-bindir", places->bindir,
                                                   "-progname", places->progname, "--", NULL});
    args_add_all(&out->emulator, &rest);
    out->start_epmd = w.distributed && !w.no_epmd;
}

/* ---- acting ---- */

/* PATH without the entries `dir`. */
static char *path_without(const char *path, const char *dir)
{
    Buf b = BUF_INIT(SYS);
    size_t len;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, ":");
        if (!(n == strlen(dir) && memcmp(p, dir, n) == 0)) {
            if (b.len) buf_putc(&b, ':');
            buf_append(&b, p, n);
        }
        p += n + (p[n] == ':');
    }
    return b.data ? buf_take(&b, &len) : mem_text(MEM_SYS, "");
}

void erlexec_environment(const Places *places)
{
    const char *path = getenv("PATH");
    char *root_bin = text_format("%s/bin", places->root);
    char *fresh;
    if (!path)
        fresh = text_format("%s:%s:", places->bindir, root_bin);
    else if (strstr(path, places->bindir))
        fresh = text_format("%s:%s", places->bindir, path_without(path, places->bindir));
    else if (strstr(path, root_bin))
        fresh = text_format("%s:%s", places->bindir, path);
    else
        fresh = text_format("%s:%s:%s", places->bindir, root_bin, path);
    setenv("PATH", fresh, 1);
    setenv("ROOTDIR", places->root, 1);
    setenv("BINDIR", places->bindir, 1);
    setenv("PROGNAME", places->progname, 1);
    setenv("EMU", "beam", 1);
}

static void reopen(int fd, int flags)
{
    int null = open("/dev/null", flags);
    if (null >= 0 && null != fd) {
        dup2(null, fd);
        close(null);
    }
}

void erlexec_detach(void)
{
    if (fork() != 0) _exit(0);
    setsid();
    if (fork() != 0) _exit(0);
    reopen(0, O_RDONLY);
    reopen(1, O_WRONLY);
    reopen(2, O_WRONLY);
}

/* Ours if there is one beside us, else that of the OTP root, else the one on PATH. */
static char *epmd_command(const Places *places)
{
    const char *candidates[] = {text_format("%s/epmd", places->bindir), text_format("%s/bin/epmd", places->root)};
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
        if (access(candidates[i], X_OK) == 0) return text_format("\"%s\" -daemon", candidates[i]);
    return text_format("epmd -daemon");
}

void erlexec_start_epmd(const Places *places, const char *command)
{
    const char *run = command ? command : epmd_command(places);
    if (system(run) == -1) {
        fprintf(stderr, "Error spawning %s (error %d)\n", run, errno);
        leave(1);
    }
}
