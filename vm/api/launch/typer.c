/* SPDX-License-Identifier: Apache-2.0 */
/* typer - front end of the type annotator: starts typer:start/0 with the arguments behind -extra.
 * Environment: TYPER_EMULATOR names another erl. Semantics: typer(1). */
#include "launch.h"

int main(int argc, char **argv)
{
    ArgVec v = {0};
    launch_name = "typer";
    const char *emulator = launch_emulator("TYPER_EMULATOR");
    arg_push_all(&v, emulator, "+B", "-noinput", "-boot", "no_dot_erlang", "-run", "typer", "start", "-extra", NULL);
    for (int i = 1; i < argc; i++)
        arg_push(&v, argv[i]);
    launch_exec(emulator, v.at);
}
