/* SPDX-License-Identifier: Apache-2.0 */
/* escript - runs a script file: finds the VM options its head asks for, then starts
 * escript:start/1 with the script and its arguments behind -extra.
 * Under another name, /dir/NAME, it runs /dir/NAME.escript (how packed tools ship).
 * Environment: ESCRIPT_EMULATOR names another erl; ESCRIPT_NAME tells the script its own path.
 * Semantics:   escript(1): "%%!" at the start of line two or three; words are separated by single spaces. */
#include "launch.h"

#define HEAD_LINE_MAX 10240

/* The next line of the script's head, without its end of line; NULL when there is none. */
static char *head_line(FILE *f, char *line)
{
    if (!fgets(line, HEAD_LINE_MAX, f))
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static void push_words(ArgVec *v, char *words)
{
    words += strspn(words, " ");
    for (char *word; (word = strsep(&words, " "));)
        if (*word)
            arg_push(v, word);
}

/* Adds the words of the script's "%%!" line. */
static void push_emulator_flags(ArgVec *v, const char *script)
{
    FILE *f = fopen(script, "rb");
    if (!f)
        launch_fail("Failed to open file: %s", script);
    char line[HEAD_LINE_MAX];
    for (int n = 1; n <= 3 && head_line(f, line); n++) {
        if (n == 1 || strncmp(line, "%%!", 3) != 0)
            continue;
        char *words = strdup(line + 3);
        if (!words)
            launch_fail("out of memory");
        push_words(v, words);
        break;
    }
    fclose(f);
}

/* Where this program was started from, as an absolute path without resolving links. */
static char *own_path(const char *argv0)
{
    char cwd[PATH_MAX];
    if (argv0[0] == '/')
        return strdup(argv0);
    if (strchr(argv0, '/')) {
        if (strncmp(argv0, "./", 2) == 0)
            argv0 += 2;
        return getcwd(cwd, sizeof cwd) ? launch_format("%s/%s", cwd, argv0) : strdup(argv0);
    }
    const char *path = getenv("PATH");
    char *all = strdup(path ? path : "");
    for (char *dir; (dir = strsep(&all, ":"));) {
        char *full = launch_format("%s/%s", *dir ? dir : ".", argv0);
        if (access(full, X_OK) == 0)
            return full;
    }
    return strdup(argv0);
}

/* The script under our own name, or the first word that is no flag; flags lose their dash. */
static const char *choose_script(int argc, char **argv, bool renamed, int *next, ArgVec *flags)
{
    if (renamed)
        return launch_format("%s%s", own_path(argv[0]), ".escript");
    for (; *next < argc && argv[*next][0] == '-'; ++*next)
        arg_push(flags, argv[*next] + 1);
    if (*next >= argc)
        launch_fail("Missing filename\n");
    return argv[(*next)++];
}

int main(int argc, char **argv)
{
    ArgVec v = {0}, flags = {0};
    int next = 1;
    launch_name = "escript";
    const char *slash = strrchr(argv[0], '/');
    bool renamed = strcmp(slash ? slash + 1 : argv[0], "escript") != 0;
    const char *emulator = launch_emulator("ESCRIPT_EMULATOR");
    const char *script = choose_script(argc, argv, renamed, &next, &flags);

    arg_push(&v, emulator);
    if (!renamed)
        arg_push(&v, "+B"); /* a break ends the script, it does not open a menu */
    arg_push_all(&v, "-boot", "no_dot_erlang", "-noshell", NULL);
    push_emulator_flags(&v, script);
    arg_push_all(&v, "-run", "escript", "start", NULL);
    for (size_t i = 0; i < flags.count; i++)
        arg_push(&v, flags.at[i]);
    arg_push_all(&v, "-extra", script, NULL);
    for (; next < argc; next++)
        arg_push(&v, argv[next]);
    setenv("ESCRIPT_NAME", script, 1);
    launch_exec(emulator, v.at);
}
