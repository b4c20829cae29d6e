/* SPDX-License-Identifier: Apache-2.0 */
/* cli - the emulator's flags ("-P 1000 ... -- init's arguments") into a Config. Layer: api. */
#ifndef JOIST_API_CLI_H
#define JOIST_API_CLI_H

#include "sys/config.h"

/* What holds without flags. */
void config_default(Config *c);
/* argv[0] is the name for messages. On a bad flag prints what erl prints and exits with 1; -V prints the
 * version (erts_version) and exits with 0. */
void config_parse(Config *c, int argc, char **argv, const char *erts_version);

#endif
