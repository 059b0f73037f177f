/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/audit_index_priv.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "audit_rig.h"
#include "base/clock.h"
#include "base/secret.h"

TestSuite(audit_index, .init = secret_start);

enum { CROWDS = 110, CROWD = 2000, LOUD = 7, PAGE = AUDIT_INDEX_PAGE };

static const int64_t NOON_MS = 1768046400000;
static struct vault_fixture f;

/* ---- a trail with much in it ---- */

static void tag_of(uint64_t n, uint8_t ret[AUDIT_TAG_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(&n, sizeof(n), hash);
    memcpy(ret, hash, AUDIT_TAG_BYTES);
}

/* One record about many, as a long answer has: every seventh is a report of desk-0 to desk-9. */
static void write_crowd(size_t n)
{
    static struct audit_entry entries[CROWD];
    char who[16];
    struct audit_record record;

    (void)snprintf(who, sizeof(who), "desk-%zu", n % 10);
    record = audit_rig_record(who);
    record.action = n % LOUD == 0 ? AUDIT_REPORT : AUDIT_REVEAL;
    for (size_t i = 0; i < CROWD; i++) {
        tag_of(n * CROWD + i, entries[i].tag);
        entries[i].class_id = 1;
        entries[i].values = 1;
    }
    record.entries = entries;
    record.entry_count = CROWD;
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
}

static void write_rare(void)
{
    struct audit_record record = audit_rig_record("nobody-else");

    record.action = AUDIT_RULE;
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
}

/* More than is read without an index, with one that is rare in the middle. */
static void fill(void)
{
    clock_test_set_ms(NOON_MS);
    fixture_start(&f);
    for (size_t n = 0; n < CROWDS; n++) {
        clock_test_set_ms(NOON_MS + (int64_t)n * 1000);
        if (n == CROWDS / 2)
            write_rare();
        write_crowd(n);
    }
}

static void end(void)
{
    clock_test_set_ms(-1);
    fixture_end(&f);
}

static const char *index_of(unsigned number)
{
    char name[32];

    (void)snprintf(name, sizeof(name), AUDIT_DIR "/%06u.idx", number);
    return fixture_path(&f, name);
}

/* ---- what is found ---- */

struct found {
    size_t count;
    uint64_t seqs; /* their sum */
};

static enum err take(const struct audit_record *record, void *context)
{
    struct found *found = context;

    found->count++;
    found->seqs += record->seq;
    return ERR_OK;
}

static size_t search(const struct audit_filter *filter)
{
    struct found found = {.count = 0};

    cr_assert_eq(audit_search(f.v, filter, take, &found), ERR_OK);
    return found.count;
}

/* As many as a walk over all, and the same. */
static size_t assert_same(const struct audit_filter *filter)
{
    struct found found = {.count = 0}, all = {.count = 0};

    cr_assert_eq(audit_search(f.v, filter, take, &found), ERR_OK);
    cr_assert_eq(audit_each(f.dir, filter, take, &all), ERR_OK);
    cr_assert_eq(found.count, all.count);
    cr_assert_eq(found.seqs, all.seqs);
    return found.count;
}

static const struct audit_filter rare = {.action = AUDIT_RULE};

/* How many of an index's blocks a search looks into. */
static size_t blocks_of(const struct audit_filter *filter, size_t *ret_all)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    AUTO(audit_segment_unmap) struct audit_mapped m = {.bytes = NULL};
    AUTO(audit_index_close) struct audit_index ix = {.key = NULL};
    static uint8_t hits[AUDIT_INDEX_DATA];
    size_t count = 0;

    cr_assert_eq(audit_index_secret(f.v, key), ERR_OK);
    cr_assert_eq(audit_segment_map(audit_rig_segment(&f, 1), NULL, &m), ERR_OK);
    cr_assert_eq(audit_index_open(f.dir, &m, 1, key, &ix), ERR_OK);
    cr_assert_eq(audit_index_select(&ix, filter, hits), ERR_OK);
    for (size_t b = 0; b < ix.blocks; b++)
        count += hits[b / 8] >> b % 8 & 1;
    if (ret_all != NULL)
        *ret_all = ix.blocks;
    return count;
}

static void assert_all_the_same(void)
{
    uint8_t tag[AUDIT_TAG_BYTES], absent[AUDIT_TAG_BYTES] = {0x77};
    const struct audit_filter of_person = {.tag = tag};

    tag_of(31 * CROWD + 5, tag);
    cr_assert_eq(assert_same(&rare), 1);
    cr_assert_eq(assert_same(&of_person), 1);
    tag_of(31 * CROWD + 6, tag);
    cr_assert_eq(assert_same(&of_person), 1);
    cr_assert_eq(assert_same(&(struct audit_filter){.tag = absent}), 0);
    cr_assert_eq(assert_same(&(struct audit_filter){.who = SPAN_LIT("nobody")}), 0);
    cr_assert_eq(assert_same(&(struct audit_filter){.who = SPAN_LIT("desk-3")}), CROWDS / 10);
    cr_assert_eq(
        assert_same(&(struct audit_filter){.who = SPAN_LIT("desk-3"), .action = AUDIT_REPORT}), 1);
    cr_assert_gt(assert_same(&(struct audit_filter){.after = CROWDS - 5}), 4);
    cr_assert_eq(assert_same(&(struct audit_filter){.from_ms = NOON_MS + 10000,
                                                    .to_ms = NOON_MS + 13000,
                                                    .who = SPAN_LIT("desk-1")}),
                 1);
    cr_assert_gt(assert_same(&(struct audit_filter){.outcome = AUDIT_DONE}), CROWDS);
}

Test(audit_index, finds_what_a_walk_over_all_finds)
{
    fill();
    cr_assert_neq(access(index_of(1), F_OK), 0);
    assert_all_the_same();
    cr_assert_eq(access(index_of(1), F_OK), 0);
    assert_all_the_same();
    end();
}

Test(audit_index, leads_to_few_blocks)
{
    uint8_t tag[AUDIT_TAG_BYTES];
    const struct audit_filter of_person = {.tag = tag};
    size_t all = 0;

    fill();
    cr_assert_eq(search(&rare), 1);
    cr_assert_eq(blocks_of(&rare, &all), 1);
    cr_assert_gt(all, 100);
    tag_of(31 * CROWD + 5, tag);
    cr_assert_leq(blocks_of(&of_person, NULL), 6);
    cr_assert_leq(blocks_of(&(struct audit_filter){.who = SPAN_LIT("nobody")}, NULL), 6);
    cr_assert_eq(blocks_of(&(struct audit_filter){.to_ms = NOON_MS}, NULL), 0);
    cr_assert_eq(blocks_of(&(struct audit_filter){.from_ms = NOON_MS + 200000}, NULL), 0);
    cr_assert_leq(blocks_of(&(struct audit_filter){.after = CROWDS - 3}, NULL), 6);
    end();
}

Test(audit_index, is_no_file_of_a_short_trail)
{
    fixture_start(&f);
    audit_rig_write(&f, "one");
    cr_assert_eq(search(&(struct audit_filter){.who = SPAN_LIT("one")}), 1);
    cr_assert_neq(access(index_of(1), F_OK), 0);
    fixture_end(&f);
}

Test(audit_index, does_not_hide_what_came_after_it)
{
    fill();
    cr_assert_eq(search(&rare), 1);
    write_rare();
    cr_assert_eq(search(&rare), 2);
    audit_rig_reopen(&f);
    write_rare();
    cr_assert_eq(assert_same(&rare), 3);
    end();
}

Test(audit_index, is_made_longer_when_much_came_after_it)
{
    size_t before, after;

    fill();
    cr_assert_eq(search(&rare), 1);
    (void)blocks_of(&rare, &before);
    for (size_t n = 0; n < CROWDS; n++)
        write_crowd(CROWDS + n);
    write_rare();
    cr_assert_eq(assert_same(&rare), 2);
    (void)blocks_of(&rare, &after);
    cr_assert_gt(after, before + 50);
    end();
}

/* ---- damage and lies ---- */

Test(audit_index, hides_nothing_whichever_page_is_damaged)
{
    size_t size;

    fill();
    cr_assert_eq(search(&rare), 1);
    size = scratch_size(index_of(1));
    for (size_t at = 0; at < size; at += PAGE) {
        scratch_flip(index_of(1), at + (at / PAGE * 37) % PAGE, 0xff);
        if (at / PAGE % 9 == 0) {
            assert_all_the_same();
            cr_assert_eq(blocks_of(&rare, NULL), 1); /* it was made anew */
        }
    }
    assert_all_the_same();
    end();
}

Test(audit_index, hides_nothing_when_it_is_cut_or_empty)
{
    fill();
    for (size_t len = 0; len < 3 * PAGE; len += PAGE / 2) {
        cr_assert_eq(search(&rare), 1);
        scratch_cut(index_of(1), len);
        assert_all_the_same();
    }
    end();
}

/* As somebody who writes files but has no key: all bits are taken out, and what can be computed without one is right. */
Test(audit_index, e60_cannot_be_made_to_hide_a_record_without_a_key)
{
    uint8_t page[PAGE];
    size_t size;

    fill();
    cr_assert_eq(search(&rare), 1);
    size = scratch_size(index_of(1));
    for (size_t at = PAGE; at < size; at += PAGE) {
        static const uint8_t wrong[CRYPTO_KEY_BYTES];

        cr_assert_eq(scratch_read(index_of(1), at, page, PAGE), PAGE);
        memset(page + AUDIT_INDEX_HEAD, 0, AUDIT_INDEX_DATA);
        vault__keyed_hash(wrong, page, PAGE - CRYPTO_HASH_BYTES, page + PAGE - CRYPTO_HASH_BYTES);
        scratch_write(index_of(1), at, page, PAGE);
    }
    assert_all_the_same();
    end();
}

/* Pages of its own, each of which was right once and elsewhere. */
Test(audit_index, takes_no_page_for_another)
{
    uint8_t page[PAGE], other[PAGE];

    fill();
    cr_assert_eq(search(&rare), 1);
    cr_assert_eq(scratch_read(index_of(1), PAGE, page, PAGE), PAGE);
    cr_assert_eq(scratch_read(index_of(1), 2 * PAGE, other, PAGE), PAGE);
    scratch_write(index_of(1), PAGE, other, PAGE);
    scratch_write(index_of(1), 2 * PAGE, page, PAGE);
    assert_all_the_same();
    end();
}

Test(audit_index, of_other_frames_counts_for_nothing)
{
    struct audit_rig_frames frames;
    uint64_t seq;

    fill();
    cr_assert_eq(search(&rare), 1);
    fixture_close(&f);
    frames = audit_rig_frames(audit_rig_segment(&f, 1));
    seq = get_le(frames.bytes + frames.at[3] + 8, 8);
    put_le(frames.bytes + frames.at[3] + 24, AUDIT_RULE, 2); /* somebody rewrites the trail */
    audit_rig_chain(&frames, 3);
    audit_rig_put(audit_rig_segment(&f, 1), &frames);
    free(frames.bytes);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(assert_same(&rare), 2);
    cr_assert_gt(seq, 0);
    end();
}

/* A reader beside the writer may see a frame before all of it is there. */
Test(audit_index, covers_no_frame_that_does_not_fit_yet)
{
    struct audit_rig_frames frames;
    size_t at;

    fill();
    write_rare();
    fixture_close(&f);
    frames = audit_rig_frames(audit_rig_segment(&f, 1));
    at = frames.at[frames.count - 2] + 24; /* the action of the last record, before the head */
    scratch_flip(audit_rig_segment(&f, 1), at, AUDIT_RULE ^ AUDIT_STOP);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(search(&rare), 1);
    cr_assert_eq(access(index_of(1), F_OK), 0);
    scratch_flip(audit_rig_segment(&f, 1), at, AUDIT_RULE ^ AUDIT_STOP);
    cr_assert_eq(assert_same(&rare), 2);
    free(frames.bytes);
    end();
}

/* ---- making it ---- */

static const char *unfinished(void)
{
    return fixture_path(&f, AUDIT_DIR "/000001.idx.tmp");
}

/* What somebody has begun to make so long ago. */
static void begin_one(int64_t age_s)
{
    const struct timespec at = {.tv_sec = clock_now_s() - age_s};
    const struct timespec times[2] = {at, at};

    scratch_write(unfinished(), 0, "half", 4);
    cr_assert_eq(utimensat(AT_FDCWD, unfinished(), times, 0), 0);
}

static void assert_made(bool made)
{
    cr_assert_eq(search(&rare), 1);
    cr_assert_eq(access(index_of(1), F_OK) == 0, made);
}

Test(audit_index, waits_for_nobody_who_makes_one_and_goes_on_after_a_crash)
{
    fill();
    begin_one(0);
    assert_made(false);
    begin_one(86400);
    assert_made(true);
    cr_assert_neq(access(unfinished(), F_OK), 0);
    end();
}

Test(audit_index, does_not_wait_for_one_that_a_clock_set_back_left_in_the_future)
{
    fill();
    begin_one(-86400);
    assert_made(true);
    end();
}

Test(audit_index, takes_its_turn_before_it_reads)
{
    const struct audit_mapped unreadable = {.bytes = (const uint8_t *)1, .len = SIZE_MAX / 2};
    const uint8_t key[CRYPTO_KEY_BYTES] = {0};

    fill();
    begin_one(0);
    cr_assert_eq(audit_index_make(f.dir, &unreadable, 1, key), ERR_BUSY);
    end();
}

Test(audit_index, is_done_without_where_it_cannot_be_written)
{
    fill();
    cr_assert_eq(mkdir(index_of(1), 0700), 0); /* no file can take the name */
    assert_all_the_same();
    cr_assert_eq(rmdir(index_of(1)), 0);
    end();
}

Test(audit_index, is_done_without_while_the_vault_is_sealed)
{
    struct vault_seal seal = {.op = {.kind = VAULT_SEAL}};

    fill();
    cr_assert_eq(vault_run(f.v, &seal.op), ERR_OK);
    assert_all_the_same();
    cr_assert_neq(access(index_of(1), F_OK), 0);
    end();
}

Test(audit_index, goes_when_its_segment_is_retired)
{
    const struct audit_options keep = {.keep_s = 40 * 86400};
    const int64_t month_ms = 31 * INT64_C(86400000);
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};

    fill();
    cr_assert_eq(search(&rare), 1);
    cr_assert_eq(access(index_of(1), F_OK), 0);
    for (int64_t i = 1; i < 4; i++) {
        fixture_close(&f);
        clock_test_set_ms(NOON_MS + i * month_ms);
        cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
        cr_assert_eq(vault_run(f.v, &accept.op), ERR_OK);
        audit_rig_write(&f, "monthly");
    }
    cr_assert_eq(search(&rare), 1);
    audit_configure(vault_audit(f.v), &keep);
    audit_rig_reopen(&f);
    audit_configure(vault_audit(f.v), &keep);
    audit_rig_write(&f, "last");
    fixture_close(&f);
    cr_assert_neq(access(audit_rig_segment(&f, 1), F_OK), 0);
    cr_assert_neq(access(index_of(1), F_OK), 0);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(assert_same(&rare), 0);
    end();
}
