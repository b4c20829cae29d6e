/* SPDX-License-Identifier: Apache-2.0 */
/* packet_http - request lines, status lines and headers of HTTP, as {packet, http} delivers them.
 * Numbers too large for 32 bits wrap around, as programs know it. Layer: io. */
#include "io/packet.h"

#include "base/alloc.h"
#include "data/binary.h"
#include "term/atom.h"

typedef struct Text {
    const uint8_t *p;
    size_t n;
} Text;

typedef struct Http {
    Heap *h;
    bool binaries;
} Http;

static term_t string(const Http *c, Text t)
{
    return c->binaries ? heap_binary(c->h, t.p, t.n)
                       : heap_string(c->h, (const char *)t.p, t.n, TERM_NIL);
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t'; }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

#define BIT(c) (UINT64_C(1) << ((c) & 63))

static const uint64_t separators[2] = {
    BIT('"') | BIT('(') | BIT(')') | BIT(',') | BIT('/') | BIT(':') | BIT(';') | BIT('<') | BIT('=') |
        BIT('>') | BIT('?'),
    BIT('@') | BIT('[') | BIT('\\') | BIT(']') | BIT('{') | BIT('}'),
};

/* What may stand in a method or in the name of a header (RFC 7230, token). */
static bool is_token(uint8_t c) { return c > ' ' && c < 0x7F && !(separators[c >> 6] & BIT(c)); }

static Text rest(Text t, size_t n) { return (Text){t.p + n, t.n - n}; }
static Text skip_space(Text t)
{
    while (t.n && is_space(t.p[0])) t = rest(t, 1);
    return t;
}
static bool starts_with(Text t, const char *s)
{
    size_t n = strlen(s);
    return t.n >= n && !memcmp(t.p, s, n);
}
static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static bool equals_any_case(Text t, const char *s)
{
    if (!t.n || lower(t.p[0]) != lower((uint8_t)s[0]) || t.n != strlen(s)) return false;
    for (size_t i = 0; i < t.n; i++)
        if (lower(t.p[i]) != lower((uint8_t)s[i])) return false;
    return true;
}

/* Digits at the start of t, at least one; moves t behind them. */
static bool number(Text *t, int32_t *v)
{
    uint32_t u = 0;
    size_t i = 0;
    for (; i < t->n && is_digit(t->p[i]); i++) u = u * 10 + (uint32_t)(t->p[i] - '0');
    *t = rest(*t, i);
    *v = (int32_t)u;
    return i > 0;
}

/* Major.Minor */
static bool version(const Http *c, Text *t, term_t *v)
{
    int32_t major, minor;
    if (!number(t, &major) || !t->n || t->p[0] != '.') return false;
    *t = rest(*t, 1);
    if (!number(t, &minor)) return false;
    *v = heap_tuple2(c->h, term_small(major), term_small(minor));
    return true;
}

/* The line without its end. */
static Text without_end(const uint8_t *line, size_t n)
{
    if (n && line[n - 1] == '\n') n--;
    if (n && line[n - 1] == '\r') n--;
    return (Text){line, n};
}

static term_t error(const Http *c, const uint8_t *line, size_t n)
{
    return heap_tuple2(c->h, am_http_error, string(c, (Text){line, n}));
}

/* ---- the first line ---- */

static term_t response(const Http *c, Text t)
{
    term_t v;
    int32_t status;
    t = rest(t, 5);
    if (!version(c, &t, &v) || !t.n || !is_space(t.p[0])) return TERM_NONE;
    t = skip_space(t);
    if (!number(&t, &status) || (t.n && !is_space(t.p[0]))) return TERM_NONE;
    return heap_tuple4(c->h, am_http_response, v, term_small(status), string(c, skip_space(t)));
}

static term_t method_term(const Http *c, Text t)
{
    static const char *const known[] = {"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (t.n == strlen(known[i]) && !memcmp(t.p, known[i], t.n)) return atom_from_cstr(known[i]);
    return string(c, t);
}

static size_t find(Text t, uint8_t c)
{
    const uint8_t *at = t.n ? memchr(t.p, c, t.n) : NULL;
    return at ? (size_t)(at - t.p) : t.n;
}

/* Host[:Port][/Path]. A port that is no number above 0 is undefined. */
static term_t absolute_uri(const Http *c, term_t scheme, Text t)
{
    size_t slash = find(t, '/');
    Text path = rest(t, slash), host = {t.p, slash};
    size_t colon = find(host, ':');
    term_t port = am_undefined;
    if (colon < host.n) {
        Text digits = rest(host, colon + 1);
        int32_t v;
        if (number(&digits, &v) && digits.n == 0 && v != 0) port = term_small(v);
        host.n = colon;
    }
    if (!path.n) path = (Text){(const uint8_t *)"/", 1};
    return heap_tuple5(c->h, am_absoluteURI, scheme, string(c, host), port, string(c, path));
}

static term_t uri_term(const Http *c, Text t, Text method)
{
    if (t.n == 1 && t.p[0] == '*') return am_Times;
    if (t.p[0] == '/') return heap_tuple2(c->h, am_abs_path, string(c, t));
    if (t.n >= 7 && equals_any_case((Text){t.p, 7}, "http://"))
        return absolute_uri(c, am_http, rest(t, 7));
    if (t.n >= 8 && equals_any_case((Text){t.p, 8}, "https://"))
        return absolute_uri(c, am_https, rest(t, 8));
    size_t colon = find(t, ':');
    if (colon < t.n)
        return heap_tuple3(c->h, am_scheme, string(c, (Text){t.p, colon}), string(c, rest(t, colon + 1)));
    if (method.n == 7 && starts_with(method, "CONNECT"))
        return heap_tuple2(c->h, am_abs_path, string(c, t));
    return string(c, t);
}

static term_t request(const Http *c, Text t)
{
    Text method = {t.p, 0}, uri;
    while (method.n < t.n && is_token(t.p[method.n])) method.n++;
    if (!method.n || method.n == t.n || !is_space(t.p[method.n])) return TERM_NONE;
    t = skip_space(rest(t, method.n));
    uri = (Text){t.p, 0};
    while (uri.n < t.n && !is_space(t.p[uri.n])) uri.n++;
    if (!uri.n) return TERM_NONE;
    t = skip_space(rest(t, uri.n));
    term_t v;
    if (!t.n) {
        v = heap_tuple2(c->h, term_small(0), term_small(9));
    } else {
        if (!starts_with(t, "HTTP/")) return TERM_NONE;
        t = rest(t, 5);
        if (!version(c, &t, &v)) return TERM_NONE;
    }
    return heap_tuple4(c->h, am_http_request, method_term(c, method), uri_term(c, uri, method), v);
}

term_t packet_http_start(Heap *h, const uint8_t *line, size_t n, bool binaries)
{
    Http c = {h, binaries};
    Text t = without_end(line, n);
    term_t v = starts_with(t, "HTTP/") ? response(&c, t) : request(&c, t);
    return v == TERM_NONE ? error(&c, line, n) : v;
}

/* ---- headers ---- */

typedef struct Name {
    const char *text;
    size_t bytes;
} Name;

#define NAME(s) {s, sizeof s - 1}

/* Names with an atom and a number of their own: 1 for the first. */
static const Name known_headers[] = {
    NAME("Cache-Control"), NAME("Connection"), NAME("Date"), NAME("Pragma"), NAME("Transfer-Encoding"),
    NAME("Upgrade"), NAME("Via"), NAME("Accept"), NAME("Accept-Charset"), NAME("Accept-Encoding"),
    NAME("Accept-Language"), NAME("Authorization"), NAME("From"), NAME("Host"), NAME("If-Modified-Since"),
    NAME("If-Match"), NAME("If-None-Match"), NAME("If-Range"), NAME("If-Unmodified-Since"), NAME("Max-Forwards"),
    NAME("Proxy-Authorization"), NAME("Range"), NAME("Referer"), NAME("User-Agent"), NAME("Age"),
    NAME("Location"), NAME("Proxy-Authenticate"), NAME("Public"), NAME("Retry-After"), NAME("Server"),
    NAME("Vary"), NAME("Warning"), NAME("Www-Authenticate"), NAME("Allow"), NAME("Content-Base"),
    NAME("Content-Encoding"), NAME("Content-Language"), NAME("Content-Length"), NAME("Content-Location"),
    NAME("Content-Md5"), NAME("Content-Range"), NAME("Content-Type"), NAME("Etag"), NAME("Expires"),
    NAME("Last-Modified"), NAME("Accept-Ranges"), NAME("Set-Cookie"), NAME("Set-Cookie2"),
    NAME("X-Forwarded-For"), NAME("Cookie"), NAME("Keep-Alive"), NAME("Proxy-Connection"),
};

/* Capital letters at the start and behind hyphens, small ones elsewhere. */
static term_t normalized(const Http *c, Text name)
{
    uint8_t small[256], *text = name.n <= sizeof small ? small : mem_alloc(MEM_TEMP, name.n);
    bool first = true;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t ch = lower(name.p[i]);
        text[i] = first && ch >= 'a' && ch <= 'z' ? ch - 32 : ch;
        first = !first && ch == '-';
    }
    term_t t = string(c, (Text){text, name.n});
    if (text != small) mem_free(MEM_TEMP, text, name.n);
    return t;
}

/* The atoms of known_headers, each from when it is first met. */
static term_t header_atoms[ARRAY_LEN(known_headers)];

static term_t header_atom(size_t i)
{
    term_t atom = __atomic_load_n(&header_atoms[i], __ATOMIC_RELAXED);
    if (atom != TERM_NONE) return atom;
    atom = atom_from_cstr(known_headers[i].text);
    __atomic_store_n(&header_atoms[i], atom, __ATOMIC_RELAXED);
    return atom;
}

static term_t header_name(const Http *c, Text name, int *id)
{
    for (size_t i = 0; i < ARRAY_LEN(known_headers); i++)
        if (name.n == known_headers[i].bytes && equals_any_case(name, known_headers[i].text)) {
            *id = (int)i + 1;
            return header_atom(i);
        }
    *id = 0;
    return normalized(c, name);
}

term_t packet_http_header(Heap *h, const uint8_t *line, size_t n, bool binaries)
{
    Http c = {h, binaries};
    Text t = without_end(line, n), name = {t.p, 0};
    int id;
    if (!t.n) return am_http_eoh;
    while (name.n < t.n && is_token(t.p[name.n])) name.n++;
    if (name.n == t.n || t.p[name.n] != ':') return error(&c, line, n);
    term_t field = header_name(&c, name, &id);
    term_t raw = string(&c, name), value = string(&c, skip_space(rest(t, name.n + 1)));
    return heap_tuple5(h, am_http_header, term_small(id), field, raw, value);
}
