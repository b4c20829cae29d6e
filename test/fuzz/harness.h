/* SPDX-License-Identifier: Apache-2.0 */
/* harness - what libFuzzer calls, and what the parts of the harness know of each other. */
#ifndef JOIST_TEST_HARNESS_H
#define JOIST_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- libFuzzer's interface ---- */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t room);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_bytes, const uint8_t *two, size_t two_bytes,
                                 uint8_t *out, size_t room, unsigned seed);

/* Inputs are modules: changed by instructions and operands (mutate_code.c). */
extern bool harness_mutates_code;

#endif
