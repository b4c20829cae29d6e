/* SPDX-License-Identifier: Apache-2.0 */
/* re_error - messages and positions of errors in regular expressions: programs see those of PCRE 8.44.
 * Layer: bifs. */
#include "bifs/re_cache.h"

/* Its words by error code of PCRE2, and how much further on (or back) it says the error is. */
static const struct { int16_t code, shift; const char *text; } errors[] = {
    {PCRE2_ERROR_END_BACKSLASH, 0, "\\ at end of pattern"},
    {PCRE2_ERROR_END_BACKSLASH_C, 0, "\\c at end of pattern"},
    {PCRE2_ERROR_UNKNOWN_ESCAPE, 0, "unrecognized character follows \\"},
    {PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER, 0, "numbers out of order in {} quantifier"},
    {PCRE2_ERROR_QUANTIFIER_TOO_BIG, 0, "number too big in {} quantifier"},
    {PCRE2_ERROR_MISSING_SQUARE_BRACKET, 0, "missing terminating ] for character class"},
    {PCRE2_ERROR_ESCAPE_INVALID_IN_CLASS, 0,
     "invalid escape sequence in character class"},
    {PCRE2_ERROR_CLASS_RANGE_ORDER, 0, "range out of order in character class"},
    {PCRE2_ERROR_QUANTIFIER_INVALID, 0, "nothing to repeat"},
    {PCRE2_ERROR_INVALID_AFTER_PARENS_QUERY, 0, "unrecognized character after (? or (?-"},
    {PCRE2_ERROR_POSIX_CLASS_NOT_IN_CLASS, 0,
     "POSIX named classes are supported only within a class"},
    {PCRE2_ERROR_POSIX_NO_SUPPORT_COLLATING, 0,
     "POSIX collating elements are not supported"},
    {PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS, 0, "missing )"},
    {PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE, 0, "reference to non-existent subpattern"},
    {PCRE2_ERROR_MISSING_COMMENT_CLOSING, 0, "missing ) after comment"},
    {PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP, 0, "regular expression is too complicated"},
    {PCRE2_ERROR_PATTERN_TOO_LARGE, 0, "regular expression is too large"},
    {PCRE2_ERROR_HEAP_FAILED, 0, "failed to get memory"},
    {PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS, 0, "unmatched parentheses"},
    {PCRE2_ERROR_MISSING_CONDITION_CLOSING, 0, "malformed number or name after (?("},
    {PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH, 0,
     "lookbehind assertion is not fixed length"},
    {PCRE2_ERROR_ZERO_RELATIVE_REFERENCE, -1, "a numbered reference must not be zero"},
    {PCRE2_ERROR_TOO_MANY_CONDITION_BRANCHES, 0,
     "conditional group contains more than two branches"},
    {PCRE2_ERROR_CONDITION_ASSERTION_EXPECTED, 1,
     "assertion expected after (?( or (?(?C)"},
    {PCRE2_ERROR_BAD_RELATIVE_REFERENCE, 1, "digit expected after (?+"},
    {PCRE2_ERROR_UNKNOWN_POSIX_CLASS, 0, "unknown POSIX class name"},
    {PCRE2_ERROR_CODE_POINT_TOO_BIG, 0, "character value in \\x{} or \\o{} is too large"},
    {PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED, 0,
     "lookbehind assertion is not fixed length"},
    {PCRE2_ERROR_LOOKBEHIND_INVALID_BACKSLASH_C, 0,
     "\\C not allowed in lookbehind assertion"},
    {PCRE2_ERROR_UNSUPPORTED_ESCAPE_SEQUENCE, -1,
     "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u"},
    {PCRE2_ERROR_CALLOUT_NUMBER_TOO_BIG, 0, "number after (?C is > 255"},
    {PCRE2_ERROR_MISSING_CALLOUT_CLOSING, 0, "closing ) for (?C expected"},
    {PCRE2_ERROR_UNRECOGNIZED_AFTER_QUERY_P, 0, "unrecognized character after (?P"},
    {PCRE2_ERROR_MISSING_NAME_TERMINATOR, 0,
     "syntax error in subpattern name (missing terminator)"},
    {PCRE2_ERROR_DUPLICATE_SUBPATTERN_NAME, -1,
     "two named subpatterns have the same name"},
    {PCRE2_ERROR_INVALID_SUBPATTERN_NAME, 0, "group name must start with a non-digit"},
    {PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY, 0, "malformed \\P or \\p sequence"},
    {PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY, -1, "unknown property name after \\P or \\p"},
    {PCRE2_ERROR_SUBPATTERN_NAME_TOO_LONG, 0,
     "subpattern name is too long (maximum 32 characters)"},
    {PCRE2_ERROR_TOO_MANY_NAMED_SUBPATTERNS, 0,
     "too many named subpatterns (maximum 10000)"},
    {PCRE2_ERROR_CLASS_INVALID_RANGE, -1, "invalid range in character class"},
    {PCRE2_ERROR_OCTAL_BYTE_TOO_BIG, -1,
     "octal value is greater than \\377 in 8-bit non-UTF-8 mode"},
    {PCRE2_ERROR_DEFINE_TOO_MANY_BRANCHES, 0,
     "DEFINE group contains more than one branch"},
    {PCRE2_ERROR_BACKSLASH_O_MISSING_BRACE, -1, "missing opening brace after \\o"},
    {PCRE2_ERROR_BACKSLASH_G_SYNTAX, -1,
     "\\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number"},
    {PCRE2_ERROR_PARENS_QUERY_R_MISSING_CLOSING, 0,
     "(?R or (?[+-]digits must be followed by )"},
    {PCRE2_ERROR_VERB_ARGUMENT_NOT_ALLOWED, 0,
     "an argument is not allowed for (*ACCEPT), (*FAIL), or (*COMMIT)"},
    {PCRE2_ERROR_VERB_UNKNOWN, 0, "(*VERB) not recognized or malformed"},
    {PCRE2_ERROR_SUBPATTERN_NUMBER_TOO_BIG, 0, "number is too big"},
    {PCRE2_ERROR_SUBPATTERN_NAME_EXPECTED, 0, "subpattern name expected"},
    {PCRE2_ERROR_INVALID_OCTAL, 0,
     "non-octal character in \\o{} (closing brace missing?)"},
    {PCRE2_ERROR_SUBPATTERN_NAMES_MISMATCH, 0,
     "different names for subpatterns of the same number are not allowed"},
    {PCRE2_ERROR_MARK_MISSING_ARGUMENT, 0, "(*MARK) must have an argument"},
    {PCRE2_ERROR_INVALID_HEXADECIMAL, 0,
     "non-hex character in \\x{} (closing brace missing?)"},
    {PCRE2_ERROR_BACKSLASH_C_SYNTAX, 0, "\\c must be followed by an ASCII character"},
    {PCRE2_ERROR_BACKSLASH_K_SYNTAX, -1,
     "\\k is not followed by a braced, angle-bracketed, or quoted name"},
    {PCRE2_ERROR_BACKSLASH_N_IN_CLASS, -1, "\\N is not supported in a class"},
    {PCRE2_ERROR_UNICODE_DISALLOWED_CODE_POINT, 0,
     "disallowed Unicode code point (>= 0xd800 && <= 0xdfff)"},
    {PCRE2_ERROR_UTF_IS_DISABLED, 0, "setting UTF is disabled by the application"},
    {PCRE2_ERROR_VERB_NAME_TOO_LONG, 0,
     "name is too long in (*MARK), (*PRUNE), (*SKIP), or (*THEN)"},
    {PCRE2_ERROR_MISSING_OCTAL_OR_HEX_DIGITS, -2, "digits missing in \\x{} or \\o{}"},
    {PCRE2_ERROR_PATTERN_TOO_COMPLICATED, 0, "regular expression is too complicated"},
    {PCRE2_ERROR_LOOKBEHIND_TOO_LONG, 0, "lookbehind assertion is not fixed length"},
    {PCRE2_ERROR_INVALID_HYPHEN_IN_OPTIONS, 0, "unrecognized character after (? or (?-"},
    {PCRE2_ERROR_ALPHA_ASSERTION_UNKNOWN, 0, "(*VERB) not recognized or malformed"},
    {PCRE2_ERROR_TOO_MANY_CAPTURES, 0, "regular expression is too large"},
};

/* Errors where the two look at different things first: told apart by what stands at the position. */
typedef struct Place {
    const char *text;
    size_t n, at;
} Place;

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool ends_with(const Place *p, const char *s)
{
    size_t n = strlen(s);
    return p->at >= n && !memcmp(p->text + p->at - n, s, n);
}

static char char_at(const Place *p, size_t at) { return at < p->n ? p->text[at] : 0; }

/* PCRE finds a missing group by number at the end of the source, by name behind the name. */
static ReError missing_group(const Place *p)
{
    static const char text[] = "reference to non-existent subpattern";
    size_t at = p->at;
    if (ends_with(p, "{0}")) return (ReError){"a numbered reference must not be zero", at - 1};
    if (ends_with(p, "}")) return (ReError){text, p->n};
    if (char_at(p, at) == '(') { /* of a condition: behind its closing parenthesis */
        while (at < p->n && p->text[at] != ')') at++;
        return (ReError){text, MIN(at + 1, p->n)};
    }
    if (char_at(p, at) == '{') at++;
    if (char_at(p, at) == '-' || (char_at(p, at) >= '0' && char_at(p, at) <= '9')) {
        bool relative = char_at(p, at) == '-';
        while (at < p->n && (is_word(p->text[at]) || p->text[at] == '-')) at++;
        return (ReError){text, relative ? at : p->n};
    }
    while (at < p->n && is_word(p->text[at])) at++;
    return (ReError){text, ends_with(p, "?(") || ends_with(p, "?(<") ? at + 1 : at};
}

/* The closing parenthesis of the group that begins at `at`. */
static size_t end_of_group(const Place *p, size_t at)
{
    size_t depth = 0;
    for (; at < p->n; at++) {
        if (p->text[at] == '\\') at++;
        else if (p->text[at] == '(') depth++;
        else if (p->text[at] == ')' && --depth == 0) break;
    }
    return MIN(at, p->n);
}

static bool reworded(int code, const Place *p, ReError *e)
{
    const char *text = NULL;
    size_t at = p->at;
    switch (code) {
    case PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE: *e = missing_group(p); return true;
    case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH:
        text = "lookbehind assertion is not fixed length", at = end_of_group(p, at);
        break;
    case PCRE2_ERROR_BACKSLASH_G_SYNTAX:
        text = "a numbered reference must not be zero", at--;
        break;
    case PCRE2_ERROR_MISSING_NAME_TERMINATOR:
        while (at > 0 && is_word(p->text[at - 1])) at--;
        if (at >= 3 && !memcmp(p->text + at - 3, "(?(", 3))
            text = "malformed number or name after (?(", at = p->at;
        break;
    case PCRE2_ERROR_SUBPATTERN_NAME_EXPECTED:
        if (ends_with(p, "(?<")) text = "unrecognized character after (?<";
        else if (ends_with(p, "(?(")) text = "assertion expected after (?( or (?(?C)";
        break;
    case PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY:
        if (!ends_with(p, "{") && char_at(p, at - 1) != '{' && char_at(p, at) != '{' && at < p->n)
            text = "unknown property name after \\P or \\p", at--;
        break;
    case PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS:
        if (ends_with(p, "(?") || ends_with(p, "(?-")) text = "unrecognized character after (? or (?-";
        else if (ends_with(p, "(?(")) text = "assertion expected after (?( or (?(?C)";
        else if (ends_with(p, "(?C")) text = "closing ) for (?C expected";
        else if (ends_with(p, "(?P")) text = "unrecognized character after (?P";
        break;
    case PCRE2_ERROR_CALLOUT_BAD_STRING_DELIMITER: text = "closing ) for (?C expected"; break;
    case PCRE2_ERROR_CALLOUT_NO_STRING_DELIMITER:
        while (at > 2 && memcmp(p->text + at - 3, "(?C", 3)) at--;
        text = "closing ) for (?C expected";
        break;
    case PCRE2_ERROR_BACKSLASH_O_MISSING_BRACE:
        if (char_at(p, at) == 'o') text = "missing opening brace after \\o";
        break;
    case PCRE2_ERROR_VERB_UNKNOWN:
        if (ends_with(p, "(*")) text = "nothing to repeat", at--;
        break;
    case PCRE2_ERROR_MISSING_OCTAL_OR_HEX_DIGITS:
        if (ends_with(p, "\\x{")) text = "non-hex character in \\x{} (closing brace missing?)";
        else if (ends_with(p, "\\o{")) text = "non-octal character in \\o{} (closing brace missing?)";
        break;
    default: break;
    }
    if (text) *e = (ReError){text, at};
    return text != NULL;
}

ReError re_error(int code, const char *text, size_t n, size_t position)
{
    Place place = {text, n, position};
    ReError e = {"regular expression is too complicated", position};
    if (code < 0) return (ReError){"invalid UTF-8 string", position}; /* PCRE2: negative for bad UTF */
    if (reworded(code, &place, &e)) return e;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].code == code) {
            ptrdiff_t at = (ptrdiff_t)position + errors[i].shift;
            return (ReError){errors[i].text, at < 0 ? 0 : (size_t)at};
        }
    return e;
}
