/* SPDX-License-Identifier: Apache-2.0 */
/* CSV from anywhere: fields lie in their order with one delimiter between two of them, what is read is written back as
 * the same bytes, and a file in pieces reads as the whole. */
#include "base/assert.h"
#include "base/secret.h"
#include "cli/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_MAX = 1 << 20 };

static void check_fields(struct span text, char delimiter, const struct csv_record *record)
{
    AUTO(buf_done) struct buf value = {.max = VALUE_MAX, .secret = true};
    AUTO(buf_done) struct buf again = {.max = 2 * VALUE_MAX + 2, .secret = true};
    size_t at = 0;

    REQUIRE(record->count > 0 && record->len <= text.len && record->end <= record->len);
    for (size_t i = 0; i < record->count; i++) {
        const struct csv_field *f = &record->fields[i];

        REQUIRE(f->start == at && f->end >= f->start);
        at = f->end + 1;
        REQUIRE(i + 1 == record->count || text.at[f->end] == delimiter);
        buf_reset(&value);
        buf_reset(&again);
        REQUIRE(csv_value(text, f, &value) == ERR_OK);
        REQUIRE(csv_write(buf_span(&value), f->quoted, delimiter, &again) == ERR_OK);
        REQUIRE(span_equal(buf_span(&again), span_of(text.at + f->start, f->end - f->start)));
    }
    REQUIRE(at == record->end + 1);
}

/* A prefix gives the record of the whole, or none yet. */
static void check_pieces(struct span text, char delimiter, const struct csv_record *whole)
{
    AUTO(csv_record_done) struct csv_record part = {.fields = NULL};

    for (size_t cut = whole->len > 40 ? whole->len - 40 : 0; cut <= whole->len; cut++) {
        enum err e = csv_read(span_of(text.at, cut), delimiter, false, &part);

        REQUIRE(e == ERR_NOT_FOUND || (e == ERR_OK && part.len == whole->len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(csv_record_done) struct csv_record record = {.fields = NULL};
    struct span text = span_of(data, size);
    char delimiter;

    secret_start();
    if (size == 0)
        return 0;
    delimiter = ",;\t|"[data[0] % 4];
    text = span_of(data + 1, size - 1);
    while (text.len > 0) {
        enum err e = csv_read(text, delimiter, true, &record);

        REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_TOO_LARGE);
        if (e != ERR_OK)
            return 0;
        check_fields(text, delimiter, &record);
        check_pieces(text, delimiter, &record);
        REQUIRE(record.len > 0);
        text = span_of(text.at + record.len, text.len - record.len);
    }
    return 0;
}
