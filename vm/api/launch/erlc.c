/* SPDX-License-Identifier: Apache-2.0 */
/* erlc - the compiler's front end: runs erl_compile:compile_cmdline in a minimal VM.
 * Options that concern the VM (-pa, -pz, -smp) go before the boot flags; everything else
 * is for erl_compile and goes behind -extra, unchanged and in order.
 * Environment: ERLC_EMULATOR names another erl.
 * Semantics:   erlc(1). DEVIATES: -server and ERLC_USE_SERVER compile in a VM of their own; the
 *              result is the same, only the start-up time is not shared. */
#include "launch.h"

typedef struct {
    ArgVec vm;       /* for the emulator */
    ArgVec compiler; /* behind -extra */
} Split;

static bool starts(const char *arg, const char *prefix)
{
    return strncmp(arg, prefix, strlen(prefix)) == 0;
}

/* Takes "-pa DIR" and its like; argv[i] is the flag. Returns the index of the last word used. */
static int take_path(Split *s, int argc, char **argv, int i)
{
    if (i + 1 >= argc)
        launch_fail("No value given to -p option");
    arg_push_all(&s->vm, argv[i], argv[i + 1], NULL);
    return i + 1;
}

static bool is_path_flag(const char *arg)
{
    return strcmp(arg, "-pa") == 0 || strcmp(arg, "-pz") == 0;
}

static void split(Split *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (is_path_flag(argv[i]))
            i = take_path(s, argc, argv, i);
        else if (starts(argv[i], "-smp"))
            arg_push(&s->vm, argv[i]);
        else if (strcmp(argv[i], "-server") != 0 && strcmp(argv[i], "-no-server") != 0)
            arg_push(&s->compiler, argv[i]);
    }
}

int main(int argc, char **argv)
{
    Split s = {0};
    ArgVec v = {0};
    launch_name = "erlc";
    const char *emulator = launch_emulator("ERLC_EMULATOR");
    setenv("ERLC_CONFIGURATION", emulator, 1);
    setenv("ESCRIPT_NAME", argv[0], 1);
    split(&s, argc, argv);
    arg_push_all(&v, emulator, "+S1", NULL);
    for (size_t i = 0; i < s.vm.count; i++)
        arg_push(&v, s.vm.at[i]);
    arg_push_all(&v, "+sbtu", "+A0", "-noinput", "-mode", "minimal", "-boot", "no_dot_erlang",
                 "-s", "erl_compile", "compile_cmdline", "-extra", NULL);
    for (size_t i = 0; i < s.compiler.count; i++)
        arg_push(&v, s.compiler.at[i]);
    launch_exec(emulator, v.at);
}
