/* SPDX-License-Identifier: Apache-2.0 */
/* harness - libFuzzer's driver for what takes input inside the VM. The VM is started once, in threads of its own,
 * and runs targets:start/1; each input goes to that process as a message, and the next one when the process has
 * called targets:done/1. So every native runs in the true VM, and any crash of any thread is the input's.
 * FUZZ_TARGET names the function of targets.erl, FUZZ_EBIN the folder of that module; see tools/fuzz. */
#include "api/args.h"
#include "api/cli.h"
#include "api/places.h"
#include "api/vm_start.h"
#include "base/thread.h"
#include "base/vm.h"
#include "harness.h"
#include "sys/config.h"

#include <dlfcn.h>
#include <erl_nif.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static Event answered;
static ErlNifPid target;
static ErlNifEnv *message;
static int enough; /* the target asks for a fresh VM */

/* ---- natives of the module targets ---- */

static ERL_NIF_TERM ready(ErlNifEnv *env, int argc UNUSED, const ERL_NIF_TERM argv[] UNUSED)
{
    enif_self(env, &target);
    event_set(&answered);
    return enif_make_atom(env, "ok");
}

static ERL_NIF_TERM done(ErlNifEnv *env, int argc UNUSED, const ERL_NIF_TERM argv[])
{
    if (!enif_get_int(env, argv[0], &enough)) return enif_make_badarg(env);
    event_set(&answered);
    return enif_make_atom(env, "ok");
}

static ErlNifFunc natives[] = {{"ready", 0, ready, 0}, {"done", 1, done, 0}};

ERL_NIF_INIT(targets, natives, NULL, NULL, NULL, NULL)

/* The library of targets.erl is this program. */
void *__real_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags)
{
    return __real_dlopen(path && strcmp(path, "harness.so") == 0 ? NULL : path, flags);
}

/* ---- start ---- */

static char *needed(const char *variable)
{
    char *value = getenv(variable);
    if (value) return value;
    fprintf(stderr, "%s is not set; tools/fuzz sets it\n", variable);
    exit(2);
}

static void *run_vm(void *vm)
{
    vm_run(vm);
}

static Vm *make_vm(const char *name)
{
    static Config config;
    static Places places;
    const Release *release = places_find("beam.smp", &places);
    static Args words; /* the VM keeps the texts */
    const char *const list[] = {"beam.smp", "-S", "1:1", "-SDcpu", "1:1", "-SDio", "1", "-A", "1", "-t", "8000000",
                                "-Bi", "--", "-root", places.root, "-bindir", places.bindir, "-progname", "erl", "--",
                                "-home", ".", "--", "-noshell", "-noinput", "-pa", needed("FUZZ_EBIN"), "-s", "targets",
                                "start", name};
    for (size_t i = 0; i < ARRAY_LEN(list); i++) args_add(&words, list[i]);
    config_default(&config);
    config.root = places.root;
    config.process_limit = 8192;
    config.schedulers = config.schedulers_online = 1;
    config.warp_mode = release->warp_mode;
    config_parse(&config, words.count, words.at, release->erts_version);
    return vm_new(&config, release);
}

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
    Thread thread;
    ThreadOptions options = {.name = "signals", .block_signals = true};
    const char *name = needed("FUZZ_TARGET");
    setenv("ERL_CRASH_DUMP_SECONDS", "0", 1);
    harness_mutates_code = strcmp(name, "code") == 0;
    event_init(&answered);
    CHECK(thread_create(&thread, &options, run_vm, make_vm(name)) == 0);
    event_wait(&answered);
    message = enif_alloc_env();
    return 0;
}

/* ---- one input ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    ErlNifBinary b;
    if (!enif_alloc_binary(bytes, &b)) return -1;
    if (bytes) memcpy(b.data, data, bytes);
    event_reset(&answered);
    enif_send(NULL, &target, message, enif_make_binary(message, &b));
    event_wait(&answered);
    if (enough < 0) abort(); /* it has found something wrong and printed it */
    if (enough) raise(SIGINT); /* libFuzzer ends in order */
    return 0;
}
