/* SPDX-License-Identifier: Apache-2.0 */
/* run - see run.h. Sets what the release's script sets (RELEASE_* variables, unless given), then executes
 * ourselves as erl on the release's boot file, configuration and vm.args.
 * Semantics: mix help release, "Environment variables". Layer: api. */
#include "api/run.h"

#include "api/places.h"
#include "base/alloc.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool exists(const char *path) { return access(path, R_OK) == 0; }

static const char *preset(const char *name, const char *value)
{
    if (!getenv(name)) setenv(name, value, 1);
    return getenv(name);
}

static char *read_word(const char *path)
{
    static char text[512];
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%511s", text) != 1) text[0] = '\0';
    if (f) fclose(f);
    return text_format("%s", text);
}

/* "ERTS-VSN RELEASE-VSN" */
static bool read_start_data(const char *root, char erts[64], char vsn[256])
{
    FILE *f = fopen(text_format("%s/releases/start_erl.data", root), "r");
    bool good = f && fscanf(f, "%63s %255s", erts, vsn) == 2;
    if (f) fclose(f);
    return good;
}

/* The release is called like its script in bin/, or like its folder. */
static char *release_name(const char *root)
{
    char *found = NULL;
    DIR *d = opendir(text_format("%s/bin", root));
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && !strchr(e->d_name, '.')) found = text_format("%s", e->d_name);
    if (d) closedir(d);
    if (found) return found;
    const char *slash = strrchr(root, '/');
    return text_format("%s", slash ? slash + 1 : root);
}

static void set_variables(const char *root, const char *vsn, const char *vsn_dir)
{
    const char *name = preset("RELEASE_NAME", release_name(root));
    setenv("RELEASE_ROOT", root, 1);
    preset("RELEASE_VSN", vsn);
    preset("RELEASE_PROG", name);
    preset("RELEASE_COMMAND", "start");
    preset("RELEASE_MODE", "embedded");
    preset("RELEASE_NODE", name);
    preset("RELEASE_TMP", text_format("%s/tmp", root));
    preset("RELEASE_DISTRIBUTION", "none");
    preset("RELEASE_BOOT_SCRIPT", "start");
    preset("RELEASE_BOOT_SCRIPT_CLEAN", "start_clean");
    preset("RELEASE_SYS_CONFIG", text_format("%s/sys", vsn_dir));
    preset("RELEASE_VM_ARGS", text_format("%s/vm.args", vsn_dir));
    if (exists(text_format("%s/releases/COOKIE", root)))
        preset("RELEASE_COOKIE", read_word(text_format("%s/releases/COOKIE", root)));
}

static void add_distribution(Args *a)
{
    const char *mode = getenv("RELEASE_DISTRIBUTION");
    if (strcmp(mode, "none") == 0) return;
    args_add(a, text_format("-%s", mode));
    args_add(a, getenv("RELEASE_NODE"));
}

static void add_pair(Args *a, const char *flag, const char *value)
{
    args_add(a, flag);
    args_add(a, value);
}

static void command_line(Args *a, const char *root, const char *vsn_dir, int argc, char **argv)
{
    const char *args_file = getenv("RELEASE_VM_ARGS");
    bool elixir = exists(text_format("%s/elixir", vsn_dir));
    args_add(a, "erl");
    args_add(a, "-noshell");
    if (elixir) {
        add_pair(a, "-s", "elixir");
        args_add(a, "start_cli");
    }
    add_pair(a, "-mode", getenv("RELEASE_MODE"));
    if (getenv("RELEASE_COOKIE")) add_pair(a, "-setcookie", getenv("RELEASE_COOKIE"));
    add_distribution(a);
    add_pair(a, "-config", getenv("RELEASE_SYS_CONFIG"));
    add_pair(a, "-boot", text_format("%s/%s", vsn_dir, getenv("RELEASE_BOOT_SCRIPT")));
    add_pair(a, "-boot_var", "RELEASE_LIB");
    args_add(a, text_format("%s/lib", root));
    if (exists(args_file)) add_pair(a, "-args_file", args_file);
    args_add(a, "-extra");
    if (elixir) args_add(a, "--no-halt");
    for (int i = 0; i < argc; i++) args_add(a, argv[i]);
}

int run_release(int argc, char **argv)
{
    char erts[64], vsn[256];
    Args a = {0};
    if (argc < 1) {
        fputs("usage: joist run RELEASE_DIR [arguments]\n", stderr);
        return 1;
    }
    char *root = realpath(argv[0], NULL);
    if (!root || !read_start_data(root, erts, vsn)) {
        fprintf(stderr, "joist: %s is no release: releases/start_erl.data is missing\n", argv[0]);
        return 1;
    }
    char *vsn_dir = text_format("%s/releases/%s", root, vsn);
    set_variables(root, vsn, vsn_dir);
    command_line(&a, root, vsn_dir, argc - 1, argv + 1);
    /* A release without erts of its own runs on the OTP root we would use anyway. */
    if (exists(text_format("%s/lib", root)) && exists(text_format("%s/erts-%s", root, erts)))
        setenv("JOIST_OTP_ROOT", root, 1);
    execv("/proc/self/exe", a.at);
    perror("joist: exec");
    return 1;
}
