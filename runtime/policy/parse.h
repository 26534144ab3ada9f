/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the parser: the document's sections, and how a value is refused. */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/* Where a value stands in the document: a link per level, built on the stack, read backwards. */
struct place {
	const struct place *parent; /* NULL: the document */
	const char *key; /* NULL: an item of a list */
	size_t index;
};

/* One document being read. */
struct document {
	const char *name; /* shown in messages */
	struct policy *policy; /* being filled in */
	struct error *err;
	bool network_named; /* resource_limits.network_access was given */
	bool network_allowed; /* sandbox.allow_network was true */
	bool network_denied; /* sandbox.allow_network was false, or max_network_requests 0 */
};

/* Read one value.  0, or a negative errno with the document's error set. */
typedef int field_reader(struct document *document, const struct place *place, json_t *value);

struct field {
	const char *key;
	json_type type; /* JSON_REAL stands for any number, JSON_TRUE for any boolean */
	field_reader *read;
};

#define SECTION_FIELDS_MAX 16

/* A part of the document.  fields writes the keys that it may have, and returns how many. */
struct section {
	const char *key; /* NULL: the top of the document */
	size_t (*fields)(struct field fields[SECTION_FIELDS_MAX]);
};

/* The top first. */
#define SECTION_COUNT 5
extern const struct section policy_sections[SECTION_COUNT];

size_t security_fields(struct field fields[SECTION_FIELDS_MAX]);
size_t resource_fields(struct field fields[SECTION_FIELDS_MAX]);
size_t execution_fields(struct field fields[SECTION_FIELDS_MAX]);
size_t sandbox_fields(struct field fields[SECTION_FIELDS_MAX]);

/* Read an object by its section's fields: unknown keys and wrong types are refused. */
int read_section(struct document *document, const struct place *place, json_t *object, const struct section *section);

/* Record "NAME: $.path: what is wrong"; returns -EINVAL. */
int refuse(struct document *document, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Call read for each item of a list of strings, refusing empty and repeated ones. */
int read_strings(struct document *document, const struct place *place, json_t *list, field_reader *read);

/* Prefix what a lower function said in err (text and hint) with the document and the place. */
int refuse_because(struct document *document, const struct place *place, const struct error *cause);

/* Refuse with -ENOMEM. */
int out_of_memory(struct document *document);

/* The JSON path of the byte at offset in text, as far as the text goes well: "$.a.b[2]". */
void json_path_at(const char *text, size_t offset, char *path, size_t size);

#endif
