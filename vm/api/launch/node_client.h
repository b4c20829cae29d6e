/* SPDX-License-Identifier: Apache-2.0 */
/* node_client - a small hidden node: finds another one through epmd, shakes hands, calls functions there.
 * Terms stay in the external format; what is not looked at is passed on as it is.
 * Semantics: ERTS User's Guide, "Distribution Protocol". Standalone: includes nothing of the VM. */
#ifndef JOIST_LAUNCH_NODE_CLIENT_H
#define JOIST_LAUNCH_NODE_CLIENT_H

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "launch.h"
#include "md5.h"

#ifdef __SANITIZE_ADDRESS__
/* A program that asks one question and ends leaves its answers to the kernel. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return "detect_leaks=0"; }
#endif

/* Bytes that grow at the end. */
typedef struct {
    uint8_t *at;
    size_t n, room;
} Bytes;

static LAUNCH_UNUSED void put_raw(Bytes *b, const void *from, size_t n)
{
    if (b->n + n > b->room) {
        b->room = 2 * (b->n + n);
        b->at = realloc(b->at, b->room);
        if (!b->at)
            launch_fail("out of memory");
    }
    if (n > 0)
        memcpy(b->at + b->n, from, n);
    b->n += n;
}

static LAUNCH_UNUSED void put_be(Bytes *b, uint64_t v, unsigned n)
{
    while (n-- > 0)
        put_raw(b, &(uint8_t){(uint8_t)(v >> 8 * n)}, 1);
}

static LAUNCH_UNUSED uint64_t get_be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

/* ---- terms ---- */

static LAUNCH_UNUSED void put_tuple(Bytes *b, unsigned arity) { put_be(b, 104u << 8 | arity, 2); }

static LAUNCH_UNUSED void put_atom(Bytes *b, const char *text)
{
    put_be(b, 119, 1);
    put_be(b, strlen(text), 1);
    put_raw(b, text, strlen(text));
}

static LAUNCH_UNUSED void put_list(Bytes *b, uint32_t n)
{
    put_be(b, 108, 1);
    put_be(b, n, 4);
}

static LAUNCH_UNUSED void put_nil(Bytes *b) { put_be(b, 106, 1); }

/* A string, or a binary for large texts (which all functions called here take as well). */
static LAUNCH_UNUSED void put_text(Bytes *b, const void *text, size_t n)
{
    if (n == 0) {
        put_nil(b);
        return;
    }
    put_be(b, n <= 65535 ? 107 : 109, 1);
    put_be(b, n, n <= 65535 ? 2 : 4);
    put_raw(b, text, n);
}

typedef struct {
    int fd;
    const char *name;        /* of this node */
    uint32_t creation;
    int64_t deadline_ms;     /* 0: none */
} NodeClient;

static LAUNCH_UNUSED void put_self(Bytes *b, const NodeClient *c)
{
    put_be(b, 88, 1);
    put_atom(b, c->name);
    put_be(b, 1, 4);
    put_be(b, 0, 4);
    put_be(b, c->creation, 4);
}

/* Bytes of the term at p; 0: malformed. */
static LAUNCH_UNUSED size_t term_bytes(const uint8_t *p, const uint8_t *end);

static size_t terms_bytes(const uint8_t *p, const uint8_t *end, size_t head, uint64_t count)
{
    const uint8_t *at = p + head;
    for (; count > 0; count--) {
        size_t n = at < end ? term_bytes(at, end) : 0;
        if (n == 0)
            return 0;
        at += n;
    }
    return (size_t)(at - p);
}

/* An identifier: node, then n bytes. */
static size_t ident_bytes(const uint8_t *p, const uint8_t *end, size_t head, size_t n)
{
    size_t node = terms_bytes(p, end, head, 1);
    return node ? node + n : 0;
}

static LAUNCH_UNUSED size_t term_bytes(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p), n = 0;
    if (left < 1)
        return 0;
#define LENGTH(k) (left > (k) ? get_be(p + 1, k) : 0)
    switch (*p) {
    case 97: n = 2; break;
    case 98: n = 5; break;
    case 70: n = 9; break;
    case 106: n = 1; break;
    case 110: n = 3 + LENGTH(1); break;
    case 111: n = 6 + LENGTH(4); break;
    case 119: case 115: n = 2 + LENGTH(1); break;
    case 118: case 100: case 107: n = 3 + LENGTH(2); break;
    case 109: n = 5 + LENGTH(4); break;
    case 77: n = 6 + LENGTH(4); break;
    case 104: n = terms_bytes(p, end, 2, LENGTH(1)); break;
    case 105: n = terms_bytes(p, end, 5, LENGTH(4)); break;
    case 108: n = terms_bytes(p, end, 5, LENGTH(4) + 1); break;
    case 116: n = terms_bytes(p, end, 5, 2 * LENGTH(4)); break;
    case 113: n = terms_bytes(p, end, 1, 3); break;
    case 112: n = 1 + LENGTH(4); break;
    case 88: n = ident_bytes(p, end, 1, 12); break;
    case 103: n = ident_bytes(p, end, 1, 9); break;
    case 89: n = ident_bytes(p, end, 1, 8); break;
    case 120: n = ident_bytes(p, end, 1, 12); break;
    case 90: n = ident_bytes(p, end, 3, 4 + 4 * LENGTH(2)); break;
    default: return 0;
    }
#undef LENGTH
    return n <= left ? n : 0;
}

/* ---- the socket ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool read_all(const NodeClient *c, void *to, size_t n)
{
    for (uint8_t *at = to; n > 0;) {
        struct pollfd pf = {.fd = c->fd, .events = POLLIN};
        int64_t left = c->deadline_ms ? c->deadline_ms - now_ms() : -1;
        if (c->deadline_ms && left <= 0)
            launch_fail("timeout");
        if (poll(&pf, 1, (int)left) <= 0)
            continue;
        ssize_t k = read(c->fd, at, n);
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* Header of head bytes and the packet. */
static bool write_packet(const NodeClient *c, unsigned head, const Bytes *b)
{
    Bytes out = {0};
    put_be(&out, b->n, head);
    put_raw(&out, b->at, b->n);
    size_t done = 0;
    while (done < out.n) {
        ssize_t k = send(c->fd, out.at + done, out.n - done, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        done += (size_t)k;
    }
    bool ok = done == out.n;
    free(out.at);
    return ok;
}

static bool read_packet(const NodeClient *c, unsigned head, Bytes *b)
{
    uint8_t h[4];
    b->n = 0;
    if (!read_all(c, h, head))
        return false;
    size_t n = get_be(h, head);
    uint8_t *at = malloc(n + 1);
    bool ok = at && read_all(c, at, n);
    if (ok)
        put_raw(b, at, n);
    free(at);
    return ok;
}

static int connect_to(const char *host, uint16_t port)
{
    char service[8];
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return -1;
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* Port of the node `alive` at host; 0: epmd knows none. */
static LAUNCH_UNUSED uint16_t node_port(const char *host, const char *alive)
{
    const char *set = getenv("ERL_EPMD_PORT");
    NodeClient c = {.fd = connect_to(host, (uint16_t)(set && *set ? atoi(set) : 4369))};
    Bytes b = {0};
    uint8_t answer[4] = {0, 1};
    if (c.fd < 0)
        return 0;
    put_be(&b, 122, 1);
    put_raw(&b, alive, strlen(alive));
    bool ok = write_packet(&c, 2, &b) && read_all(&c, answer, sizeof answer) && answer[0] == 119;
    close(c.fd);
    free(b.at);
    return ok && answer[1] == 0 ? (uint16_t)get_be(answer + 2, 2) : 0;
}

/* ---- handshake ---- */

/* Extended references and pids, funs, exports, bit strings, floats, UTF-8 atoms, maps, big creation and
 * numbers, monitors, Unicode I/O, unlink ids: what term_bytes can pass over. */
#define CLIENT_FLAGS 0x403075fbcull

static void digest(uint32_t challenge, const char *cookie, uint8_t out[16])
{
    char text[16];
    Md5 m;
    md5_start(&m);
    md5_add(&m, cookie, strlen(cookie));
    md5_add(&m, text, (size_t)snprintf(text, sizeof text, "%u", challenge));
    md5_end(&m, out);
}

static bool send_name(const NodeClient *c)
{
    Bytes b = {0};
    put_be(&b, 'N', 1);
    put_be(&b, CLIENT_FLAGS, 8);
    put_be(&b, c->creation, 4);
    put_be(&b, strlen(c->name), 2);
    put_raw(&b, c->name, strlen(c->name));
    bool ok = write_packet(c, 2, &b);
    free(b.at);
    return ok;
}

static bool answer_challenge(const NodeClient *c, const char *cookie, uint32_t challenge, uint32_t own)
{
    uint8_t d[16];
    Bytes b = {0};
    digest(challenge, cookie, d);
    put_be(&b, 'r', 1);
    put_be(&b, own, 4);
    put_raw(&b, d, sizeof d);
    bool ok = write_packet(c, 2, &b);
    free(b.at);
    return ok;
}

/* False: refused. */
static LAUNCH_UNUSED bool shake_hands(const NodeClient *c, const char *cookie)
{
    Bytes b = {0};
    uint32_t own = (uint32_t)now_ms() ^ (uint32_t)getpid() << 16;
    uint8_t d[16];
    if (!send_name(c) || !read_packet(c, 2, &b) || b.n < 3 || memcmp(b.at, "sok", 3) != 0)
        return false;
    if (!read_packet(c, 2, &b) || b.n < 19 || b.at[0] != 'N')
        return false;
    if (!answer_challenge(c, cookie, (uint32_t)get_be(b.at + 9, 4), own))
        return false;
    digest(own, cookie, d);
    return read_packet(c, 2, &b) && b.n == 17 && b.at[0] == 'a' && memcmp(b.at + 1, d, 16) == 0;
}

/* Connects c to the port; name, creation and deadline are set. */
static LAUNCH_UNUSED bool node_connect(NodeClient *c, const char *host, uint16_t port, const char *cookie)
{
    c->fd = connect_to(host, port);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (shake_hands(c, cookie))
        return true;
    close(c->fd);
    c->fd = -1;
    return false;
}

/* ---- messages ---- */

/* The next message to us: *at, *end are its bytes inside b. False: the connection is gone. */
static LAUNCH_UNUSED bool next_message(const NodeClient *c, Bytes *b, const uint8_t **at, const uint8_t **end)
{
    while (read_packet(c, 4, b)) {
        if (b->n == 0) { /* a tick wants one back */
            write_packet(c, 4, &(Bytes){0});
            continue;
        }
        *end = b->at + b->n;
        size_t control = b->at[0] == 112 && b->n > 2 ? term_bytes(b->at + 2, *end) : 0;
        *at = b->at + 2 + control + 1;
        if (control > 0 && *at < *end)
            return true;
    }
    return false;
}

/* Send the term in `message` to a registered name, or to the pid term `to`. */
static LAUNCH_UNUSED bool send_message(const NodeClient *c, const char *name, const uint8_t *to, size_t to_bytes,
                                       const Bytes *message)
{
    Bytes b = {0};
    put_be(&b, 112u << 8 | 131, 2);
    put_tuple(&b, name ? 4 : 3);
    put_be(&b, 97u << 8 | (name ? 6 : 2), 2);
    if (name)
        put_self(&b, c);
    put_atom(&b, "");
    if (name)
        put_atom(&b, name);
    else
        put_raw(&b, to, to_bytes);
    put_be(&b, 131, 1);
    put_raw(&b, message->at, message->n);
    bool ok = write_packet(c, 4, &b);
    free(b.at);
    return ok;
}

/* Is the term at p a tuple of this arity whose first element is the atom? */
static LAUNCH_UNUSED bool is_tagged(const uint8_t *p, const uint8_t *end, unsigned arity, const char *atom)
{
    size_t n = strlen(atom);
    if (end - p < 3 || p[0] != 104 || p[1] != arity)
        return false;
    if (p[2] == 119)
        return (size_t)(end - p) >= 4 + n && p[3] == n && memcmp(p + 4, atom, n) == 0;
    return p[2] == 100 && (size_t)(end - p) >= 5 + n && get_be(p + 3, 2) == n && memcmp(p + 5, atom, n) == 0;
}

#endif
