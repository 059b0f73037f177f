/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a copy say about an erasure.
 * Runs on: any thread; blocks long. Holds: nothing after it returns. Invariant: nothing below the
 * copy's folder is opened for writing. Not here: its rows (copy_rows.c), what is made of the answers
 * (retention/, cli/). */
#include "vault/copy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/ledger_priv.h"
#include "vault/search_priv.h"
#include "vault/slab_format_priv.h"
#include "vault/vault_priv.h"

/* ---- keys ---- */

/* Unwrap a slot with the root key of the epoch that it names. NOT_FOUND: that one is not at hand. */
enum err copy__unwrap(const struct copy *c, uint64_t number, const uint8_t slot[SLAB_SLOT_BYTES],
                      struct slab_key *ret)
{
    const struct root_key *root =
        c->roots == NULL ? NULL : root_keys_find(c->roots, slab_slot_epoch(slot));
    AUTO(secret_free) uint8_t *wrapping = NULL;
    struct slab_header header = {.epoch = slab_slot_epoch(slot)};

    if (root == NULL)
        return ERR_NOT_FOUND;
    memcpy(header.store_id, c->about->store, VAULT_ID_BYTES);
    wrapping = secret_alloc(CRYPTO_KEY_BYTES);
    vault__derive(root->bytes, CRYPTO_DERIVE_WRAP, wrapping);
    return slab_slot_decode(&header, wrapping, number, slot, ret);
}

/* A slot that names the subject. In keys.slab its place says its number; elsewhere it is a copy of the
 * one that was erased. */
static void on_slot(void *context, const char *file, uint64_t at,
                    const uint8_t slot[SLAB_SLOT_BYTES])
{
    struct copy *c = context;
    const bool in_slab = strcmp(file, VAULT_SLAB) == 0 && at >= SLAB_HEADER_BYTES &&
                         (at - SLAB_HEADER_BYTES) % SLAB_SLOT_BYTES == 0;
    const uint64_t number = in_slab ? (at - SLAB_HEADER_BYTES) / SLAB_SLOT_BYTES : c->about->slot;
    enum vault_copy_key state = VAULT_COPY_KEY_DEAD;
    struct slab_key key;

    if (c->roots == NULL)
        state = VAULT_COPY_KEY_WRAPPED;
    else if (copy__unwrap(c, number, slot, &key) == ERR_OK) {
        state = VAULT_COPY_KEY_OPEN;
        memcpy(c->key, key.key, CRYPTO_KEY_BYTES);
    }
    secret_wipe(&key, sizeof(key));
    if (state <= c->report->key)
        return; /* the worst counts */
    c->report->key = state;
    c->report->key_epoch = slab_slot_epoch(slot);
    (void)snprintf(c->report->key_file, sizeof(c->report->key_file), "%s", file);
}

static enum err look_for_keys(struct copy *c, struct errmsg *msg)
{
    struct search s = {.subject = c->about->subject, .on_slot = on_slot, .context = c};
    enum err e = search_store(&s, c->dir, NULL);

    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: a file cannot be read", c->dir);
}

/* keys.slab: whose it is, and the slot. */
static enum err look_at_slab(struct copy *c, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(c->dir, VAULT_SLAB);
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t header[SLAB_HEADER_BYTES], slot[SLAB_SLOT_BYTES], store[VAULT_ID_BYTES];
    size_t got = 0;
    enum err e;

    if (fd < 0 && errno == ENOENT)
        return ERR_OK; /* MISSING */
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    e = vault__file_read(fd, header, sizeof(header), 0, &got);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read", path);
    c->report->keys = VAULT_COPY_DAMAGED;
    if (got < sizeof(header) || slab_header_peek(header, store) != ERR_OK)
        return ERR_OK;
    c->report->keys =
        memcmp(store, c->about->store, VAULT_ID_BYTES) == 0 ? VAULT_COPY_READ : VAULT_COPY_FOREIGN;
    e = vault__file_read(fd, slot, sizeof(slot),
                         SLAB_HEADER_BYTES + c->about->slot * SLAB_SLOT_BYTES, &got);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read", path);
    c->report->slot_zero = slab_is_zero(slot, got);
    secret_wipe(slot, sizeof(slot));
    return ERR_OK;
}

/* ---- the ledger ---- */

static bool names_erasure(const struct copy *c, const struct ledger_record *r)
{
    return memcmp(r->erasure, c->about->id, VAULT_ID_BYTES) == 0 &&
           memcmp(r->subject, c->about->subject, VAULT_ID_BYTES) == 0 && r->slot == c->about->slot;
}

/* Every record is looked at as it stands; the chain needs a key, but the receipt has signed what it
 * was at the entry. */
static enum err look_at_ledger(struct copy *c, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(c->dir, VAULT_LEDGER);
    struct vault_copy_report *report = c->report;
    uint8_t chain[CRYPTO_HASH_BYTES];
    struct ledger_record r;
    struct stat st;
    enum err e = ERR_OK;

    if (stat(path, &st) != 0 && errno == ENOENT)
        return ERR_OK; /* MISSING */
    report->ledger = VAULT_COPY_DAMAGED;
    for (uint64_t seq = 1; e == ERR_OK; seq++) {
        e = ledger_look(path, seq, &r, chain);
        if (e != ERR_OK)
            break;
        if (seq == 1 && r.kind == LEDGER_OPENED)
            report->ledger = memcmp(r.erasure, c->about->store, VAULT_ID_BYTES) == 0
                                 ? VAULT_COPY_READ
                                 : VAULT_COPY_FOREIGN;
        report->ledger_entries = seq;
        if (seq == c->about->ledger_seq && r.kind == LEDGER_ERASE && names_erasure(c, &r))
            report->ledger_knows = memcmp(chain, c->about->ledger_head, sizeof(chain)) == 0;
        if (r.kind == LEDGER_CLOSED && names_erasure(c, &r))
            report->ledger_closed = true;
    }
    if (e == ERR_CORRUPT)
        report->ledger = VAULT_COPY_DAMAGED;
    return e == ERR_NOT_FOUND || e == ERR_CORRUPT ? ERR_OK
                                                  : errmsg_set(msg, e, "%s: cannot be read", path);
}

/* ---- together ---- */

/* Keep servers from opening the store meanwhile, if none has; a lock is no change to the file. */
static void take_lock(struct copy *c)
{
    AUTO(mem_free) char *path = vault__path(c->dir, VAULT_LOCK);

    c->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
    c->report->in_use = c->lock_fd >= 0 && flock(c->lock_fd, LOCK_SH | LOCK_NB) != 0;
}

enum err vault_copy_examine(const char *dir, const struct vault_copy_erasure *about,
                            const struct root_keys *roots, struct vault_copy_report *ret,
                            struct errmsg *msg)
{
    struct vault_copy_report report = {.keys = VAULT_COPY_MISSING};
    struct copy c = {.dir = dir, .about = about, .roots = roots, .report = &report, .lock_fd = -1};
    enum err e;

    if (about->slot < SLAB_FIRST_SLOTS || about->slot >= UINT64_C(1) << 40)
        return errmsg_set(msg, ERR_INVALID,
                          "the receipt names a key slot that no subject can have");
    c.key = secret_alloc(CRYPTO_KEY_BYTES);
    take_lock(&c);
    e = look_at_slab(&c, msg);
    if (e == ERR_OK)
        e = look_at_ledger(&c, msg);
    if (e == ERR_OK)
        e = look_for_keys(&c, msg);
    if (e == ERR_OK && report.keys != VAULT_COPY_FOREIGN)
        e = copy__rows(&c, msg);
    fd_close(&c.lock_fd);
    secret_free(&c.key);
    if (e != ERR_OK)
        return e;
    if (report.keys == VAULT_COPY_MISSING && report.ledger == VAULT_COPY_MISSING &&
        report.rows == VAULT_COPY_MISSING)
        return errmsg_set(msg, ERR_NOT_FOUND, "%s: holds no file of a store", dir);
    *ret = report;
    return ERR_OK;
}
