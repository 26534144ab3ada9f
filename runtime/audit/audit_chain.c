/* SPDX-License-Identifier: Apache-2.0 */
#include <nettle/sha2.h>
#include <string.h>

#include "audit/audit_internal.h"

struct audit_link audit_chain_start(void)
{
	struct audit_link start = {.sequence = 0};

	memset(start.digest, '0', AUDIT_DIGEST_SIZE - 1);
	return start;
}

void audit_digest(const void *data, size_t length, char digest[AUDIT_DIGEST_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	struct sha256_ctx context;
	uint8_t bytes[SHA256_DIGEST_SIZE];

	sha256_init(&context);
	sha256_update(&context, length, data);
	sha256_digest(&context, sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		digest[2 * i] = digits[bytes[i] >> 4];
		digest[2 * i + 1] = digits[bytes[i] & 15];
	}
	digest[2 * sizeof(bytes)] = '\0';
}
