/* SPDX-License-Identifier: Apache-2.0 */
/* For apparmor.c: what apparmor_parser(8) does of apparmor_load. */
#ifndef ENFORCE_APPARMOR_PARSER_H
#define ENFORCE_APPARMOR_PARSER_H

#include "base/error.h"

/* Compile text, and replace the profile of its name in the kernel.  0 or a negative errno with the parser's words. */
int apparmor_parser_load(const char *text, struct error *err);

#endif
