/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules of the network cost a start: medians in microseconds, with 1 to 500 live sandboxes, in a network namespace of the
 * program's own.
 *
 *   bench-network-rules [ROUNDS]      a header, then a line for each count of live sandboxes; exit status 1 where a call failed
 *
 * The counts grow and shrink in turns within each round, so that what else the machine does falls on all of them alike.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "netpolicy/rules.h"

#define POOL       0x0ad50000u /* 10.213.0.0/16 */
#define TARGETS    0x08000000u /* where pins and entries point to */
#define ROUNDS     30
#define ROUNDS_MAX 1000
#define EACH       8 /* sandboxes measured on top of the live ones, in a round */
#define FEW        5 /* entries of the policy */

static const unsigned live_counts[] = {1, 100, 250, 500};

enum measure { ADD, PIN, PIN_AGAIN, REMOVE, VERIFY, MEASURES };
static const char *const names[MEASURES] = {"add", "pin", "pin-again", "remove", "verify"};

struct samples {
	double *us;
	size_t count;
};

static struct samples samples[ARRAY_SIZE(live_counts)][MEASURES];
static struct nft *nft;
static struct host_rule entries[FEW];
static const struct host_list hosts = {entries, FEW};
static const struct rules_router router = {.pool = POOL, .pool_prefix = 16, .gateway_mac = {2, 0, 0, 0, 0, 1}};
static uint32_t mark;

static void check(int r, const struct error *err)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "bench-network-rules: %s\n", err->text);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static struct rules_sandbox sandbox_of(unsigned slot)
{
	mark++;
	return (struct rules_sandbox){.slot = slot,
				      .address = POOL + 2 + slot,
				      .mac = {2, 0, 0, 0, (uint8_t)(slot >> 8), (uint8_t)slot},
				      .port = 1000 + slot,
				      .mark = mark,
				      .mode = NETWORK_RESTRICTED,
				      .hosts = &hosts,
				      .requests = 1000};
}

static void keep(size_t row, enum measure measure, double since)
{
	struct samples *to = &samples[row][measure];

	to->us[to->count++] = now() - since;
}

/* A life of a sandbox on top of the others. */
static void measure_one(size_t row, unsigned slot)
{
	const struct rules_sandbox one = sandbox_of(slot);
	const struct rules_pin pin = {TARGETS + mark, 443, 60};
	struct error err = {0};
	double start = now();

	check(rules_verify(nft, &router, &err), &err);
	keep(row, VERIFY, start);
	start = now();
	check(rules_add(nft, &one, &err), &err);
	keep(row, ADD, start);
	start = now();
	check(rules_pin(nft, &one, &pin, 1, &err), &err);
	keep(row, PIN, start);
	start = now();
	check(rules_pin(nft, &one, &pin, 1, &err), &err);
	keep(row, PIN_AGAIN, start);
	start = now();
	check(rules_remove(nft, &one, &err), &err);
	keep(row, REMOVE, start);
}

static void round_of_all(struct rules_sandbox *live)
{
	struct error err = {0};
	unsigned count = 0;

	for (size_t row = 0; row < ARRAY_SIZE(live_counts); row++) {
		for (; count < live_counts[row]; count++) {
			live[count] = sandbox_of(count);
			check(rules_add(nft, &live[count], &err), &err);
		}
		for (unsigned i = 0; i < EACH; i++)
			measure_one(row, count + i);
	}
	while (count > 0)
		check(rules_remove(nft, &live[--count], &err), &err);
}

static int by_size(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static void print_all(void)
{
	(void)printf("%-6s", "live");
	for (size_t m = 0; m < MEASURES; m++)
		(void)printf(" %10s", names[m]);
	for (size_t row = 0; row < ARRAY_SIZE(live_counts); row++) {
		(void)printf("\n%-6u", live_counts[row]);
		for (size_t m = 0; m < MEASURES; m++) {
			struct samples *of = &samples[row][m];
			qsort(of->us, of->count, sizeof(*of->us), by_size);
			(void)printf(" %10.1f", of->us[of->count / 2]);
		}
	}
	(void)printf("\n");
}

int main(int argc, char **argv)
{
	struct rules_sandbox live[500];
	struct error err = {0};
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: bench-network-rules [ROUNDS], 1 to %d of them\n", ROUNDS_MAX);
		return 2;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		(void)fprintf(stderr, "bench-network-rules: network namespace: %s\n", strerror(errno));
		return 1;
	}
	for (size_t row = 0; row < ARRAY_SIZE(live_counts); row++) {
		for (size_t m = 0; m < MEASURES; m++) {
			samples[row][m].us = calloc((size_t)rounds * EACH, sizeof(double));
			if (!samples[row][m].us)
				return 1;
		}
	}
	for (uint32_t i = 0; i < FEW; i++)
		entries[i] = (struct host_rule){
			.kind = HOST_NETWORK, .address = TARGETS + (i << 16), .prefix = 16, .port = 443};
	check(nft_open(&nft, &err), &err);
	check(rules_install(nft, &router, &err), &err);
	for (long i = 0; i < rounds; i++)
		round_of_all(live);
	print_all();
	nft_close(nft);
	for (size_t row = 0; row < ARRAY_SIZE(live_counts); row++) {
		for (size_t m = 0; m < MEASURES; m++)
			free(samples[row][m].us);
	}
	return 0;
}
