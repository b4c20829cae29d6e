/* SPDX-License-Identifier: Apache-2.0 */
/* to_erl - attaches this terminal to a command under run_erl. Control-D detaches; the command goes on.
 * Usage: to_erl [-F] [PIPE|DIR/]     default /tmp/; DIR/ stands for its highest erlang.pipe.N
 * The lock of PIPE.r keeps two visitors apart; -F does without.
 * Semantics: to_erl(1); pipes and messages: run_erl.c. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "launch.h"

#define PIPE_STEM "erlang.pipe."
#define CONTROL_D 4
#define CONTROL_L 12

static struct termios saved;
static bool is_terminal;
static volatile sig_atomic_t resized = 1; /* the size is told at the start, too */

static void on_resize(int signal)
{
    (void)signal;
    resized = 1;
}

static void restore_terminal(void)
{
    if (is_terminal)
        tcsetattr(0, TCSADRAIN, &saved);
}

static void raw_terminal(void)
{
    struct termios t;
    is_terminal = tcgetattr(0, &saved) == 0;
    if (!is_terminal)
        return;
    t = saved;
    t.c_iflag = (t.c_iflag & ~(tcflag_t)(ISTRIP | INLCR | IGNCR)) | ICRNL;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(0, TCSADRAIN, &t);
    atexit(restore_terminal);
}

/* DIR/ becomes DIR/erlang.pipe.N with the highest N. */
static char *choose_pipe(const char *name)
{
    size_t n = strlen(name);
    int highest = 0, found;
    char end;
    if (n > 0 && name[n - 1] != '/')
        return strdup(name);
    DIR *dir = opendir(name);
    if (!dir)
        launch_fail("cannot read the folder %s: %s", name, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));)
        if (sscanf(e->d_name, PIPE_STEM "%d.%c", &found, &end) == 2 && end == 'r' && found > highest)
            highest = found;
    closedir(dir);
    if (highest == 0)
        launch_fail("no running command in %s", name);
    char number[16];
    snprintf(number, sizeof number, "%d", highest);
    return launch_format("%s" PIPE_STEM "%s", name, number);
}

static void tell_size(int out)
{
    struct winsize w;
    resized = 0;
    if (ioctl(0, TIOCGWINSZ, &w) == 0)
        dprintf(out, "\033_version=1,winsize=%d,%d\033\\", w.ws_col, w.ws_row);
}

/* False when the user wants to leave. */
static bool from_user(int out)
{
    char bytes[1024];
    ssize_t n = read(0, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    char *leave = memchr(bytes, CONTROL_D, (size_t)n);
    size_t send = leave ? (size_t)(leave - bytes) : (size_t)n;
    if (send > 0 && write(out, bytes, send) != (ssize_t)send)
        return false;
    return leave == NULL;
}

static bool from_command(int in)
{
    char bytes[4096];
    ssize_t n = read(in, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    return n > 0 && write(1, bytes, (size_t)n) == n;
}

static void pass_traffic(int in, int out)
{
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = in, .events = POLLIN}};
    for (;;) {
        if (resized)
            tell_size(out);
        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (p[1].revents && !from_command(in)) {
            fputs("[End]\r\n", stderr);
            return;
        }
        if (p[0].revents && !from_user(out)) {
            fputs("[Quit]\r\n", stderr);
            return;
        }
    }
}

static int attach_in(const char *path, bool force)
{
    int in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (in < 0)
        launch_fail("cannot open the pipe %s: %s", path, strerror(errno));
    if (!force && flock(in, LOCK_EX | LOCK_NB) != 0)
        launch_fail("another to_erl is attached to %s; -F attaches all the same", path);
    return in;
}

int main(int argc, char **argv)
{
    bool force = false;
    int next = 1;
    launch_name = "to_erl";
    for (; next < argc && argv[next][0] == '-'; next++) {
        if (strcmp(argv[next], "-F") != 0) {
            fprintf(stderr, "usage: to_erl [-h|-F] [PIPE|DIR/]\n");
            return strcmp(argv[next], "-h") != 0;
        }
        force = true;
    }
    char *pipe = choose_pipe(next < argc ? argv[next] : "/tmp/");
    int in = attach_in(launch_format("%s%s", pipe, ".r"), force);
    int out = open(launch_format("%s%s", pipe, ".w"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (out < 0)
        launch_fail("no run_erl reads %s.w: %s", pipe, strerror(errno));
    fprintf(stderr, "Attaching to %s (^D to exit)\r\n\r\n", pipe);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction resize = {.sa_handler = on_resize};
    sigaction(SIGWINCH, &resize, NULL);
    raw_terminal();
    const char redraw = CONTROL_L; /* makes a shell show its prompt */
    if (write(out, &redraw, 1) != 1)
        return 1;
    pass_traffic(in, out);
    return 0;
}
