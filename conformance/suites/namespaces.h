/* SPDX-License-Identifier: Apache-2.0 */
/* The namespace suite's own oracles, and the objects on the host that must be out of reach. */
#ifndef SUITES_NAMESPACES_H
#define SUITES_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/requirement.h"

/* Objects of the harness's that end with it, however it ends; an object that could not be made or reached is not ready. */
struct host_objects {
	struct {
		bool ready;
		char name[64];
	} abstract; /* a listening abstract socket */
	struct {
		bool ready;
		uint16_t port;
	} tcp; /* a listener on 127.0.0.1 */
	struct {
		bool ready;
		int id;
		int64_t size;
	} shm; /* System V; gone with the harness: it is marked for removal and only attached */
	struct {
		bool ready;
		int64_t serial;
	} keyring; /* the harness's session keyring, a new one, which the sandboxes could inherit */
	int64_t init_started; /* the host's PID 1, in clock ticks since boot; -1: unknown */
	int64_t harness_started;
	pid_t harness;
};

/* Makes them on the first call, and tries each from the host: reachable there is what makes "out of reach" a finding. */
const struct host_objects *host_objects(void);

/* Lay the rows that compare what the host numbers: namespaces and ids. */
void namespaces_plan_links(struct plan *plan);

/* Lay the rows for objects that would outlive the harness: made, tried from both sides and removed by a host probe. */
void namespaces_plan_queues(struct plan *plan);

/* Facts inside and outside (the harness's): they differ. */
judge_function judge_other_namespace;

/* Facts id and lowest: no id of the host below number. */
judge_function judge_host_ids;

/* Facts sees_child and others: nobody else is there. */
judge_function judge_alone;

/* The process that started at number, the harness, cannot be signalled by its number. */
judge_function judge_no_such_process;

/* PID 1 is not the host's, which started at number. */
judge_function judge_other_init;

/* SIGKILL does nothing to PID 1. */
judge_function judge_init_survives;

/* An act on PID 1 fails, where PID 1 is not the command itself, and works in the control. */
judge_function judge_init_shielded;

/* An orphan is waited for, where PID 1 is not the command itself. */
judge_function judge_reaped;

/* An object of the host's is not to be had: ret is negative with an errno in expected, or fact is not number. The host itself
 * could reach it: number2 is 1, or the flag from_host is set. */
judge_function judge_out_of_reach;

/* The policy does not ask for it: expected says why. */
judge_function judge_not_asked_for;

#endif
