/* SPDX-License-Identifier: Apache-2.0 */
/* run_erl - runs a command on a terminal of its own, logs what it prints, and lets to_erl attach.
 * Usage: run_erl [-daemon] PIPE|DIR/ LOGDIR "COMMAND [ARGUMENT...]"
 *
 *   to_erl --PIPE.w--> run_erl --pseudo terminal--> command
 *   to_erl <--PIPE.r-- run_erl <-------------------
 *
 * The reading end of PIPE.r exists only while a to_erl is attached, so it is opened without waiting on
 * each try and dropped when nobody reads. A message "ESC _ version=V,winsize=C,R ESC \" from to_erl
 * sets the size of the terminal. Output goes to LOGDIR/erlang.log.N, N from 1 to
 * RUN_ERL_LOG_GENERATIONS (5), a new one after RUN_ERL_LOG_MAXSIZE bytes (100000).
 * Semantics: run_erl(1). */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <time.h>

#include "launch.h"

#define PIPE_STEM "erlang.pipe."
#define ALIVE_MINUTES_DEFAULT 15

typedef struct {
    char in_path[PATH_MAX], out_path[PATH_MAX]; /* PIPE.w, PIPE.r */
    char log_dir[PATH_MAX];
    int in, out, tty, log; /* out: -1 while nobody is attached */
    int generation, generations;
    off_t log_bytes, log_max;
    time_t last_output;
    int alive_minutes;
} Run;

static long from_env(const char *name, long fallback)
{
    const char *text = getenv(name);
    long n = text ? atol(text) : 0;
    return n > 0 ? n : fallback;
}

/* ---- the log ------------------------------------------------------------------------------------- */

static void log_open(Run *r)
{
    char path[PATH_MAX + 32];
    if (r->log >= 0)
        close(r->log);
    snprintf(path, sizeof path, "%s/erlang.log.%d", r->log_dir, r->generation);
    r->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    r->log_bytes = 0;
    if (r->log < 0)
        syslog(LOG_ERR, "cannot open %s: %s", path, strerror(errno));
}

static void log_write(Run *r, const char *bytes, size_t n)
{
    if (r->log < 0)
        return;
    if (r->log_bytes + (off_t)n > r->log_max) {
        r->generation = r->generation % r->generations + 1;
        log_open(r);
    }
    ssize_t done = r->log >= 0 ? write(r->log, bytes, n) : 0;
    r->log_bytes += done > 0 ? done : 0;
}

static void log_mark(Run *r, const char *format)
{
    char text[128];
    time_t now = time(NULL);
    size_t n = strftime(text, sizeof text, format, localtime(&now));
    log_write(r, text, n);
}

/* Goes on with the newest log there is. */
static void log_start(Run *r)
{
    struct stat st;
    time_t newest = 0;
    char path[PATH_MAX + 32];
    for (int n = 1; n <= r->generations; n++) {
        snprintf(path, sizeof path, "%s/erlang.log.%d", r->log_dir, n);
        if (stat(path, &st) == 0 && st.st_mtime >= newest) {
            newest = st.st_mtime;
            r->generation = n;
        }
    }
    r->generation = newest ? r->generation % r->generations + 1 : 1;
    log_open(r);
    log_mark(r, "\n=====\n===== LOGGING STARTED %a %b %e %T %Z %Y\n=====\n");
}

/* ---- pipes ----------------------------------------------------------------------------------------- */

static void make_pipe(const char *path)
{
    if (mkfifo(path, 0600) != 0 && errno != EEXIST)
        launch_fail("cannot make the pipe %s: %s", path, strerror(errno));
}

static bool pipe_number(const char *name, int *n)
{
    char end;
    return sscanf(name, PIPE_STEM "%d.%c", n, &end) == 2;
}

/* DIR/ stands for the first unused erlang.pipe.N in it. */
static void choose_pipe(Run *r, const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || name[n - 1] != '/') {
        snprintf(r->in_path, sizeof r->in_path, "%s.w", name);
        snprintf(r->out_path, sizeof r->out_path, "%s.r", name);
        return;
    }
    int highest = 0, found;
    DIR *dir = opendir(name);
    if (!dir)
        launch_fail("cannot read the folder %s: %s", name, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));)
        if (pipe_number(e->d_name, &found) && found > highest)
            highest = found;
    closedir(dir);
    snprintf(r->in_path, sizeof r->in_path, "%s" PIPE_STEM "%d.w", name, highest + 1);
    snprintf(r->out_path, sizeof r->out_path, "%s" PIPE_STEM "%d.r", name, highest + 1);
}

/* Reading and writing, so that the pipe never says end of file between two visitors. */
static void open_in(Run *r)
{
    r->in = open(r->in_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (r->in < 0)
        launch_fail("cannot open the pipe %s: %s", r->in_path, strerror(errno));
}

static void write_out(Run *r, const char *bytes, size_t n)
{
    if (r->out < 0)
        r->out = open(r->out_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (r->out < 0)
        return;
    while (n > 0) {
        ssize_t done = write(r->out, bytes, n);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = r->out, .events = POLLOUT};
            if (poll(&p, 1, 5000) > 0)
                continue;
        }
        if (done <= 0) {
            close(r->out);
            r->out = -1;
            return;
        }
        bytes += done;
        n -= (size_t)done;
    }
}

/* ---- traffic ---------------------------------------------------------------------------------------- */

/* Takes to_erl's messages out of what was typed; returns the bytes that are left. */
static size_t take_messages(Run *r, char *bytes, size_t n)
{
    char *start, *end;
    bytes[n] = '\0';
    while ((start = memmem(bytes, n, "\033_", 2))
           && (end = memmem(start, n - (size_t)(start - bytes), "\033\\", 2))) {
        unsigned columns, rows;
        char *size = strstr(start, "winsize=");
        if (size && size < end && sscanf(size, "winsize=%u,%u", &columns, &rows) == 2) {
            struct winsize w = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
            ioctl(r->tty, TIOCSWINSZ, &w);
        }
        end += 2;
        memmove(start, end, n - (size_t)(end - bytes) + 1);
        n -= (size_t)(end - start);
    }
    return n;
}

static void from_visitor(Run *r)
{
    char bytes[4097];
    ssize_t n = read(r->in, bytes, sizeof bytes - 1);
    if (n <= 0)
        return;
    size_t left = take_messages(r, bytes, (size_t)n);
    for (size_t at = 0; at < left;) {
        ssize_t done = write(r->tty, bytes + at, left - at);
        if (done <= 0 && errno != EINTR)
            return;
        at += done > 0 ? (size_t)done : 0;
    }
}

/* False when the command has closed its terminal. */
static bool from_command(Run *r)
{
    char bytes[4096];
    ssize_t n = read(r->tty, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    r->last_output = time(NULL);
    log_write(r, bytes, (size_t)n);
    write_out(r, bytes, (size_t)n);
    return true;
}

static void pass_traffic(Run *r)
{
    struct pollfd p[2] = {{.fd = r->tty, .events = POLLIN}, {.fd = r->in, .events = POLLIN}};
    r->last_output = time(NULL);
    for (;;) {
        int ready = poll(p, 2, 60 * 1000);
        if (ready < 0 && errno != EINTR)
            return;
        if (ready > 0 && p[0].revents && !from_command(r))
            return;
        if (ready > 0 && (p[1].revents & POLLIN))
            from_visitor(r);
        if (time(NULL) - r->last_output > 60 * r->alive_minutes) {
            log_mark(r, "\n===== ALIVE %a %b %e %T %Z %Y\n");
            r->last_output = time(NULL);
        }
    }
}

/* ---- start ---------------------------------------------------------------------------------------- */

static pid_t start_command(Run *r, const char *command)
{
    pid_t pid = forkpty(&r->tty, NULL, NULL, NULL);
    if (pid < 0)
        launch_fail("cannot make a terminal: %s", strerror(errno));
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    fcntl(r->tty, F_SETFD, FD_CLOEXEC);
    return pid;
}

int main(int argc, char **argv)
{
    Run r = {.out = -1, .log = -1};
    int status = 0, first = 1;
    launch_name = "run_erl";
    bool daemon = argc > 1 && strcmp(argv[1], "-daemon") == 0;
    first += daemon;
    if (argc - first != 3) {
        fprintf(stderr, "usage: run_erl [-daemon] PIPE|DIR/ LOGDIR \"COMMAND [ARGUMENT...]\"\n");
        return 1;
    }
    choose_pipe(&r, argv[first]);
    if (!realpath(argv[first + 1], r.log_dir))
        launch_fail("cannot use the log folder %s: %s", argv[first + 1], strerror(errno));
    r.generations = (int)from_env("RUN_ERL_LOG_GENERATIONS", 5);
    r.log_max = (off_t)from_env("RUN_ERL_LOG_MAXSIZE", 100000);
    r.alive_minutes = (int)from_env("RUN_ERL_LOG_ALIVE_MINUTES", ALIVE_MINUTES_DEFAULT);
    make_pipe(r.in_path);
    make_pipe(r.out_path);
    if (daemon) {
        launch_close_inherited();
        launch_daemon();
    }
    openlog("run_erl", LOG_PID, LOG_DAEMON);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    log_start(&r);
    open_in(&r);
    pid_t pid = start_command(&r, argv[first + 2]);
    pass_traffic(&r);
    waitpid(pid, &status, 0);
    unlink(r.in_path);
    unlink(r.out_path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
