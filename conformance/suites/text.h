/* SPDX-License-Identifier: Apache-2.0 */
/* A text that is put together from parts and cut where its place ends. */
#ifndef SUITES_TEXT_H
#define SUITES_TEXT_H

#include <stddef.h>

struct text {
	char *at; /* terminated from the first part on */
	size_t size, used;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
