/* SPDX-License-Identifier: Apache-2.0 */
/* erlexec - the words of `erl`: merges the environment's flags, reads -args_file, acts on the flags that
 * concern starting, and yields the emulator's own command line: flags with '-' for '+', then
 * "-- -root R -bindir B -progname P -- -home H -- ...". Layer: api. */
#ifndef JOIST_API_ERLEXEC_H
#define JOIST_API_ERLEXEC_H

#include "api/args.h"

typedef struct Places {
    const char *root, *bindir, *progname, *home;
    const char *otp_release; /* "25" */
} Places;

typedef struct Launch {
    Args emulator;       /* emulator flags and init's arguments, without argv[0] */
    bool detached, nohup, print_exit, print;
    bool start_epmd;
    const char *epmd;    /* command given with -epmd, or NULL */
} Launch;

/* argv without the program's name. On wrong usage prints what erl prints and exits with 1. Sets the
 * variables of -env. */
void erlexec_arguments(const Places *places, int argc, char **argv, Launch *out);
/* PATH with the programs' folder in front, and ROOTDIR, BINDIR, EMU, PROGNAME. */
void erlexec_environment(const Places *places);
/* Leave the terminal: two forks; the caller goes on in the grandchild, the others have exited. */
void erlexec_detach(void);
void erlexec_start_epmd(const Places *places, const char *command);

#endif
