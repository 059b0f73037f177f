/* SPDX-License-Identifier: Apache-2.0 */
/* People of reports, counted once.
 * Runs on: one thread. Holds: a table of those that were seen. Invariant: a person has one entry for each 64 rows that
 * any was seen in, and always the first, by which the whole is counted. Not here: what a row is (report_access.c). */
#include "retention/access_people.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

enum { ROWS_EACH = 64, FIRST_ROOM = 4096 };

/* ---- the table ---- */

static struct access_person *find(const struct access_people *p, uint64_t id)
{
    size_t at = id & (p->room - 1);

    while (p->table[at].id != 0 && p->table[at].id != id)
        at = (at + 1) & (p->room - 1);
    return &p->table[at];
}

static enum err grow(struct access_people *p)
{
    struct access_people grown = *p;

    grown.room = p->room == 0 ? FIRST_ROOM : p->room * 2;
    if (grown.room > (size_t)LIMIT_REPORT_PEOPLE_MAX * 2)
        return ERR_TOO_LARGE;
    grown.table = mem_try_alloc(grown.room, sizeof(*grown.table));
    if (grown.table == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < p->room; i++)
        if (p->table[i].id != 0)
            *find(&grown, p->table[i].id) = p->table[i];
    free(p->table);
    *p = grown;
    return ERR_OK;
}

static enum err need(struct access_people *p, uint64_t id, struct access_person **ret)
{
    enum err e = (p->used + 1) * 2 > p->room ? grow(p) : ERR_OK;

    if (e != ERR_OK)
        return e;
    *ret = find(p, id);
    p->used += (*ret)->id == 0;
    return ERR_OK;
}

/* ---- rows ---- */

static enum err need_row(struct access_people *p, size_t row)
{
    const size_t count = (row + ROWS_EACH) / ROWS_EACH * ROWS_EACH;
    uint64_t *grown;

    if (row < p->row_count)
        return ERR_OK;
    grown = realloc(p->by_row, count * sizeof(*grown));
    if (grown == NULL)
        return ERR_NO_SPACE;
    memset(grown + p->row_count, 0, (count - p->row_count) * sizeof(*grown));
    p->by_row = grown;
    p->row_count = count;
    return ERR_OK;
}

/* Further rows of a person stand under other ids, as random as the first. */
static uint64_t id_for(uint64_t id, size_t row)
{
    const uint64_t moved = id + row / ROWS_EACH * UINT64_C(0x9e3779b97f4a7c15);

    return moved == 0 ? 1 : moved;
}

static enum err count(struct access_people *p, uint64_t id, size_t row)
{
    const uint64_t bit = UINT64_C(1) << row % ROWS_EACH;
    struct access_person *person = NULL;
    enum err e = need_row(p, row);

    if (e == ERR_OK)
        e = need(p, id, &person);
    if (e != ERR_OK)
        return e;
    p->all += person->id == 0;
    person->id = id;
    if (row >= ROWS_EACH) {
        id = id_for(id, row);
        e = need(p, id, &person);
        if (e != ERR_OK)
            return e;
        person->id = id;
    }
    p->by_row[row] += (person->rows & bit) == 0;
    person->rows |= bit;
    return ERR_OK;
}

/* ---- counting ---- */

enum err access_people_settle(struct access_people *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < p->waiting_count; i++)
        e = count(p, p->waiting[i].id, p->waiting[i].row);
    p->waiting_count = 0;
    return e;
}

enum err access_people_add(struct access_people *p, size_t row, const uint8_t tag[AUDIT_TAG_BYTES])
{
    enum err e = p->waiting_count == ACCESS_PEOPLE_WAITING ? access_people_settle(p) : ERR_OK;
    uint64_t id;

    memcpy(&id, tag, sizeof(id));
    id = id_for(id, 0);
    if (p->room > 0)
        __builtin_prefetch(&p->table[id & (p->room - 1)], 1);
    p->waiting[p->waiting_count].id = id;
    p->waiting[p->waiting_count++].row = row;
    return e;
}

uint64_t access_people_in(const struct access_people *p, size_t row)
{
    return row < p->row_count ? p->by_row[row] : 0;
}

void access_people_done(struct access_people *p)
{
    free(p->table);
    free(p->by_row);
    *p = (struct access_people){.table = NULL};
}
