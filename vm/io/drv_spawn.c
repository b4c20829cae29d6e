/* SPDX-License-Identifier: Apache-2.0 */
/* drv_spawn - open_port({spawn, Command}) and {spawn_executable, File}: other programs over pipes.
 * The exit status is reported when both have come: the program's end and the end of its output.
 * `forker` exists by name only: tools expect a port called so; programs are started by child.c.
 * Layer: base. */
#include "base/alloc.h"
#include "base/oserr.h"
#include "io/child.h"
#include "io/fdio.h"
#include "io/native_text.h"
#include "base/osenv.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Spawned {
    FdIo io;
    bool alive, input_open;
    int status;
} Spawned;

/* ---- the program's end ---- */

static void maybe_finish(Port *port, Spawned *s)
{
    if (s->input_open || (port->opt.exit_status && s->alive)) return;
    if (port->opt.exit_status) port_send_exit_status(port, s->status);
    port_input_end(port);
}

static void on_child_end(Vm *vm, uint64_t key, int status)
{
    Port *port = port_lock(vm, key);
    if (!port) return;
    Spawned *s = port->driver_data;
    s->alive = false;
    s->status = status;
    if (port->opt.exit_status) maybe_finish(port, s);
    port_unlock(port);
}

/* ---- arguments: texts gathered in one block ---- */

typedef struct Texts {
    const Vm *vm;
    Buf bytes;              /* strings, each with its zero */
    size_t count;
} Texts;

static bool texts_add_term(Texts *t, term_t text)
{
    if (term_is_atom(text)) buf_append(&t->bytes, atom_text(text)->text, atom_text(text)->bytes);
    else if (!native_text_put(&t->bytes, t->vm, text)) return false;
    buf_append(&t->bytes, "", 1);
    t->count++;
    return true;
}

static void texts_add(Texts *t, const char *text)
{
    buf_append(&t->bytes, text, strlen(text) + 1);
    t->count++;
}

/* NULL-terminated vector into the block; free with mem_free(MEM_TEMP, v, (count + 1) * size). */
static char **texts_vector(const Texts *t)
{
    char **v = mem_alloc(MEM_TEMP, (t->count + 1) * sizeof *v), *at = t->bytes.data;
    for (size_t i = 0; i < t->count; i++, at += strlen(at) + 1) v[i] = at;
    v[t->count] = NULL;
    return v;
}

static void texts_free(Texts *t, char **v)
{
    mem_free(MEM_TEMP, v, (t->count + 1) * sizeof *v);
    buf_free(&t->bytes);
}

/* {spawn, Cmd} runs sh -c "exec Cmd"; {spawn_executable, File} runs File with args. */
static bool command_texts(Texts *t, enum PortSource source, term_t what, const PortOptions *opt)
{
    if (source == SOURCE_SPAWN) {
        texts_add(t, "/bin/sh");
        texts_add(t, "sh");
        texts_add(t, "-c");
        buf_puts(&t->bytes, "exec ");
        return texts_add_term(t, what);
    }
    if (!texts_add_term(t, what)) return false;
    if (!texts_add_term(t, opt->arg0 != TERM_NONE ? opt->arg0 : what)) return false;
    term_t l = opt->args != TERM_NONE ? opt->args : TERM_NIL;
    for (; term_is_list_cell(l); l = list_tail(l))
        if (!texts_add_term(t, list_head(l))) return false;
    return l == TERM_NIL;
}

/* ---- environment ---- */

static bool name_equals(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Name=Value of one {Name, Value | false}; false leaves just the name. */
static bool change_text(Texts *t, term_t change)
{
    size_t begin = t->bytes.len;
    if (!term_is_tuple_of(change, 2) || !native_text_put_list(&t->bytes, t->vm, tuple_element(change, 1))) return false;
    if (t->bytes.len > begin && memchr(t->bytes.data + begin, '=', t->bytes.len - begin)) return false;
    if (tuple_element(change, 2) != am_false) {
        buf_putc(&t->bytes, '=');
        if (!native_text_put_list(&t->bytes, t->vm, tuple_element(change, 2))) return false;
    }
    buf_append(&t->bytes, "", 1);
    t->count++;
    return true;
}

static bool overridden(const Texts *changes, const char *entry)
{
    const char *at = changes->bytes.data;
    for (size_t i = 0; i < changes->count; i++, at += strlen(at) + 1) {
        const char *eq = strchr(at, '=');
        if (eq ? strncmp(at, entry, (size_t)(eq - at) + 1) == 0 : name_equals(entry, at))
            return true;
    }
    return false;
}

static bool environment(Texts *env, term_t changes)
{
    Texts ch = {.vm = env->vm, .bytes = BUF_INIT(TEMP)};
    bool ok = true;
    for (; ok && changes != TERM_NONE && term_is_list_cell(changes); changes = list_tail(changes))
        ok = change_text(&ch, list_head(changes));
    ok = ok && (changes == TERM_NONE || changes == TERM_NIL);
    osenv_lock();
    for (char **e = environ; ok && *e; e++)
        if (!overridden(&ch, *e)) texts_add(env, *e);
    osenv_unlock();
    const char *at = ch.bytes.data;
    for (size_t i = 0; ok && i < ch.count; i++, at += strlen(at) + 1)
        if (strchr(at, '=')) texts_add(env, at);
    buf_free(&ch.bytes);
    return ok;
}

/* ---- starting ---- */

typedef struct Pipes {
    int child_in, child_out;     /* the child's ends */
    int in, out;                 /* ours: in reads what the child writes */
} Pipes;

static int make_pipes(Pipes *p, const PortOptions *opt)
{
    int fd[2];
    *p = (Pipes){-1, -1, -1, -1};
    if (opt->in) {
        if (pipe2(fd, O_CLOEXEC) != 0) return errno;
        p->in = fd[0], p->child_out = fd[1];
    }
    if (opt->out) {
        if (pipe2(fd, O_CLOEXEC) != 0) return errno;
        p->child_in = fd[0], p->out = fd[1];
    }
    return 0;
}

static void close_fd(int fd)
{
    if (fd >= 0) close(fd);
}

/* What open_port/2 raises for a file that cannot be run. */
static int executable_error(const char *file)
{
    struct stat st;
    if (stat(file, &st) != 0) return errno;
    return access(file, X_OK) == 0 ? 0 : EACCES;
}

static int start_child(Port *port, enum PortSource source, const Texts *args, char **argv,
                       const PortOptions *opt, const char *cwd, Pipes *pipes)
{
    ChildSpec spec = {.file = argv[0], .argv = argv + 1,
                      .cwd = cwd, .fd_in = pipes->child_in, .fd_out = pipes->child_out,
                      .use_stdio = opt->use_stdio, .stderr_to_stdout = opt->stderr_to_stdout};
    Texts env = {.vm = port->vm, .bytes = BUF_INIT(TEMP)};
    (void)args;
    int error = -1;
    if (environment(&env, opt->env)) {
        char **envp = texts_vector(&env);
        spec.envp = envp;
        error = source == SOURCE_EXECUTABLE ? executable_error(argv[0]) : 0;
        if (!error) error = child_start(port->vm, &spec, &port->os_pid, on_child_end, port->id);
        texts_free(&env, envp);
    } else {
        buf_free(&env.bytes);
    }
    return error;
}

static int start_with_pipes(Port *port, enum PortSource source, const Texts *args, char **argv,
                            const PortOptions *opt, const char *cwd)
{
    Pipes pipes;
    int error = make_pipes(&pipes, opt);
    Spawned *s = MEM_NEW(PORT, Spawned);
    port->driver_data = s;
    s->alive = true;
    s->input_open = opt->in;
    if (!error) error = start_child(port, source, args, argv, opt, cwd, &pipes);
    close_fd(pipes.child_in);
    close_fd(pipes.child_out);
    if (error) {
        close_fd(pipes.in);
        close_fd(pipes.out);
        MEM_DELETE(PORT, s);
        return error;
    }
    fdio_start(&s->io, port, pipes.in, pipes.out, true);
    return 0;
}

static int start(Port *port, Process *p UNUSED, enum PortSource source, term_t spec,
                 const PortOptions *opt)
{
    Texts args = {.vm = port->vm, .bytes = BUF_INIT(TEMP)}, cwd = {.vm = port->vm, .bytes = BUF_INIT(TEMP)};
    bool ok = command_texts(&args, source, tuple_element(spec, 2), opt) &&
              (opt->cd == TERM_NONE || texts_add_term(&cwd, opt->cd));
    int error = -1;
    if (ok) {
        char **argv = texts_vector(&args);
        error = start_with_pipes(port, source, &args, argv, opt,
                                 opt->cd == TERM_NONE ? NULL : cwd.bytes.data);
        mem_free(MEM_TEMP, argv, (args.count + 1) * sizeof *argv);
    }
    buf_free(&args.bytes);
    buf_free(&cwd.bytes);
    return error;
}

/* ---- callbacks ---- */

static void stop(Port *port)
{
    Spawned *s = port->driver_data;
    fdio_stop(&s->io, port);
    MEM_DELETE(PORT, s);
}

static void broken(Port *port, int error)
{
    port_exit(port, atom_from_cstr(oserr_name(error)));
}

static void output(Port *port, const uint8_t *bytes, size_t n)
{
    Spawned *s = port->driver_data;
    int error = fdio_write(&s->io, port, bytes, n);
    if (error) broken(port, error);
}

static void ready(Port *port, uint32_t events)
{
    Spawned *s = port->driver_data;
    if ((events & (POLL_WRITE | POLL_ERROR | POLL_HANGUP)) && fdio_pending(&s->io)) {
        int error = fdio_write_ready(&s->io, port);
        if (error) {
            broken(port, error);
            return;
        }
        if (!fdio_pending(&s->io)) port_flushed(port);
    }
    if (!(events & (POLL_READ | POLL_HANGUP | POLL_ERROR)) || s->io.in < 0) return;
    int r = fdio_read_ready(&s->io, port);
    if (r > 0) return;
    s->input_open = false;
    maybe_finish(port, s);
}

static bool pending(Port *port) { return fdio_pending(&((Spawned *)port->driver_data)->io); }
static void flush(Port *port) { fdio_flush(&((Spawned *)port->driver_data)->io); }

const PortDriver drv_spawn = {.name = "spawn", .start = start, .stop = stop, .output = output,
                              .ready = ready, .pending = pending, .flush = flush};

/* ---- forker ---- */

static int forker_start(Port *port UNUSED, Process *p UNUSED, enum PortSource source UNUSED,
                        term_t spec UNUSED, const PortOptions *opt UNUSED)
{
    return -1; /* nobody opens it by hand */
}

static void forker_stop(Port *port UNUSED)
{
}

const PortDriver drv_forker = {.name = "forker", .start = forker_start, .stop = forker_stop};
