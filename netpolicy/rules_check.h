/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the rules back: what there should be, and how one object is compared.  rules_verify.c asks the questions. */
#ifndef NETPOLICY_RULES_CHECK_H
#define NETPOLICY_RULES_CHECK_H

#include "netpolicy/rules_internal.h"

/* A kind of object: its message, and which of its attributes count.  The rest are handles, counts and the like. */
struct kind {
	uint16_t message, question;
	const char *noun;
	int max, table, name;
	int compared[6];
};

enum { TABLES, CHAINS, SETS, RULES, ELEMENTS, KINDS };
#define ATTRIBUTES_MAX 32 /* more than any kind has */

extern const struct kind check_kinds[KINDS];

/* A message of the plan. */
struct expected {
	const struct kind *kind;
	uint8_t family;
	const char *name; /* of a rule: its chain */
	const char *label;
	const struct nlmsghdr *message;
	bool seen;
};

enum { CHECK_IP, CHECK_BRIDGE, FAMILIES };
extern const uint8_t check_families[FAMILIES];

struct check {
	struct expected *expected;
	size_t count, next;
	const struct kind *kind; /* that is asked for */
	struct expected *set; /* whose elements are read */
	size_t elements;
	uint32_t table_uses[FAMILIES], logged_uses[FAMILIES];
	bool settle; /* what is wrong is a count, which may be that of a batch under way */
	char what[128]; /* that is wrong */
};

/* The first thing that is wrong is told.  -EBADMSG. */
int check_wrong(struct check *check, const char *noun, const char *name, const char *how);

/* What the plan says; check->expected is the caller's to free.  0 or a negative errno. */
int check_read_plan(struct check *check, const struct nft_plan *plan);

/* The next one of check->kind that is about this object and was not seen yet; NULL. */
struct expected *check_find(struct check *check, uint8_t family, const char *name);

bool check_same(const struct kind *kind, struct nlattr *const *ours, struct nlattr *const *theirs);

/* Keep the counts by which what is foreign shows. */
void check_keep_uses(struct check *check, uint8_t family, const char *name, struct nlattr *const *theirs);

#endif
