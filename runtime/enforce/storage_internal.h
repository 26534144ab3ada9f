/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the storage quota. */
#ifndef ENFORCE_STORAGE_INTERNAL_H
#define ENFORCE_STORAGE_INTERNAL_H

#include <stdint.h>

#include "base/error.h"

#define STORAGE_BLOCK 4096u

/* The template for this size, made where it is missing or damaged.  A descriptor to read from, or a negative errno with err set. */
int storage_template_open(int directory, uint64_t bytes, uint64_t inodes, struct error *err);

/* By how much less than `bytes` a file system may hold. */
uint64_t storage_tolerance(uint64_t bytes);

/*
 * Bind image to a free loop device, which lets go of it when its last user is gone.  0 with *number set and *device
 * open (close it once it is mounted), or a negative errno with err set and nothing bound.
 */
int storage_loop_attach(int image, int *number, int *device, struct error *err);

/* Remove the nodes that appeared for us and that nobody uses now. */
void storage_loop_reclaim(void);

#endif
