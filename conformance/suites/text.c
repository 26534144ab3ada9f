/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text->at + text->used, text->size - text->used, format, args);
	va_end(args);
	if (n > 0)
		text->used += (size_t)n < text->size - text->used ? (size_t)n : text->size - text->used - 1;
}
