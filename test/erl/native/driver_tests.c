/* SPDX-License-Identifier: Apache-2.0 */
/* The native half of driver_tests.erl: a driver that does what its commands say. Built against Joist's own header,
 * run on both VMs. */
#include <erl_driver.h>

#include <string.h>
#include <unistd.h>

typedef struct {
    ErlDrvPort port;
    int fds[2];
    ErlDrvPDL pdl;
} State;

typedef struct { int input, output; } Job;

static ErlDrvData start(ErlDrvPort port, char *command)
{
    if (strstr(command, "bad")) return ERL_DRV_ERROR_BADARG;
    State *s = driver_alloc(sizeof *s);
    s->port = port;
    s->fds[0] = s->fds[1] = -1;
    s->pdl = driver_pdl_create(port);
    set_port_control_flags(port, PORT_CONTROL_FLAG_BINARY);
    return (ErlDrvData)s;
}

static void say(State *s, const char *what)
{
    ErlDrvTermData t[] = {ERL_DRV_ATOM, driver_mk_atom("said"), ERL_DRV_ATOM, driver_mk_atom((char *)what),
                          ERL_DRV_TUPLE, 2};
    erl_drv_output_term(driver_mk_port(s->port), t, sizeof t / sizeof *t);
}

static void stop(ErlDrvData data)
{
    State *s = (State *)data;
    if (s->fds[0] >= 0) driver_select(s->port, (ErlDrvEvent)(intptr_t)s->fds[0], ERL_DRV_READ | ERL_DRV_USE, 0);
    driver_free(s);
}

static void stop_select(ErlDrvEvent event, void *reserved)
{
    (void)reserved;
    close((int)(intptr_t)event);
}

/* Everything that is written is queued; 'flush' gives it out. */
static void outputv(ErlDrvData data, ErlIOVec *ev)
{
    State *s = (State *)data;
    driver_pdl_lock(s->pdl);
    driver_enqv(s->port, ev, 0);
    driver_pdl_unlock(s->pdl);
}

static void give_queue(State *s)
{
    ErlIOVec ev;
    ErlDrvSizeT n = driver_peekqv(s->port, &ev);
    driver_outputv(s->port, "H", 1, &ev, 0);
    driver_deq(s->port, n);
}

static void work(void *arg)
{
    Job *j = arg;
    j->output = 2 * j->input;
}

/* Takes the port's lock when the port is gone: the job holds it. */
static char references_seen;
static void late(void *lock)
{
    ErlDrvPDL pdl = lock;
    usleep(100000);
    driver_pdl_lock(pdl);
    references_seen = (char)('0' + driver_pdl_get_refc(pdl));
    driver_pdl_unlock(pdl);
}

static void ready_async(ErlDrvData data, ErlDrvThreadData job)
{
    State *s = (State *)data;
    Job *j = (Job *)job;
    ErlDrvSInt64 big = -5000000000;
    double d = 0.5;
    ErlDrvTermData t[] = {
        ERL_DRV_ATOM, driver_mk_atom("done"), ERL_DRV_INT, (ErlDrvTermData)j->output, ERL_DRV_INT64,
            (ErlDrvTermData)&big,
        ERL_DRV_FLOAT, (ErlDrvTermData)&d, ERL_DRV_STRING, (ErlDrvTermData)"text", 4, ERL_DRV_BUF2BINARY,
        (ErlDrvTermData)"bin", 3, ERL_DRV_INT, 1, ERL_DRV_NIL, ERL_DRV_LIST, 2, ERL_DRV_ATOM, driver_mk_atom("k"),
        ERL_DRV_PORT, driver_mk_port(s->port), ERL_DRV_MAP, 1, ERL_DRV_TUPLE, 8};
    erl_drv_send_term(driver_mk_port(s->port), driver_connected(s->port), t, sizeof t / sizeof *t);
    driver_free(j);
}

static void timeout(ErlDrvData data)
{
    usleep(3000);
    say((State *)data, "timeout");
}

static void process_exit(ErlDrvData data, ErlDrvMonitor *m) { (void)m; say((State *)data, "process_exit"); }

static void ready_input(ErlDrvData data, ErlDrvEvent event)
{
    char buf[10];
    ssize_t n = read((int)(intptr_t)event, buf, sizeof buf);
    if (n > 0) driver_output(((State *)data)->port, buf, (ErlDrvSizeT)n);
}

static void flush(ErlDrvData data)
{
    State *s = (State *)data;
    say(s, "flush");
    driver_deq(s->port, driver_sizeq(s->port));
}

static ErlDrvSSizeT control(ErlDrvData data, unsigned op, char *buf, ErlDrvSizeT len, char **rbuf, ErlDrvSizeT rlen)
{
    State *s = (State *)data;
    ErlDrvMonitor m;
    (void)rlen;
    switch (op) {
    case 1: give_queue(s); break;
    case 2: driver_set_timer(s->port, 1); break;
    case 3: {
        Job *j = driver_alloc(sizeof *j);
        j->input = (int)len;
        driver_async(s->port, NULL, work, j, driver_free);
        break;
    }
    case 4:
        if (pipe(s->fds)) return -1;
        driver_select(s->port, (ErlDrvEvent)(intptr_t)s->fds[0], ERL_DRV_READ | ERL_DRV_USE, 1);
        if (write(s->fds[1], buf, len) < 0) return -1;
        close(s->fds[1]);
        break;
    case 5: driver_select(s->port, (ErlDrvEvent)(intptr_t)s->fds[0], ERL_DRV_READ | ERL_DRV_USE, 0);
        s->fds[0] = -1; break;
    case 6: driver_monitor_process(s->port, driver_caller(s->port), &m); break;
    case 7: set_busy_port(s->port, len > 0); break;
    case 8: driver_failure_posix(s->port, 2); break;
    case 9: return -1;
    case 11: driver_async(s->port, NULL, late, s->pdl, NULL); break;
    case 12: **rbuf = references_seen; return 1;
    case 13: usleep(100000); set_busy_port(s->port, len > 0); break;
    case 10: {
        ErlDrvBinary *b = driver_alloc_binary(len);
        memcpy(b->orig_bytes, buf, len);
        *rbuf = (char *)b;
        return (ErlDrvSSizeT)len;
    }
    }
    **rbuf = (char)op;
    return 1;
}

static ErlDrvSSizeT call(ErlDrvData data, unsigned op, char *buf, ErlDrvSizeT len, char **rbuf, ErlDrvSizeT rlen,
                         unsigned *flags)
{
    (void)data; (void)op; (void)flags;
    if (len > rlen) *rbuf = driver_alloc(len);
    memcpy(*rbuf, buf, len);
    return (ErlDrvSSizeT)len;
}

static ErlDrvEntry entry = {
    .start = start, .stop = stop, .ready_input = ready_input, .driver_name = "driver_tests", .control = control,
    .timeout = timeout, .outputv = outputv, .ready_async = ready_async, .flush = flush, .call = call,
    .extended_marker = (int)ERL_DRV_EXTENDED_MARKER, .major_version = ERL_DRV_EXTENDED_MAJOR_VERSION,
    .minor_version = ERL_DRV_EXTENDED_MINOR_VERSION, .driver_flags = ERL_DRV_FLAG_USE_PORT_LOCKING,
    .process_exit = process_exit, .stop_select = stop_select};

DRIVER_INIT(driver_tests) { return &entry; }
