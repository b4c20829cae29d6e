/* SPDX-License-Identifier: Apache-2.0 */
/* The native half of nif_tests.erl. Built against Joist's own header, run on both VMs. */
#include <erl_nif.h>
#include <dlfcn.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static ErlNifResourceType *box_type, *pipe_type;
static int destroyed, stopped;
static ErlNifPid watcher;

typedef struct { int value; } Box;
typedef struct { int fds[2]; } Pipe;

static ERL_NIF_TERM atom(ErlNifEnv *env, const char *name) { return enif_make_atom(env, name); }

static void box_dtor(ErlNifEnv *env, void *obj)
{
    (void)env; (void)obj;
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void box_down(ErlNifEnv *env, void *obj, ErlNifPid *pid, ErlNifMonitor *mon)
{
    (void)mon;
    enif_send(env, &watcher, NULL, enif_make_tuple3(env, atom(env, "down"), enif_make_int(env, ((Box *)obj)->value),
                                                    enif_make_pid(env, pid)));
}

static void pipe_stop(ErlNifEnv *env, void *obj, ErlNifEvent e, int direct)
{
    (void)env; (void)obj; (void)direct;
    close(e);
    stopped++;
}

static void box_call(ErlNifEnv *env, void *obj, void *data)
{
    (void)env;
    *(int *)data += ((Box *)obj)->value;
}

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info)
{
    ErlNifResourceTypeInit box = {box_dtor, NULL, box_down, 4, box_call}, pipes = {NULL, pipe_stop, NULL, 2, NULL};
    int n;
    box_type = enif_init_resource_type(env, "box", &box, ERL_NIF_RT_CREATE, NULL);
    pipe_type = enif_init_resource_type(env, "pipe", &pipes, ERL_NIF_RT_CREATE, NULL);
    *priv = box_type;
    return !enif_get_int(env, info, &n) || n;
}

/* ---- terms ---- */
static ERL_NIF_TERM kinds(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    return enif_make_tuple4(env, enif_make_int(env, enif_term_type(env, a[0])), enif_make_int(env,
        enif_is_list(env, a[0])),
                            enif_make_int(env, enif_compare(a[0], a[1])), enif_make_int(env,
                                enif_is_identical(a[0], a[1])));
}

static ERL_NIF_TERM text(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    char s[200];
    (void)argc;
    enif_snprintf(s, sizeof s, "%T|%5d|%-4s|%lu|%.2f|%%|%x", a[0], 42, "ab", 1234567890123ul, 2.5, 255);
    return enif_make_string(env, s, ERL_NIF_LATIN1);
}

static ERL_NIF_TERM pairs(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ErlNifMapIterator it;
    ERL_NIF_TERM k, v, list = enif_make_list(env, 0);
    (void)argc;
    if (!enif_map_iterator_create(env, a[0], &it, ERL_NIF_MAP_ITERATOR_LAST)) return enif_make_badarg(env);
    while (enif_map_iterator_get_pair(env, &it, &k, &v)) {
        list = enif_make_list_cell(env, enif_make_tuple2(env, k, v), list);
        enif_map_iterator_prev(env, &it);
    }
    v = enif_make_int(env, enif_map_iterator_is_head(env, &it));
    enif_map_iterator_destroy(env, &it);
    return enif_make_tuple2(env, v, list);
}

static ERL_NIF_TERM queue(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ErlNifIOQueue *q = enif_ioq_create(ERL_NIF_IOQ_NORMAL);
    ErlNifIOVec vec, *iov = &vec;
    ERL_NIF_TERM tail, head = a[0];
    size_t left = 0;
    int n;
    (void)argc;
    if (!enif_inspect_iovec(env, 64, a[0], &tail, &iov)) return enif_make_badarg(env);
    enif_ioq_enqv(q, iov, 3);
    enif_ioq_deq(q, 2, &left);
    enif_ioq_peek_head(env, q, NULL, &head);
    enif_ioq_peek(q, &n);
    enif_ioq_destroy(q);
    return enif_make_tuple3(env, enif_make_ulong(env, left), enif_make_int(env, n), head);
}

static ERL_NIF_TERM raise(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    return enif_raise_exception(env, a[0]);
}

/* ---- scheduling ---- */
static ERL_NIF_TERM finish(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    return enif_make_tuple3(env, a[0], a[1], enif_make_int(env, enif_thread_type()));
}

static ERL_NIF_TERM on_dirty(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ERL_NIF_TERM b[] = {a[0], enif_make_int(env, enif_thread_type())};
    (void)argc;
    return enif_schedule_nif(env, "finish", 0, finish, 2, b);
}

static ERL_NIF_TERM hop(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    return enif_schedule_nif(env, "on_dirty", ERL_NIF_DIRTY_JOB_IO_BOUND, on_dirty, argc, a);
}

/* ---- resources ---- */
static ERL_NIF_TERM box(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    Box *b = enif_alloc_resource(box_type, sizeof *b);
    ERL_NIF_TERM t;
    (void)argc;
    if (!enif_get_int(env, a[0], &b->value)) return enif_make_badarg(env);
    t = enif_make_resource(env, b);
    enif_release_resource(b);
    return t;
}

static ERL_NIF_TERM unbox(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    void *obj;
    int sum = 1000;
    (void)argc;
    if (!enif_get_resource(env, a[0], box_type, &obj)) return enif_make_badarg(env);
    enif_dynamic_resource_call(env, atom(env, "nif_tests"), atom(env, "box"), a[0], &sum);
    return enif_make_tuple2(env, enif_make_int(env, ((Box *)obj)->value), enif_make_int(env, sum));
}

static ERL_NIF_TERM box_binary(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    static const char bytes[] = "bytes that stay where they are, whoever asks for them, as long as the box lives";
    void *obj;
    (void)argc;
    if (!enif_get_resource(env, a[0], box_type, &obj)) return enif_make_badarg(env);
    return enif_make_resource_binary(env, obj, bytes, strlen(bytes));
}

static ERL_NIF_TERM gone(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc; (void)a;
    return enif_make_int(env, __atomic_load_n(&destroyed, __ATOMIC_SEQ_CST));
}

static ERL_NIF_TERM watch(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    void *obj;
    ErlNifPid pid;
    ErlNifMonitor m;
    int r;
    (void)argc;
    enif_self(env, &watcher);
    if (!enif_get_resource(env, a[0], box_type, &obj) || !enif_get_local_pid(env, a[1],
        &pid)) return enif_make_badarg(env);
    r = enif_monitor_process(env, obj, &pid, &m);
    if (enif_is_identical(a[2], atom(env, "drop"))) r = 10 * r + enif_demonitor_process(env, obj, &m);
    return enif_make_int(env, r);
}

/* ---- select ---- */
static ERL_NIF_TERM open_pipe(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    Pipe *p = enif_alloc_resource(pipe_type, sizeof *p);
    ERL_NIF_TERM t = enif_make_resource(env, p);
    (void)argc; (void)a;
    if (pipe(p->fds)) return enif_make_badarg(env);
    enif_release_resource(p);
    return t;
}

static ERL_NIF_TERM pipe_op(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    void *obj;
    char what[16], c = 'x';
    (void)argc;
    if (!enif_get_resource(env, a[0], pipe_type, &obj)) return enif_make_badarg(env);
    Pipe *p = obj;
    enif_get_atom(env, a[1], what, sizeof what, ERL_NIF_LATIN1);
    if (!strcmp(what, "write")) return enif_make_int(env, (int)write(p->fds[1], &c, 1));
    if (!strcmp(what, "read")) return enif_make_int(env, (int)read(p->fds[0], &c, 1));
    if (!strcmp(what, "select")) return enif_make_int(env, enif_select(env, p->fds[0], ERL_NIF_SELECT_READ, p,
        NULL, a[2]));
    if (!strcmp(what, "message")) {
        ErlNifEnv *m = enif_alloc_env();
        int r = enif_select_read(env, p->fds[0], p, NULL, enif_make_tuple2(m, atom(m, "mine"),
            enif_make_copy(m, a[2])), m);
        enif_free_env(m);
        return enif_make_int(env, r);
    }
    if (!strcmp(what, "cancel"))
        return enif_make_int(env, enif_select(env, p->fds[0], ERL_NIF_SELECT_READ | ERL_NIF_SELECT_CANCEL, p,
            NULL, a[2]));
    int r = enif_select(env, p->fds[0], ERL_NIF_SELECT_STOP, p, NULL, a[2]) < 0;
    close(p->fds[1]);
    return enif_make_tuple2(env, enif_make_int(env, r), enif_make_int(env, stopped));
}

/* ---- threads ---- */
typedef struct { ErlNifTid tid; ErlNifPid to; int number, count; } Sender;

static void *send_many(void *arg)
{
    Sender *s = arg;
    ErlNifEnv *m = enif_alloc_env();
    for (int i = 0; i < s->count; i++) {
        enif_send(NULL, &s->to, m, enif_make_tuple2(m, enif_make_int(m, s->number), enif_make_int(m, i)));
        enif_clear_env(m);
    }
    enif_free_env(m);
    return NULL;
}

static ERL_NIF_TERM senders(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    Sender s[8];
    (void)argc;
    for (int i = 0; i < 8; i++) {
        s[i].number = i;
        enif_get_int(env, a[0], &s[i].count);
        enif_self(env, &s[i].to);
        enif_thread_create("sender", &s[i].tid, send_many, &s[i], NULL);
    }
    for (int i = 0; i < 8; i++) enif_thread_join(s[i].tid, NULL);
    return atom(env, "ok");
}

/* Functions of version 2.18, which not every VM has: {Bytes, Index, Indexes} or undefined. */
static ERL_NIF_TERM newer(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    void *self = dlopen(NULL, RTLD_NOW);
    size_t (*size)(ERL_NIF_TERM) = (size_t (*)(ERL_NIF_TERM))dlsym(self, "enif_term_size");
    unsigned (*max)(void) = (unsigned (*)(void))dlsym(self, "enif_max_atom_cache_index");
    int (*get)(ErlNifEnv *, ERL_NIF_TERM, unsigned *) =
        (int (*)(ErlNifEnv *, ERL_NIF_TERM, unsigned *))dlsym(self, "enif_get_atom_cache_index");
    unsigned index;
    (void)argc;
    if (!size || !max || !get) return atom(env, "undefined");
    if (!get(env, a[1], &index)) return enif_make_badarg(env);
    return enif_make_tuple3(env, enif_make_uint64(env, size(a[0])), enif_make_uint(env, index),
                            enif_make_uint(env, max()));
}

/* ---- what OTP's ethread.h declares ---- */
typedef union { char room[1024]; void *align; } Lock;
int ethr_rwmutex_init_opt(Lock *, void *), ethr_rwmutex_destroy(Lock *);
int ethr_rwmutex_tryrlock(Lock *), ethr_rwmutex_tryrwlock(Lock *);
void ethr_rwmutex_rlock(Lock *), ethr_rwmutex_runlock(Lock *), ethr_rwmutex_rwlock(Lock *);
void ethr_rwmutex_rwunlock(Lock *);
int ethr_thr_create(pthread_t *, void *(*)(void *), void *, void *), ethr_thr_join(pthread_t, void **);
void ethr_atomic_init(long *, long), ethr_atomic_inc(long *);
long ethr_atomic_add_read_mb(long *, long), ethr_atomic_cmpxchg_acqb(long *, long new, long old);
int erts_milli_sleep(long);

static struct { Lock lock; long plain, atomic; } shared;

static void *count_up(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        ethr_rwmutex_rwlock(&shared.lock);
        shared.plain++;
        ethr_rwmutex_rwunlock(&shared.lock);
        ethr_atomic_inc(&shared.atomic);
    }
    return arg;
}

/* [trylocks while read-locked, after; counters; atomics] */
static ERL_NIF_TERM ethread(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    pthread_t t[4];
    long v[7];
    ERL_NIF_TERM list[7];
    (void)argc, (void)a;
    if (ethr_rwmutex_init_opt(&shared.lock, NULL)) return enif_make_badarg(env);
    ethr_atomic_init(&shared.atomic, 0);
    shared.plain = 0;
    ethr_rwmutex_rlock(&shared.lock);
    v[0] = ethr_rwmutex_tryrlock(&shared.lock);
    v[1] = ethr_rwmutex_tryrwlock(&shared.lock) != 0;
    ethr_rwmutex_runlock(&shared.lock);
    ethr_rwmutex_runlock(&shared.lock);
    for (int i = 0; i < 4; i++) ethr_thr_create(&t[i], count_up, NULL, NULL);
    for (int i = 0; i < 4; i++) ethr_thr_join(t[i], NULL);
    v[2] = shared.plain;
    v[3] = ethr_atomic_add_read_mb(&shared.atomic, 2);
    v[4] = ethr_atomic_cmpxchg_acqb(&shared.atomic, 7, 40002);
    v[5] = ethr_atomic_cmpxchg_acqb(&shared.atomic, 8, 40002);
    v[6] = erts_milli_sleep(1) + ethr_rwmutex_destroy(&shared.lock);
    for (int i = 0; i < 7; i++) list[i] = enif_make_long(env, v[i]);
    return enif_make_list_from_array(env, list, 7);
}

static ErlNifFunc functions[] = {
    {"kinds", 2, kinds, 0}, {"text", 1, text, 0}, {"pairs", 1, pairs, 0}, {"queue", 1, queue, 0},
    {"raise", 1, raise, 0}, {"hop", 1, hop, 0}, {"box", 1, box, 0}, {"unbox", 1, unbox, 0},
    {"box_binary", 1, box_binary, 0}, {"gone", 0, gone, 0}, {"watch", 3, watch, 0}, {"open_pipe", 0, open_pipe, 0},
    {"pipe_op", 3, pipe_op, 0}, {"newer", 2, newer, 0}, {"ethread", 0, ethread, 0},
    {"senders", 1, senders, ERL_NIF_DIRTY_JOB_CPU_BOUND}};

ERL_NIF_INIT(nif_tests, functions, load, NULL, NULL, NULL)
