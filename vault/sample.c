/* SPDX-License-Identifier: Apache-2.0 */
/* Some rows of a subject, kept as they are stored together with what they are bound to, so that keys
 * can be tried on them.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: keys. */
#include "vault/erasure_priv.h"

#include "base/mem.h"
#include "base/secret.h"

static void keep_row(struct vault_sample *sample, const struct crypto_row *about,
                     const struct store_class *c, const struct store_row *row)
{
    struct sample_row *kept = &sample->rows[sample->count];

    if (row->sealed.len > SAMPLE_BYTES_MAX)
        return;
    kept->bound = *about;
    kept->bound.row = row->id;
    kept->number = c->deterministic ? row->token_row : row->id;
    kept->bound.revision = row->revision;
    kept->bound.due_s = row->due_s;
    kept->bound.created_s = row->created_s;
    kept->bound.start_s = row->start_s;
    memcpy(kept->bound.salt, row->salt, TOKEN_SALT_BYTES);
    kept->sealed = mem_alloc(row->sealed.len);
    memcpy(kept->sealed, row->sealed.at, row->sealed.len);
    kept->len = row->sealed.len;
    sample->count++;
}

enum err vault__sample_rows(struct store *s, const struct store_class *classes, uint64_t slot,
                            const struct crypto_row *about, struct vault_sample *sample)
{
    struct crypto_row bound = *about;
    enum err e = ERR_OK;

    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        struct store_row row;

        if (classes[id].id == 0 || sample->count == SAMPLE_ROWS)
            continue;
        bound.class_id = classes[id].id;
        e = store_rows_of(s, &classes[id], slot);
        for (size_t n = 0; e == ERR_OK && n < SAMPLE_ROWS && sample->count < SAMPLE_ROWS; n++) {
            e = store_next(s, &row);
            if (e == ERR_OK)
                keep_row(sample, &bound, &classes[id], &row);
        }
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e;
}

void vault__sample_free(struct vault_sample **sample)
{
    struct vault_sample *s = TAKE(*sample);

    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->rows[i].sealed);
    secret_wipe(s, sizeof(*s));
    free(s);
}
