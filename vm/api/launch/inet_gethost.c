/* SPDX-License-Identifier: Apache-2.0 */
/* inet_gethost - looks up host names for the kernel application, outside the VM, since the system's
 * resolver blocks. Started as a port with 4-byte packets by inet_gethost_native.
 *
 *   request   serial 4, operation 1: 1 name (protocol 1, text, 0), 2 address (protocol 1, bytes),
 *             3 cancel serial, 4 control
 *   answer    serial 4, then 0 and the reason's text with its 0; or the address size (4 or 16),
 *             number of addresses 4, addresses, number of names 4, names each with their 0
 *
 * Threads: main reads requests into a queue; POOL workers take from it. The lock guards the queue and
 * the order of writing. A canceled request that still waits is dropped; one that runs is answered
 * (the VM ignores the answer). End of file ends the program.
 * Arguments: POOL, and flags that only matter to other ways of waiting (ignored). */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#include "launch.h"

#define REQUEST_MAX 4096
#define ANSWER_MAX 65536
#define POOL_MAX 64

enum { OP_NAME = 1, OP_ADDRESS, OP_CANCEL, OP_CONTROL };
enum { PROTO_V6 = 2 };

typedef struct Request {
    struct Request *next;
    uint32_t serial;
    uint8_t operation, protocol;
    size_t bytes;
    char data[]; /* a terminated name, or an address */
} Request;

static Request *queue_head, **queue_tail = &queue_head;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;

/* An answer under construction; 4 bytes of length stand in front. */
typedef struct {
    size_t bytes;
    uint8_t at[ANSWER_MAX];
} Answer;

static void put32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void add(Answer *a, const void *bytes, size_t n)
{
    if (a->bytes + n > sizeof a->at)
        launch_fail("an answer is too long");
    memcpy(a->at + a->bytes, bytes, n);
    a->bytes += n;
}

static void add32(Answer *a, uint32_t v)
{
    uint8_t b[4];
    put32(b, v);
    add(a, b, 4);
}

static void add_error(Answer *a, const char *reason)
{
    add(a, "", 1);
    add(a, reason, strlen(reason) + 1);
}

static const char *reason_of(int eai)
{
    switch (eai) {
    case EAI_NONAME: return "notfound";
    case EAI_AGAIN: return "try_again";
    case EAI_FAMILY:
    case EAI_SOCKTYPE: return "notsup";
    case EAI_SYSTEM: return "netdb_internal";
    default: return "no_recovery";
    }
}

static void answer_name(Answer *a, const Request *r)
{
    struct addrinfo hints = {.ai_family = r->protocol == PROTO_V6 ? AF_INET6 : AF_INET,
                             .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *list = NULL;
    int error = *r->data ? getaddrinfo(r->data, NULL, &hints, &list) : EAI_FAIL;
    if (error) {
        add_error(a, reason_of(error));
        return;
    }
    bool six = hints.ai_family == AF_INET6;
    uint8_t size = six ? 16 : 4;
    uint32_t count = 0;
    add(a, &size, 1);
    size_t count_at = a->bytes;
    add32(a, 0);
    for (struct addrinfo *i = list; i; i = i->ai_next, count++)
        add(a, six ? (void *)&((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr
                   : (void *)&((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr, size);
    put32(a->at + count_at, count);
    const char *name = list->ai_canonname ? list->ai_canonname : r->data;
    add32(a, 1);
    add(a, name, strlen(name) + 1);
    freeaddrinfo(list);
}

static void answer_address(Answer *a, const Request *r)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    char name[NI_MAXHOST];
    bool is_six = r->protocol == PROTO_V6;
    uint8_t size = is_six ? 16 : 4;
    if (r->bytes < size) {
        add_error(a, "formerr");
        return;
    }
    memcpy(is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr, r->data, size);
    int error = is_six
        ? getnameinfo((struct sockaddr *)&six, sizeof six, name, sizeof name, NULL, 0, NI_NAMEREQD)
        : getnameinfo((struct sockaddr *)&four, sizeof four, name, sizeof name, NULL, 0, NI_NAMEREQD);
    if (error) {
        add_error(a, reason_of(error));
        return;
    }
    add(a, &size, 1);
    add32(a, 1);
    add(a, r->data, size);
    add32(a, 1);
    add(a, name, strlen(name) + 1);
}

static void write_all(const uint8_t *b, size_t n)
{
    while (n > 0) {
        ssize_t done = write(1, b, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(0); /* the VM is gone */
        b += done;
        n -= (size_t)done;
    }
}

static Request *queue_take(void)
{
    pthread_mutex_lock(&lock);
    while (!queue_head)
        pthread_cond_wait(&filled, &lock);
    Request *r = queue_head;
    queue_head = r->next;
    if (!queue_head)
        queue_tail = &queue_head;
    pthread_mutex_unlock(&lock);
    return r;
}

static void *worker(void *unused)
{
    Answer *a = malloc(sizeof *a);
    if (!a)
        launch_fail("out of memory");
    for (;;) {
        Request *r = queue_take();
        a->bytes = 4;
        add32(a, r->serial);
        if (r->operation == OP_NAME)
            answer_name(a, r);
        else
            answer_address(a, r);
        put32(a->at, (uint32_t)a->bytes - 4);
        pthread_mutex_lock(&lock);
        write_all(a->at, a->bytes);
        pthread_mutex_unlock(&lock);
        free(r);
    }
    return unused;
}

static void queue_cancel(uint32_t serial)
{
    pthread_mutex_lock(&lock);
    for (Request **at = &queue_head; *at; at = &(*at)->next)
        if ((*at)->serial == serial) {
            Request *r = *at;
            *at = r->next;
            if (queue_tail == &r->next)
                queue_tail = at;
            free(r);
            break;
        }
    pthread_mutex_unlock(&lock);
}

static void queue_add(uint32_t serial, const uint8_t *b, size_t n)
{
    Request *r = malloc(sizeof *r + n + 1);
    if (!r)
        launch_fail("out of memory");
    *r = (Request){.serial = serial, .operation = b[0], .protocol = b[1], .bytes = n - 2};
    memcpy(r->data, b + 2, n - 2);
    r->data[n - 2] = '\0';
    pthread_mutex_lock(&lock);
    *queue_tail = r;
    queue_tail = &r->next;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
}

static bool read_all(uint8_t *to, size_t n)
{
    while (n > 0) {
        ssize_t got = read(0, to, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint8_t head[4], body[REQUEST_MAX];
    int pool = argc > 1 ? atoi(argv[1]) : 1;
    launch_name = "inet_gethost";
    for (int i = 0; i < pool && i < POOL_MAX; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, NULL) != 0)
            launch_fail("cannot start a thread");
    }
    while (read_all(head, 4)) {
        uint32_t n = get32(head);
        if (n > sizeof body || n < 5 || !read_all(body, n))
            return 1;
        uint32_t serial = get32(body);
        if (body[4] == OP_CANCEL)
            queue_cancel(serial);
        else if ((body[4] == OP_NAME || body[4] == OP_ADDRESS) && n >= 6)
            queue_add(serial, body + 4, n - 4);
    }
    return 0;
}
