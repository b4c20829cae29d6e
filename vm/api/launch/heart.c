/* SPDX-License-Identifier: Apache-2.0 */
/* heart - watches the VM that started it as a port (2-byte packets) and starts the system anew when
 * the VM dies or stops beating. The first byte of a packet is its operation.
 *
 *   from the VM: beat 2, shut down 3, set command 4 (text), clear command 5, get command 6,
 *                preparing crash 8         to the VM: acknowledge 1, command 7 (text)
 *   watching --shut down--> leave quietly        watching --end of file, or no beat--> reboot
 *   reboot: with a command, end the VM (after an end of file it may end by itself first) and run the command
 *   preparing crash: the VM writes its crash dump; wait for its end, at most ERL_CRASH_DUMP_SECONDS
 *
 * Arguments: -ht SECONDS between beats at most, -pid of the VM. Environment: HEART_COMMAND (when no
 * command was set), HEART_BEAT_TIMEOUT, HEART_KILL_SIGNAL=SIGABRT, HEART_NO_KILL=TRUE.
 * Semantics: heart(3). */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "launch.h"

enum { ACK = 1, BEAT, SHUT_DOWN, SET_COMMAND, CLEAR_COMMAND, GET_COMMAND, COMMAND, PREPARING_CRASH };

#define COMMAND_MAX 2048
#define TIMEOUT_MIN_S 10
#define TIMEOUT_MAX_S 65535
#define GRACE_S 5 /* for the VM to end by itself, and to be gone after a signal */

typedef struct {
    int timeout_s;
    pid_t vm;
    char command[COMMAND_MAX + 1]; /* set by the VM; goes before HEART_COMMAND */
} Heart;

enum Event { PACKET, CLOSED, SILENT };

__attribute__((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
    va_list ap;
    char when[64];
    time_t now = time(NULL);
    va_start(ap, fmt);
    strftime(when, sizeof when, "%a %b %e %H:%M:%S %Y", localtime(&now));
    fprintf(stderr, "heart: %s: ", when);
    vfprintf(stderr, fmt, ap);
    fputs("\r\n", stderr); /* the terminal may be raw */
    va_end(ap);
}

static void send_packet(uint8_t operation, const char *text)
{
    size_t n = strlen(text) + 1;
    uint8_t out[3 + COMMAND_MAX] = {(uint8_t)(n >> 8), (uint8_t)n, operation};
    memcpy(out + 3, text, n - 1);
    if (write(1, out, n + 2) != (ssize_t)(n + 2))
        say("Cannot write to the VM: %s", strerror(errno));
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

/* The next packet, terminated by 0; timeout_ms < 0 waits forever. */
static enum Event next_packet(uint8_t *to, size_t room, size_t *bytes, int timeout_ms)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    uint8_t head[2];
    int ready;
    do
        ready = poll(&in, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return SILENT;
    if (!read_all(head, 2))
        return CLOSED;
    *bytes = (size_t)head[0] << 8 | head[1];
    if (*bytes == 0 || *bytes >= room || !read_all(to, *bytes))
        return CLOSED;
    to[*bytes] = '\0';
    return PACKET;
}

/* Gives the VM time to write its dump; it closes the port when done. */
static void await_crash_dump(void)
{
    const char *limit = getenv("ERL_CRASH_DUMP_SECONDS");
    long seconds = limit ? atol(limit) : 0;
    uint8_t packet[COMMAND_MAX + 2];
    size_t bytes;
    if (limit && seconds == 0)
        return;
    say("Erlang is crashing .. (waiting for crash dump file)");
    while (next_packet(packet, sizeof packet, &bytes, seconds > 0 ? (int)seconds * 1000 : -1) == PACKET)
        continue;
}

static bool gone_within(pid_t vm, int seconds)
{
    const struct timespec look = {.tv_nsec = 20 * 1000 * 1000};
    for (int looks = seconds * 50; looks > 0; looks--) {
        if (kill(vm, 0) != 0 && errno == ESRCH)
            return true;
        nanosleep(&look, NULL);
    }
    return false;
}

/* A VM that closed the port may be on its way out: answers not yet sent, a crash dump half written. */
static void end_vm(const Heart *h, enum Event cause)
{
    const char *no = getenv("HEART_NO_KILL");
    const char *name = getenv("HEART_KILL_SIGNAL");
    if (h->vm <= 0 || (no && strcmp(no, "TRUE") == 0))
        return;
    if (cause == CLOSED) {
        say("Wait %d seconds for Erlang to terminate nicely", GRACE_S);
        if (gone_within(h->vm, GRACE_S))
            return;
        say("Erlang still alive, kill it");
    }
    kill(h->vm, name && strcmp(name, "SIGABRT") == 0 ? SIGABRT : SIGKILL);
    if (!gone_within(h->vm, GRACE_S))
        say("Unable to kill process %ld", (long)h->vm);
}

/* Without a command the VM is left alone: it notices that its heart is gone. */
__attribute__((noreturn))
static void reboot(const Heart *h, enum Event cause)
{
    const char *command = h->command[0] ? h->command : getenv("HEART_COMMAND");
    if (!command) {
        say("Would reboot. Terminating.");
        exit(1);
    }
    end_vm(h, cause);
    int status = system(command);
    say("Executed \"%s\" -> %d. Terminating.", command, status);
    exit(1);
}

static void act(Heart *h, const uint8_t *packet, size_t bytes)
{
    switch (packet[0]) {
    case SHUT_DOWN:
        exit(0);
    case SET_COMMAND:
        if (bytes - 1 > COMMAND_MAX)
            break;
        memcpy(h->command, packet + 1, bytes); /* with its terminating 0 */
        send_packet(ACK, "");
        break;
    case CLEAR_COMMAND:
        h->command[0] = '\0';
        send_packet(ACK, "");
        break;
    case GET_COMMAND: {
        const char *fallback = getenv("HEART_COMMAND");
        send_packet(COMMAND, h->command[0] ? h->command : fallback ? fallback : "");
        break;
    }
    case PREPARING_CRASH:
        await_crash_dump();
        reboot(h, PACKET);
    default: /* a beat */
        break;
    }
}

__attribute__((noreturn))
static void watch(Heart *h)
{
    uint8_t packet[COMMAND_MAX + 2];
    size_t bytes;
    for (;;) {
        switch (next_packet(packet, sizeof packet, &bytes, h->timeout_s * 1000)) {
        case PACKET:
            act(h, packet, bytes);
            break;
        case SILENT:
            say("heart-beat time-out, no activity for %d seconds", h->timeout_s);
            reboot(h, SILENT);
        case CLOSED:
            say("Erlang has closed.");
            reboot(h, CLOSED);
        }
    }
}

static int limited(const char *text, int fallback)
{
    long n = text ? atol(text) : fallback;
    return n > TIMEOUT_MIN_S && n <= TIMEOUT_MAX_S ? (int)n : fallback;
}

int main(int argc, char **argv)
{
    static Heart h;
    launch_name = "heart";
    h.timeout_s = limited(getenv("HEART_BEAT_TIMEOUT"), 60);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-ht") == 0)
            h.timeout_s = limited(argv[i + 1], h.timeout_s);
        else if (strcmp(argv[i], "-pid") == 0)
            h.vm = (pid_t)atol(argv[i + 1]);
    }
    signal(SIGPIPE, SIG_IGN);
    send_packet(ACK, "");
    watch(&h);
}
