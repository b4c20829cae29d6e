/* SPDX-License-Identifier: Apache-2.0 */
/* ct_run - front end of Common Test: names the node, renames the flags that erl has too, starts ct_run.
 * Words behind -erl_args are for the VM, unchanged. Semantics: ct_run(1). */
#include "launch.h"

typedef enum { RUN_TESTS, SERVE_VTS, OPEN_SHELL, MASTER, PLAIN_NODE } Mode;

typedef struct {
    const char *name_flag, *name, *browser;
    Mode mode;
    int erl_args; /* index of -erl_args; argc when there is none */
} Plan;

/* A flag that takes a value from the command line for the plan. */
static const char *value(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc)
        launch_fail("%s needs a value", argv[*i]);
    return argv[++*i];
}

static void plan_flag(Plan *p, int argc, char **argv, int *i)
{
    const char *flag = argv[*i];
    if (strcmp(flag, "-vts") == 0)
        p->mode = SERVE_VTS;
    else if (strcmp(flag, "-browser") == 0)
        p->browser = value(argc, argv, i);
    else if (strcmp(flag, "-shell") == 0)
        p->mode = OPEN_SHELL;
    else if (strcmp(flag, "-ctmaster") == 0) {
        p->name = "ct_master";
        p->mode = MASTER;
    } else if (strcmp(flag, "-ctname") == 0) {
        p->name = value(argc, argv, i);
        p->mode = PLAIN_NODE;
    }
}

static bool is_name_flag(const char *flag)
{
    return strcmp(flag, "-sname") == 0 || strcmp(flag, "-name") == 0;
}

static void plan_all(Plan *p, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-erl_args") == 0)
            p->erl_args = i;
        else if (is_name_flag(argv[i])) {
            p->name_flag = argv[i];
            p->name = value(argc, argv, &i);
        } else if (i < p->erl_args)
            plan_flag(p, argc, argv, &i);
    }
}

/* erl has flags of these names; Common Test reads its own under another one. */
static const char *renamed(const char *flag)
{
    static const char *const names[][2] = {{"-config", "-ct_config"},
                                           {"-decrypt_key", "-ct_decrypt_key"},
                                           {"-decrypt_file", "-ct_decrypt_file"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(flag, names[i][0]) == 0)
            return names[i][1];
    return flag;
}

static void push_start(ArgVec *v, const Plan *p)
{
    if (p->mode == SERVE_VTS) {
        arg_push_all(v, "-s", "ct_webtool", "script_start", "vts", NULL);
        if (p->browser)
            arg_push(v, p->browser);
    }
    if (p->mode <= OPEN_SHELL)
        arg_push_all(v, "-s", "ct_run", "script_start", NULL);
    if (p->mode == RUN_TESTS)
        arg_push_all(v, "-s", "erlang", "halt", NULL);
}

int main(int argc, char **argv)
{
    Plan p = {.name_flag = "-sname", .name = "ct", .erl_args = argc};
    ArgVec v = {0};
    launch_name = "ct_run";
    const char *emulator = launch_emulator("CT_RUN_EMULATOR");
    setenv("ESCRIPT_NAME", argv[0], 1);
    plan_all(&p, argc, argv);
    arg_push_all(&v, emulator, p.name_flag, p.name, NULL);
    push_start(&v, &p);
    for (int i = 1; i < argc; i++) {
        if (is_name_flag(argv[i]))
            i++;
        else if (i == p.erl_args)
            arg_push(&v, "-ct_erl_args");
        else
            arg_push(&v, i < p.erl_args ? renamed(argv[i]) : argv[i]);
    }
    launch_exec(emulator, v.at);
}
