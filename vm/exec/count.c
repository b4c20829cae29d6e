/* SPDX-License-Identifier: Apache-2.0 */
/* count - executed instructions and pairs of them, for builds with -DJOIST_COUNT_INSNS.
 * The table is written at exit, to the file named by JOIST_INSN_COUNTS with a dot and the process number behind it:
 *   count<TAB>instruction            count<TAB>first<TAB>second
 * Counting is not atomic: run one scheduler (+S 1), without native code (+Jjit off). See tools/freq. */
#include "exec/exec.h"
#include "exec/insn.h"

#ifdef JOIST_COUNT_INSNS

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_VARIANTS 2048
static uint64_t counts[MAX_VARIANTS];
static uint32_t pairs[MAX_VARIANTS][MAX_VARIANTS];
static THREAD_LOCAL unsigned last;

void exec_count_insn(unsigned variant)
{
    counts[variant]++;
    pairs[last][variant]++;
    last = variant;
}

void exec_print_counts(void)
{
    const char *name = getenv("JOIST_INSN_COUNTS");
    char path[4096];
    if (!name) return;
    snprintf(path, sizeof path, "%s.%d", name, (int)getpid());
    FILE *f = fopen(path, "w");
    unsigned n = insn_variant_count();
    for (unsigned i = 0; f && i < n; i++)
        if (counts[i]) fprintf(f, "%" PRIu64 "\t%s\n", counts[i], insn_variant(i)->name);
    for (unsigned i = 0; f && i < n; i++)
        for (unsigned j = 0; j < n; j++)
            if (f && pairs[i][j])
                fprintf(f, "%" PRIu32 "\t%s\t%s\n", pairs[i][j], insn_variant(i)->name,
                        insn_variant(j)->name);
    if (f) fclose(f);
}

#else

void exec_print_counts(void) { }

#endif
