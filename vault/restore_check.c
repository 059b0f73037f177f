/* SPDX-License-Identifier: Apache-2.0 */
/* Is a backup what it says, does it fit the ledger, and can it be opened? Looked at on copies in the
 * store's directory, so that what was checked is what is put in place.
 * Runs on: the command line's thread; blocks. Holds: nothing. Invariant: nothing that the store uses is
 * changed here. Not here: putting in place (restore.c). */
#include "vault/restore_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/effort.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/mirror_priv.h"
#include "vault/slab_format_priv.h"

enum { MIB = 1 << 20, RUN_BYTES = MIB };

const char *const vault__restore_targets[RESTORE_TARGETS] = {VAULT_DB, VAULT_SLAB};

/* ---- staging ---- */

/* Copy into a new file of the store and sync; the digest of what was copied. */
static enum err copy(const struct restore *j, const char *from, const char *name,
                     uint8_t ret_digest[CRYPTO_HASH_BYTES], uint64_t *ret_bytes)
{
    AUTO(mem_free) char *to = vault__path(j->dir, name);
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    AUTO(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC);
    AUTO(fd_close)
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct digest hash;
    struct stat st = {.st_size = 0};
    uint64_t at = 0;
    size_t got = 0;
    enum err e = out < 0 ? ERR_IO : ERR_OK;

    if (in < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    (void)fstat(in, &st);
    digest_begin(&hash);
    do {
        if (e == ERR_OK)
            e = vault__file_read(in, run, RUN_BYTES, at, &got);
        if (e == ERR_OK)
            e = vault__file_write(out, run, got, at);
        if (e != ERR_OK)
            return e;
        digest_add(&hash, run, got);
        at += got;
        effort_set(EFFORT_RESTORE, at / MIB, (uint64_t)st.st_size / MIB);
    } while (got == RUN_BYTES);
    digest_end(&hash, ret_digest);
    *ret_bytes = at;
    return vault__file_sync(out);
}

/* Copy and compare with the manifest. */
static enum err stage(const struct restore *j, const char *from, const char *name,
                      const struct manifest *m, struct errmsg *msg)
{
    uint8_t digest[CRYPTO_HASH_BYTES];
    uint64_t bytes = 0;
    enum err e = copy(j, from, name, digest, &bytes);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be copied into %s: %s", from, j->dir, err_text(e));
    if (bytes != m->bytes || memcmp(digest, m->sha256, sizeof(digest)) != 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: is not the file that its manifest describes (%llu bytes, %llu "
                          "expected): damaged, altered or not copied whole; take another backup",
                          from, (unsigned long long)bytes, (unsigned long long)m->bytes);
    return ERR_OK;
}

/* ---- manifests ---- */

/* FILE.slab -> FILE.json */
static char *manifest_path(const char *file, const char *ending, const char *after)
{
    size_t len = strlen(file), end = strlen(ending);
    char *path = NULL;

    if (len > end && strcmp(file + len - end, ending) == 0)
        len -= end;
    REQUIRE(asprintf(&path, "%.*s%s", (int)len, file, after) > 0);
    return path;
}

static enum err read_manifest(const char *path, enum manifest_part part, struct manifest *ret,
                              struct manifest_signature *ret_signature, struct errmsg *msg)
{
    enum err e = manifest_read(path, ret, ret_signature);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "%s: is missing; a backup is restored with its manifest only",
                          path);
    if (e == ERR_OK && ret->part != part)
        e = ERR_CORRUPT;
    return e == ERR_OK ? e
                       : errmsg_set(msg, e, "%s: is no manifest of %s that this version knows",
                                    path, part == MANIFEST_DATA ? "data" : "keys");
}

/* A backup that was killed may have left two: the one that fits the keys counts. */
static enum err stage_keys(struct restore *j, struct manifest_signature *ret, struct errmsg *msg)
{
    const char *file = j->options->keys_file;
    AUTO(mem_free) char *json = manifest_path(file, ".slab", ".json");
    AUTO(mem_free) char *next = manifest_path(file, ".slab", ".json.next");
    uint8_t digest[CRYPTO_HASH_BYTES];
    uint64_t bytes;
    enum err e = vault__file_digest(file, digest, &bytes);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read: %s", file, err_text(e));
    if (manifest_read(next, &j->keys, ret) != ERR_OK || j->keys.part != MANIFEST_KEYS ||
        memcmp(digest, j->keys.sha256, sizeof(digest)) != 0)
        e = read_manifest(json, MANIFEST_KEYS, &j->keys, ret, msg);
    return e == ERR_OK ? stage(j, file, RESTORE_SLAB, &j->keys, msg) : e;
}

/* ---- keys ---- */

static enum err explain_epoch(const struct restore *j, const struct errmsg *why, struct errmsg *msg)
{
    const struct root_key *newest = root_keys_newest(j->options->store.roots);

    if (newest == NULL || newest->epoch == j->keys.epoch)
        return errmsg_set(msg, ERR_SEALED, "%s: %.300s", j->options->keys_file, why->text);
    return errmsg_set(
        msg, ERR_SEALED,
        "%s: these keys (backup of %s) are wrapped under root key epoch %u, the root key given is "
        "of "
        "epoch %u. %s",
        j->options->keys_file, j->keys.time, (unsigned)j->keys.epoch, (unsigned)newest->epoch,
        newest->epoch > j->keys.epoch
            ? "The rotation that followed ended that epoch, and with it every earlier copy of the "
              "keys: so it is meant. Take the keys backup made after it"
            : "Give the root key of that epoch");
}

static enum err open_keys(struct restore *j, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(j->dir, RESTORE_SLAB);
    struct errmsg why = {""};
    enum err e = slab_open(path, j->options->store.roots, &j->slab, &why);

    if (e == ERR_SEALED)
        return explain_epoch(j, &why, msg);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: %.300s", j->options->keys_file, why.text);
    return ERR_OK;
}

static enum err check_signatures(const struct restore *j, const struct manifest_signature *of_data,
                                 const struct manifest_signature *of_keys, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *seed = secret_alloc(CRYPTO_KEY_BYTES);
    AUTO(secret_free) uint8_t *secret = secret_alloc(CRYPTO_SECRET_KEY_BYTES);
    uint8_t public_key[VAULT_PUBLIC_BYTES];
    enum err e = vault__own_key(j->slab, SLAB_SLOT_SIGNING, SLAB_SIGNING, seed);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: the signing key cannot be read", j->options->keys_file);
    vault__key_pair(seed, public_key, secret);
    if (!manifest_is_signed(&j->keys, of_keys, public_key))
        return errmsg_set(msg, ERR_CORRUPT, "%s: its manifest was altered", j->options->keys_file);
    if (!manifest_is_signed(&j->data, of_data, public_key))
        return errmsg_set(msg, ERR_CORRUPT, "%s: its manifest was altered", j->options->data_file);
    return ERR_OK;
}

static enum err check_pair(const struct restore *j, struct errmsg *msg)
{
    const struct manifest *data = &j->data, *keys = &j->keys;

    if (memcmp(slab_store_id(j->slab), keys->store, VAULT_ID_BYTES) != 0 ||
        memcmp(data->store, keys->store, VAULT_ID_BYTES) != 0)
        return errmsg_set(msg, ERR_CORRUPT, "%s and %s are of different stores",
                          j->options->data_file, j->options->keys_file);
    if (keys->slots < data->slots || keys->rows < data->rows || keys->entries < data->entries)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s (%s) is older than %s (%s): rows would be without their keys; take "
                          "the latest keys backup, or older data",
                          j->options->keys_file, keys->time, j->options->data_file, data->time);
    return ERR_OK;
}

/* A store that is there must be the same one. */
static enum err check_target(const struct restore *j, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(j->dir, VAULT_SLAB);
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t both[SLAB_HEADER_BYTES];
    struct slab_header header;
    size_t got = 0;

    if (fd < 0 || vault__file_read(fd, both, sizeof(both), 0, &got) != ERR_OK ||
        got < sizeof(both) || !slab_header_newer(both, &header) ||
        memcmp(header.store_id, j->keys.store, VAULT_ID_BYTES) == 0)
        return ERR_OK;
    return errmsg_set(msg, ERR_CONFLICT,
                      "%s: is another store than the backup's; nothing is "
                      "replaced",
                      j->dir);
}

/* ---- the ledger ---- */

/* The live one in its place, or a copy of the one named, or of the mirror. */
static enum err find_ledger(const struct restore *j, const char **ret_from, struct errmsg *msg)
{
    const char *mirror = j->options->store.ledger_mirror;

    *ret_from = j->options->ledger_file;
    if (*ret_from == NULL && !vault__restore_has(j, VAULT_LEDGER)) {
        if (mirror == NULL || access(mirror, F_OK) != 0)
            return errmsg_set(
                msg, ERR_CORRUPT,
                "%s/" VAULT_LEDGER
                " is missing, and without the live ledger the erasures made since "
                "the backup would be undone. It is in no backup: take it from the store's disk or "
                "its mirror and name it with --ledger",
                j->dir);
        *ret_from = mirror;
    }
    return ERR_OK;
}

static enum err open_ledger(struct restore *j, struct errmsg *msg)
{
    AUTO(mem_free) char *live = vault__path(j->dir, VAULT_LEDGER);
    AUTO(mem_free) char *staged = vault__path(j->dir, RESTORE_LEDGER);
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    const char *from = NULL;
    struct errmsg why = {""};
    uint8_t digest[CRYPTO_HASH_BYTES];
    uint64_t bytes;
    enum err e = find_ledger(j, &from, msg);

    if (e != ERR_OK)
        return e;
    e = vault__own_key(j->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: the ledger's key cannot be read", j->options->keys_file);
    if (from != NULL) {
        e = copy(j, from, RESTORE_LEDGER, digest, &bytes);
        if (e == ERR_NOT_FOUND)
            return errmsg_set(msg, ERR_CORRUPT, "%s is missing: name the live ledger", from);
        if (e != ERR_OK)
            return errmsg_set(msg, e, "%s: cannot be copied: %s", from, err_text(e));
    }
    e = ledger_view(from == NULL ? live : staged, key, j->keys.store, &j->ledger, &why);
    if (e == ERR_OK)
        return e;
    return from == NULL ? errmsg_set(msg, e, "%s", why.text)
                        : errmsg_set(msg, e, "%s: %.400s", from, why.text);
}

static const char *ledger_name(const struct restore *j)
{
    return j->options->ledger_file != NULL ? j->options->ledger_file : VAULT_LEDGER;
}

/* The ledger must hold what `who` knows of it. */
static enum err check_reaches(const struct restore *j, uint64_t entries, const uint8_t *head,
                              const char *who, struct errmsg *msg)
{
    uint8_t found[CRYPTO_HASH_BYTES];
    const uint64_t has = ledger_seq(j->ledger);

    if (has < entries)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: ends at entry %llu, but %s knows entry %llu: erasures among entries "
                          "%llu..%llu would be undone. Put the live ledger back, or name it with "
                          "--ledger",
                          ledger_name(j), (unsigned long long)has, who, (unsigned long long)entries,
                          (unsigned long long)has + 1, (unsigned long long)entries);
    if (ledger_head_at(j->ledger, entries, found) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", ledger_name(j));
    if (memcmp(found, head, sizeof(found)) != 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: went another way than the one that %s knows, before entry %llu. Put "
                          "the live ledger back, or name it with --ledger",
                          ledger_name(j), who, (unsigned long long)entries);
    return ERR_OK;
}

/* What the database that is being replaced has seen; one that does not open says nothing. */
static enum err check_old_database(const struct restore *j, struct errmsg *msg)
{
    static const char *const names[] = {VAULT_DB, VAULT_DB RESTORE_ASIDE};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(names); i++) {
        AUTO(mem_free) char *path = vault__path(j->dir, names[i]);
        AUTO(store_close) struct store *s = NULL;
        uint8_t head[CRYPTO_HASH_BYTES];
        int64_t seq = 0;

        if (access(path, F_OK) != 0 ||
            store_open(path, STORE_READER, j->keys.store, &s, NULL) != ERR_OK ||
            store_meta_int(s, STORE_META_LEDGER_SEQ, &seq) != ERR_OK ||
            store_meta_hash(s, STORE_META_LEDGER_HEAD, head) != ERR_OK || seq <= 0)
            continue;
        e = check_reaches(j, (uint64_t)seq, head, "the store that is being replaced", msg);
    }
    return e;
}

/* A ledger in place that is longer than the one named, or another, is the live one. */
static enum err check_own_ledger(const struct restore *j, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(j->dir, VAULT_LEDGER);

    if (j->options->ledger_file == NULL || !vault__restore_has(j, VAULT_LEDGER))
        return ERR_OK;
    return mirror_compare(path, j->ledger, ledger_name(j), msg);
}

static enum err check_mirror(const struct restore *j, struct errmsg *msg)
{
    const char *mirror = j->options->store.ledger_mirror;

    return mirror == NULL ? ERR_OK : mirror_compare(mirror, j->ledger, ledger_name(j), msg);
}

struct unseen {
    uint64_t after;
    uint64_t count;
};

static enum err count_unseen(const struct ledger_record *record, void *context)
{
    struct unseen *u = context;

    u->count += record->kind == LEDGER_ERASE && record->seq > u->after;
    return ERR_OK;
}

static enum err check_ledger(struct restore *j, uint64_t *ret_erasures, struct errmsg *msg)
{
    struct unseen unseen = {j->data.entries, 0};
    enum err e = open_ledger(j, msg);

    if (e == ERR_OK)
        e = check_reaches(j, j->keys.entries, j->keys.head, "the keys backup", msg);
    if (e == ERR_OK)
        e = check_reaches(j, j->data.entries, j->data.head, "the data backup", msg);
    if (e == ERR_OK)
        e = check_own_ledger(j, msg);
    if (e == ERR_OK)
        e = check_mirror(j, msg);
    if (e == ERR_OK)
        e = check_old_database(j, msg);
    if (e == ERR_OK)
        e = ledger_each(j->ledger, count_unseen, &unseen);
    if (e == ERR_OK)
        *ret_erasures = unseen.count;
    return e;
}

/* ---- together: what is quick before what is long ---- */

enum err vault__restore_check(struct restore *j, uint64_t *ret_erasures, struct errmsg *msg)
{
    AUTO(mem_free) char *json = manifest_path(j->options->data_file, ".db", ".json");
    struct manifest_signature of_data, of_keys;
    enum err e = read_manifest(json, MANIFEST_DATA, &j->data, &of_data, msg);

    if (e == ERR_OK)
        e = stage_keys(j, &of_keys, msg);
    if (e == ERR_OK)
        e = open_keys(j, msg);
    if (e == ERR_OK)
        e = check_signatures(j, &of_data, &of_keys, msg);
    if (e == ERR_OK)
        e = check_pair(j, msg);
    if (e == ERR_OK)
        e = check_target(j, msg);
    if (e == ERR_OK)
        e = check_ledger(j, ret_erasures, msg);
    if (e == ERR_OK)
        e = stage(j, j->options->data_file, RESTORE_DB, &j->data, msg);
    return e;
}
