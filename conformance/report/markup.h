/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_MARKUP_H
#define REPORT_MARKUP_H

#include <stdio.h>

/* Write text so that it stands in XML or HTML, in an element or in a double-quoted attribute. */
void markup_write(FILE *out, const char *text);

#endif
