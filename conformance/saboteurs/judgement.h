/* SPDX-License-Identifier: Apache-2.0 */
/* What the suite made of one saboteur: a pure function of two runs. */
#ifndef SABOTEURS_JUDGEMENT_H
#define SABOTEURS_JUDGEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "saboteurs/saboteur.h"

struct judgement {
	bool killed; /* of every `must` pattern at least one case turned red */
	size_t reds; /* cases that PASS on the good runtime and FAIL, CRASH or TIMEOUT on the broken one */
	json_t *strays; /* owned: ids that turned red outside of `must` and `may` */
	json_t *unmeasured; /* owned: ids that PASS on the good runtime and were not judged on the broken one: "ID (STATUS)" */
	json_t *unmet; /* owned: `must` patterns without a red case */
};

/*
 * Compare the results of the good runtime with those of the broken one (arrays of result objects, as in struct
 * results).  *judgement must be released with judgement_clear.
 */
void judge_saboteur(const struct saboteur *saboteur, json_t *baseline, json_t *broken, struct judgement *judgement);

/* Killed, nothing stray, everything measured. */
bool judgement_is_good(const struct judgement *judgement);

void judgement_clear(struct judgement *judgement);

#endif
