/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/ledger_priv.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "tests/support/vectors.h"

#define VECTORS "tests/vectors/vault_v1.txt"

TestSuite(ledger, .init = secret_start);

static const uint8_t key[CRYPTO_KEY_BYTES] = {0x11, 0x22};
static const uint8_t store_id[VAULT_ID_BYTES] = {0x33, 0x44};

static struct ledger_record erase_record(uint64_t slot)
{
    struct ledger_record r = {.kind = LEDGER_ERASE,
                              .time_ms = 1700000000000 + (int64_t)slot,
                              .slot = slot,
                              .cutoff_ms = 1699999999999};

    memset(r.erasure, (int)(0x40 + slot), sizeof(r.erasure));
    memset(r.subject, (int)(0x80 + slot), sizeof(r.subject));
    return r;
}

/* A ledger with so many erasures, slots 2 and up; gives its path. */
static const char *make(struct scratch *s, uint64_t erasures)
{
    const char *path = scratch_path(s, "ledger.log");
    struct ledger *l = NULL;
    struct errmsg msg;

    cr_assert_eq(ledger_create(path, key, store_id, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK, "%s", msg.text);
    for (uint64_t i = 0; i < erasures; i++) {
        struct ledger_record r = erase_record(2 + i);

        cr_assert_eq(ledger_append(l, &r), ERR_OK);
        cr_assert_eq(r.seq, 2 + i);
    }
    ledger_close(&l);
    cr_assert_null(l);
    return path;
}

static void assert_opens(const char *path, uint64_t seq)
{
    struct ledger *l = NULL;
    struct errmsg msg;

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(ledger_seq(l), seq);
    ledger_close(&l);
    cr_assert_eq(scratch_size(path), seq * LEDGER_RECORD_BYTES);
}

static void assert_corrupt(const char *path, const char *words)
{
    struct ledger *l = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_CORRUPT);
    cr_assert_null(l);
    cr_assert_not_null(strstr(msg.text, path), "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
}

/* ---- format ---- */

Test(ledger, reads_the_known_answer)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    const char *path = scratch_path(&s, "ledger.log");
    uint8_t bytes[4 * LEDGER_RECORD_BYTES], chain_key[32], store[16], head[32];
    struct errmsg msg;

    for (uint8_t i = 0; i < 32; i++) {
        chain_key[i] = 0x40 + i;
        store[i % 16] = 0x10 + i % 16;
    }
    cr_assert_eq(vector_bytes(VECTORS, "ledger", bytes, sizeof(bytes)), sizeof(bytes));
    scratch_write(path, 0, bytes, sizeof(bytes));
    cr_assert_eq(ledger_open(path, chain_key, store, &l, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(ledger_seq(l), 4);
    ledger_head(l, head);
    cr_assert_arr_eq(head, bytes + sizeof(bytes) - 32, 32);
}

Test(ledger, writes_the_known_answer)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    const char *path = scratch_path(&s, "ledger.log");
    uint8_t expected[4 * LEDGER_RECORD_BYTES], bytes[sizeof(expected)], chain_key[32];
    uint8_t store[16];
    struct ledger_record r = {.time_ms = 1700000001000, .slot = 5, .cutoff_ms = 1700000000999};
    struct errmsg msg;

    for (uint8_t i = 0; i < 32; i++) {
        chain_key[i] = 0x40 + i;
        store[i % 16] = 0x10 + i % 16;
        r.erasure[i % 16] = 0xe0 + i % 16;
        r.subject[i % 16] = 0xc0 + i % 16;
    }
    cr_assert_eq(vector_bytes(VECTORS, "ledger", expected, sizeof(expected)), sizeof(expected));
    scratch_write(path, 0, expected, LEDGER_RECORD_BYTES);
    cr_assert_eq(ledger_open(path, chain_key, store, &l, &msg), ERR_OK, "%s", msg.text);
    r.kind = LEDGER_ERASE;
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    r.kind = LEDGER_CLOSED;
    r.time_ms = 1700000002000;
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    r = (struct ledger_record){.kind = LEDGER_EPOCH, .time_ms = 1700000003000, .slot = 3};
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    cr_assert_eq(scratch_read(path, 0, bytes, sizeof(bytes)), sizeof(bytes));
    cr_assert_arr_eq(bytes, expected, sizeof(bytes));
}

/* ---- use ---- */

struct seen {
    uint64_t count;
    uint64_t stop_at;
};

static enum err look(const struct ledger_record *r, void *context)
{
    struct seen *seen = context;
    struct ledger_record expected = erase_record(r->slot);

    seen->count++;
    cr_assert_eq(r->seq, seen->count);
    if (seen->count == seen->stop_at)
        return ERR_CANCELED;
    if (seen->count == 1) {
        cr_assert_eq(r->kind, LEDGER_OPENED);
        cr_assert_arr_eq(r->erasure, store_id, sizeof(store_id));
        return ERR_OK;
    }
    cr_assert_eq(r->kind, LEDGER_ERASE);
    cr_assert_eq(r->slot, seen->count);
    cr_assert_eq(r->time_ms, expected.time_ms);
    cr_assert_eq(r->cutoff_ms, expected.cutoff_ms);
    cr_assert_arr_eq(r->erasure, expected.erasure, VAULT_ID_BYTES);
    cr_assert_arr_eq(r->subject, expected.subject, VAULT_ID_BYTES);
    return ERR_OK;
}

Test(ledger, gives_back_every_record_in_order)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    struct seen seen = {0, 0};
    struct errmsg msg;

    cr_assert_eq(ledger_open(make(&s, 9), key, store_id, &l, &msg), ERR_OK);
    cr_assert_eq(ledger_each(l, look, &seen), ERR_OK);
    cr_assert_eq(seen.count, 10);
    seen = (struct seen){0, 4};
    cr_assert_eq(ledger_each(l, look, &seen), ERR_CANCELED, "the caller's error comes back");
    cr_assert_eq(seen.count, 4);
}

Test(ledger, is_read_in_batches_without_losing_a_record)
{
    /* 512 records are read at a time. */
    for (uint64_t erasures = 510; erasures <= 513; erasures++) {
        AUTO(scratch_remove) struct scratch s = scratch_new();
        AUTO(ledger_close) struct ledger *l = NULL;
        const char *path = make(&s, erasures);
        struct seen seen = {0, 0};
        struct errmsg msg;

        cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
        cr_assert_eq(ledger_each(l, look, &seen), ERR_OK);
        cr_assert_eq(seen.count, erasures + 1);
    }
}

Test(ledger, gives_back_no_record_that_it_has_not_made_durable)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    AUTO(ledger_close) struct ledger *other = NULL;
    const char *path = make(&s, 2);
    struct ledger_record r = erase_record(4);
    struct seen seen = {0, 0};
    struct errmsg msg;

    /* What another one appends stands for an append of its own that is not synced yet. */
    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
    cr_assert_eq(ledger_open(path, key, store_id, &other, &msg), ERR_OK);
    cr_assert_eq(ledger_append(other, &r), ERR_OK);
    cr_assert_eq(ledger_each(l, look, &seen), ERR_OK);
    cr_assert_eq(seen.count, 3);
}

Test(ledger, goes_on_where_it_was_closed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 2);
    struct ledger *l = NULL;
    struct ledger_record r = erase_record(4);
    uint8_t before[32], after[32];
    struct errmsg msg;

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
    ledger_head(l, before);
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    cr_assert_eq(r.seq, 4);
    ledger_head(l, after);
    cr_assert_arr_neq(before, after, sizeof(before));
    ledger_close(&l);
    assert_opens(path, 4);
}

Test(ledger, is_never_made_over_another)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 3);
    struct errmsg msg;

    cr_assert_eq(ledger_create(path, key, store_id, &msg), ERR_CONFLICT);
    assert_opens(path, 4);
}

Test(ledger, is_open_to_its_owner_only)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct stat st;

    cr_assert_eq(stat(make(&s, 0), &st), 0);
    cr_assert_eq(st.st_mode & 077, 0);
}

/* ---- unfinished tails: never acknowledged, cut off ---- */

Test(ledger, cuts_off_a_record_that_is_too_short)
{
    static const uint8_t noise[LEDGER_RECORD_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    for (size_t len = 1; len < LEDGER_RECORD_BYTES; len++) {
        AUTO(scratch_remove) struct scratch s = scratch_new();
        const char *path = make(&s, 2);

        scratch_write(path, scratch_size(path), noise, len);
        assert_opens(path, 3);
    }
}

Test(ledger, cuts_off_zeroes_however_many)
{
    static const size_t lengths[] = {1, 127, 128, 129, 256, 4096, 5000, 70000};
    static const uint8_t zeroes[70000];

    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        AUTO(scratch_remove) struct scratch s = scratch_new();
        const char *path = make(&s, 2);

        scratch_write(path, scratch_size(path), zeroes, lengths[i]);
        assert_opens(path, 3);
    }
}

Test(ledger, does_not_cut_off_zeroes_that_something_follows)
{
    static const size_t places[] = {0, 127, 128, 129, 4095, 4096, 9999};
    static const uint8_t zeroes[10000];

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO(scratch_remove) struct scratch s = scratch_new();
        const char *path = make(&s, 2);
        size_t size = scratch_size(path);

        scratch_write(path, size, zeroes, sizeof(zeroes));
        scratch_flip(path, size + places[i], 0x01);
        assert_corrupt(path, "record 4");
        cr_assert_eq(scratch_size(path), size + sizeof(zeroes), "evidence was cut off");
    }
}

/* ---- damage, and what it is called ---- */

Test(ledger, detects_a_change_of_any_byte)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 3);
    size_t size = scratch_size(path);

    for (size_t at = 0; at < size; at++) {
        scratch_flip(path, at, 0x20);
        assert_corrupt(path, "ledger.log");
        scratch_flip(path, at, 0x20);
    }
    assert_opens(path, 4);
}

Test(ledger, detects_swapped_removed_and_repeated_records)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 4);
    uint8_t all[5 * LEDGER_RECORD_BYTES], *third = all + 2 * LEDGER_RECORD_BYTES;
    uint8_t *fourth = third + LEDGER_RECORD_BYTES;

    cr_assert_eq(scratch_read(path, 0, all, sizeof(all)), sizeof(all));
    scratch_write(path, 2 * LEDGER_RECORD_BYTES, fourth, LEDGER_RECORD_BYTES);
    scratch_write(path, 3 * LEDGER_RECORD_BYTES, third, LEDGER_RECORD_BYTES);
    assert_corrupt(path, "record 3"); /* swapped */
    scratch_write(path, 3 * LEDGER_RECORD_BYTES, fourth + LEDGER_RECORD_BYTES, LEDGER_RECORD_BYTES);
    scratch_cut(path, 4 * LEDGER_RECORD_BYTES);
    assert_corrupt(path, "record 3"); /* the third is gone */
    scratch_write(path, 0, all, sizeof(all));
    scratch_write(path, 3 * LEDGER_RECORD_BYTES, third, LEDGER_RECORD_BYTES);
    assert_corrupt(path, "record 4"); /* the third twice */
    scratch_write(path, 0, all, sizeof(all));
    assert_opens(path, 5);
}

Test(ledger, a_shorter_one_shows_in_its_number)
{
    /* A whole record less still verifies: the store remembers how far it was. */
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 3);

    scratch_cut(path, 3 * LEDGER_RECORD_BYTES);
    assert_opens(path, 3);
}

Test(ledger, of_another_store_is_refused)
{
    static const uint8_t other_id[VAULT_ID_BYTES] = {0x99};
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "other.log");
    struct errmsg msg;

    cr_assert_eq(ledger_create(path, key, other_id, &msg), ERR_OK);
    assert_corrupt(path, "another store");
}

Test(ledger, of_another_root_key_is_refused)
{
    static const uint8_t other_key[CRYPTO_KEY_BYTES] = {0x99};
    static const uint8_t other_id[VAULT_ID_BYTES] = {0x99};
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "other.log");
    struct errmsg msg;

    cr_assert_eq(ledger_create(path, other_key, other_id, &msg), ERR_OK);
    assert_corrupt(path, "another store");
    (void)unlink(path);
    cr_assert_eq(ledger_create(path, other_key, store_id, &msg), ERR_OK);
    assert_corrupt(path, "record 1");
}

/* E30 */
Test(ledger, of_a_newer_format_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 2);
    uint8_t version = 2;

    scratch_write(path, 2 * LEDGER_RECORD_BYTES, &version, 1);
    assert_corrupt(path, "newer version");
}

static enum err count_kinds(const struct ledger_record *r, void *context)
{
    ((unsigned *)context)[r->kind]++;
    return ERR_OK;
}

Test(ledger, takes_every_kind_that_is_listed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    const char *path = make(&s, 0);
    unsigned counts[LEDGER_LAST + 1] = {0};
    struct errmsg msg;

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
    for (enum ledger_kind kind = LEDGER_ERASE; kind <= LEDGER_LAST; kind++) {
        struct ledger_record r = {.kind = kind, .slot = 7};

        cr_assert_eq(ledger_append(l, &r), ERR_OK);
    }
    ledger_close(&l);
    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(ledger_each(l, count_kinds, counts), ERR_OK);
    for (enum ledger_kind kind = LEDGER_OPENED; kind <= LEDGER_LAST; kind++)
        cr_assert_eq(counts[kind], 1, "kind %d", kind);
}

Test(ledger, says_once_that_the_store_was_made)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = NULL;
    const char *path = make(&s, 0);
    struct ledger_record r = {.kind = LEDGER_OPENED};
    struct errmsg msg;

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    assert_corrupt(path, "newer version");
}

Test(ledger, with_a_kind_that_is_not_known_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = make(&s, 1);
    struct ledger *l = NULL;
    struct ledger_record r = erase_record(9);
    struct errmsg msg;

    cr_assert_eq(ledger_open(path, key, store_id, &l, &msg), ERR_OK);
    r.kind = (enum ledger_kind)(LEDGER_LAST + 1);
    cr_assert_eq(ledger_append(l, &r), ERR_OK);
    ledger_close(&l);
    assert_corrupt(path, "newer version");
}

Test(ledger, that_is_missing_says_what_must_not_be_done)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "ledger.log");

    assert_corrupt(path, "is missing: it must never be restored from a backup; put the live ledger "
                         "back");
    cr_assert_neq(access(path, F_OK), 0, "an empty one was made");
}

Test(ledger, that_is_empty_is_refused)
{
    static const uint8_t zeroes[LEDGER_RECORD_BYTES];
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "ledger.log");

    scratch_write(path, 0, "", 0);
    assert_corrupt(path, "record 1");
    scratch_write(path, 0, zeroes, sizeof(zeroes));
    assert_corrupt(path, "record 1");
}

/* ---- failing media ---- */

static struct ledger *open_with(struct scratch *s, uint64_t erasures)
{
    struct ledger *l = NULL;
    struct errmsg msg;

    cr_assert_eq(ledger_open(make(s, erasures), key, store_id, &l, &msg), ERR_OK);
    return l;
}

static void assert_append(struct ledger *l, enum err expected, uint64_t seq_after)
{
    struct ledger_record r = erase_record(9);
    uint8_t before[32], after[32];

    r.seq = 4711;
    ledger_head(l, before);
    cr_assert_eq(ledger_append(l, &r), expected);
    ledger_head(l, after);
    cr_assert_eq(ledger_seq(l), seq_after);
    cr_assert_eq(memcmp(before, after, 32) == 0, expected != ERR_OK);
    cr_assert_eq(r.seq, expected == ERR_OK ? seq_after : 4711);
}

Test(ledger, goes_on_after_a_write_that_failed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 1);

    fault_test_set("file.write!io", NULL);
    assert_append(l, ERR_IO, 2);
    fault_test_set("file.full!io", NULL);
    assert_append(l, ERR_NO_SPACE, 2);
    fault_test_set(NULL, NULL);
    assert_append(l, ERR_OK, 3);
    ledger_close(&l);
    assert_opens(scratch_path(&s, "ledger.log"), 3);
}

Test(ledger, appends_nothing_more_after_a_sync_that_failed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 1);

    fault_test_set("file.sync!io", NULL);
    assert_append(l, ERR_IO, 2);
    fault_test_set(NULL, NULL);
    assert_append(l, ERR_IO, 2);
    ledger_close(&l);
    assert_opens(scratch_path(&s, "ledger.log"), 2);
}

/* From here on the file may be so long; a write beyond is short or fails with EFBIG. */
static void limit_file(size_t len)
{
    struct rlimit limit = {len, RLIM_INFINITY};

    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static const size_t two_and_a_half = 2 * LEDGER_RECORD_BYTES + 50;

Test(ledger, cuts_back_a_record_that_was_written_in_part)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 1);
    const char *path = scratch_path(&s, "ledger.log");

    limit_file(two_and_a_half);
    assert_append(l, ERR_NO_SPACE, 2);
    cr_assert_eq(scratch_size(path), 2 * LEDGER_RECORD_BYTES);
    limit_file(1 << 20);
    assert_append(l, ERR_OK, 3);
}

Test(ledger, appends_nothing_more_when_a_tail_could_not_be_cut)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 1);
    const char *path = scratch_path(&s, "ledger.log");

    limit_file(two_and_a_half);
    fault_test_set("ledger.cut!io", NULL);
    assert_append(l, ERR_NO_SPACE, 2);
    cr_assert_eq(scratch_size(path), two_and_a_half);
    limit_file(1 << 20);
    fault_test_set(NULL, NULL);
    assert_append(l, ERR_IO, 2);
    ledger_close(&l);
    assert_opens(path, 2);
}

Test(ledger, that_could_not_be_made_is_not_there)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "ledger.log");
    struct errmsg msg;

    fault_test_set("file.sync!io", NULL);
    cr_assert_eq(ledger_create(path, key, store_id, &msg), ERR_IO);
    cr_assert_neq(access(path, F_OK), 0);
    fault_test_set("file.full!io", NULL);
    cr_assert_eq(ledger_create(path, key, store_id, &msg), ERR_NO_SPACE);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(ledger, closing_takes_null)
{
    struct ledger *l = NULL;

    ledger_close(&l);
}

/* ---- several at once ---- */

Test(ledger, several_records_make_one_chain_with_those_that_come_alone)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 2);
    struct ledger_record records[11];

    for (uint64_t i = 0; i < COUNT_OF(records); i++)
        records[i] = erase_record(20 + i);
    cr_assert_eq(ledger_append_all(l, records, 10), ERR_OK);
    cr_assert_eq(ledger_append_all(l, records, 0), ERR_OK);
    for (uint64_t i = 0; i < 10; i++)
        cr_assert_eq(records[i].seq, 4 + i);
    cr_assert_eq(ledger_append(l, &records[10]), ERR_OK);
    cr_assert_eq(records[10].seq, 14);
    ledger_close(&l);
    assert_opens(scratch_path(&s, "ledger.log"), 14);
}

Test(ledger, of_several_records_those_stay_whose_sector_was_written)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(ledger_close) struct ledger *l = open_with(&s, 1);
    struct ledger_record records[6];

    for (uint64_t i = 0; i < COUNT_OF(records); i++)
        records[i] = erase_record(20 + i);
    limit_file(5 * LEDGER_RECORD_BYTES); /* two in the first sector, one of the next */
    cr_assert_neq(ledger_append_all(l, records, COUNT_OF(records)), ERR_OK);
    limit_file(1 << 20);
    cr_assert_eq(ledger_seq(l), 4);
    ledger_close(&l);
    assert_opens(scratch_path(&s, "ledger.log"), 4);
}
