/* SPDX-License-Identifier: Apache-2.0 */
/* launch - what erlc and escript share: a vector of arguments and the way to the VM.
 * Both are small programs that turn their own arguments into erl's and replace themselves by it.
 * Ownership: nothing is freed, the process image is replaced. Errors: message on stderr, exit 1.
 * Standalone: includes nothing of the VM. */
#ifndef JOIST_LAUNCH_H
#define JOIST_LAUNCH_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAUNCH_UNUSED __attribute__((unused))

static const char *launch_name = "joist"; /* set first thing in main; prefixes messages */

__attribute__((noreturn, format(printf, 1, 2)))
static LAUNCH_UNUSED void launch_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", launch_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* A NULL-terminated vector that grows at the end. */
typedef struct {
    char **at;
    size_t count, room;
} ArgVec;

static LAUNCH_UNUSED void arg_push(ArgVec *v, const char *arg)
{
    if (v->count + 2 > v->room) {
        v->room = v->room ? v->room * 2 : 32;
        v->at = realloc(v->at, v->room * sizeof *v->at);
        if (!v->at)
            launch_fail("out of memory");
    }
    v->at[v->count++] = (char *)arg;
    v->at[v->count] = NULL;
}

/* Pushes all up to a closing NULL. */
static LAUNCH_UNUSED void arg_push_all(ArgVec *v, ...)
{
    va_list ap;
    const char *arg;
    va_start(ap, v);
    while ((arg = va_arg(ap, const char *)))
        arg_push(v, arg);
    va_end(ap);
}

static LAUNCH_UNUSED char *launch_format(const char *fmt, const char *a, const char *b)
{
    char *text;
    if (asprintf(&text, fmt, a, b) < 0)
        launch_fail("out of memory");
    return text;
}

/* The folder of this executable, links resolved; NULL when the system does not tell. */
static LAUNCH_UNUSED char *launch_dir(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    return path;
}

/* The emulator: the environment's choice, else the erl beside us, else the one on PATH. */
static LAUNCH_UNUSED const char *launch_emulator(const char *variable)
{
    const char *chosen = getenv(variable);
    if (chosen && *chosen)
        return chosen;
    const char *dir = launch_dir();
    if (dir) {
        char *beside = launch_format("%s/%s", dir, "erl");
        if (access(beside, X_OK) == 0)
            return beside;
    }
    return "erl";
}

/* A daemon first lets go of what it inherited: somebody may wait for the end of a pipe. */
static LAUNCH_UNUSED void launch_close_inherited(void)
{
    close_range(3, ~0U, 0);
}

/* Detaches from the terminal: a process of a session of its own, whose standard files are the null
 * device. The caller's process ends. */
static LAUNCH_UNUSED void launch_daemon(void)
{
    pid_t pid = fork();
    if (pid < 0)
        launch_fail("fork: %s", strerror(errno));
    if (pid > 0)
        _exit(0);
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

__attribute__((noreturn))
static LAUNCH_UNUSED void launch_exec(const char *emulator, char **argv)
{
    fflush(NULL);
    execvp(emulator, argv);
    launch_fail("Error %d executing '%s'.", errno, emulator);
}

#endif
