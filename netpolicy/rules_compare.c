/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing attributes that we send with those that the kernel tells.
 *
 * What the kernel tells more than was sent is a default, and must be zero: a newer kernel may know attributes that we do not.  Both have the same order as
 * a rule, so both are walked at once; where they differ in that, the other one is looked for.
 */
#include "netpolicy/rules_internal.h"

#include <string.h>

static bool is_zero(const struct nlattr *attribute)
{
	const unsigned char *data = nla_data(attribute);

	for (int i = 0; i < nla_len(attribute); i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* Attributes in a row: what libnl has as nla_ok and nla_next, in line. */
struct walk {
	const unsigned char *at, *end;
};

static struct walk walk_into(const struct nlattr *nest)
{
	const unsigned char *start = (const unsigned char *)nest;

	return (struct walk){start + NLA_HDRLEN, start + nest->nla_len};
}

static const struct nlattr *current(const struct walk *walk)
{
	const struct nlattr *attribute = (const void *)walk->at;
	const ptrdiff_t left = walk->end - walk->at;

	return left >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN && attribute->nla_len <= left ? attribute : NULL;
}

static void step(struct walk *walk)
{
	walk->at += NLA_ALIGN(((const struct nlattr *)(const void *)walk->at)->nla_len);
}

static unsigned type_of(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

static const struct nlattr *find(const struct nlattr *nest, unsigned type)
{
	for (struct walk walk = walk_into(nest); current(&walk); step(&walk)) {
		if (type_of(current(&walk)) == type)
			return current(&walk);
	}
	return NULL;
}

bool rules_same_value(const struct nlattr *ours, const struct nlattr *theirs)
{
	if (ours->nla_type & NLA_F_NESTED)
		return rules_same_attributes(ours, theirs);
	return ours->nla_len == theirs->nla_len &&
	       memcmp((const unsigned char *)ours + NLA_HDRLEN, (const unsigned char *)theirs + NLA_HDRLEN,
		      (size_t)(ours->nla_len - NLA_HDRLEN)) == 0;
}

/* Attributes of one level, each type once. */
bool rules_same_attributes(const struct nlattr *ours, const struct nlattr *theirs)
{
	struct walk yours = walk_into(theirs);
	bool in_step = true;

	for (struct walk mine = walk_into(ours); current(&mine); step(&mine)) {
		const struct nlattr *other = current(&yours);
		if (other && type_of(other) == type_of(current(&mine))) {
			step(&yours);
		} else {
			in_step = false;
			other = find(theirs, type_of(current(&mine)));
		}
		if (!other || !rules_same_value(current(&mine), other))
			return false;
	}
	if (in_step && !current(&yours))
		return true;
	for (yours = walk_into(theirs); current(&yours); step(&yours)) {
		if (!find(ours, type_of(current(&yours))) && !is_zero(current(&yours)))
			return false;
	}
	return true;
}

/* Expressions: as many, in the same order. */
bool rules_same_list(const struct nlattr *ours, const struct nlattr *theirs)
{
	struct walk mine = walk_into(ours), yours = walk_into(theirs);

	while (current(&mine) && current(&yours)) {
		if (!rules_same_attributes(current(&mine), current(&yours)))
			return false;
		step(&mine);
		step(&yours);
	}
	return !current(&mine) && !current(&yours);
}
