/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents: a refusal touches nothing and says where; what is accepted means the same when it is written out and read again. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/policy_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

#define UNTOUCHED 0xa5

static bool untouched(const void *object, size_t size)
{
	const unsigned char *at = object;

	while (size > 0 && at[size - 1] == UNTOUCHED)
		size--;
	return size == 0;
}

static void check_reads_back(const struct policy *policy)
{
	json_t *document = policy_to_json(policy);
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	struct policy again;

	must(text && policy_parse(&again, "again", text, strlen(text), NULL) == 0);
	json_t *written = policy_to_json(&again);
	must(written && json_equal(document, written));
	json_decref(written);
	policy_clear(&again);
	free(text);
	json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of exactly that size, without a NUL behind: a byte too far is the sanitizer's. */
	char *json = malloc(size ? size : 1);
	struct policy policy;
	struct error err = {0};

	if (!json)
		return 0;
	if (size > 0)
		memcpy(json, data, size);
	memset(&policy, UNTOUCHED, sizeof(policy));
	if (policy_parse(&policy, "fuzz", json, size, &err) < 0) {
		must(untouched(&policy, sizeof(policy)));
		must(strncmp(err.text, "fuzz: $", 7) == 0);
	} else {
		check_reads_back(&policy);
		policy_clear(&policy);
	}
	free(json);
	return 0;
}
