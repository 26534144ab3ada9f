/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the results: JSON Lines, a line as soon as it is known. */
#ifndef REPORT_JSONL_H
#define REPORT_JSONL_H

#include <stdio.h>

#include "report/result.h"

/* One policy under test. */
struct run_policy {
	const char *name; /* the word in the ids */
	const char *file; /* document */
	const char *sha256; /* of the document, hexadecimal */
};

/* What the first line says. */
struct run_info {
	const char *kernel, *arch, *lsms, *cgroup; /* of the machine */
	const char *runtime, *runtime_version, *adapter;
	const char *started; /* ISO 8601, UTC */
	const struct run_policy *policies;
	size_t policy_count;
};

/* Each writes one line and flushes it.  0 or a negative errno. */
int jsonl_write_run(FILE *out, const struct run_info *info);
int jsonl_write_result(FILE *out, const struct result *result);
/* Of a denial, which layers do it on their own: lists of names, each of them ended by NULL. */
int jsonl_write_layers(FILE *out, const char *id, const char *const *asked, const char *const *denied);
int jsonl_write_summary(FILE *out, const struct summary *summary);

#endif
