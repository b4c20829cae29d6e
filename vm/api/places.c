/* SPDX-License-Identifier: Apache-2.0 */
/* places - see places.h. Layer: api. */
#include "api/places.h"
#include "api/args.h"

#include "base/alloc.h"
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *places_bin(void)
{
    static char bin[PATH_MAX];
    if (bin[0]) return bin;
    ssize_t n = readlink("/proc/self/exe", bin, sizeof bin - 1);
    if (n <= 0) {
        strcpy(bin, ".");
        return bin;
    }
    bin[n] = '\0';
    char *slash = strrchr(bin, '/');
    if (slash) *slash = '\0';
    return bin;
}

static bool exists(const char *path) { return access(path, R_OK) == 0; }

/* BIN is ROOT/erts-VSN/bin, and ROOT looks like an OTP root or a release. */
static const char *root_of_layout(const char *bin)
{
    char *root = realpath(text_format("%s/../..", bin), NULL);
    if (!root) return NULL;
    const char *parent = strrchr(bin, '/');
    bool layout = parent && strcmp(parent, "/bin") == 0 && strstr(bin, "/erts-") &&
                  exists(text_format("%s/lib", root)) && exists(text_format("%s/releases", root));
    return layout ? root : NULL;
}

static const Release *load(const char *root, Places *out)
{
    char error[512];
    out->root = root;
    if (!out->bindir) out->bindir = places_bin();
    out->home = getenv("HOME");
    const Release *r = release_load(root, places_bin(), error, sizeof error);
    if (!r) {
        fprintf(stderr, "joist: %s\n", error);
        leave(1);
    }
    out->otp_release = r->otp_release;
    return r;
}

const Release *places_find(const char *name, Places *out)
{
    const char *root = NULL;
    out->bindir = NULL;
    out->progname = strcmp(name, "joist") == 0 ? "erl" : name;
    if (strcmp(name, "erlexec") == 0 || strcmp(name, "beam.smp") == 0) {
        const char *program = getenv("PROGNAME");
        root = getenv("ROOTDIR");
        out->bindir = getenv("BINDIR");
        out->progname = program ? program : "erl";
    }
    if (!root) root = getenv("JOIST_OTP_ROOT");
    if (!root) root = root_of_layout(places_bin());
    if (!root) root = JOIST_OTP_ROOT;
    return load(root, out);
}
