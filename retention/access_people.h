/* SPDX-License-Identifier: Apache-2.0 */
/* How many people there are in the rows of a report, and in all of it, each counted once: by their tags in the audit
 * trail. Of a tag 8 of its 16 random bytes count: that two of a hundred million people share them has a chance of one in
 * several thousand. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/audit.h"

enum { ACCESS_PEOPLE_WAITING = 16 };

struct access_person {
    uint64_t id;   /* 0: free */
    uint64_t rows; /* a bit each, of 64 rows */
};

struct access_people {
    struct access_person *table; /* open, full to one half at most */
    size_t used, room;
    uint64_t *by_row;
    size_t row_count;
    uint64_t all;
    /* Memory is asked for a while before it is looked at: a table of millions is in no cache. */
    struct {
        uint64_t id;
        size_t row;
    } waiting[ACCESS_PEOPLE_WAITING];
    size_t waiting_count;
};

/* The person was seen in row `row`, from 0. TOO_LARGE: the table has LIMIT_REPORT_PEOPLE_MAX entries; NO_SPACE. Never
 * blocks. */
enum err access_people_add(struct access_people *people, size_t row,
                           const uint8_t tag[AUDIT_TAG_BYTES]) MUST_CHECK;
/* Count those that wait: before `all` and access_people_in() are right. Errors as above. */
enum err access_people_settle(struct access_people *people) MUST_CHECK;
uint64_t access_people_in(const struct access_people *people, size_t row);
void access_people_done(struct access_people *people);
