/* SPDX-License-Identifier: Apache-2.0 */
/* release - the release profile: all that differs between the OTP releases Joist can run, chosen from the
 * OTP root in use. Code asks for a property, not for a number. Layer: sys. */
#ifndef JOIST_SYS_RELEASE_H
#define JOIST_SYS_RELEASE_H

#include "base/base.h"

typedef struct Release {
    unsigned otp;                /* 25 */
    const char *otp_release;     /* "25": system_info(otp_release) */
    const char *otp_version;     /* "25.2.3", or otp_release when the root does not tell */
    const char *erts_version;    /* "13.1.5": system_info(version) */
    const char *preloaded_dir;   /* folder of the preloaded modules' .beam files */
    const char *nif_version, *driver_version;
    unsigned id_bits;            /* significant bits of local pids and ports */
    unsigned process_limit;      /* default of +P */
    const char *warp_mode;       /* default of +C */
    bool zero_equals_minus_zero; /* 0.0 =:= -0.0 */
    bool atoms_utf8_on_wire;     /* term_to_binary writes atoms as UTF-8 by default */
    bool tty_sl_driver, vanilla_driver;
    bool trace_cleaner;          /* start erts_trace_cleaner */
    const char *pcre_version;
} Release;

/* Describe the release in root. store: folder with preloaded/erts-VSN for roots that carry no preloaded
 * modules (then the folder of our programs). NULL: `error` says what is missing. */
const Release *release_load(const char *root, const char *store, char *error, size_t error_room);

#endif
