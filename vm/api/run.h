/* SPDX-License-Identifier: Apache-2.0 */
/* run - `joist run DIR [args]`: start a release in place, as its own script would. Layer: api. */
#ifndef JOIST_API_RUN_H
#define JOIST_API_RUN_H

/* argv[0] is the folder. Does not return when the release starts; else an exit code. */
int run_release(int argc, char **argv);

#endif
