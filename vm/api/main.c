/* SPDX-License-Identifier: Apache-2.0 */
/* main - the program `joist`, which is also erl, erlexec and beam.smp by the name it is called with.
 *
 *   erl, erlexec, joist   erl's words (erlexec.h), then the emulator's
 *   beam.smp              the emulator's command line as it stands
 *   joist run DIR ...     a release made by mix or rebar3 (run.h)
 *   joist --version
 * Layer: api. */
#include "api/cli.h"
#include "api/erlexec.h"
#include "api/places.h"
#include "api/run.h"
#include "api/vm_start.h"
#include "base/base.h"
#include "base/thread.h"
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

NORETURN static void start_emulator(const Release *release, const Places *places, int argc, char **argv)
{
    static Config config;
    config_default(&config);
    config.root = places->root;
    config.process_limit = release->process_limit;
    config.schedulers = (unsigned)thread_cpus_online();
    config.schedulers_online = (unsigned)thread_cpus_usable();
    config_parse(&config, argc, argv, release->erts_version);
    if (!config.warp_mode) config.warp_mode = release->warp_mode;
    vm_run(vm_new(&config, release));
}

static void print_words(const Launch *launch, const char *program)
{
    if (launch->print_exit) {
        for (int i = 0; i < launch->emulator.count; i++) puts(launch->emulator.at[i]);
        leave(0);
    }
    if (!launch->print) return;
    printf("Executing: %s %s", program, program);
    for (int i = 0; i < launch->emulator.count; i++) printf(" %s", launch->emulator.at[i]);
    printf("\n\n");
    fflush(stdout);
}

NORETURN static void run_erl(const Release *release, const Places *places, int argc, char **argv)
{
    Launch launch;
    Args words = {0};
    char *program = text_format("%s/beam.smp", places->bindir);
    erlexec_arguments(places, argc, argv, &launch);
    print_words(&launch, program);
    erlexec_environment(places);
    if (launch.start_epmd) erlexec_start_epmd(places, launch.epmd);
    if (launch.nohup) signal(SIGHUP, SIG_IGN);
    if (launch.detached) erlexec_detach();
    const char *script = getenv("ESCRIPT_NAME");
    args_add(&words, script ? script : program);
    args_add_all(&words, &launch.emulator);
    start_emulator(release, places, words.count, words.at);
}

int main(int argc, char **argv)
{
    Places places = {0};
    const char *name = base_name(argc > 0 ? argv[0] : "joist");
    if (strcmp(name, "joist") == 0 && argc > 1) {
        if (strcmp(argv[1], "--version") == 0) {
            printf("joist %s\n", JOIST_VERSION);
            return 0;
        }
        if (strcmp(argv[1], "run") == 0) return run_release(argc - 2, argv + 2);
    }
    const Release *release = places_find(name, &places);
    if (strcmp(name, "beam.smp") == 0) {
        erlexec_environment(&places);
        start_emulator(release, &places, argc, argv);
    }
    run_erl(release, &places, argc - 1, argv + 1);
}
