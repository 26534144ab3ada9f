/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits, by what happens at them.  A row is a trial (harness/trial.h): a load in a sandbox with limits of its own, and the same
 * load with wider ones as the control.  Rows stand in fixtures/golden/limits.tsv; these judge what was seen.
 *
 * Each judge takes the facts of a trial and the row's operands: `fact`, `number`, `number2`.  What it prints as observed has
 * the figures.  Where a trial has a companion, that one has to get through unharmed as well; where it is an execution, its
 * container has to live on.
 */
#ifndef SUITES_LIMITS_H
#define SUITES_LIMITS_H

#include "harness/requirement.h"

/* `mask` of a row: the trial is an execution, and its container must live on. */
#define LIMITS_CONTAINER_LIVES 1

/* From the breach to the end of the sandbox. */
#define LIMITS_KILL_MS 1000

/* From the end of the runtime until nobody of the sandbox lives. */
#define LIMITS_GONE_MS 100

/* How long after a deadline the runtime may need on a machine that has other work, too. */
#define LIMITS_LATE_MS 500

/* An end before its deadline: clocks of two processes. */
#define LIMITS_EARLY_MS 50

/*
 * Memory: the sandbox died of it (137).  `number` MiB is the limit; what was reached lies between 60 % of it and itself, and
 * number2 more where processes share (what one of them touches while another is dying).
 */
judge_function judge_limit_killed;

/* The load got through and ended 0, and its control, which leans on the same limit by another road, was killed (137). */
judge_function judge_limit_survives;

/* A count: `fact` is exactly `number` when the kernel says no (tasks: EAGAIN, descriptors: EMFILE), more in the control. */
judge_function judge_limit_refused;

/* A count that only has to end: `fact` is between number and number2 when the kernel says no. */
judge_function judge_limit_bounded;

/* Storage: between 90 % and 100 % of `number` MiB were written when the file system was full. */
judge_function judge_limit_quota;

/*
 * CPU: a share of `number` thousandths of a core, within 5 %.  More is a failure; less is one only where the rest of the machine was idle,
 * else nothing was proven.
 */
judge_function judge_limit_share;

/* CPU: no more than that, whatever it is. */
judge_function judge_limit_share_at_most;

/* Wall time: `number` ms after the start all was over (124), and nobody was left. */
judge_function judge_limit_ended;

/* After a mess: the runtime ended with status `number` (or by SIGKILL: 0 - 9), nobody lives, nothing is left on the host. */
judge_function judge_limit_clean;

/* The load ended with status `number` of its own accord. */
judge_function judge_limit_exits;

/* Lay the rows of fixtures/golden/limits.tsv. */
int limits_add_rows(struct plan *plan, const char *fixtures_dir, struct error *err);

/* The rows that read back from the host what no behaviour shows where a machine has no swap. */
void limits_add_readback(struct plan *plan);

#endif
