/* SPDX-License-Identifier: Apache-2.0 */
/* Writing DNS messages with ldns. */
#ifndef RESOLVER_MESSAGE_H
#define RESOLVER_MESSAGE_H

#include <ldns/ldns.h>

#include "resolver/answer.h"

/* The answer to a question with these records, which stay the caller's.  0 or -ENOMEM. */
int message_reply(const struct question *question, unsigned rcode, bool truncated, const ldns_rr_list *records,
		  struct bytes *reply);

#endif
