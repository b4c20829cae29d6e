/* SPDX-License-Identifier: Apache-2.0 */
/* dialyzer - front end of the discrepancy analyzer: starts dialyzer:plain_cl/0 in a VM without a shell.
 * VM options are recognised only as the first arguments and in this order: -smp, +S N, +P N, +sbt X.
 * Environment: DIALYZER_EMULATOR names another erl. Semantics: dialyzer(3), "Using Dialyzer from the Command Line". */
#include "launch.h"

static bool has_word(char **argv, const char *word)
{
    for (; *argv; argv++)
        if (strcmp(*argv, word) == 0)
            return true;
    return false;
}

/* Passes "FLAG VALUE" on to the VM when it comes next. */
static char **take_flag(ArgVec *v, char **argv, const char *flag)
{
    if (!argv[0] || !argv[1] || strcmp(argv[0], flag) != 0)
        return argv;
    arg_push_all(v, argv[0], argv[1], NULL);
    return argv + 2;
}

int main(int argc, char **argv)
{
    ArgVec v = {0};
    launch_name = "dialyzer";
    const char *emulator = launch_emulator("DIALYZER_EMULATOR");
    setenv("ESCRIPT_NAME", argv[0], 1);
    arg_push(&v, emulator);
    argv++;
    if (!has_word(argv, "--shell"))
        arg_push(&v, "-noinput");
    if (argv[0] && strcmp(argv[0], "-smp") == 0)
        argv++;
    argv = take_flag(&v, argv, "+S");
    size_t before = v.count;
    argv = take_flag(&v, argv, "+P");
    if (v.count == before) /* an analysis uses a process for each strongly connected component */
        arg_push_all(&v, "+P", "1000000", NULL);
    argv = take_flag(&v, argv, "+sbt");
    arg_push_all(&v, "+B", "-boot", "no_dot_erlang", "-run", "dialyzer", "plain_cl", "-extra", NULL);
    for (; *argv; argv++)
        if (strcmp(*argv, "--shell") != 0)
            arg_push(&v, *argv);
    launch_exec(emulator, v.at);
}
