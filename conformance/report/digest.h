/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_DIGEST_H
#define REPORT_DIGEST_H

#include "base/error.h"

#define DIGEST_TEXT_SIZE 65

/* SHA-256 of a file (at most 1 MiB) as hexadecimal.  0 or a negative errno with err set. */
int digest_file(const char *path, char text[DIGEST_TEXT_SIZE], struct error *err);

#endif
