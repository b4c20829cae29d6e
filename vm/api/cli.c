/* SPDX-License-Identifier: Apache-2.0 */
/* cli - the flags of the emulator, one row each: how its value is read, where it goes, what is printed
 * when it is wrong. Flags that only steer internals of the reference are checked for their
 * form and then ignored. Semantics: erl(1), "Emulator Flags". Layer: api. */
#include "api/cli.h"
#include "api/args.h"

#include "sched/sched.h"
#include "sys/cpus.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void config_default(Config *c)
{
    *c = (Config){
        .boot_module = "init", .bind_type = "u",
        .async_threads = 1, .async_stack_kwords = 16, .poll_threads = 1,
        .stack_kwords = 128, .dirty_cpu_stack_kwords = 40, .dirty_io_stack_kwords = 40,
        .process_limit = 262144, .port_limit = 65536, .atom_limit = 1048576,
        .min_heap = 233, .min_vheap = 46422, .dict_size = 8, .max_heap_kill = true, .max_heap_log = true,
        .time_correction = true, .file_names = FILE_NAMES_LOCALE, .warnings_map = 'w',
        .verify = "foreign", .jit = "hot", .dist_busy_kbytes = 1024, .trim_kbytes = 4096, .node_gc_delay_s = 60,
    };
}

/* ---- wrong usage ---- */

static const char flags_text[] =
    "\n"
    "-a size        stack of async threads, in kilowords [16-8192]\n"
    "-A number      async threads [1-1024]\n"
    "-B[c|d|i]      break (Ctrl-C): c: interrupts the shell, d: no handler, i: ignored\n"
    "-c bool        time correction\n"
    "-C mode        time warp mode: no_time_warp | single_time_warp | multi_time_warp\n"
    "-d             no crash dump for internal errors\n"
    "-fn[u|a|l]     encoding of file names\n"
    "-hms size      minimum heap size in words\n"
    "-hmbs size     minimum binary virtual heap size in words\n"
    "-hmax size     maximum heap size in words, 0: none\n"
    "-hmaxk bool    kill a process at its maximum heap size\n"
    "-hmaxel bool   report a process at its maximum heap size\n"
    "-hpds size     initial size of process dictionaries\n"
    "-hmqd val      where messages are kept: off_heap | on_heap\n"
    "-i module      boot module, default init\n"
    "-Jjit what     native code: hot (for what runs often; default) | all (when loaded) | off\n"
    "-Jverify what  loaded code that is verified: foreign (to the OTP root; default) | all | off\n"
    "-pc set        printable characters: latin1 | unicode\n"
    "-P number      processes [1024-134217727]\n"
    "-Q number      ports [1024-134217727]\n"
    "-sbt type      binding of schedulers: u | ns | ts | ps | s | nnts | nnps | tnnps | db\n"
    "-spp bool      port parallelism hint\n"
    "-sss size      stack of scheduler threads in kilowords [20-8192]\n"
    "-S n1:n2       schedulers, schedulers online [1-1024]\n"
    "-SP p1:p2      the same as percentages of the processors\n"
    "-SDcpu n1:n2   dirty CPU schedulers, online [1-1024]\n"
    "-SDPcpu p1:p2  the same as percentages\n"
    "-SDio n        dirty I/O schedulers [1-1024]\n"
    "-t size        atoms [8192-2147483647]\n"
    "-T number      modified timing [0-9]\n"
    "-V             print the version\n"
    "-W<i|w|e>      how logger maps warnings\n"
    "-zdbbl size    distribution buffer busy limit in kilobytes [1-2097151]\n";

NORETURN static void flags_exit(void)
{
    sys_print_error("Usage: beam.smp [flags] [ -- [init_args] ]\nThe flags are:\n%s", flags_text);
    leave(1);
}

NORETURN static void bad(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void bad(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sys_print_error("%s\n", text);
    flags_exit();
}

/* ---- values ---- */

static bool is_one_of(const char *text, const char *words)
{
    size_t n = strlen(text);
    for (const char *p = words; *p; p += strspn(p, " ")) {
        size_t w = strcspn(p, " ");
        if (w == n && memcmp(p, text, n) == 0) return true;
        p += w;
    }
    return false;
}

static bool number_in(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (end == text || *end || errno || text[0] == '-' || v < low || v > high) return false;
    *out = v;
    return true;
}

/* "N", "N:M", ":M"; what is not there stays 0. */
static bool two_numbers(const char *text, unsigned *first, unsigned *second)
{
    char *end = (char *)(uintptr_t)text;
    *first = *second = 0;
    if (*text != ':') {
        long n = strtol(text, &end, 10);
        if (end == text || n < -1024 || n > 1 << 20) return false;
        *first = (unsigned)n;
    }
    if (*end == '\0') return end != text;
    if (*end != ':') return false;
    const char *rest = end + 1;
    long n = strtol(rest, &end, 10);
    if (end == rest || *end || n < -1024 || n > 1 << 20) return false;
    *second = (unsigned)n;
    return true;
}

/* ---- rows ---- */

enum FlagKind { F_NUMBER, F_NUMBER64, F_BOOL, F_WORDS, F_ANY, F_NONE };

typedef struct FlagRow {
    const char *flag;      /* longest match first */
    enum FlagKind kind;
    size_t offset;         /* of the field; 0: nowhere (init_args never is a target) */
    uint64_t low, high;
    const char *words;     /* F_WORDS */
    const char *error;     /* printf format with the value */
} FlagRow;

#define AT(field) offsetof(Config, field)
#define WAITS "none very_short short medium long very_long"
#define WAKES "very_low low medium high very_high"

static const FlagRow rows[] = {
    {"hmaxel", F_BOOL, AT(max_heap_log), 0, 0, NULL, "bad max heap error logger %s"},
    {"hmaxk", F_BOOL, AT(max_heap_kill), 0, 0, NULL, "bad max heap kill %s"},
    {"hmax", F_NUMBER64, AT(max_heap), 0, UINT64_MAX >> 5, NULL, "bad max heap size %s"},
    {"hmbs", F_NUMBER, AT(min_vheap), 0, UINT32_MAX, NULL, "bad virtual heap size %s"},
    {"hms", F_NUMBER, AT(min_heap), 0, UINT32_MAX, NULL, "bad heap size %s"},
    {"hpds", F_NUMBER, AT(dict_size), 1, UINT32_MAX, NULL, "bad initial process dictionary size %s"},
    {"sbwtdcpu", F_WORDS, 0, 0, 0, WAITS, "bad dirty CPU scheduler busy wait threshold: %s"},
    {"sbwtdio", F_WORDS, 0, 0, 0, WAITS, "bad dirty IO scheduler busy wait threshold: %s"},
    {"sbwt", F_WORDS, 0, 0, 0, WAITS, "bad scheduler busy wait threshold: %s"},
    {"stbt", F_WORDS, AT(bind_type), 0, 0, "u ns ts ps s nnts nnps tnnps db",
     "setting scheduler bind type '%s' failed: invalid type"},
    {"sbt", F_WORDS, AT(bind_type), 0, 0, "u ns ts ps s nnts nnps tnnps db",
     "setting scheduler bind type '%s' failed: invalid type"},
    {"scl", F_BOOL, 0, 0, 0, NULL, "bad scheduler compact load value '%s'"},
    {"sct", F_ANY, AT(cpu_topology), 0, 0, NULL, NULL},
    {"ssrct", F_NONE, AT(no_cpu_detection), 0, 0, NULL, NULL},
    {"secio", F_BOOL, 0, 0, 0, NULL, "bad eager check I/O value '%s'"},
    {"sfwi", F_ANY, 0, 0, 0, NULL, NULL},
    {"sub", F_BOOL, 0, 0, 0, NULL, "bad scheduler utilization balancing  value '%s'"},
    {"sws", F_WORDS, 0, 0, 0, "default legacy", "scheduler wakeup strategy: %s"},
    {"swct", F_WORDS, 0, 0, 0, "very_lazy lazy medium eager very_eager", "scheduler wake cleanup threshold: %s"},
    {"swtdcpu", F_WORDS, 0, 0, 0, WAKES, "dirty CPU scheduler wakeup threshold: %s"},
    {"swtdio", F_WORDS, 0, 0, 0, WAKES, "dirty IO scheduler wakeup threshold: %s"},
    {"swt", F_WORDS, 0, 0, 0, WAKES, "scheduler wakeup threshold: %s"},
    {"sssdcpu", F_NUMBER, AT(dirty_cpu_stack_kwords), 20, 8192, NULL,
     "bad stack size for dirty CPU scheduler threads %s"},
    {"sssdio", F_NUMBER, AT(dirty_io_stack_kwords), 20, 8192, NULL,
     "bad stack size for dirty IO scheduler threads %s"},
    {"sss", F_NUMBER, AT(stack_kwords), 20, 8192, NULL, "bad stack size for scheduler threads %s"},
    {"spp", F_BOOL, AT(port_parallelism), 0, 0, NULL, "bad port parallelism scheduling hint %s"},
    {"SDio", F_NUMBER, AT(dirty_io), 1, 1024, NULL, "bad number of dirty I/O schedulers %s"},
    {"IOt", F_NUMBER, AT(poll_threads), 1, 1024, NULL, "bad I/O poll threads number: %s"},
    {"IOs", F_BOOL, 0, 0, 0, NULL, "bad schedulers poll flag: %s"},
    {"IOp", F_NUMBER, 0, 1, 1024, NULL, "bad I/O pollset number: %s"},
    {"IOPt", F_NUMBER, 0, 1, 100, NULL, "bad I/O poll thread percentage number: %s"},
    {"IOPp", F_NUMBER, 0, 1, 100, NULL, "bad I/O pollset percentage number: %s"},
    {"JPperf", F_ANY, AT(perf), 0, 0, NULL, NULL},
    {"JDdump", F_BOOL, 0, 0, 0, NULL, "bad +JDdump flag: %s"},
    {"JMsingle", F_BOOL, 0, 0, 0, NULL, "bad +JMsingle flag: %s"},
    {"Jjit", F_WORDS, AT(jit), 0, 0, "hot all off", "bad +Jjit flag: %s"},
    {"Jverify", F_WORDS, AT(verify), 0, 0, "all foreign off", "bad +Jverify flag: %s"},
    {"JPfp", F_ANY, 0, 0, 0, NULL, NULL},
    {"MYtt", F_NUMBER, AT(trim_kbytes), 0, 2097151, NULL, "bad \"MYtt\" value: %s"},
    {"MYtp", F_NUMBER, AT(pad_kbytes), 0, 2097151, NULL, "bad \"MYtp\" value: %s"},
    {"zdbbl", F_NUMBER, AT(dist_busy_kbytes), 1, 2097151, NULL, "Invalid dbbl limit: %s"},
    {"zdntgc", F_NUMBER, AT(node_gc_delay_s), 0, UINT32_MAX, NULL, "Invalid delayed node table gc value: %s"},
    {"zebwt", F_ANY, 0, 0, 0, NULL, NULL},
    {"dcg", F_ANY, 0, 0, 0, NULL, NULL},
    {"rg", F_NUMBER, 0, 1, UINT32_MAX, NULL, "bad reader groups limit: %s"},
    {"A", F_NUMBER, AT(async_threads), 0, 1024, NULL, "bad number of async threads %s"},
    {"a", F_NUMBER, AT(async_stack_kwords), 16, 8192, NULL, "bad stack size for async threads %s"},
    {"P", F_NUMBER, AT(process_limit), 1024, 134217727, NULL, "bad number of processes %s"},
    {"Q", F_NUMBER, AT(port_limit), 1024, 134217727, NULL, "bad number of ports %s"},
    {"t", F_NUMBER, AT(atom_limit), 8192, 2147483647, NULL, "bad atom table size %s"},
    {"T", F_NUMBER, AT(modified_timing), 0, 9, NULL, "bad modified timing level %s"},
    {"C", F_WORDS, AT(warp_mode), 0, 0, "no_time_warp single_time_warp multi_time_warp",
     "Invalid time warp mode: %s"},
    {"i", F_ANY, AT(boot_module), 0, 0, NULL, NULL},
    {"e", F_ANY, AT(ets_tables), 0, 0, NULL, NULL},
    {"K", F_ANY, 0, 0, 0, NULL, NULL},
    {"n", F_WORDS, 0, 0, 0, "s a d", "bad -n option %s"},
    {"r", F_NONE, 0, 0, 0, NULL, NULL},
    {"l", F_NONE, 0, 0, 0, NULL, NULL},
    {"D", F_NONE, 0, 0, 0, NULL, NULL},
    {"d", F_NONE, AT(no_crash_dump), 0, 0, NULL, NULL},
    {"v", F_NONE, AT(verbose), 0, 0, NULL, NULL},
};

static void row_store(Config *c, const FlagRow *row, const char *value)
{
    void *field = (char *)c + row->offset;
    uint64_t number;
    bool good = true, yes = row->kind == F_NONE || strcmp(value, "true") == 0;
    switch (row->kind) {
    case F_NUMBER:
    case F_NUMBER64: good = number_in(value, row->low, row->high, &number); break;
    case F_BOOL: good = yes || strcmp(value, "false") == 0; break;
    case F_WORDS: good = is_one_of(value, row->words); break;
    default: break;
    }
    if (!good) {
        char format[128];
        snprintf(format, sizeof format, "%s", row->error);
        char *hole = strstr(format, "%s");
        bad("%.*s%s%s", (int)(hole - format), format, value, hole + 2);
    }
    if (row->offset == 0) return;
    if (row->kind == F_NUMBER)
        *(unsigned *)field = (unsigned)number;
    else if (row->kind == F_NUMBER64)
        *(uint64_t *)field = number;
    else if (row->kind == F_BOOL || row->kind == F_NONE)
        *(bool *)field = yes;
    else
        *(const char **)field = value;
}

/* ---- flags with a grammar of their own ---- */

/* Numbers of threads as given by +S, +SP, +SDcpu and +SDPcpu, whose order does not matter; the last of each
 * counts. given: +S, +SDcpu. Percentages: 0 means 100. */
typedef struct Threads {
    bool given;
    unsigned total, online;
    unsigned total_percent, online_percent;
} Threads;

static unsigned percent(unsigned share, unsigned of) { return share ? MAX(1u, of * share / 100) : of; }

/* n threads of those there are: 0 stands for these, less than 0 for so many less. */
static unsigned relative(unsigned n, unsigned all)
{
    return (int)n > 0 ? n : (unsigned)MAX(1, (int)all + (int)n);
}

static void set_schedulers(Threads *t, const char *value)
{
    if (!two_numbers(value, &t->total, &t->online) || (int)t->total > SCHED_MAX)
        bad("bad amount of schedulers %s", value);
    t->given = true;
}

static void set_percent(Threads *t, const char *value, const char *what)
{
    if (!two_numbers(value, &t->total_percent, &t->online_percent) || (int)t->total_percent < 0
        || (int)t->online_percent < 0)
        bad("bad %s percentage specifier %s", what, value);
    if (strchr(value, ':') == NULL) t->online_percent = MIN(t->total_percent, 100u);
}

static void set_dirty_cpu(Threads *t, const char *value)
{
    if (!two_numbers(value, &t->total, &t->online) || t->total > SCHED_MAX)
        bad("bad number of dirty CPU schedulers %s", value);
    if (t->online > MAX(t->total, 1u)) bad("bad number of dirty CPU schedulers online %s", value);
    t->given = true;
}

/* c has the processors there are and those that may be used; afterwards, the numbers of threads. There are never
 * more dirty ones than schedulers, nor more of them online. */
static void count_threads(Config *c, const Threads *s, const Threads *dirty)
{
    unsigned all = (unsigned)MAX(1, c->schedulers), usable = (unsigned)MAX(1, c->schedulers_online);
    unsigned total = s->given ? relative(s->total, all) : all;
    unsigned online = s->given && (int)s->online > 0 ? s->online : relative(s->online, MIN(total, usable));
    if (online > total)
        bad("bad amount of schedulers online %u (total amount of schedulers %u)", online, total);
    total = percent(s->total_percent, total);
    if (total > SCHED_MAX)
        bad("bad schedulers percentage %u (total amount of schedulers %u)", s->total_percent, total);
    online = percent(s->online_percent, online);
    if (online > total)
        bad("bad schedulers online percentage %u (total amount of schedulers %u, online %u)", s->online_percent,
            total, online);
    unsigned cpu = dirty->given && dirty->total ? dirty->total : MIN(total, all);
    unsigned cpu_online = dirty->given && dirty->online ? dirty->online : MIN(cpu, online);
    c->schedulers = total;
    c->schedulers_online = online;
    c->dirty_cpu = MIN(total, percent(dirty->total_percent, cpu));
    c->dirty_cpu_online = MIN(MIN(c->dirty_cpu, online), percent(dirty->online_percent, cpu_online));
}

static void set_file_names(Config *c, const char *value)
{
    switch (value[0]) {
    case 'u': c->file_names = FILE_NAMES_UTF8; break;
    case 'l': c->file_names = FILE_NAMES_LATIN1; break;
    case 'a': c->file_names = FILE_NAMES_LOCALE; break;
    default: bad("bad filename encoding %s, can be (l,u or a, optionally followed by w, i or e)", value);
    }
    switch (value[1]) {
    case '\0':
    case 'w': c->file_name_warning = FILE_NAMES_WARN; break;
    case 'i': c->file_name_warning = FILE_NAMES_IGNORE; break;
    case 'e': c->file_name_warning = FILE_NAMES_ERROR; break;
    default: bad("bad filename encoding %s, can be (l,u or a, optionally followed by w, i or e)", value);
    }
}

static void set_break(Config *c, const char *value)
{
    switch (value[0]) {
    case 'i': c->break_mode = BREAK_IGNORED; break;
    case 'c': c->break_mode = BREAK_INTERRUPTS_SHELL; break;
    case 'd': c->break_mode = BREAK_DISABLED; break;
    default: bad("bad -B option %s", value);
    }
}

/* Walks argv: the value of a flag stands behind it or in the next word. */
typedef struct FlagWalk {
    int argc, i;
    char **argv;
    Threads normal, dirty;
} FlagWalk;

static const char *flag_value(FlagWalk *w, const char *behind)
{
    if (*behind) return behind;
    if (w->i + 1 < w->argc) return w->argv[++w->i];
    return "";
}

static bool special_flag(Config *c, FlagWalk *w, const char *flag, const char *erts_version)
{
    if (strncmp(flag, "SDPcpu", 6) == 0) {
        set_percent(&w->dirty, flag_value(w, flag + 6), "dirty CPU schedulers");
    } else if (strncmp(flag, "SDcpu", 5) == 0) {
        set_dirty_cpu(&w->dirty, flag_value(w, flag + 5));
    } else if (strncmp(flag, "SP", 2) == 0) {
        set_percent(&w->normal, flag_value(w, flag + 2), "schedulers");
    } else if (flag[0] == 'S' && flag[1] != 'D') {
        set_schedulers(&w->normal, flag_value(w, flag + 1));
    } else if (strncmp(flag, "fn", 2) == 0) {
        set_file_names(c, flag_value(w, flag + 2));
    } else if (strncmp(flag, "pc", 2) == 0) {
        const char *set = flag_value(w, flag + 2);
        if (!is_one_of(set, "latin1 unicode")) bad("bad range of printable characters: %s", set);
        c->printable_unicode = set[0] == 'u';
    } else if (strncmp(flag, "hmqd", 4) == 0) {
        const char *value = flag_value(w, flag + 4);
        if (!is_one_of(value, "off_heap on_heap")) bad("Invalid message_queue_data flag: %s", value);
        c->off_heap_messages = value[1] == 'f';
    } else if (flag[0] == 'h' && (flag[1] == '\0' || (flag[1] >= '0' && flag[1] <= '9'))) {
        uint64_t n;
        const char *value = flag_value(w, flag + 1);
        if (!number_in(value, 0, UINT32_MAX, &n)) bad("bad heap size %s", value);
        c->min_heap = (unsigned)n;
    } else if (flag[0] == 'B') {
        if (flag[1] == '\0' && !(w->i + 1 < w->argc && strcmp(w->argv[w->i + 1], "i") == 0))
            c->break_mode = BREAK_DISABLED;
        else
            set_break(c, flag_value(w, flag + 1));
    } else if (flag[0] == 'c') {
        const char *next = w->i + 1 < w->argc ? w->argv[w->i + 1] : "";
        bool given = flag[1] || is_one_of(next, "true false");
        const char *value = given ? flag_value(w, flag + 1) : "false";
        if (!is_one_of(value, "true false")) bad("bad time correction value '%s'", value);
        c->time_correction = value[0] == 't';
    } else if (flag[0] == 'W') {
        const char *value = flag_value(w, flag + 1);
        if (!is_one_of(value, "i w e")) bad("unrecognized warning_map option %s", value);
        c->warnings_map = value[0];
    } else if (flag[0] == 'R') {
        uint64_t n;
        const char *value = flag_value(w, flag + 1);
        if (!number_in(value, 20, 99, &n)) bad("bad compatibility release number %s", value);
        c->compat_release = (unsigned)n;
    } else if (flag[0] == 'M' && strncmp(flag, "MYt", 3) != 0) {
        bool known = flag[1] && (strchr("uBIDEFHLRSTXMY", flag[1]) || strncmp(flag + 1, "ea", 2) == 0);
        if (!known && !is_one_of(flag + 1, "ummc uycs usac im is it lpm"))
            bad("bad \"%s\" parameter", flag);
        if (w->i + 1 < w->argc && w->argv[w->i + 1][0] != '-') w->i++;
    } else if (flag[0] == 'V') {
        sys_print_error("Erlang (SMP,ASYNC_THREADS) (BEAM) emulator version %s\n", erts_version);
        leave(0);
    } else {
        return false;
    }
    return true;
}

static bool table_flag(Config *c, FlagWalk *w, const char *flag)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].flag);
        if (strncmp(flag, rows[i].flag, n) != 0) continue;
        if (rows[i].kind == F_NONE) {
            if (flag[n]) continue;
            row_store(c, &rows[i], "");
        } else {
            row_store(c, &rows[i], flag_value(w, flag + n));
        }
        return true;
    }
    return false;
}

static void unknown_flag(const Config *c, const char *word)
{
    switch (word[1]) {
    case 'h': bad("bad heap option %s", word);
    case 's': bad("bad scheduling option %s", word);
    case 'z': bad("bad -z option %s", word);
    case 'J': sys_print_error("invalid JIT option %s\n", word); flags_exit();
    default: bad("%s unknown flag %s", c->emulator, word);
    }
}

static bool has_arg(const Config *c, const char *flag)
{
    for (int i = 0; i < c->init_count && strcmp(c->init_args[i], "-extra") != 0; i++)
        if (strcmp(c->init_args[i], flag) == 0) return true;
    return false;
}

/* A topology as told must be one, and binding needs one. */
static void check_cpus(const Config *c)
{
    const char *why = NULL;
    if (c->cpu_topology) cpus_free(cpus_parse(c->cpu_topology, &why));
    if (why) bad("bad cpu topology '%s': %s", c->cpu_topology, why);
    if (!c->cpu_topology && c->no_cpu_detection && strcmp(c->bind_type, "u") != 0)
        bad("setting scheduler bind type '%s' failed: no cpu topology available", c->bind_type);
}

void config_parse(Config *c, int argc, char **argv, const char *erts_version)
{
    FlagWalk w = {.argc = argc, .argv = argv};
    c->emulator = argv[0];
    for (w.i = 1; w.i < argc; w.i++) {
        const char *word = argv[w.i];
        if (word[0] != '-') flags_exit();
        if (strcmp(word, "--") == 0) {
            w.i++;
            break;
        }
        if (!special_flag(c, &w, word + 1, erts_version) && !table_flag(c, &w, word + 1))
            unknown_flag(c, word);
    }
    check_cpus(c);
    count_threads(c, &w.normal, &w.dirty);
    if (!c->ets_tables) c->ets_tables = getenv("ERL_MAX_ETS_TABLES");
    c->init_args = argv + MIN(w.i, argc);
    c->init_count = MAX(argc - w.i, 0);
    c->noshell_args = has_arg(c, "-noshell") || has_arg(c, "-noinput");
}
