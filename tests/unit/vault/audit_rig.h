/* SPDX-License-Identifier: Apache-2.0 */
/* A store with an audit trail, its files in memory, and records to put into it. */
#pragma once

#include <criterion/criterion.h>

#include "tests/support/scratch.h"
#include "tests/support/vault_fixture.h"
#include "vault/audit_priv.h"
#include "vault/audit_read.h"
#include "vault/audit_verify.h"

static inline struct audit_record audit_rig_record(const char *who)
{
    return (struct audit_record){.action = AUDIT_REVEAL,
                                 .outcome = AUDIT_DONE,
                                 .role = AUDIT_CALLER,
                                 .who = span_str(who),
                                 .purpose = SPAN_LIT("support")};
}

static inline void audit_rig_write(struct vault_fixture *f, const char *who)
{
    const struct audit_record record = audit_rig_record(who);

    cr_assert_eq(audit_write(vault_audit(f->v), &record), ERR_OK);
}

/* Write so many and close: they end with a head. */
static inline void audit_rig_fill(struct vault_fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        audit_rig_write(f, "desk");
    fixture_close(f);
}

static inline void audit_rig_reopen(struct vault_fixture *f)
{
    if (f->v != NULL)
        fixture_close(f);
    cr_assert_eq(fixture_open(f), ERR_OK, "%s", f->msg.text);
}

struct audit_rig_findings {
    char text[8192];
    enum audit_verdict first; /* WHOLE: only notices */
};

static inline void audit_rig_found(enum audit_verdict verdict, const char *text, void *context)
{
    struct audit_rig_findings *found = context;
    const size_t len = strlen(found->text);

    if (found->first == AUDIT_WHOLE)
        found->first = verdict;
    (void)snprintf(found->text + len, sizeof(found->text) - len, "%s\n", text);
}

static inline struct audit_report audit_rig_check(const struct audit_check *check,
                                                  struct audit_rig_findings *found)
{
    struct audit_report report = {.verdict = AUDIT_ABSENT};

    *found = (struct audit_rig_findings){.first = AUDIT_WHOLE};
    cr_assert_eq(audit_verify(check, audit_rig_found, found, &report), ERR_OK);
    return report;
}

/* By the files alone, and what the ledger knows. */
static inline enum audit_verdict audit_rig_verdict(struct vault_fixture *f,
                                                   const uint8_t *public_key, const char *heads,
                                                   struct audit_rig_findings *found)
{
    const struct audit_check check = {.dir = f->dir,
                                      .public_key = public_key,
                                      .heads = span_str(heads == NULL ? "" : heads),
                                      .ledger = true};

    return audit_rig_check(&check, found).verdict;
}

/* ---- a segment taken apart ---- */

struct audit_rig_frames {
    uint8_t *bytes;
    size_t len, count;
    size_t at[4096]; /* where each begins; [count]: the end */
};

static inline const char *audit_rig_segment(const struct vault_fixture *f, unsigned number)
{
    static char name[2][32];
    static unsigned turn;
    char *to = name[turn++ % 2];

    (void)snprintf(to, sizeof(name[0]), AUDIT_DIR "/%06u.log", number);
    return fixture_path(f, to);
}

static inline struct audit_rig_frames audit_rig_frames(const char *path)
{
    struct audit_rig_frames s = {.len = scratch_size(path)};
    struct audit_frame frame;
    size_t at = AUDIT_SEGMENT_HEAD;

    s.bytes = malloc(s.len + 1);
    REQUIRE(s.bytes != NULL && scratch_read(path, 0, s.bytes, s.len) == s.len);
    while (audit_frame_read(s.bytes + at, s.len - at, &frame) == ERR_OK) {
        REQUIRE(s.count + 1 < COUNT_OF(s.at));
        s.at[s.count++] = at;
        at += frame.len;
    }
    s.at[s.count] = at;
    return s;
}

static inline void audit_rig_put(const char *path, const struct audit_rig_frames *s)
{
    scratch_cut(path, 0);
    scratch_write(path, 0, s->bytes, s->len);
}

/* As somebody without any key would: every chain from frame `from` on fits again. */
static inline void audit_rig_chain(struct audit_rig_frames *s, size_t from)
{
    for (size_t i = from; i < s->count; i++) {
        uint8_t *frame = s->bytes + s->at[i];

        audit_frame_finish(frame, get_le(frame + 8, 8), (int64_t)get_le(frame + 16, 8));
    }
}
