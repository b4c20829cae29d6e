/* SPDX-License-Identifier: Apache-2.0 */
/* epmd_fuzz - libFuzzer's driver for epmd: its own source, with connections that are pairs of sockets. An input is a
 * conversation: the number of a connection (0..3; 4 and more: it is closed), a length, so many bytes. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where epmd would end. */
static jmp_buf over;
static void end_of_program(int status) __attribute__((noreturn));
static void end_of_program(int status)
{
    (void)status;
    longjmp(over, 1);
}
#define exit end_of_program
#define main epmd_main
#include "api/launch/epmd.c"
#undef main
#undef exit
#include "harness.h"

#define PEERS 4

static int peers[PEERS];

static void connect_peer(Server *s, int i)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
    peers[i] = pair[0];
    Conn *c = calloc(1, sizeof *c);
    if (!c) abort();
    *c = (Conn){.fd = pair[1], .local = i != 3, .deadline = now_s() + s->packet_timeout_s};
    s->conns[s->conn_count++] = c;
}

/* What epmd has to say does not fill its buffer. */
static void drain(int fd)
{
    char ignored[4096];
    while (recv(fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0) continue;
}

static void turn(Server *s)
{
    for (int i = 0, n = s->conn_count; i < n; i++)
        if (s->conns[i]->fd >= 0) conn_read(s, s->conns[i]);
    conns_sweep(s);
    for (int i = 0; i < PEERS; i++)
        if (peers[i] >= 0) drain(peers[i]);
}

static void close_peer(int i)
{
    if (peers[i] >= 0) close(peers[i]);
    peers[i] = -1;
}

static void converse(Server *s, const uint8_t *data, size_t bytes)
{
    while (bytes >= 2) {
        size_t n = data[1] < bytes - 2 ? data[1] : bytes - 2;
        int i = data[0] % PEERS;
        if (peers[i] < 0) connect_peer(s, i);
        if (data[0] / PEERS % 2)
            close_peer(i);
        else if (send(peers[i], data + 2, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            close_peer(i);
        turn(s);
        data += 2 + n;
        bytes -= 2 + n;
    }
}

static void forget(Server *s)
{
    for (int i = 0; i < PEERS; i++) close_peer(i);
    for (int i = 0; i < s->conn_count; i++) {
        if (s->conns[i]->fd >= 0) close(s->conns[i]->fd);
        free(s->conns[i]);
    }
    for (Node *n = s->nodes, *next; n; n = next) {
        next = n->next;
        node_free(n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static Server s;
    if (bytes == 0) return 0;
    s = (Server){.packet_timeout_s = 60, .relaxed = data[0] & 1};
    for (int i = 0; i < PEERS; i++) peers[i] = -1;
    if (setjmp(over) == 0) converse(&s, data + 1, bytes - 1);
    forget(&s);
    return 0;
}
