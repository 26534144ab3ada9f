/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's questions over UDP. */
#include <errno.h>
#include <ldns/ldns.h>
#include <sys/socket.h>

#include "resolver/service.h"

#define READS_MAX 32 /* before servers and the monitor have their turn */

void client_udp_read(struct service *service)
{
	uint8_t data[DNS_QUERY_MAX];

	for (int i = 0; i < READS_MAX; i++) {
		struct client client = {.connection = -1};
		socklen_t size = sizeof(client.peer);
		ssize_t length = recvfrom(RESOLVER_FD_UDP, data, sizeof(data), MSG_TRUNC,
					  (struct sockaddr *)&client.peer, &size);
		if (length < 0)
			return;
		if ((size_t)length <= sizeof(data) && size == sizeof(client.peer))
			query_take(service, &client, data, (size_t)length);
	}
}

void client_udp_send(const struct client *client, const struct question *question, const struct bytes *reply)
{
	struct bytes shorter = {0};

	if (reply->length > question->room && reply_make(question, LDNS_RCODE_NOERROR, true, &shorter) == 0)
		reply = &shorter;
	(void)sendto(RESOLVER_FD_UDP, reply->data, reply->length, MSG_NOSIGNAL, (const struct sockaddr *)&client->peer,
		     sizeof(client->peer));
	bytes_clear(&shorter);
}
