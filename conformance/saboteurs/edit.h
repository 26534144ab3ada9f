/* SPDX-License-Identifier: Apache-2.0 */
/* Small edits of a JSON document, said as rows. */
#ifndef SABOTEURS_EDIT_H
#define SABOTEURS_EDIT_H

#include <jansson.h>

#include "base/error.h"

enum edit_op {
	EDIT_NONE, /* ends a list */
	EDIT_SET, /* the member at path becomes value; its parent must be there */
	EDIT_REMOVE, /* the member at path goes; it must be there */
	EDIT_APPEND, /* the array at path gets value as its last element; made where it is missing */
	EDIT_DROP, /* of the array at path, every element that matches goes; there must be one */
	EDIT_PATCH, /* value's members are laid over every matching element of the array at path (null: it goes) */
	EDIT_TIMES, /* the integer at path is multiplied by value */
	EDIT_PLUS, /* value is added to the integer at path */
	EDIT_SECCOMP_ALLOW, /* the system call that value names is allowed whatever its arguments are */
	EDIT_SECCOMP_ERRNO, /* every rule, and the default, that answers errno value.from answers value.to */
};

struct edit {
	enum edit_op op;
	const char *path; /* "/linux/namespaces"; unused for EDIT_SECCOMP_* */
	const char *match; /* JSON: an element matches that equals it, or that is an object having all its members */
	const char *value; /* JSON */
};

/*
 * Make the edits in order, up to the first EDIT_NONE or count.  0, or -EINVAL with err set: bad JSON in a row, or an
 * edit that would change nothing, since a saboteur that breaks nothing must not go unnoticed.
 */
int edit_apply(json_t *document, const struct edit *edits, size_t count, struct error *err);

#endif
