/* SPDX-License-Identifier: Apache-2.0 */
/* epmd_client - epmd's interactive options: ask the running epmd, print its answer, leave.
 * Exit status: 0 done, 1 no epmd there or it refused. Part of epmd.c only. */
#ifndef JOIST_LAUNCH_EPMD_CLIENT_H
#define JOIST_LAUNCH_EPMD_CLIENT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "launch.h"

__attribute__((noreturn))
static void epmd_usage(void)
{
    fputs("usage: epmd [-d] [-address LIST] [-port N] [-daemon] [-relaxed_command_check] [-systemd]\n"
          "            [-packet_timeout S] [-delay_accept S] [-delay_write S]\n"
          "       epmd [-d] [-port N] -names | -kill | -stop NAME\n\n"
          "  -names                  list the nodes registered with the running epmd\n"
          "  -kill                   end the running epmd; it refuses while nodes are registered,\n"
          "                          unless it was started with -relaxed_command_check\n"
          "  -stop NAME              unregister a node by force; only with -relaxed_command_check\n"
          "  -address LIST           listen on these addresses (comma separated) and the loopback\n"
          "  -port N                 another port than 4369\n"
          "  -daemon                 detach from the terminal\n"
          "  -systemd                take the listening socket from systemd\n"
          "  -packet_timeout S       close connections that are silent this long (60)\n"
          "  -delay_accept S, -delay_write S   act like a busy server, for tests\n"
          "  -d, -debug              log to standard error\n", stderr);
    exit(1);
}

/* Sends one request; the connection then carries the answer. */
static int epmd_ask(uint16_t port, char code, const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t out[3 + 1024];
    size_t n = strlen(body);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        fputs("epmd: Cannot connect to local epmd\n", stderr);
        exit(1);
    }
    if (n > 1024)
        launch_fail("the name is too long");
    out[0] = (uint8_t)((n + 1) >> 8);
    out[1] = (uint8_t)(n + 1);
    out[2] = (uint8_t)code;
    memcpy(out + 3, body, n);
    if (write(fd, out, n + 3) != (ssize_t)(n + 3))
        launch_fail("cannot write to epmd: %s", strerror(errno));
    return fd;
}

/* The whole answer, cut at `room`. */
static size_t epmd_answer(int fd, char *to, size_t room)
{
    size_t got = 0;
    ssize_t n;
    while (got < room && (n = read(fd, to + got, room - got)) > 0)
        got += (size_t)n;
    return got;
}

__attribute__((noreturn))
static void epmd_names(uint16_t port)
{
    char block[4096];
    int fd = epmd_ask(port, 'n', "");
    if (epmd_answer(fd, block, 4) != 4) {
        fputs("epmd: no response from local epmd\n", stdout);
        exit(1);
    }
    const uint8_t *b = (const uint8_t *)block;
    printf("epmd: up and running on port %u with data:\n",
           (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3]);
    for (size_t n; (n = epmd_answer(fd, block, sizeof block)) > 0;)
        fwrite(block, 1, n, stdout);
    exit(0);
}

__attribute__((noreturn))
static void epmd_kill(uint16_t port)
{
    char answer[3] = "";
    epmd_answer(epmd_ask(port, 'k', ""), answer, 2);
    if (strcmp(answer, "OK") == 0) {
        puts("Killed");
        exit(0);
    }
    puts(strcmp(answer, "NO") == 0 ? "Killing not allowed - living nodes in database."
                                   : "epmd: local epmd did not answer");
    exit(1);
}

__attribute__((noreturn))
static void epmd_stop(uint16_t port, const char *name)
{
    char answer[8] = "";
    epmd_answer(epmd_ask(port, 's', name), answer, 7);
    bool known = strcmp(answer, "STOPPED") == 0 || strcmp(answer, "NOEXIST") == 0;
    if (known)
        puts(answer);
    else
        printf("epmd: local epmd responded with <%s>\n", answer);
    exit(known ? 0 : 1);
}

#endif
