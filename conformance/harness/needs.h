/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the needs in requirement.h this machine and this adapter meet. */
#ifndef HARNESS_NEEDS_H
#define HARNESS_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

/* The enum need bits that are met.  Probes the kernel once per process; nothing is judged by version. */
unsigned needs_met(bool shared_kernel);

/* "needs landlock, ia32" for the bits of missing. */
void needs_describe(unsigned missing, char *text, size_t size);

#endif
