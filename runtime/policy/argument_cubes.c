/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/argument_cubes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

static int add(struct cubes *cubes, const struct cube *cube)
{
	if (cubes->count == CUBES_MAX)
		return -E2BIG;
	cubes->items[cubes->count++] = *cube;
	return 0;
}

/* What both cubes hold; false when they share nothing. */
static bool intersect(const struct cube *a, const struct cube *b, struct cube *both)
{
	for (size_t i = 0; i < CUBE_ARGUMENTS; i++) {
		if ((a->value[i] ^ b->value[i]) & a->mask[i] & b->mask[i])
			return false;
		both->mask[i] = a->mask[i] | b->mask[i];
		both->value[i] = a->value[i] | b->value[i];
	}
	return true;
}

/* Everything outside the cube, disjoint: the first fixed bit that differs, all before it being as they must. */
static int complement(const struct cube *cube, struct cubes *outside)
{
	struct cube agreed = {0};

	outside->count = 0;
	for (size_t i = 0; i < CUBE_ARGUMENTS; i++) {
		for (uint64_t bit = UINT64_C(1) << 63; bit; bit >>= 1) {
			if (!(cube->mask[i] & bit))
				continue;
			struct cube differs = agreed;
			differs.mask[i] |= bit;
			differs.value[i] |= ~cube->value[i] & bit;
			agreed.mask[i] |= bit;
			agreed.value[i] |= cube->value[i] & bit;
			if (add(outside, &differs) < 0)
				return -E2BIG;
		}
	}
	return 0;
}

/* union_ becomes what it shares with other. */
static int narrow(struct cubes *union_, const struct cubes *other, struct cubes *scratch)
{
	struct cube both;

	scratch->count = 0;
	for (size_t i = 0; i < union_->count; i++)
		for (size_t j = 0; j < other->count; j++)
			if (intersect(&union_->items[i], &other->items[j], &both) && add(scratch, &both) < 0)
				return -E2BIG;
	*union_ = *scratch;
	return 0;
}

static void everything(struct cubes *cubes)
{
	cubes->count = 1;
	cubes->items[0] = (struct cube){0};
}

/* The cube of an equality; of a NE, the cube that must not be. */
static struct cube condition_cube(const struct arg_condition *condition)
{
	uint64_t mask = condition->op == ARG_EQ ? condition->mask : condition->mask & UINT32_MAX;
	struct cube cube = {0};

	cube.mask[condition->index] = mask;
	cube.value[condition->index] = condition->operand & mask;
	return cube;
}

struct work {
	struct cubes group, outside, scratch;
};

/* work->group becomes the union where every condition of the group holds. */
static int hold_group(const struct arg_condition *conditions, size_t count, unsigned group, struct work *work)
{
	int r = 0;

	everything(&work->group);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (conditions[i].group != group)
			continue;
		struct cube cube = condition_cube(&conditions[i]);
		if (conditions[i].op == ARG_NE_LOW32) {
			r = complement(&cube, &work->outside);
		} else {
			work->outside.count = 1;
			work->outside.items[0] = cube;
		}
		if (r == 0)
			r = narrow(&work->group, &work->outside, &work->scratch);
	}
	return r;
}

int cubes_of_conditions(const struct arg_condition *conditions, size_t count, struct cubes *holds, struct cubes *fails)
{
	_cleanup_free_ struct work *work = calloc(1, sizeof(*work));
	unsigned groups = 0;

	if (!work)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		groups = conditions[i].group >= groups ? conditions[i].group + 1U : groups;

	holds->count = 0;
	everything(fails);
	for (unsigned group = 0; group < groups; group++) {
		int r = hold_group(conditions, count, group, work);
		for (size_t i = 0; i < work->group.count && r == 0; i++) {
			r = add(holds, &work->group.items[i]);
			if (r == 0)
				r = complement(&work->group.items[i], &work->outside);
			if (r == 0)
				r = narrow(fails, &work->outside, &work->scratch);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
