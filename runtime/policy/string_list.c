/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/string_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool string_list_has(const struct string_list *list, const char *item)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], item) == 0)
			return true;
	return false;
}

int string_list_add(struct string_list *list, const char *item)
{
	char **grown = realloc(list->items, (list->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count] = strdup(item);
	if (!grown[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

void string_list_clear(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){0};
}
