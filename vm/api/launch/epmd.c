/* SPDX-License-Identifier: Apache-2.0 */
/* epmd - the port mapper: knows at which TCP port each Erlang node of this host listens.
 * A node registers with ALIVE2_REQ and stays registered while that connection is open; anyone may
 * ask with PORT_PLEASE2_REQ. Requests that change or reveal more are taken from this host only.
 *
 *   connection:  reading --ALIVE2, accepted--> holding --closed--> gone
 *                reading --any other request--> answered and closed
 *                reading --nothing for packet_timeout seconds--> closed
 *
 * One thread, one poll loop; replies are small and written at once.
 * Semantics: erl_dist_protocol, "EPMD Protocol"; epmd(1). Interactive options: epmd_client.h. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "epmd_client.h"

#define MAX_LISTENERS 16
#define MAX_CONNECTIONS 1000
#define REQUEST_MAX 4096  /* longest request body taken */
#define NAME_MAX_BYTES 1020
#define OLD_NAMES_MAX 1000 /* names remembered for their creation and for -d dumps */

typedef struct Node {
    struct Node *next;
    char *name;
    int fd; /* of the connection that keeps it alive; -1: gone, remembered for its creation */
    uint16_t port, highest, lowest;
    uint8_t type, protocol;
    uint8_t *extra;
    uint16_t extra_bytes;
    uint32_t creation;
} Node;

typedef struct {
    int fd;
    bool local, holding;
    time_t deadline; /* seconds, CLOCK_MONOTONIC; unused once holding */
    size_t got;
    uint8_t in[2 + REQUEST_MAX];
} Conn;

typedef struct {
    uint16_t port;
    bool relaxed, daemon, from_systemd;
    int debug;
    long packet_timeout_s, delay_accept_s, delay_write_s;
    char *addresses; /* comma separated; NULL: all */
    int listeners[MAX_LISTENERS];
    int listener_count;
    Conn *conns[MAX_CONNECTIONS];
    int conn_count;
    Node *nodes; /* living and remembered, newest first */
} Server;

static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

__attribute__((format(printf, 2, 3)))
static void debug(const Server *s, const char *fmt, ...)
{
    va_list ap;
    if (!s->debug)
        return;
    va_start(ap, fmt);
    fprintf(stderr, "epmd: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static uint16_t get16(const uint8_t *b) { return (uint16_t)(b[0] << 8 | b[1]); }
static void put16(uint8_t *b, unsigned v)
{
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)v;
}
static void put32(uint8_t *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b + 2, v & 0xffff);
}

/* ---- names ------------------------------------------------------------------------------------ */

static Node *node_find(Server *s, const char *name, bool living)
{
    for (Node *n = s->nodes; n; n = n->next)
        if ((n->fd >= 0) == living && strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

static void node_bury(Server *s, int fd)
{
    for (Node *n = s->nodes; n; n = n->next)
        if (n->fd == fd) {
            debug(s, "unregistering '%s'", n->name);
            n->fd = -1;
        }
}

static void node_free(Node *n)
{
    free(n->name);
    free(n->extra);
    free(n);
}

/* Forgets the oldest of the dead names when there are too many. */
static void nodes_trim(Server *s)
{
    int old = 0;
    for (Node **at = &s->nodes; *at;) {
        Node *n = *at;
        if (n->fd < 0 && ++old > OLD_NAMES_MAX) {
            *at = n->next;
            node_free(n);
        } else {
            at = &n->next;
        }
    }
}

/* A creation tells two lives of one name apart: never below 4, never the one before. */
static uint32_t creation_after(const Node *old)
{
    uint32_t c = old ? old->creation + 1 : (uint32_t)time(NULL) * 2654435761u;
    return c < 4 ? c + 4 : c;
}

static bool name_is_valid(const uint8_t *name, size_t bytes)
{
    if (bytes == 0 || bytes > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (name[i] < ' ' || name[i] == 127)
            return false;
    return true;
}

/* ---- requests: each gets the body without its code; false closes the connection ------------------ */

static void reply(Server *s, Conn *c, const void *bytes, size_t n)
{
    if (s->delay_write_s)
        sleep((unsigned)s->delay_write_s);
    if (send(c->fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
        debug(s, "a reply could not be sent: %s", strerror(errno));
}

static Node *node_register(Server *s, int fd, char *name, const uint8_t *b, const uint8_t *extra,
                           uint16_t extra_bytes)
{
    Node *old = node_find(s, name, false);
    Node *n = calloc(1, sizeof *n);
    uint8_t *copy = malloc(extra_bytes + 1u);
    if (!n || !copy)
        launch_fail("out of memory");
    memcpy(copy, extra, extra_bytes);
    *n = (Node){.next = s->nodes, .name = name, .fd = fd, .port = get16(b), .type = b[2],
                .protocol = b[3], .highest = get16(b + 4), .lowest = get16(b + 6),
                .extra = copy, .extra_bytes = extra_bytes, .creation = creation_after(old)};
    s->nodes = n;
    for (Node **at = &n->next; old && *at; at = &(*at)->next)
        if (*at == old) {
            *at = old->next;
            node_free(old);
            break;
        }
    nodes_trim(s);
    return n;
}

/* Port 2, type 1, protocol 1, highest 2, lowest 2, name length 2, name, extra length 2, extra. */
static bool alive_request(Server *s, Conn *c, const uint8_t *b, size_t n)
{
    if (!c->local || n < 10)
        return false;
    size_t name_bytes = get16(b + 8);
    if (n < 10 + name_bytes + 2 || !name_is_valid(b + 10, name_bytes))
        return false;
    size_t extra_bytes = get16(b + 10 + name_bytes);
    if (n < 12 + name_bytes + extra_bytes)
        return false;
    char *name = strndup((const char *)b + 10, name_bytes);
    if (!name)
        launch_fail("out of memory");
    Node *living = node_find(s, name, true);
    bool wide = get16(b + 4) >= 6; /* the node takes a 32-bit creation */
    uint32_t creation = 99;
    if (living)
        free(name);
    else
        creation = node_register(s, c->fd, name, b, b + 12 + name_bytes, (uint16_t)extra_bytes)->creation;
    uint8_t out[6] = {wide ? 118 : 121, living ? 1 : 0};
    if (wide)
        put32(out + 2, creation);
    else
        put16(out + 2, creation % 3 + 1);
    reply(s, c, out, wide ? 6 : 4);
    c->holding = !living;
    return c->holding;
}

static bool port_request(Server *s, Conn *c, const uint8_t *b, size_t n)
{
    uint8_t out[14 + NAME_MAX_BYTES + 65536];
    char name[NAME_MAX_BYTES + 1];
    Node *node = NULL;
    if (name_is_valid(b, n)) {
        memcpy(name, b, n);
        name[n] = '\0';
        node = node_find(s, name, true);
    }
    out[0] = 119;
    out[1] = node ? 0 : 1;
    if (!node) {
        reply(s, c, out, 2);
        return false;
    }
    put16(out + 2, node->port);
    out[4] = node->type;
    out[5] = node->protocol;
    put16(out + 6, node->highest);
    put16(out + 8, node->lowest);
    put16(out + 10, (unsigned)n);
    memcpy(out + 12, name, n);
    put16(out + 12 + n, node->extra_bytes);
    memcpy(out + 14 + n, node->extra, node->extra_bytes);
    reply(s, c, out, 14 + n + node->extra_bytes);
    return false;
}

static bool list_request(Server *s, Conn *c, bool dump)
{
    char line[NAME_MAX_BYTES + 100];
    put32((uint8_t *)line, s->port);
    reply(s, c, line, 4);
    for (Node *n = s->nodes; n; n = n->next) {
        int bytes = 0;
        if (!dump && n->fd >= 0)
            bytes = snprintf(line, sizeof line, "name %s at port %d\n", n->name, n->port);
        else if (dump && n->fd >= 0)
            bytes = snprintf(line, sizeof line, "active name     <%s> at port %d, fd = %d\n",
                             n->name, n->port, n->fd);
        else if (dump)
            bytes = snprintf(line, sizeof line, "old/unused name <%s>, port = %d, fd = %d \n",
                             n->name, n->port, n->fd);
        if (bytes)
            reply(s, c, line, (size_t)bytes);
    }
    return false;
}

static bool any_living(const Server *s)
{
    for (const Node *n = s->nodes; n; n = n->next)
        if (n->fd >= 0)
            return true;
    return false;
}

static bool kill_request(Server *s, Conn *c)
{
    if (!c->local)
        return false;
    if (!s->relaxed && any_living(s)) {
        reply(s, c, "NO", 2);
        return false;
    }
    reply(s, c, "OK", 2);
    debug(s, "killed on request");
    exit(0);
}

static void conn_close(Server *s, Conn *c)
{
    if (c->holding)
        node_bury(s, c->fd);
    close(c->fd);
    c->fd = -1; /* freed by the main loop */
}

static bool stop_request(Server *s, Conn *c, const uint8_t *b, size_t n)
{
    char name[NAME_MAX_BYTES + 1];
    if (!c->local || !s->relaxed || n > NAME_MAX_BYTES)
        return false;
    memcpy(name, b, n);
    name[n] = '\0';
    Node *node = node_find(s, name, true);
    if (!node) {
        reply(s, c, "NOEXIST", 7);
        return false;
    }
    for (int i = 0; i < s->conn_count; i++)
        if (s->conns[i]->fd == node->fd) {
            conn_close(s, s->conns[i]);
            break;
        }
    reply(s, c, "STOPPED", 7);
    return false;
}

static bool request(Server *s, Conn *c, const uint8_t *b, size_t n)
{
    if (n == 0)
        return false;
    debug(s, "request '%c', %zu bytes", b[0] >= ' ' && b[0] < 127 ? b[0] : '?', n);
    switch (b[0]) {
    case 120: return alive_request(s, c, b + 1, n - 1);
    case 122: return port_request(s, c, b + 1, n - 1);
    case 110: return list_request(s, c, false);
    case 100: return c->local && list_request(s, c, true);
    case 107: return kill_request(s, c);
    case 115: return stop_request(s, c, b + 1, n - 1);
    default: return false;
    }
}

/* ---- connections -------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr
            == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* A peer of this host: over the loopback, or from the very address it connected to. */
static bool peer_is_local(int fd)
{
    struct sockaddr_storage peer, self;
    socklen_t a = sizeof peer, b = sizeof self;
    if (getpeername(fd, (struct sockaddr *)&peer, &a) || getsockname(fd, (struct sockaddr *)&self, &b))
        return false;
    return is_loopback(&peer) || same_address(&peer, &self);
}

static void conn_accept(Server *s, int listener)
{
    if (s->delay_accept_s)
        sleep((unsigned)s->delay_accept_s);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    Conn *c = s->conn_count < MAX_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    *c = (Conn){.fd = fd, .local = peer_is_local(fd), .deadline = now_s() + s->packet_timeout_s};
    s->conns[s->conn_count++] = c;
}

/* Takes what has arrived; a whole request is answered. A holding connection only ever closes. */
static void conn_read(Server *s, Conn *c)
{
    uint8_t ignored[256];
    void *to = c->holding ? ignored : c->in + c->got;
    size_t room = c->holding ? sizeof ignored : sizeof c->in - c->got;
    ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_close(s, c);
        return;
    }
    if (c->holding)
        return;
    c->got += (size_t)n;
    c->deadline = now_s() + s->packet_timeout_s;
    if (c->got < 2)
        return;
    size_t length = get16(c->in);
    if (length > REQUEST_MAX || (c->got >= 2 + length && !request(s, c, c->in + 2, length)))
        conn_close(s, c);
}

/* Drops what was closed or has been silent too long. */
static void conns_sweep(Server *s)
{
    int kept = 0;
    time_t now = now_s();
    for (int i = 0; i < s->conn_count; i++) {
        Conn *c = s->conns[i];
        if (c->fd >= 0 && !c->holding && c->deadline <= now)
            conn_close(s, c);
        if (c->fd < 0)
            free(c);
        else
            s->conns[kept++] = c;
    }
    s->conn_count = kept;
}

/* Milliseconds until the first silent connection times out; -1 when there is none to wait for. */
static int poll_timeout_ms(const Server *s)
{
    time_t first = 0;
    for (int i = 0; i < s->conn_count; i++)
        if (!s->conns[i]->holding && (!first || s->conns[i]->deadline < first))
            first = s->conns[i]->deadline;
    if (!first)
        return -1;
    time_t left = first - now_s();
    return left < 0 ? 0 : (int)(left * 1000 + 10);
}

__attribute__((noreturn))
static void serve(Server *s)
{
    struct pollfd p[MAX_LISTENERS + MAX_CONNECTIONS];
    for (;;) {
        int listeners = s->listener_count, conns = s->conn_count;
        for (int i = 0; i < listeners; i++)
            p[i] = (struct pollfd){.fd = s->listeners[i], .events = POLLIN};
        for (int i = 0; i < conns; i++)
            p[listeners + i] = (struct pollfd){.fd = s->conns[i]->fd, .events = POLLIN};
        if (poll(p, (nfds_t)(listeners + conns), poll_timeout_ms(s)) < 0 && errno != EINTR)
            launch_fail("poll: %s", strerror(errno));
        /* Connections first: those accepted now stand behind `conns`. */
        for (int i = 0; i < conns; i++)
            if (p[listeners + i].revents && s->conns[i]->fd >= 0)
                conn_read(s, s->conns[i]);
        for (int i = 0; i < listeners; i++)
            if (p[i].revents & POLLIN)
                conn_accept(s, s->listeners[i]);
        conns_sweep(s);
    }
}

/* ---- start ---------------------------------------------------------------------------------------- */

/* Another epmd on the port is no error: the host has what it needs. */
static void listen_on(Server *s, const struct sockaddr *address, socklen_t bytes, bool needed)
{
    int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        if (needed)
            launch_fail("socket: %s", strerror(errno));
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address, bytes) || listen(fd, SOMAXCONN)) {
        if (errno == EADDRINUSE) {
            debug(s, "there is an epmd on port %d already", s->port);
            exit(0);
        }
        if (needed)
            launch_fail("cannot listen on port %d: %s", s->port, strerror(errno));
        close(fd);
        return;
    }
    if (s->listener_count == MAX_LISTENERS)
        launch_fail("more than %d addresses", MAX_LISTENERS);
    s->listeners[s->listener_count++] = fd;
}

static void listen_text(Server *s, const char *text, bool needed)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(s->port)};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        listen_on(s, (struct sockaddr *)&four, sizeof four, needed);
    else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
        listen_on(s, (struct sockaddr *)&six, sizeof six, needed);
    else
        launch_fail("cannot parse the address '%s'", text);
}

static bool is_loopback_text(const char *text)
{
    return strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0;
}

static void open_listeners(Server *s)
{
    if (s->from_systemd) {
        const char *count = getenv("LISTEN_FDS");
        s->listener_count = count ? atoi(count) : 0;
        if (s->listener_count < 1 || s->listener_count > MAX_LISTENERS)
            launch_fail("systemd passed no usable socket");
        for (int i = 0; i < s->listener_count; i++)
            s->listeners[i] = 3 + i;
    } else if (s->addresses && *s->addresses) {
        char *rest = strdup(s->addresses);
        listen_text(s, "127.0.0.1", true);
        listen_text(s, "::1", false);
        for (char *one; (one = strsep(&rest, ", "));)
            if (*one && !is_loopback_text(one))
                listen_text(s, one, true);
    } else {
        listen_text(s, "0.0.0.0", true);
        listen_text(s, "::", false);
    }
}

static void become_daemon(void)
{
    launch_daemon();
    if (fork() != 0)
        _exit(0);
    if (chdir("/") != 0)
        _exit(1);
    umask(0);
}

static long number(int argc, char **argv, int *i)
{
    char *end;
    if (*i + 1 >= argc)
        epmd_usage();
    long n = strtol(argv[++*i], &end, 10);
    if (*end || n < 0)
        epmd_usage();
    return n;
}

static char *word(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc)
        epmd_usage();
    return argv[++*i];
}

/* An interactive option acts at once, so flags before it count and those behind it do not. */
static void parse(Server *s, int argc, char **argv)
{
    const char *port = getenv("ERL_EPMD_PORT");
    s->port = (uint16_t)(port ? atoi(port) : 4369);
    s->relaxed = getenv("ERL_EPMD_RELAXED_COMMAND_CHECK") != NULL;
    s->addresses = getenv("ERL_EPMD_ADDRESS");
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "-d") == 0 || strcmp(a, "-debug") == 0)
            s->debug++;
        else if (strcmp(a, "-daemon") == 0)
            s->daemon = true;
        else if (strcmp(a, "-relaxed_command_check") == 0)
            s->relaxed = true;
        else if (strcmp(a, "-systemd") == 0)
            s->from_systemd = true;
        else if (strcmp(a, "-port") == 0)
            s->port = (uint16_t)number(argc, argv, &i);
        else if (strcmp(a, "-packet_timeout") == 0)
            s->packet_timeout_s = number(argc, argv, &i);
        else if (strcmp(a, "-delay_accept") == 0)
            s->delay_accept_s = number(argc, argv, &i);
        else if (strcmp(a, "-delay_write") == 0)
            s->delay_write_s = number(argc, argv, &i);
        else if (strcmp(a, "-address") == 0)
            s->addresses = word(argc, argv, &i);
        else if (strcmp(a, "-names") == 0)
            epmd_names(s->port);
        else if (strcmp(a, "-kill") == 0)
            epmd_kill(s->port);
        else if (strcmp(a, "-stop") == 0)
            epmd_stop(s->port, word(argc, argv, &i));
        else
            epmd_usage();
    }
}

int main(int argc, char **argv)
{
    static Server s = {.packet_timeout_s = 60};
    launch_name = "epmd";
    signal(SIGPIPE, SIG_IGN);
    parse(&s, argc, argv);
    if (s.daemon && !s.from_systemd)
        launch_close_inherited();
    open_listeners(&s); /* before the fork: who started us can connect when we return */
    if (s.daemon)
        become_daemon();
    serve(&s);
}
