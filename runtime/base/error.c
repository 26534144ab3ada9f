/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
	if (!err || err->code)
		return -code;

	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	size_t used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(code));
	err->code = code;
	return -code;
}

int error_say(struct error *err, int code, const char *fmt, ...)
{
	if (!err || err->code)
		return -code;

	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	err->code = code;
	return -code;
}

int error_hint(struct error *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	if (!err->hint[0]) {
		va_list args;
		va_start(args, fmt);
		(void)vsnprintf(err->hint, sizeof(err->hint), fmt, args);
		va_end(args);
	}
	return -err->code;
}

void error_stage(struct error *err, const char *stage)
{
	if (err && !err->stage[0])
		(void)snprintf(err->stage, sizeof(err->stage), "%s", stage);
}

void error_print(const struct error *err, const char *program, int fd)
{
	(void)dprintf(fd, "%s: %s%s%s%s%s%s\n", program, err->stage[0] ? "stage " : "", err->stage,
		      err->stage[0] ? ": " : "", err->text, err->hint[0] ? "; " : "", err->hint);
}
