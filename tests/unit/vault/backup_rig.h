/* SPDX-License-Identifier: Apache-2.0 */
/* A store, two directories beside it for its backups, and restores of them. */
#pragma once

#include <criterion/criterion.h>
#include <glob.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "tests/support/vault_fixture.h"
#include "vault/backup.h"
#include "vault/restore.h"
#include "vault/vault_priv.h"

struct backup_rig {
    struct vault_fixture f;
    char data[64], keys[64]; /* the directories */
    struct vault_backup last;
    struct vault_restored restored;
    struct errmsg msg;
    int64_t now_ms;
};

static inline void backup_rig_start(struct backup_rig *r)
{
    *r = (struct backup_rig){.now_ms = 1768046400000};
    clock_test_set_ms(r->now_ms);
    fixture_start(&r->f);
    (void)snprintf(r->data, sizeof(r->data), "%s/data", r->f.base);
    (void)snprintf(r->keys, sizeof(r->keys), "%s/keys", r->f.base);
}

static inline void backup_rig_end(struct backup_rig *r)
{
    vault_backup_done(&r->last);
    fixture_end(&r->f);
    clock_test_set_ms(-1);
}

/* Two seconds later than the last. */
static inline enum err backup_now(struct backup_rig *r)
{
    r->now_ms += 2000;
    clock_test_set_ms(r->now_ms);
    vault_backup_done(&r->last);
    return vault_backup(r->f.v, r->data, r->keys, &r->last, &r->msg);
}

static inline void must_backup(struct backup_rig *r)
{
    cr_assert_eq(backup_now(r), ERR_OK, "%s", r->msg.text);
}

/* Of the last backup, the ledger given or the store's own. The vault must be closed. */
static inline enum err restore_from(struct backup_rig *r, const char *data, const char *keys,
                                    const char *ledger, bool replace)
{
    const struct root_keys roots = {{r->f.root}, 1};
    const struct vault_restore_options options = {
        .store = {.dir = r->f.dir,
                  .roots = &roots,
                  .classes = &r->f.classes,
                  .domains = &r->f.domains,
                  .ledger_mirror = r->f.mirror},
        .data_file = data,
        .keys_file = keys,
        .ledger_file = ledger,
        .replace = replace,
    };

    r->msg.text[0] = '\0';
    return vault_restore(&options, &r->restored, &r->msg);
}

static inline enum err restore_last(struct backup_rig *r)
{
    fixture_close(&r->f);
    return restore_from(r, r->last.data_file, r->last.keys_file, NULL, true);
}

static inline void reopen(struct backup_rig *r)
{
    cr_assert_eq(fixture_open(&r->f), ERR_OK, "%s", r->f.msg.text);
}

static inline struct token_text store_person(struct backup_rig *r, const char *name)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&r->f, r->f.note, name, name, &token), ERR_OK);
    return token;
}

static inline void erase_person(struct backup_rig *r, const char *name)
{
    struct vault_erasure erasure = {.slot = 0};

    cr_assert_eq(fixture_erase(&r->f, name, &erasure), ERR_OK);
    vault_erasure_done(&erasure);
}

static inline bool reads(struct backup_rig *r, const struct token_text *token, const char *name)
{
    return fixture_reveals(&r->f, token, name);
}

static inline bool is_there(const char *dir, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static inline size_t count_files(const char *dir, const char *pattern)
{
    char path[256];
    glob_t found;
    size_t n;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, pattern);
    n = glob(path, GLOB_PERIOD, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return n;
}

#define ASSERT_REFUSED(r, call, code, words)                                                       \
    do {                                                                                           \
        cr_assert_eq(call, code, "%s", (r)->msg.text);                                             \
        cr_assert_not_null(strstr((r)->msg.text, words), "%s", (r)->msg.text);                     \
    } while (0)
