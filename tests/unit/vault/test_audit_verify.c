/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that somebody with the disk can do to a trail, and what verifying calls it (E60). */
#include "audit_rig.h"

#include "base/secret.h"

TestSuite(audit_verify, .init = secret_start);

static struct vault_fixture f;
static uint8_t key[VAULT_PUBLIC_BYTES];
static struct audit_rig_findings found;

/* A trail of two runs, each with a head at its end: 1 segment, 2-6 records, 7 head, 8-12 records, 13 head. */
static void make(void)
{
    fixture_start(&f);
    vault_sign_public(f.v, key);
    audit_rig_fill(&f, 5);
    audit_rig_reopen(&f);
    audit_rig_fill(&f, 5);
}

static enum audit_verdict verdict(void)
{
    return audit_rig_verdict(&f, key, NULL, &found);
}

/* Without the ledger's knowledge: by the files alone. */
static enum audit_verdict verdict_alone(const char *heads)
{
    const struct audit_check check = {
        .dir = f.dir, .public_key = key, .heads = span_str(heads == NULL ? "" : heads)};

    return audit_rig_check(&check, &found).verdict;
}

static struct audit_rig_frames load(void)
{
    return audit_rig_frames(audit_rig_segment(&f, 1));
}

static void store(struct audit_rig_frames *s)
{
    audit_rig_put(audit_rig_segment(&f, 1), s);
    free(s->bytes);
}

/* Without frame `index`, what is behind it moved up. */
static void remove_frame(struct audit_rig_frames *s, size_t index)
{
    const size_t len = s->at[index + 1] - s->at[index];

    memmove(s->bytes + s->at[index], s->bytes + s->at[index + 1], s->len - s->at[index + 1]);
    memset(s->bytes + s->len - len, 0, len);
    for (size_t i = index; i < s->count; i++)
        s->at[i] = s->at[i + 1] - len;
    s->count--;
}

Test(audit_verify, finds_nothing_wrong_with_a_whole_trail)
{
    const struct audit_check check = {.dir = f.dir, .public_key = key, .ledger = true};
    struct audit_report report;

    make();
    report = audit_rig_check(&check, &found);
    cr_assert_eq(report.verdict, AUDIT_WHOLE, "%s", found.text);
    cr_assert_str_eq(found.text, "");
    cr_assert_eq(report.segments, 1);
    cr_assert_eq(report.records, 13);
    cr_assert_eq(report.heads, 2);
    cr_assert_eq(report.unsigned_records, 0);
    cr_assert_geq(report.known, 1); /* the ledger's */
    fixture_end(&f);
}

Test(audit_verify, e60_finds_every_byte_that_was_altered)
{
    struct audit_rig_frames s;
    char record[32];

    make();
    s = load();
    for (size_t i = 1; i < s.count; i++)
        for (size_t at = s.at[i]; at < s.at[i + 1]; at += 5) {
            scratch_flip(audit_rig_segment(&f, 1), at, 0x20);
            /* The last ones might also be what a crash left of a write. */
            cr_assert(verdict() == AUDIT_ALTERED || found.first == AUDIT_REMOVED ||
                          (i + 2 >= s.count && strstr(found.text, "is no record") != NULL),
                      "byte %zu of frame %zu: %s", at - s.at[i], i, found.text);
            scratch_flip(audit_rig_segment(&f, 1), at, 0x20);
        }
    scratch_flip(audit_rig_segment(&f, 1), s.at[3] + 26, 1);
    cr_assert_eq(verdict(), AUDIT_ALTERED);
    (void)snprintf(record, sizeof(record), "record 4 was altered\n");
    cr_assert_str_eq(found.text, record);
    free(s.bytes);
    fixture_end(&f);
}

Test(audit_verify, e60_finds_records_that_were_removed)
{
    struct audit_rig_frames s;

    make();
    s = load();
    remove_frame(&s, 3);
    store(&s);
    cr_assert_eq(verdict(), AUDIT_REMOVED);
    cr_assert_str_eq(found.text, "records 4-4 were removed\n");
    fixture_end(&f);
}

Test(audit_verify, e60_finds_records_that_changed_places)
{
    struct audit_rig_frames s;
    uint8_t *first;
    size_t len;

    make();
    s = load();
    len = s.at[4] - s.at[3];
    cr_assert_eq(len, s.at[3] - s.at[2]);
    first = malloc(len);
    memcpy(first, s.bytes + s.at[2], len);
    memcpy(s.bytes + s.at[2], s.bytes + s.at[3], len);
    memcpy(s.bytes + s.at[3], first, len);
    free(first);
    store(&s);
    cr_assert_eq(verdict(), AUDIT_REMOVED);
    cr_assert_not_null(strstr(found.text, "the order was changed"));
    fixture_end(&f);
}

Test(audit_verify, e60_finds_records_that_were_removed_and_renumbered)
{
    struct audit_rig_frames s;

    make();
    s = load();
    remove_frame(&s, 3);
    for (size_t i = 3; i < s.count; i++)
        put_le(s.bytes + s.at[i] + 8, i + 1, 8);
    audit_rig_chain(&s, 3); /* all of it fits: only the signatures do not */
    store(&s);
    cr_assert_eq(verdict_alone(NULL), AUDIT_REWRITTEN);
    cr_assert_not_null(strstr(found.text, "is not signed by the store's key"));
    fixture_end(&f);
}

Test(audit_verify, e60_finds_a_record_that_was_altered_and_chained_anew)
{
    struct audit_rig_frames s;

    make();
    s = load();
    s.bytes[s.at[3] + 26] = AUDIT_REFUSED;
    audit_rig_chain(&s, 3);
    store(&s);
    cr_assert_eq(verdict(), AUDIT_REWRITTEN);
    fixture_end(&f);
}

/* The end of a trail fits together as well without what was cut off: somebody else must know of it. */
Test(audit_verify, e60_finds_an_end_that_was_cut_off)
{
    AUTO(buf_done) struct buf lines = {.max = 8192};
    struct audit_rig_frames s;
    struct audit_frame frame;
    struct audit_head head;

    make();
    s = load();
    cr_assert_eq(audit_frame_read(s.bytes + s.at[12], s.len - s.at[12], &frame), ERR_OK);
    cr_assert_eq(audit_head_read(&frame, &head), ERR_OK);
    cr_assert_eq(buf_append_str(&lines, "Nov 29 10:00:00 host lethe: "), ERR_OK);
    cr_assert_eq(audit_head_write_line(s.bytes + 16, &head, &lines), ERR_OK);
    cr_assert_eq(buf_append(&lines, "\nsomething else\n", 17), ERR_OK);
    cr_assert_eq(verdict_alone((const char *)lines.bytes), AUDIT_WHOLE, "%s", found.text);
    memset(s.bytes + s.at[9], 0, s.len - s.at[9]);
    store(&s);
    cr_assert_eq(verdict_alone(NULL), AUDIT_WHOLE);
    cr_assert_eq(verdict_alone((const char *)lines.bytes), AUDIT_TRUNCATED);
    cr_assert_not_null(
        strstr(found.text, "it ends with record 9, but a head kept elsewhere knows 12"));

    s = load();
    memset(s.bytes + s.at[2], 0, s.len - s.at[2]);
    store(&s);
    cr_assert_eq(verdict(), AUDIT_TRUNCATED); /* the ledger knows the first run's head */
    fixture_end(&f);
}

/* A head of a line of keys that is not the store's. */
static void sign_anew(struct audit_rig_frames *s, size_t index, uint32_t epoch)
{
    uint8_t seed[CRYPTO_KEY_BYTES] = {(uint8_t)epoch},
            next[CRYPTO_KEY_BYTES] = {(uint8_t)(epoch + 1)};
    uint8_t secret[CRYPTO_SECRET_KEY_BYTES], message[AUDIT_HEAD_MESSAGE];
    AUTO(buf_done) struct buf out = {.max = 1024};
    struct audit_frame frame;
    struct audit_head head;

    audit_rig_chain(s, index);
    cr_assert_eq(audit_frame_read(s->bytes + s->at[index], s->len - s->at[index], &frame), ERR_OK);
    cr_assert_eq(audit_head_read(&frame, &head), ERR_OK);
    head.epoch = epoch;
    head.begins = epoch == 1;
    vault__key_pair(next, head.next, secret);
    vault__key_pair(seed, head.key, secret);
    audit_head_message(s->bytes + 16, &head, message);
    vault__sign(secret, span_of(message, sizeof(message)), head.by_epoch);
    cr_assert_eq(vault_sign(f.v, span_of(message, sizeof(message)), head.by_store), ERR_OK);
    cr_assert_eq(audit_head_encode(&head, &out), ERR_OK);
    put_le(out.bytes + 8, head.seq, 8);
    put_le(out.bytes + 16, (uint64_t)head.time_ms, 8);
    memcpy(s->bytes + s->at[index], out.bytes, out.len);
    audit_rig_chain(s, index);
}

/* Somebody who has every key of the store can write another trail; what was signed before is known elsewhere. */
Test(audit_verify, e60_finds_a_trail_that_was_wholly_rewritten)
{
    AUTO(buf_done) struct buf lines = {.max = 8192};
    struct audit_rig_frames s;
    struct audit_frame frame;
    struct audit_head head;

    make();
    s = load();
    cr_assert_eq(audit_frame_read(s.bytes + s.at[12], s.len - s.at[12], &frame), ERR_OK);
    cr_assert_eq(audit_head_read(&frame, &head), ERR_OK);
    cr_assert_eq(audit_head_write_line(s.bytes + 16, &head, &lines), ERR_OK);
    cr_assert_eq(buf_append(&lines, "\n", 2), ERR_OK);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    s.bytes[s.at[3] + 26] = AUDIT_REFUSED;
    audit_rig_chain(&s, 3);
    sign_anew(&s, 6, 1);
    sign_anew(&s, 12, 2);
    fixture_close(&f);
    store(&s);
    cr_assert_eq(verdict_alone(NULL), AUDIT_WHOLE, "%s", found.text);
    cr_assert_eq(verdict_alone((const char *)lines.bytes), AUDIT_REWRITTEN, "%s", found.text);
    cr_assert_eq(verdict(), AUDIT_REWRITTEN, "%s", found.text); /* the ledger knows it, too */
    fixture_end(&f);
}

Test(audit_verify, says_for_ever_that_the_end_was_missing)
{
    struct audit_rig_frames s;

    make();
    s = load();
    memset(s.bytes + s.at[2], 0, s.len - s.at[2]);
    store(&s);
    audit_rig_reopen(&f);
    audit_rig_fill(&f, 3);
    cr_assert_eq(verdict(), AUDIT_REMOVED, "%s", found.text);
    cr_assert_not_null(strstr(found.text, "the trail itself noticed, by the ledger"));
    fixture_end(&f);
}

Test(audit_verify, says_for_ever_that_all_of_it_was_missing)
{
    make();
    cr_assert_eq(unlink(audit_rig_segment(&f, 1)), 0);
    cr_assert_eq(verdict(), AUDIT_ABSENT);
    audit_rig_reopen(&f);
    audit_rig_fill(&f, 1);
    cr_assert_eq(verdict(), AUDIT_REMOVED);
    fixture_end(&f);
}

/* Another line of keys is no proof of anything, but is said. */
Test(audit_verify, notices_that_keys_began_anew)
{
    make();
    cr_assert_eq(unlink(fixture_path(&f, AUDIT_DIR "/keys")), 0);
    audit_rig_reopen(&f);
    audit_rig_fill(&f, 1);
    cr_assert_eq(verdict(), AUDIT_WHOLE, "%s", found.text);
    cr_assert_not_null(strstr(found.text, "a new line of keys begins"));
    fixture_end(&f);
}

/* With the store's key, but not with the epoch's, which was overwritten. */
Test(audit_verify, e60_finds_a_head_signed_with_the_stores_key_alone)
{
    struct audit_rig_frames s;
    struct audit_frame frame;
    struct audit_head head;
    uint8_t message[AUDIT_HEAD_MESSAGE];
    AUTO(buf_done) struct buf out = {.max = 1024};

    make();
    s = load();
    s.bytes[s.at[3] + 26] = AUDIT_REFUSED;
    audit_rig_chain(&s, 3);
    cr_assert_eq(audit_frame_read(s.bytes + s.at[6], s.len - s.at[6], &frame), ERR_OK);
    cr_assert_eq(audit_head_read(&frame, &head), ERR_OK);
    audit_rig_reopen(&f);
    audit_head_message(vault_store_id(f.v), &head, message);
    cr_assert_eq(vault_sign(f.v, span_of(message, sizeof(message)), head.by_store), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(audit_head_encode(&head, &out), ERR_OK);
    memcpy(s.bytes + s.at[6], out.bytes, out.len);
    put_le(s.bytes + s.at[6] + 8, head.seq, 8);
    put_le(s.bytes + s.at[6] + 16, (uint64_t)head.time_ms, 8);
    audit_rig_chain(&s, 3);
    store(&s);
    cr_assert_eq(verdict_alone(NULL), AUDIT_REWRITTEN);
    cr_assert_not_null(strstr(found.text, "is not signed by its epoch's key"), "%s", found.text);
    fixture_end(&f);
}

Test(audit_verify, leaves_out_heads_that_nobody_signed)
{
    AUTO(buf_done) struct buf lines = {.max = 8192};
    struct audit_head forged = {.seq = 1000, .epoch = 9};

    make();
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(audit_head_write_line(vault_store_id(f.v), &forged, &lines), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(buf_append(&lines, "\n", 2), ERR_OK);
    cr_assert_eq(verdict_alone((const char *)lines.bytes), AUDIT_WHOLE);
    cr_assert_not_null(strstr(found.text, "is not signed by this store's key"));
    cr_assert_eq(verdict_alone("lethe-audit-head 1 zz\n"), AUDIT_WHOLE);
    fixture_end(&f);
}

Test(audit_verify, knows_another_stores_trail)
{
    const struct audit_check check = {
        .dir = f.dir, .public_key = key, .store = (const uint8_t *)"another stores id"};

    make();
    cr_assert_eq(audit_rig_check(&check, &found).verdict, AUDIT_FOREIGN);
    fixture_end(&f);
}

/* What a crash leaves behind the last record is not a fault, and does not stop the trail. */
Test(audit_verify, goes_on_behind_a_write_that_was_cut_short)
{
    static const uint8_t garbage[100] = {0x58, 0, 0, 0, 1, 2, 0, 0, 1, 1, 1};
    struct audit_rig_frames s;

    make();
    s = load();
    scratch_write(audit_rig_segment(&f, 1), s.at[s.count], garbage, sizeof(garbage));
    free(s.bytes);
    cr_assert_eq(verdict(), AUDIT_WHOLE, "%s", found.text);
    cr_assert_not_null(strstr(found.text, "a crash cut short"));
    audit_rig_reopen(&f);
    audit_rig_fill(&f, 3);
    cr_assert_eq(access(audit_rig_segment(&f, 2), F_OK), 0);
    cr_assert_eq(verdict(), AUDIT_WHOLE, "%s", found.text);
    fixture_end(&f);
}

/* A crash between the batch's write and its sync, or right after: what was acknowledged is there. */
Test(audit_verify, has_all_that_was_acknowledged_wherever_a_batch_broke_off)
{
    make();
    for (size_t cut = 0; cut < 300; cut += 7) {
        struct audit_rig_frames s = load();
        const size_t end = s.at[s.count];
        uint8_t part[300];

        /* The beginning of another batch. */
        memcpy(part, s.bytes + s.at[1], sizeof(part));
        scratch_write(audit_rig_segment(&f, 1), end, part, cut);
        cr_assert_eq(verdict() == AUDIT_WHOLE || found.first == AUDIT_REMOVED, true);
        memset(part, 0, sizeof(part));
        scratch_write(audit_rig_segment(&f, 1), end, part, sizeof(part));
        free(s.bytes);
    }
    cr_assert_eq(verdict(), AUDIT_WHOLE, "%s", found.text);
    fixture_end(&f);
}
