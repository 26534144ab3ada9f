/* SPDX-License-Identifier: Apache-2.0 */
#include "report/digest.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/io.h"

int digest_file(const char *path, char text[DIGEST_TEXT_SIZE], struct error *err)
{
	_cleanup_free_ char *data = NULL;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, 1024 * 1024, &data, &length);
	if (r < 0)
		return error_set(err, -r, "%s", path);

	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	sha256_update(&context, length, (const uint8_t *)data);
	sha256_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return 0;
}
