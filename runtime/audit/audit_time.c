/* SPDX-License-Identifier: Apache-2.0 */
/* By hand: gmtime_r reads the zone file of the host first, six system calls of every start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit_internal.h"

struct date {
	int year, month, day;
};

static int is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Of a time from 1970 to 9999; before and behind, the nearest of those. */
static struct date date_of(time_t seconds)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct date date = {1970, 1, 0};
	time_t days = seconds < 0 ? 0 : seconds / AUDIT_SECONDS_A_DAY;

	while (days >= 365 + is_leap(date.year) && date.year < 9999) {
		days -= 365 + is_leap(date.year);
		date.year++;
	}
	for (; date.month < 12; date.month++) {
		int length = lengths[date.month - 1] + (date.month == 2 && is_leap(date.year));
		if (days < length)
			break;
		days -= length;
	}
	date.day = (int)(days > 30 ? 31 : days + 1);
	return date;
}

static void put_digits(char *at, int width, long value)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
}

static void put_date(char *at, time_t seconds)
{
	struct date date = date_of(seconds);

	put_digits(at, 4, date.year);
	put_digits(at + 5, 2, date.month);
	put_digits(at + 8, 2, date.day);
}

void audit_file_name(time_t seconds, char name[AUDIT_NAME_SIZE])
{
	memcpy(name, "audit_YYYY-MM-DD.jsonl", AUDIT_NAME_SIZE);
	put_date(name + strlen("audit_"), seconds);
}

void audit_stamp(const struct timespec *now, char stamp[AUDIT_STAMP_SIZE])
{
	long second = now->tv_sec < 0 ? 0 : (long)(now->tv_sec % AUDIT_SECONDS_A_DAY);

	memcpy(stamp, "YYYY-MM-DDThh:mm:ss.uuuuuuZ", AUDIT_STAMP_SIZE);
	put_date(stamp, now->tv_sec);
	put_digits(stamp + 11, 2, second / 3600);
	put_digits(stamp + 14, 2, second / 60 % 60);
	put_digits(stamp + 17, 2, second % 60);
	put_digits(stamp + 20, 6, now->tv_nsec / 1000);
}

bool audit_name_expired(const char *name, time_t now)
{
	char oldest[AUDIT_NAME_SIZE];

	audit_file_name(now - (time_t)AUDIT_RETENTION_DAYS * AUDIT_SECONDS_A_DAY, oldest);
	return strcmp(name, oldest) < 0;
}
