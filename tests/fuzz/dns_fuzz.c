/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages of the sandbox and of servers: whatever comes, no address leaves that the list does not let through. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_rule rules[] = {
	{.kind = HOST_SUBDOMAINS, .name = "t"},
	{.kind = HOST_NETWORK, .address = 0x0a090000, .prefix = 24},
};
static const struct host_list hosts = {.rules = rules, .count = sizeof(rules) / sizeof(*rules)};
static const struct answer_policy policy = {.mode = NETWORK_RESTRICTED, .hosts = &hosts};

/* The question "a.t", so that answers need little to be taken. */
static const uint8_t plain[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 1, 't', 0, 0, 1, 0, 1};

static void judge_answer(const uint8_t *data, size_t size)
{
	const uint8_t random[ASKED_RANDOM_SIZE] = {0};
	struct question question;
	struct asked asked;
	struct answer answer;
	struct bytes query = {0};
	unsigned rcode;

	if (question_judge(&policy, plain, sizeof(plain), &question, &rcode) != QUESTION_FORWARDED)
		abort();
	if (asked_make(&question, random, &asked, &query) < 0)
		return;
	(void)answer_judge(&policy, &question, &asked, true, data, size, &answer);
	for (size_t i = 0; i < answer.count; i++)
		if (!resolver_address_passes(&hosts, answer.addresses[i].address))
			abort();
	answer_clear(&answer);
	bytes_clear(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct question question;
	struct bytes reply = {0};
	unsigned rcode = 0;

	if (question_judge(&policy, data, size, &question, &rcode) != QUESTION_DROPPED &&
	    reply_make(&question, rcode, false, &reply) < 0)
		abort();
	bytes_clear(&reply);
	judge_answer(data, size);
	return 0;
}
