/* SPDX-License-Identifier: Apache-2.0 */
/* Growing and releasing the policy's lists. */
#ifndef POLICY_STRING_LIST_H
#define POLICY_STRING_LIST_H

#include <stdbool.h>

#include "policy/policy.h"

bool string_list_has(const struct string_list *list, const char *item);

/* Append a copy of item.  0 or -ENOMEM, the list being as it was. */
int string_list_add(struct string_list *list, const char *item);

/* Release all items; the list is empty and can be reused. */
void string_list_clear(struct string_list *list);

#endif
