/* SPDX-License-Identifier: Apache-2.0 */
/* bif_re - natives of module re: regular expressions over PCRE2 (re_cache.h has the dialect).
 * A compiled expression is {re_pattern, Captures, Unicode, UseCRLF, Bin}; Bin is a ReHeader and the
 * source, so it may be copied, stored in literals or written with term_to_binary. One made by the reference
 * holds code of another library and is badarg when run. Elixir keeps such tuples in literals of its
 * compiled modules, with the version of the library beside them. So re:version/0 (release.h) must not
 * answer what the reference of that release answers (8.44): Regex.version/0 then differs, and Elixir,
 * unmodified, runs from the source that it also keeps (1.14: Regex.run, split, replace, scan, names).
 * A scheduler tries only the first few steps of a match, on the first few kilobytes of the subject (a
 * partial match of PCRE2: what it finds without having touched the end is what the whole subject gives).
 * What is not decided by then is matched anew on a dirty thread, up to the limits of the reference.
 * DEVIATES: an offset behind the subject is badarg (the reference ends the process: internal_error).
 * Semantics: stdlib re(3). Layer: bifs. */
#include "bifs/bif.h"
#include "base/utf8.h"
#include "bifs/bif_space.h"
#include "bifs/re_cache.h"
#include "code/export.h"
#include "data/binary.h"
#include "data/iolist.h"
#include "sched/sched.h"
#include "sys/release.h"

#define MATCH_LIMIT 10000000u
#define BRIEF_LIMIT 1000u    /* steps from one start that a scheduler takes, and */
#define BRIEF_BYTES 4096u    /* bytes of subject that it looks at */
#define VALIDATE_BYTES 40000u /* of UTF-8 checked in a slice */
#define HEAP_LIMIT_KIB (1u << 20)

/* ---- options ---- */

typedef struct ReArgs {
    uint32_t compile, match;     /* PCRE2_* */
    uint8_t newline, bsr;        /* PCRE2_*, 0: not given */
    bool bsr_twice;              /* both of them: refused when used */
    bool unicode, never_utf, global, report_errors;
    bool for_compile, for_run;   /* has options of that kind only */
    uint32_t match_limit, depth_limit;
    uint64_t offset;
    term_t capture, type;        /* TERM_NONE: not given */
} ReArgs;

static const struct { term_t name; uint32_t option; } compile_options[] = {
    {am_caseless, PCRE2_CASELESS}, {am_dollar_endonly, PCRE2_DOLLAR_ENDONLY},
    {am_dotall, PCRE2_DOTALL}, {am_extended, PCRE2_EXTENDED}, {am_firstline, PCRE2_FIRSTLINE},
    {am_multiline, PCRE2_MULTILINE}, {am_no_auto_capture, PCRE2_NO_AUTO_CAPTURE},
    {am_dupnames, PCRE2_DUPNAMES}, {am_ungreedy, PCRE2_UNGREEDY},
    {am_no_start_optimize, PCRE2_NO_START_OPTIMIZE}, {am_ucp, PCRE2_UCP},
    {am_unicode, PCRE2_UTF}, {am_never_utf, 0},
};

static const struct { term_t name; uint32_t option; } run_options[] = {
    {am_notbol, PCRE2_NOTBOL}, {am_noteol, PCRE2_NOTEOL}, {am_notempty, PCRE2_NOTEMPTY},
    {am_notempty_atstart, PCRE2_NOTEMPTY_ATSTART}, {am_global, 0}, {am_report_errors, 0},
};

static uint8_t newline_of(term_t t)
{
    switch (t) {
    case am_cr: return PCRE2_NEWLINE_CR;
    case am_lf: return PCRE2_NEWLINE_LF;
    case am_crlf: return PCRE2_NEWLINE_CRLF;
    case am_anycrlf: return PCRE2_NEWLINE_ANYCRLF;
    case am_any: return PCRE2_NEWLINE_ANY;
    default: return 0;
    }
}

static bool set_limit(uint32_t *limit, term_t t)
{
    if (!term_is_small(t) || small_value(t) < 0 || small_value(t) > UINT32_MAX) return false;
    *limit = (uint32_t)small_value(t);
    return true;
}

static bool parse_tuple(ReArgs *o, term_t t)
{
    bool three = term_is_tuple_of(t, 3);
    if (!three && !term_is_tuple_of(t, 2)) return false;
    term_t name = tuple_element(t, 1), v = tuple_element(t, 2);
    if (three && name != am_capture) return false;
    if (name == am_newline) return (o->newline = newline_of(v)) != 0;
    o->for_run = true;
    switch (name) {
    case am_capture:
        o->capture = v;
        if (three) o->type = tuple_element(t, 3);
        return true;
    case am_offset:
        if (!term_is_small(v) || small_value(v) < 0) return false;
        o->offset = (uint64_t)small_value(v);
        return true;
    case am_match_limit: return set_limit(&o->match_limit, v);
    case am_match_limit_recursion: return set_limit(&o->depth_limit, v);
    default: return false;
    }
}

static void set_bsr(ReArgs *o, uint8_t bsr)
{
    o->bsr_twice |= o->bsr != 0 && o->bsr != bsr;
    o->bsr = bsr;
}

static bool parse_atom(ReArgs *o, term_t t)
{
    if (t == am_anchored) {
        o->compile |= PCRE2_ANCHORED, o->match |= PCRE2_ANCHORED;
        return true;
    }
    if (t == am_bsr_anycrlf || t == am_bsr_unicode) {
        set_bsr(o, t == am_bsr_unicode ? PCRE2_BSR_UNICODE : PCRE2_BSR_ANYCRLF);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(compile_options); i++)
        if (compile_options[i].name == t) {
            o->compile |= compile_options[i].option;
            o->unicode |= t == am_unicode, o->never_utf |= t == am_never_utf;
            return o->for_compile = true;
        }
    for (size_t i = 0; i < ARRAY_LEN(run_options); i++)
        if (run_options[i].name == t) {
            o->match |= run_options[i].option;
            o->global |= t == am_global, o->report_errors |= t == am_report_errors;
            return o->for_run = true;
        }
    return false;
}

static bool parse_options(ReArgs *o, term_t list)
{
    *o = (ReArgs){.match_limit = MATCH_LIMIT, .depth_limit = MATCH_LIMIT,
                  .capture = am_all, .type = am_index};
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (!(term_is_atom(t) ? parse_atom(o, t) : parse_tuple(o, t))) return false;
    }
    return list == TERM_NIL;
}

static term_t bad_options(Process *p) { return bif_error_cause(p, EXC_BADARG, am_badopt); }
static term_t badarg(Process *p) { return bif_error(p, EXC_BADARG); }

/* ---- bytes of an argument ---- */

typedef struct Bytes {
    const uint8_t *data;
    size_t n;
    TempBytes temp;      /* of a binary that does not start at a byte */
    uint8_t *flat;       /* of a list */
} Bytes;

static bool bytes_of(Bytes *b, term_t t)
{
    *b = (Bytes){.temp = TEMP_BYTES_INIT};
    if (term_is_bitstring(t)) {
        b->data = binary_bytes(t, &b->n, &b->temp);
    } else {
        enum IolistResult r;
        b->data = b->flat = iolist_to_bytes(t, &b->n, &r);
    }
    return b->data != NULL;
}

static void bytes_free(Bytes *b)
{
    temp_bytes_free(&b->temp);
    if (b->flat) mem_free(MEM_TEMP, b->flat, b->n + 1);
}

/* ---- compile/1,2 ---- */

static ReHeader make_header(const ReArgs *o)
{
    return (ReHeader){.magic = {'J', 'R', 'E', '1'}, .options = o->compile, .newline = o->newline,
                      .bsr = o->bsr, .flags = o->never_utf ? RE_NEVER_UTF : 0};
}

static term_t error_pair(Heap *h, const ReError *e)
{
    term_t text = heap_string(h, e->text, strlen(e->text), TERM_NIL);
    return heap_tuple2(h, text, heap_uint(h, e->position));
}

/* The code of a source; NULL: *error. */
static ReCode *compile_source(Process *p, const ReArgs *o, const Bytes *source, ReHeader *header,
                              ReError *error)
{
    *header = make_header(o);
    if (o->bsr_twice) {
        *error = (ReError){"inconsistent NEWLINE options", 0};
        return NULL;
    }
    process_bump_reds(p, (int32_t)MIN(source->n / 20 + 1, 10000));
    return re_cache_get(bif_space(p->vm)->re, header, (const char *)source->data, source->n, error);
}

static term_t pattern_tuple(Process *p, const ReArgs *o, const ReCode *code, const ReHeader *header,
                            const Bytes *source)
{
    uint8_t *to;
    size_t n = strnlen((const char *)source->data, source->n);
    term_t bin = heap_binary_new(&p->heap, sizeof *header + n, &to);
    memcpy(to, header, sizeof *header);
    memcpy(to + sizeof *header, source->data, n);
    return heap_tuple5(&p->heap, am_re_pattern, term_small(code->captures), term_small(o->unicode),
                       term_small(code->any_crlf), bin);
}

static term_t compile(Process *p, term_t re, const ReArgs *o)
{
    Bytes source;
    ReHeader header;
    ReError error;
    if (!bytes_of(&source, re)) return badarg(p);
    ReCode *code = compile_source(p, o, &source, &header, &error);
    term_t result;
    if (code) {
        result = heap_tuple2(&p->heap, am_ok, pattern_tuple(p, o, code, &header, &source));
    } else {
        result = heap_tuple2(&p->heap, am_error, error_pair(&p->heap, &error));
    }
    bytes_free(&source);
    return result;
}

BIF(re, compile, 1, 0)
{
    ReArgs o;
    parse_options(&o, TERM_NIL);
    return compile(p, a[0], &o);
}

BIF(re, compile, 2, 0)
{
    ReArgs o;
    if (!parse_options(&o, a[1]) || o.for_run) return bad_options(p);
    if (o.unicode && !term_is_binary(a[0])) return bif_trap_mfa(p, am_re, am_ucompile, 2, a);
    return compile(p, a[0], &o);
}

/* ---- patterns that were compiled before ---- */

typedef struct Pattern {
    ReHeader header;
    const char *source;
    size_t bytes;
    TempBytes temp;
} Pattern;

/* True if t is {re_pattern, _, _, _, Bin} with a Bin of ours; temp is to be freed in any case. */
static bool pattern_of(Pattern *out, term_t t)
{
    *out = (Pattern){.temp = TEMP_BYTES_INIT};
    if (!term_is_tuple_of(t, 5) || tuple_element(t, 1) != am_re_pattern
        || !term_is_small(tuple_element(t, 2)) || !term_is_small(tuple_element(t, 3))
        || !term_is_small(tuple_element(t, 4)) || !term_is_binary(tuple_element(t, 5)))
        return false;
    size_t n;
    const uint8_t *b = binary_bytes(tuple_element(t, 5), &n, &out->temp);
    if (n < sizeof out->header || memcmp(b, RE_MAGIC, 4) != 0) return false;
    memcpy(&out->header, b, sizeof out->header);
    out->source = (const char *)b + sizeof out->header;
    out->bytes = n - sizeof out->header;
    return true;
}

static ReCode *pattern_code(Process *p, term_t t, const ReArgs *o)
{
    Pattern pattern;
    ReError error;
    ReCode *code = NULL;
    if (pattern_of(&pattern, t)) {
        if (o && o->newline) pattern.header.newline = o->newline;
        if (o && o->bsr) pattern.header.bsr = o->bsr;
        code = re_cache_get(bif_space(p->vm)->re, &pattern.header, pattern.source, pattern.bytes,
                            &error);
    }
    temp_bytes_free(&pattern.temp);
    return code;
}

/* ---- names of groups ---- */

/* With option dupnames a name that several groups have counts once. */
static bool names_once(const ReCode *code)
{
    ReHeader header;
    memcpy(&header, code->key, sizeof header);
    return header.options & PCRE2_DUPNAMES;
}

typedef struct NameTable {
    const uint8_t *entry;   /* two bytes number, then the name, NUL-terminated */
    uint32_t count, entry_bytes;
} NameTable;

static NameTable names_of(const ReCode *code)
{
    NameTable t = {NULL, 0, 0};
    PCRE2_SPTR first;
    pcre2_pattern_info(code->code, PCRE2_INFO_NAMECOUNT, &t.count);
    pcre2_pattern_info(code->code, PCRE2_INFO_NAMEENTRYSIZE, &t.entry_bytes);
    pcre2_pattern_info(code->code, PCRE2_INFO_NAMETABLE, &first);
    t.entry = first;
    return t;
}

static const uint8_t *name_entry(const NameTable *t, uint32_t i)
{
    return t->entry + (size_t)i * t->entry_bytes;
}
static uint32_t entry_number(const uint8_t *e) { return (uint32_t)e[0] << 8 | e[1]; }
static const char *entry_name(const uint8_t *e) { return (const char *)e + 2; }
/* Entry i has the name of the one before it (the table is sorted). */
static bool name_repeats(const NameTable *t, uint32_t i)
{
    return i > 0 && !strcmp(entry_name(name_entry(t, i)), entry_name(name_entry(t, i - 1)));
}

BIF(re, inspect, 2, 0)
{
    if (a[1] != am_namelist) return badarg(p);
    ReCode *code = pattern_code(p, a[0], NULL);
    if (!code) return badarg(p);
    NameTable t = names_of(code);
    term_t list = TERM_NIL;
    for (uint32_t i = t.count; i-- > 0;) {
        if (names_once(code) && name_repeats(&t, i)) continue;
        term_t name = heap_binary_cstr(&p->heap, entry_name(name_entry(&t, i)));
        list = heap_cons(&p->heap, name, list);
    }
    return heap_tuple2(&p->heap, am_namelist, list);
}

BIF(re, version, 0, 0)
{
    return heap_binary_cstr(&p->heap, p->vm->release->pcre_version);
}

/* ---- what was matched ---- */

typedef struct Match {
    Process *p;
    const ReCode *code;
    const PCRE2_SIZE *ovector;
    uint32_t count;              /* pairs that were set, the whole match included */
    term_t subject;
    const Bytes *bytes;
    enum { AS_INDEX, AS_LIST, AS_BINARY } type;
} Match;

static bool is_set(const Match *m, uint32_t i)
{
    return i < m->count && m->ovector[2 * i] != PCRE2_UNSET;
}

static term_t captured(Match *m, uint32_t i)
{
    Heap *h = &m->p->heap;
    bool set = is_set(m, i);
    size_t from = set ? m->ovector[2 * i] : 0, n = set ? m->ovector[2 * i + 1] : 0;
    n = n > from ? n - from : 0; /* \K may put the start behind the end */
    switch (m->type) {
    case AS_INDEX:
        return heap_tuple2(h, set ? heap_uint(h, from) : term_small(-1), heap_uint(h, n));
    case AS_LIST:
        return set ? heap_string(h, (const char *)m->bytes->data + from, n, TERM_NIL) : TERM_NIL;
    default:
        if (n > HEAP_BITS_MAX_BYTES && term_is_binary(m->subject))
            return heap_sub_bits(h, m->subject, 8 * from, 8 * n);
        return heap_binary(h, m->bytes->data + from, n);
    }
}

/* The captures numbered from..to-1. */
static term_t captured_range(Match *m, uint32_t from, uint32_t to)
{
    term_t list = TERM_NIL;
    for (uint32_t i = to; i-- > from;) {
        term_t c = captured(m, i);
        list = heap_cons(&m->p->heap, c, list);
    }
    return list;
}

static bool name_text(term_t id, char *text, size_t room)
{
    size_t n = 0;
    if (term_is_atom(id)) {
        const AtomText *t = atom_text(id);
        n = MIN((size_t)t->bytes, room - 1);
        memcpy(text, t->text, n);
    } else if (iolist_to_buffer(id, (uint8_t *)text, room - 1, &n) == IOLIST_TYPE) {
        return false;
    }
    text[n] = 0;
    return true;
}

/* Number of the group with this name: of several, the first that is set. UINT32_MAX: none. */
static uint32_t group_named(const Match *m, const NameTable *t, const char *name)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < t->count; i++) {
        const uint8_t *e = name_entry(t, i);
        if (strcmp(entry_name(e), name) != 0) continue;
        uint32_t n = entry_number(e);
        if (is_set(m, n)) return n;
        if (found == UINT32_MAX) found = n;
    }
    return found;
}

/* Checked before matching, as wrong ones are badarg even when nothing matches. */
static bool capture_ids_valid(term_t ids)
{
    char name[64];
    for (; term_is_list_cell(ids); ids = list_tail(ids)) {
        term_t id = list_head(ids);
        if (term_is_small(id) ? small_value(id) < INT32_MIN || small_value(id) > INT32_MAX
                              : !name_text(id, name, sizeof name))
            return false;
    }
    return ids == TERM_NIL;
}

static term_t captured_ids(Match *m, term_t ids)
{
    NameTable t = names_of(m->code);
    term_t values[64], list = TERM_NIL;
    for (;;) {
        size_t n = 0;
        for (; n < ARRAY_LEN(values) && term_is_list_cell(ids); ids = list_tail(ids)) {
            term_t id = list_head(ids);
            char name[64];
            uint32_t group = UINT32_MAX;
            if (term_is_small(id)) group = small_value(id) < 0 ? group : (uint32_t)small_value(id);
            else if (name_text(id, name, sizeof name)) group = group_named(m, &t, name);
            values[n++] = captured(m, group);
        }
        if (ids == TERM_NIL && list == TERM_NIL) return heap_list(&m->p->heap, n, values, TERM_NIL);
        for (size_t i = 0; i < n; i++) list = heap_cons(&m->p->heap, values[i], list);
        if (ids == TERM_NIL) break;
    }
    term_t result = TERM_NIL;
    for (; term_is_list_cell(list); list = list_tail(list))
        result = heap_cons(&m->p->heap, list_head(list), result);
    return result;
}

static term_t captured_names(Match *m)
{
    NameTable t = names_of(m->code);
    bool once = names_once(m->code);
    term_t list = TERM_NIL;
    for (uint32_t i = t.count; i-- > 0;) {
        if (once && name_repeats(&t, i)) continue;
        const uint8_t *e = name_entry(&t, i);
        term_t c = captured(m, once ? group_named(m, &t, entry_name(e)) : entry_number(e));
        list = heap_cons(&m->p->heap, c, list);
    }
    return list;
}

static term_t match_result(Match *m, term_t capture)
{
    term_t list;
    switch (capture) {
    case am_all: list = captured_range(m, 0, m->count); break;
    case am_all_but_first: list = captured_range(m, 1, m->count); break;
    case am_first: list = captured_range(m, 0, 1); break;
    case am_all_names:
        if (names_of(m->code).count == 0) return am_match;
        list = captured_names(m);
        break;
    case am_none: case TERM_NIL: return am_match;
    default: list = captured_ids(m, capture); break;
    }
    return heap_tuple2(&m->p->heap, am_match, list);
}

static bool capture_valid(const ReArgs *o)
{
    bool type = o->type == am_index || o->type == am_list || o->type == am_binary;
    switch (o->capture) {
    case am_all: case am_all_but_first: case am_first: case am_all_names: case am_none: return type;
    default: return type && capture_ids_valid(o->capture);
    }
}

/* ---- run ---- */

/* Steps that a match took are not known; a first guess is its way through the subject. */
static void charge(Process *p, size_t bytes) { process_bump_reds(p, (int32_t)MIN(bytes / 64 + 1, 4000)); }

static int do_match(const ReCode *code, const ReArgs *o, const Bytes *subject, uint32_t options,
                    pcre2_match_data *data)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, o->match_limit);
    pcre2_set_depth_limit(context, o->depth_limit);
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
    int rc = pcre2_match(code->code, subject->data, subject->n, o->offset, o->match | options, data,
                         context);
    pcre2_match_context_free(context);
    return rc;
}

/* The first bytes of the subject from the offset on, ending where a character does. */
static Bytes beginning(const Bytes *subject, uint64_t offset)
{
    Bytes b = {.data = subject->data, .n = (size_t)offset + BRIEF_BYTES};
    for (int i = 0; i < 3 && (b.data[b.n] & 0xC0) == 0x80; i++) b.n--;
    return b;
}

/* As do_match, within bounds; true when *rc is what do_match would give. */
static bool brief_match(const ReCode *code, const ReArgs *o, const Bytes *subject, bool checked,
                        pcre2_match_data *data, int *rc)
{
    bool long_subject = subject->n > o->offset && subject->n - o->offset > BRIEF_BYTES;
    ReArgs brief = *o;
    brief.match_limit = MIN(o->match_limit, BRIEF_LIMIT);
    if (long_subject) {
        Bytes some = beginning(subject, o->offset);
        *rc = do_match(code, &brief, &some, PCRE2_NO_UTF_CHECK | PCRE2_PARTIAL_HARD, data);
        return *rc > 0;
    }
    *rc = do_match(code, &brief, subject, checked ? PCRE2_NO_UTF_CHECK : 0, data);
    return *rc != PCRE2_ERROR_MATCHLIMIT || o->match_limit <= BRIEF_LIMIT;
}

/* Progress of a match that goes on in erlang:re_run_trap/3, under which name it is traced, too. */
typedef struct RunState {
    NativeState base;
    size_t valid;      /* bytes of the subject seen to be UTF-8 */
    bool internal, checked;
    bool tried;        /* not decided within bounds */
    bool pending;      /* to be called again */
} RunState;

static void run_state_free(NativeState *s) { MEM_DELETE(SYS, (RunState *)s); }

static RunState *run_state(Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == run_state_free ? (RunState *)s : NULL;
}

static RunState *run_state_make(Process *p, bool internal, bool checked)
{
    RunState *s = MEM_NEW(SYS, RunState);
    s->base.destroy = run_state_free;
    s->internal = internal, s->checked = checked;
    p->native_state = &s->base;
    return s;
}

/* Is the subject known to be valid, or anything valid? */
static bool needs_no_check(const ReCode *code, bool checked)
{
    uint32_t options = 0;
    pcre2_pattern_info(code->code, PCRE2_INFO_ALLOPTIONS, &options);
    return checked || !(options & PCRE2_UTF);
}

enum Progress { DECIDED, LATER, MORE };

/* Look at some more bytes of a long subject. MORE: not at its end; DECIDED: bad, or offset in a character. */
static enum Progress validate(RunState *s, const ReArgs *o, const Bytes *subject, int *rc)
{
    size_t good, n = MIN(subject->n - s->valid, (size_t)VALIDATE_BYTES);
    enum Utf8Result r = utf8_scan(subject->data + s->valid, n, &good, NULL);
    s->valid += good;
    *rc = PCRE2_ERROR_UTF8_ERR1;
    if (r == UTF8_BAD || (r == UTF8_INCOMPLETE && n < VALIDATE_BYTES)) return DECIDED;
    if (s->valid < subject->n) return MORE;
    s->checked = true;
    bool inside = o->offset < subject->n && (subject->data[o->offset] & 0xC0) == 0x80;
    return inside ? DECIDED : LATER;
}

/* On a scheduler. LATER: not within bounds. */
static enum Progress match_some(Process *p, const ReCode *code, const ReArgs *o, const Bytes *subject,
                                bool checked, pcre2_match_data *data, int *rc)
{
    RunState *s = run_state(p);
    if (s) checked |= s->checked;
    if (!checked && subject->n > BRIEF_BYTES) {
        enum Progress g = s ? validate(s, o, subject, rc) : LATER;
        if (!s || g != LATER) return g;
        checked = true;
    }
    charge(p, MIN(subject->n > o->offset ? subject->n - o->offset : 0, BRIEF_BYTES));
    if (s && s->tried) return LATER;
    if (brief_match(code, o, subject, checked, data, rc)) return DECIDED;
    if (!s) s = run_state_make(p, false, checked);
    s->tried = true;
    return LATER;
}

static enum Progress match(Process *p, const ReCode *code, const ReArgs *o, const Bytes *subject,
                           bool checked, pcre2_match_data *data, int *rc)
{
    checked = needs_no_check(code, checked);
    if (sched_self->kind == SCHED_NORMAL) return match_some(p, code, o, subject, checked, data, rc);
    RunState *s = run_state(p);
    checked |= s && s->checked;
    *rc = do_match(code, o, subject, checked ? PCRE2_NO_UTF_CHECK : 0, data);
    return DECIDED;
}

static term_t limit_reached(Process *p, const ReArgs *o, term_t which)
{
    return o->report_errors ? heap_tuple2(&p->heap, am_error, which) : am_nomatch;
}

static term_t no_match(Process *p, const ReArgs *o, int rc)
{
    switch (rc) {
    case PCRE2_ERROR_NOMATCH: return am_nomatch;
    case PCRE2_ERROR_MATCHLIMIT: return limit_reached(p, o, am_match_limit);
    case PCRE2_ERROR_DEPTHLIMIT: case PCRE2_ERROR_HEAPLIMIT: case PCRE2_ERROR_RECURSELOOP:
        return limit_reached(p, o, am_match_limit_recursion);
    case PCRE2_ERROR_NOMEMORY: return bif_error(p, EXC_SYSTEM_LIMIT);
    default: return badarg(p); /* bad UTF-8, offset inside a character or behind the end */
    }
}

/* What a[0..2] ask for is not done: go over to re_run_trap/3, or have it called once more. */
static term_t continue_later(Process *p, const term_t *a, enum Progress g, bool internal, bool in_trap)
{
    RunState *s = run_state(p) ?: run_state_make(p, internal, false);
    if (!in_trap) {
        s->internal = internal;
        return bif_trap_mfa(p, am_erlang, am_re_run_trap, 3, a);
    }
    s->pending = true;
    if (g == LATER) return bif_go_dirty(p);
    process_bump_reds(p, 4000);
    return bif_yield(p);
}

static term_t run_code(Process *p, const ReCode *code, const ReArgs *o, term_t *a, bool internal,
                       bool checked)
{
    term_t subject = a[0];
    bool in_trap = run_state(p) != NULL;
    Bytes bytes;
    if (!capture_valid(o) || !bytes_of(&bytes, subject)) return badarg(p);
    pcre2_match_data *data = re_take_match_data(code);
    int rc;
    term_t result;
    enum Progress g = match(p, code, o, &bytes, checked, data, &rc);
    if (g != DECIDED) {
        result = continue_later(p, a, g, internal, in_trap);
    } else if (rc > 0) {
        Match m = {.p = p, .code = code, .ovector = pcre2_get_ovector_pointer(data),
                   .count = (uint32_t)rc, .subject = subject, .bytes = &bytes,
                   .type = o->type == am_index ? AS_INDEX : o->type == am_list ? AS_LIST : AS_BINARY};
        result = match_result(&m, o->capture);
    } else {
        result = no_match(p, o, rc);
    }
    re_return_match_data(data);
    bytes_free(&bytes);
    return result;
}

/* re:urun/3 (Erlang) turns everything into UTF-8 and calls run again. */
static bool needs_urun(const ReArgs *o, term_t subject)
{
    return !term_is_binary(subject) || (o->type == am_list && !o->global);
}

/* {Options, NeedClean} or {Options, NeedClean, Source} for re:grun/3. */
static term_t call_grun(Process *p, term_t *a, term_t pattern, bool from_source)
{
    term_t how = from_source ? heap_tuple3(&p->heap, a[2], am_true, a[1])
                             : heap_tuple2(&p->heap, a[2], am_false);
    term_t args[3] = {a[0], pattern, how};
    return bif_trap_mfa(p, am_re, am_grun, 3, args);
}

static term_t run_source(Process *p, term_t *a, const ReArgs *o, bool internal, bool checked)
{
    Bytes source;
    ReHeader header;
    ReError error;
    if (o->unicode && !internal && (!term_is_binary(a[1]) || needs_urun(o, a[0])))
        return bif_trap_mfa(p, am_re, am_urun, 3, a);
    if (!bytes_of(&source, a[1])) return badarg(p);
    ReCode *code = compile_source(p, o, &source, &header, &error);
    term_t result;
    if (!code && o->report_errors)
        result = heap_tuple2(&p->heap, am_error,
                             heap_tuple2(&p->heap, am_compile, error_pair(&p->heap, &error)));
    else if (!code)
        result = badarg(p);
    else if (o->global && !internal)
        result = call_grun(p, a, pattern_tuple(p, o, code, &header, &source), true);
    else
        result = run_code(p, code, o, a, internal, checked);
    bytes_free(&source);
    return result;
}

static term_t run_pattern(Process *p, term_t *a, const ReArgs *o, bool internal, bool checked)
{
    if (o->for_compile || o->bsr_twice) return badarg(p);
    ReCode *code = pattern_code(p, a[1], o);
    if (!code) return badarg(p);
    term_t result;
    if (tuple_element(a[1], 3) != term_small(0) && !internal && needs_urun(o, a[0]))
        result = bif_trap_mfa(p, am_re, am_urun, 3, a);
    else if (o->global && !internal)
        result = call_grun(p, a, a[1], false);
    else
        result = run_code(p, code, o, a, internal, checked);
    return result;
}

static term_t run(Process *p, term_t *a, bool internal, bool checked)
{
    ReArgs o;
    if (!parse_options(&o, a[2])) return bad_options(p);
    return term_is_tuple(a[1]) ? run_pattern(p, a, &o, internal, checked)
                               : run_source(p, a, &o, internal, checked);
}

BIF(re, run, 2, 0)
{
    term_t args[3] = {a[0], a[1], TERM_NIL};
    return run(p, args, false, false);
}

BIF(re, run, 3, 0)
{
    return run(p, a, false, false);
}

/* As run/3 for the steps of a global match; FirstCall false: the subject is known to be UTF-8. */
BIF(re, internal_run, 4, 0)
{
    if (!term_is_bool(a[3])) return badarg(p);
    return run(p, a, true, a[3] == am_false);
}

/* The rest of a call of run/2,3 or internal_run/4, whose first arguments these are; its errors are theirs. */
BIF(erlang, re_run_trap, 3, 0)
{
    RunState *s = run_state(p);
    if (!s) return badarg(p);
    s->pending = false;
    term_t result = run(p, a, s->internal, s->checked);
    if (s->pending) return result;
    p->native_state = NULL;
    run_state_free(&s->base);
    if (result == TERM_NONE) p->current = &export_get(p->vm, am_re, am_run, 3)->mfa;
    return result;
}
