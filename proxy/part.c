/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of parts (contract: proxy/part.h).
 * Runs on: any thread. Holds: nothing. Not here: who reads them (places.c), what becomes of them
 * (tokenize.c, reveal.c). */
#include "proxy/part.h"

#include "base/mem.h"

const struct field_rule *part_rule(const struct part *part, const struct hit *hit)
{
    static const struct field_rule plain = {.mode = FIELD_REPLACE};

    return part->rules == NULL ? &plain : &part->rules[hit->field];
}

void parts_done(struct part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hits_done(&parts[i].hits);
        mem_free(&parts[i].subject_of);
    }
}

size_t parts_count_hits(const struct part *parts, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += parts[i].hits.count;
    return total;
}

size_t parts_count_bytes(const struct part *parts, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].hits.count; j++)
            total += parts[i].hits.at[j].end - parts[i].hits.at[j].start;
    return total;
}
