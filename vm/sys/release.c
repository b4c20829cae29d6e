/* SPDX-License-Identifier: Apache-2.0 */
/* release - see release.h. The version of erts decides: it is the first word of
 * ROOT/releases/start_erl.data, else the newest ROOT/lib/erts-VSN or ROOT/erts-VSN.
 * Layer: sys. */
#include "sys/release.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char *format(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *format(const char *fmt, ...)
{
    Buf b = BUF_INIT(SYS);
    va_list ap;
    size_t len;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return buf_take(&b, &len);
}

/* First word of a file, or NULL. */
static char *first_word(const char *path)
{
    char text[256] = "";
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    int n = fscanf(f, "%255s", text);
    fclose(f);
    return n == 1 ? mem_text(MEM_SYS, text) : NULL;
}

/* VSN of the newest entry PREFIXVSN in dir, or NULL. */
static char *newest(const char *dir, const char *prefix)
{
    char *best = NULL;
    size_t n = strlen(prefix);
    DIR *d = opendir(dir);
    if (!d) return NULL;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, prefix, n) != 0 || !e->d_name[n]) continue;
        if (!best || strverscmp(e->d_name + n, best) > 0) best = mem_text(MEM_SYS, e->d_name + n);
    }
    closedir(d);
    return best;
}

static char *find_erts(const char *root)
{
    char *version = first_word(format("%s/releases/start_erl.data", root));
    if (!version) version = newest(format("%s/lib", root), "erts-");
    if (!version) version = newest(root, "erts-");
    return version;
}

static char *find_preloaded(const char *root, const char *store, const char *erts)
{
    char *candidates[] = {
        format("%s/lib/erts-%s/ebin", root, erts),
        format("%s/erts-%s/ebin", root, erts),
        format("%s/preloaded/erts-%s", store, erts),
        format("%s/erts-%s/bin/preloaded/erts-%s", root, erts, erts),
    };
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
        if (access(format("%s/erl_init.beam", candidates[i]), R_OK) == 0) return candidates[i];
    return NULL;
}

/* erts 13 came with OTP 25, and so on. */
static unsigned otp_of_erts(const char *erts) { return (unsigned)atoi(erts) + 12; }

static void fill_profile(Release *r)
{
    unsigned otp = r->otp;
    r->nif_version = otp >= 28 ? "2.18" : otp >= 26 ? "2.17" : "2.16";
    r->driver_version = "3.3";
    r->id_bits = otp >= 26 ? 60 : 28;
    r->process_limit = otp >= 27 ? 1048576 : 262144;
    r->warp_mode = otp >= 26 ? "multi_time_warp" : "no_time_warp";
    r->zero_equals_minus_zero = otp < 27;
    r->atoms_utf8_on_wire = otp >= 26;
    r->tty_sl_driver = otp < 26;
    r->vanilla_driver = otp < 27;
    r->trace_cleaner = access(format("%s/erts_trace_cleaner.beam", r->preloaded_dir), R_OK) == 0;
    r->pcre_version = otp >= 28 ? "10.45 2025-02-05" : "8.45 2021-06-15";
}

const Release *release_load(const char *root, const char *store, char *error, size_t error_room)
{
    Release *r = MEM_NEW(SYS, Release);
    r->erts_version = find_erts(root);
    if (!r->erts_version) {
        snprintf(error, error_room, "%s is no OTP root: it has neither releases/start_erl.data nor erts-*", root);
        return NULL;
    }
    r->otp = otp_of_erts(r->erts_version);
    r->otp_release = format("%u", r->otp);
    char *version = first_word(format("%s/releases/%s/OTP_VERSION", root, r->otp_release));
    r->otp_version = version ? version : r->otp_release;
    r->preloaded_dir = find_preloaded(root, store, r->erts_version);
    if (!r->preloaded_dir) {
        snprintf(error, error_room, "no preloaded modules for erts-%s, neither in %s nor in %s",
                 r->erts_version, root, store);
        return NULL;
    }
    fill_profile(r);
    return r;
}
