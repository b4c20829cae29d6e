/* SPDX-License-Identifier: Apache-2.0 */
/* re_compile - PCRE2 made to read what PCRE 8.44 reads, and to complain in its words. Layer: bifs. */
#include "base/alloc.h"
#include "bifs/re_cache.h"

/* ---- character tables ---- */

/* Offsets of the parts of PCRE2's tables, as pcre2_maketables lays them out. */
enum { LOWER = 0, FLIP = 256, CLASSES = 512, CLASS_COUNT = 10, TYPES = CLASSES + 32 * CLASS_COUNT };

/* Make character c count as what `like` (an ASCII character) counts as, in all classes. */
static void behave_like(uint8_t *t, unsigned c, unsigned like)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        uint8_t *set = t + CLASSES + 32 * i;
        if (set[like / 8] >> like % 8 & 1) set[c / 8] |= (uint8_t)(1u << c % 8);
    }
    t[TYPES + c] = t[TYPES + like];
}

static bool is_latin1_upper(unsigned c) { return c >= 0xC0 && c <= 0xDE && c != 0xD7; }
static bool is_latin1_lower(unsigned c)
{
    return (c >= 0xDF && c != 0xF7) || c == 0xAA || c == 0xB5 || c == 0xBA;
}

const uint8_t *re_tables_new(void)
{
    uint8_t *t = (uint8_t *)(uintptr_t)pcre2_maketables(NULL);
    for (unsigned c = 0x80; c <= 0xFF; c++) {
        unsigned like = c < 0xA0 ? 1 : is_latin1_upper(c) ? 'G' : is_latin1_lower(c) ? 'g' : '!';
        behave_like(t, c, like);
        bool cased = is_latin1_upper(c) || (c >= 0xE0 && c != 0xF7 && c != 0xFF);
        t[LOWER + c] = (uint8_t)(is_latin1_upper(c) ? c + 0x20 : c);
        t[FLIP + c] = (uint8_t)(cased ? c ^ 0x20 : c);
    }
    return t;
}

void re_tables_free(const uint8_t *tables) { pcre2_maketables_free(NULL, tables); }

/* ---- compiling ---- */

enum { NEST_LIMIT = 798 }; /* where PCRE's workspace ends */

/* PCRE2 prepares the set of bytes that a match can start with; for \w in UTF-8 it looks at the wrong table
 * for Latin-1 letters (study, set_type_bits). Without Unicode properties such sources do without it. */
static uint32_t start_option(uint32_t options, const char *source, size_t n)
{
    bool affected = (options & PCRE2_UTF) && !(options & PCRE2_UCP) && memmem(source, n, "\\w", 2);
    return affected ? PCRE2_NO_START_OPTIMIZE : 0;
}

static pcre2_compile_context *new_context(const ReHeader *h, const uint8_t *tables)
{
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    pcre2_set_newline(c, h->newline ? h->newline : PCRE2_NEWLINE_LF);
    pcre2_set_bsr(c, h->bsr ? h->bsr : PCRE2_BSR_UNICODE);
    pcre2_set_character_tables(c, tables);
    pcre2_set_parens_nest_limit(c, NEST_LIMIT);
#ifdef PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK
    pcre2_set_compile_extra_options(c, PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK);
#endif
    return c;
}

/* A source being rewritten where PCRE2 rejects what PCRE takes. */
typedef struct Text {
    char *bytes;        /* NULL: as given */
    size_t n, room;
    ptrdiff_t shift;    /* positions in the original are this much larger */
} Text;

static bool is_word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Take out the backslash in front of the letter that the error position is behind. */
static bool drop_backslash(Text *t, size_t position)
{
    size_t at = MIN(position, t->n);
    while (at > 0 && t->bytes[at - 1] != '\\') {
        if (position - at > 4) return false;
        at--;
    }
    if (at == 0 || at == t->n) return false;
    memmove(t->bytes + at - 1, t->bytes + at, t->n - at);
    t->n--, t->shift++;
    return true;
}

/* [\d-z]: after a class the hyphen stands for itself; say so. */
static bool quote_hyphen(Text *t, size_t position)
{
    size_t at = position;
    if (t->n == t->room || at >= t->n) return false;
    while (at > 0 && position - at < 3 && t->bytes[at] != '-') at--;
    if (at < 2 || t->bytes[at] != '-') return false;
    bool class = t->bytes[at - 1] == ']' || (t->bytes[at - 2] == '\\' && is_word_char(t->bytes[at - 1]))
                 || t->bytes[at - 1] == '}';
    if (!class) return false;
    memmove(t->bytes + at + 1, t->bytes + at, t->n - at);
    t->bytes[at] = '\\';
    t->n++, t->shift--;
    return true;
}

/* \c and a control character, which PCRE2 refuses: write what it stands for. */
static bool spell_control(Text *t, size_t position)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = position;
    while (at > 0 && position - at < 4 && memcmp(t->bytes + at - 1, "\\c", 2) != 0) at--;
    if (at == 0 || at + 1 >= t->n || position - at >= 4 || t->n == t->room) return false;
    uint8_t c = (uint8_t)t->bytes[at + 1];
    if (c >= 0x20 && c != 0x7F) return false;
    memmove(t->bytes + at + 3, t->bytes + at + 2, t->n - at - 2);
    t->bytes[at] = 'x', t->bytes[at + 1] = hex[(c ^ 0x40) >> 4], t->bytes[at + 2] = hex[(c ^ 0x40) & 15];
    t->n++, t->shift--;
    return true;
}

/* Rewrite what made PCRE2 stop, if PCRE would not have stopped there. */
static bool repair(Text *t, int code, size_t position)
{
    switch (code) {
    case PCRE2_ERROR_UNKNOWN_ESCAPE: return drop_backslash(t, position);
    case PCRE2_ERROR_ESCAPE_INVALID_IN_CLASS:
        return position < t->n && t->bytes[position] != 'N' && drop_backslash(t, position);
    case PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE: /* \8 and \9 */
        return position > 0 && position < t->n && t->bytes[position - 1] == '\\'
               && (t->bytes[position] == '8' || t->bytes[position] == '9') && drop_backslash(t, position);
    case PCRE2_ERROR_CLASS_INVALID_RANGE: return quote_hyphen(t, position);
    case PCRE2_ERROR_BACKSLASH_C_SYNTAX: return spell_control(t, position);
    default: return false;
    }
}

pcre2_code *re_compile(const ReHeader *header, const char *source, size_t bytes,
                       const uint8_t *tables, ReError *error)
{
    pcre2_compile_context *context = new_context(header, tables);
    uint32_t options = header->options | (header->flags & RE_NEVER_UTF ? PCRE2_NEVER_UTF : 0)
                       | start_option(header->options, source, bytes);
    Text t = {.n = bytes, .room = 2 * bytes + 1};
    int code = 0;
    PCRE2_SIZE position = 0;
    pcre2_code *re;
    for (;;) {
        const char *s = t.bytes ? t.bytes : source;
        re = pcre2_compile((PCRE2_SPTR)s, t.n, options, &code, &position, context);
        if (re) break;
        if (!t.bytes) {
            t.bytes = mem_alloc(MEM_TEMP, t.room);
            memcpy(t.bytes, source, bytes);
        }
        if (!repair(&t, code, position)) break;
    }
    if (!re) {
        *error = re_error(code, t.bytes, t.n, position);
        error->position = (size_t)((ptrdiff_t)error->position + t.shift);
    }
    if (t.bytes) mem_free(MEM_TEMP, t.bytes, t.room);
    pcre2_compile_context_free(context);
    return re;
}
