/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_rig.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/metrics.h"
#include "base/secret.h"

TestSuite(audit, .init = secret_start);

static struct vault_fixture f;

struct list {
    size_t count;
    char who[16][300];
    uint64_t seq[16];
    uint32_t configuration[16];
    enum audit_action action[16];
};

static enum err remember(const struct audit_record *record, void *context)
{
    struct list *list = context;

    if (list->count < COUNT_OF(list->who)) {
        (void)snprintf(list->who[list->count], sizeof(list->who[0]), "%.*s", (int)record->who.len,
                       record->who.at == NULL ? "" : record->who.at);
        list->seq[list->count] = record->seq;
        list->configuration[list->count] = record->configuration;
        list->action[list->count] = record->action;
    }
    list->count++;
    return ERR_OK;
}

static struct list read_all(const struct audit_filter *filter)
{
    static const struct audit_filter everything = {.after = 0};
    struct list list = {.count = 0};

    cr_assert_eq(audit_each(f.dir, filter == NULL ? &everything : filter, remember, &list), ERR_OK);
    return list;
}

static void assert_whole(void)
{
    struct audit_rig_findings found;
    uint8_t key[VAULT_PUBLIC_BYTES];

    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    vault_sign_public(f.v, key);
    fixture_close(&f);
    cr_assert_eq(audit_rig_verdict(&f, key, NULL, &found), AUDIT_WHOLE, "%s", found.text);
    cr_assert_str_eq(found.text, "");
}

Test(audit, makes_no_file_before_the_first_record)
{
    fixture_start(&f);
    fixture_close(&f);
    cr_assert_neq(access(fixture_path(&f, AUDIT_DIR), F_OK), 0);
    fixture_end(&f);
}

Test(audit, gives_back_what_was_written_over_restarts)
{
    struct list list;

    fixture_start(&f);
    audit_rig_write(&f, "one");
    audit_rig_write(&f, "two");
    audit_rig_reopen(&f);
    audit_rig_write(&f, "three");
    fixture_close(&f);
    list = read_all(NULL);
    cr_assert_eq(list.count, 3);
    cr_assert_str_eq(list.who[0], "one");
    cr_assert_str_eq(list.who[2], "three");
    cr_assert_eq(list.seq[0], 2); /* the segment's own frame is the first */
    cr_assert_lt(list.seq[1], list.seq[2]);
    assert_whole();
    fixture_end(&f);
}

Test(audit, keeps_every_field_of_a_record)
{
    static const uint8_t request[AUDIT_REQUEST_BYTES] = {1, 2, 3};
    const struct audit_entry entries[] = {
        {.tag = {7}, .class_id = 3, .values = 2, .masks = 1, .tokens = 9},
        {.tag = {8}, .class_id = 65535, .values = 65535}};
    const struct audit_record record = {.action = AUDIT_ERASE,
                                        .outcome = AUDIT_REFUSED,
                                        .role = AUDIT_OPERATOR,
                                        .who = SPAN_LIT("uid 0"),
                                        .address = SPAN_LIT("::1"),
                                        .purpose = SPAN_LIT("p"),
                                        .domain = SPAN_LIT("crm"),
                                        .route = SPAN_LIT("/users/{id}"),
                                        .operation = SPAN_LIT("subject.erase"),
                                        .error = SPAN_LIT("NOT_FOUND"),
                                        .object = SPAN_LIT("0123"),
                                        .request = request,
                                        .more = 1000000,
                                        .entries = entries,
                                        .entry_count = 2,
                                        .commit = SPAN_LIT("abc"),
                                        .digest = SPAN_LIT("def"),
                                        .classes = SPAN_LIT("1=email")};
    AUTO(buf_done) struct buf buf = {.max = AUDIT_FRAME_MAX};
    struct audit_frame frame;
    struct audit_record back;
    struct audit_entry entry;
    const uint8_t *at;

    cr_assert_eq(audit_record_encode(&record, &buf), ERR_OK);
    cr_assert_eq(audit_frame_read(buf.bytes, buf.len, &frame), ERR_OK);
    cr_assert_eq(audit_record_read(&frame, &back, &at), ERR_OK);
    cr_assert_eq(back.action, record.action);
    cr_assert_eq(back.outcome, record.outcome);
    cr_assert_eq(back.role, record.role);
    cr_assert(span_equal(back.who, record.who) && span_equal(back.address, record.address));
    cr_assert(span_equal(back.purpose, record.purpose) && span_equal(back.domain, record.domain));
    cr_assert(span_equal(back.route, record.route) && span_equal(back.operation, record.operation));
    cr_assert(span_equal(back.error, record.error) && span_equal(back.object, record.object));
    cr_assert(span_equal(back.commit, record.commit) && span_equal(back.digest, record.digest));
    cr_assert(span_equal(back.classes, record.classes));
    cr_assert_arr_eq(back.request, request, sizeof(request));
    cr_assert_eq(back.more, record.more);
    cr_assert_eq(back.entry_count, 2);
    audit_entry_read(at, &entry);
    cr_assert_arr_eq(entry.tag, entries[0].tag, AUDIT_TAG_BYTES);
    cr_assert(entry.class_id == 3 && entry.values == 2 && entry.masks == 1 && entry.tokens == 9);
    audit_entry_read(at + AUDIT_ENTRY_BYTES, &entry);
    cr_assert(entry.class_id == 65535 && entry.values == 65535);
}

/* A text that would be a record, a line or an end elsewhere is a text here. */
Test(audit, e61_takes_hostile_text_in_every_field_for_text)
{
    static const char hostile[] =
        "\n{\"event\":\"x\"}\r\n\0\x01\xff\x1b[2J lethe-audit-head 1 \"',;";
    const struct span text = span_of(hostile, sizeof(hostile) - 1);
    char longest[4096];
    struct audit_record record = audit_rig_record("x");
    struct list list;

    memset(longest, '\n', sizeof(longest));
    fixture_start(&f);
    record.who = record.address = record.purpose = record.domain = record.route = text;
    record.operation = record.error = record.object = text;
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    record.who = record.route = span_of(longest, sizeof(longest));
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    audit_rig_write(&f, "after");
    fixture_close(&f);
    list = read_all(NULL);
    cr_assert_eq(list.count, 3);
    cr_assert_eq(strlen(list.who[1]), AUDIT_WORD_MAX);
    cr_assert_str_eq(list.who[2], "after");
    assert_whole();
    fixture_end(&f);
}

Test(audit, names_the_configuration_in_force)
{
    struct audit_record configure = {.action = AUDIT_CONFIGURE,
                                     .outcome = AUDIT_DONE,
                                     .role = AUDIT_SYSTEM,
                                     .digest = SPAN_LIT("d1")};
    struct list list;

    fixture_start(&f);
    audit_rig_write(&f, "before");
    cr_assert_eq(audit_write(vault_audit(f.v), &configure), ERR_OK);
    audit_rig_write(&f, "first");
    audit_rig_reopen(&f);
    audit_rig_write(&f, "still first");
    cr_assert_eq(audit_write(vault_audit(f.v), &configure), ERR_OK);
    audit_rig_write(&f, "second");
    fixture_close(&f);
    list = read_all(NULL);
    cr_assert_eq(list.count, 6);
    cr_assert_eq(list.configuration[0], 0);
    cr_assert_eq(list.configuration[1], 1);
    cr_assert_eq(list.configuration[3], 1);
    cr_assert_eq(list.configuration[5], 2);
    fixture_end(&f);
}

Test(audit, is_filtered)
{
    struct audit_record tagged = audit_rig_record("desk");
    struct audit_entry entry = {.tag = {9}, .class_id = 1, .values = 1};
    struct audit_filter filter = {.tag = entry.tag};

    tagged.entries = &entry;
    tagged.entry_count = 1;
    tagged.outcome = AUDIT_REFUSED;
    fixture_start(&f);
    audit_rig_write(&f, "other");
    cr_assert_eq(audit_write(vault_audit(f.v), &tagged), ERR_OK);
    cr_assert_eq(read_all(&filter).count, 1);
    filter = (struct audit_filter){.who = SPAN_LIT("other")};
    cr_assert_eq(read_all(&filter).count, 1);
    filter = (struct audit_filter){.outcome = AUDIT_REFUSED};
    cr_assert_str_eq(read_all(&filter).who[0], "desk");
    filter = (struct audit_filter){.action = AUDIT_ERASE};
    cr_assert_eq(read_all(&filter).count, 0);
    filter = (struct audit_filter){.after = 2};
    cr_assert_eq(read_all(&filter).count, 1);
    filter = (struct audit_filter){.to_ms = 1000};
    cr_assert_eq(read_all(&filter).count, 0);
    fixture_end(&f);
}

/* ---- what cannot be written ---- */

Test(audit, e77_refuses_what_cannot_be_recorded_and_goes_on_after)
{
    const struct audit_record record = audit_rig_record("desk");

    fixture_start(&f);
    audit_rig_write(&f, "one");
    fault_test_set("file.sync!fail", NULL);
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_IO);
    cr_assert_not(audit_is_healthy(vault_audit(f.v)));
    fault_test_set("file.full!fail", NULL);
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    audit_rig_write(&f, "two");
    cr_assert(audit_is_healthy(vault_audit(f.v)));
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 2);
    assert_whole();
    fixture_end(&f);
}

Test(audit, e76_records_erasures_in_what_is_left_of_a_full_disk)
{
    struct audit_record record = audit_rig_record("desk");
    enum err e = ERR_OK;
    size_t after = 0;

    record.classes = span_of(calloc(1, 4000), 4000);
    fixture_start(&f);
    audit_rig_write(&f, "one");
    for (size_t i = 0; i < 1000 && e == ERR_OK; i++) {
        e = audit_write(vault_audit(f.v), &record);
        if (i == 10)
            fault_test_set("audit.extend!fail", NULL);
    }
    cr_assert_eq(e, ERR_NO_SPACE);
    for (; after < 10; after++)
        cr_assert_eq(audit_write_at_all_costs(vault_audit(f.v), &record), ERR_OK);
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    free((void *)(uintptr_t)record.classes.at);
    fixture_close(&f);
    assert_whole();
    fixture_end(&f);
}

Test(audit, writes_what_nobody_waits_for)
{
    const struct audit_record record = audit_rig_record("nobody");

    fixture_start(&f);
    for (size_t i = 0; i < 10; i++)
        audit_note(vault_audit(f.v), &record);
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 10);
    fixture_end(&f);
}

/* ---- several at once ---- */

enum { THREADS = 4, EACH = 300 };

static void *write_many(void *context)
{
    const struct audit_record record = audit_rig_record(context);

    for (size_t i = 0; i < EACH; i++)
        cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    return NULL;
}

Test(audit, takes_records_of_several_threads_in_batches)
{
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    struct audit_figures figures;

    fixture_start(&f);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, write_many, names[i]) == 0);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    audit_figures(vault_audit(f.v), &figures);
    cr_assert_eq(figures.records, THREADS * EACH);
    cr_assert_eq(figures.failures, 0);
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, THREADS * EACH);
    assert_whole();
    fixture_end(&f);
}

static double shown(const char *text, const char *name)
{
    char line[128];
    const char *at;

    (void)snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    return at == NULL ? -1 : strtod(at + strlen(line), NULL);
}

Test(audit, is_counted_among_the_figures)
{
    const struct audit_record record = audit_rig_record("somebody");
    AUTO(buf_done) struct buf text = {.max = 1 << 20};
    struct vault_reader *reader = NULL;
    struct metrics m;

    fixture_start(&f);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    cr_assert_eq(vault_reader_open(f.v, &reader), ERR_OK);
    metrics_begin(&m, &text);
    vault_metrics(reader, &m);
    cr_assert_eq(metrics_end(&m), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, '\0'), ERR_OK);
    cr_assert_eq(shown((char *)text.bytes, "lethe_audit_records_total"), 3);
    cr_assert_eq(shown((char *)text.bytes, "lethe_audit_failures_total"), 0);
    cr_assert_eq(shown((char *)text.bytes, "lethe_audit_segment"), 1);
    cr_assert_eq(shown((char *)text.bytes, "lethe_audit_unsigned_records"), 3);
    cr_assert_eq(shown((char *)text.bytes, "lethe_audit_head_time_seconds"), 0, "none is signed");
    vault_reader_close(&reader);
    fixture_end(&f);
}

struct woken {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned times;
};

static void on_wake(void *context)
{
    struct woken *w = context;

    (void)pthread_mutex_lock(&w->lock);
    w->times++;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
}

static struct audit_settled wait_for(struct audit_waiter *waiter, struct woken *w, uint64_t ticket)
{
    struct audit_settled settled, all = {.failed_from = 0};

    audit_flush(waiter);
    for (;;) {
        audit_settled(waiter, &settled);
        if (settled.failed_to != 0)
            all = settled;
        all.through = settled.through;
        if (settled.through >= ticket)
            return all;
        (void)pthread_mutex_lock(&w->lock);
        while (w->times == 0)
            (void)pthread_cond_wait(&w->wake, &w->lock);
        w->times = 0;
        (void)pthread_mutex_unlock(&w->lock);
    }
}

static struct woken w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static struct audit_waiter *start_waiter(void)
{
    fixture_start(&f);
    return audit_waiter_new(vault_audit(f.v), on_wake, &w);
}

static uint64_t hand_over(struct audit_waiter *waiter, size_t count)
{
    const struct audit_record record = audit_rig_record("loop");
    uint64_t ticket = 0;

    for (size_t i = 0; i < count; i++)
        cr_assert_eq(audit_submit(waiter, &record, &ticket), ERR_OK);
    return ticket;
}

Test(audit, wakes_whoever_handed_over)
{
    struct audit_waiter *waiter = start_waiter();
    struct audit_settled settled;
    uint64_t ticket;

    for (size_t i = 1; i <= 50; i++) {
        ticket = hand_over(waiter, 1);
        cr_assert_eq(ticket, i);
        settled = wait_for(waiter, &w, ticket);
        cr_assert_eq(settled.failed_to, 0);
    }
    fault_test_set("audit.write!fail", NULL);
    ticket = hand_over(waiter, 2);
    settled = wait_for(waiter, &w, ticket);
    fault_test_set(NULL, NULL);
    cr_assert_eq(settled.failed_from, 51);
    cr_assert_eq(settled.failed_to, 52);
    cr_assert_eq(settled.why, ERR_IO);
    settled = wait_for(waiter, &w, hand_over(waiter, 1));
    cr_assert_eq(settled.failed_to, 0, "it goes on");
    audit_waiter_free(&waiter);
    cr_assert_null(waiter);
    fixture_end(&f);
}

/* One head, and so one mark for the ledger that is due. */
static void write_head(struct audit_waiter *waiter)
{
    const struct audit_settled settled =
        wait_for(waiter, &w, hand_over(waiter, AUDIT_HEAD_RECORDS));

    cr_assert_eq(settled.failed_to, 0);
    audit_marker_wait(vault_audit(f.v)->marker);
}

Test(audit, marks_the_ledger_once_while_the_database_does_not_remember_it)
{
    struct audit_waiter *waiter = start_waiter();
    const uint64_t before = ledger_seq(f.v->ledger);
    struct stat st;

    fault_test_set("commit.fail!fail", NULL);
    for (size_t i = 0; i < 3; i++)
        write_head(waiter);
    cr_assert_eq(ledger_seq(f.v->ledger), before + 1);
    fault_test_set(NULL, NULL);
    write_head(waiter);
    cr_assert_eq(ledger_seq(f.v->ledger), before + 1, "it is remembered, and not due again");
    audit_waiter_free(&waiter);
    fixture_close(&f);
    cr_assert_eq(stat(fixture_path(&f, VAULT_LEDGER), &st), 0);
    scratch_cut(fixture_path(&f, VAULT_LEDGER), (size_t)st.st_size - LEDGER_RECORD_BYTES);
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT);
    fixture_end(&f);
}

Test(audit, writes_what_was_handed_over_before_a_flush_with_one_sync)
{
    struct audit_waiter *waiter = start_waiter();
    struct audit_figures figures;
    struct audit_settled settled;
    const uint64_t ticket = hand_over(waiter, 100);

    audit_rig_write(&f, "another thread");
    audit_settled(waiter, &settled);
    cr_assert_eq(settled.through, 0, "nobody has said that they may be written");
    settled = wait_for(waiter, &w, ticket);
    cr_assert_eq(settled.failed_to, 0);
    audit_figures(vault_audit(f.v), &figures);
    cr_assert_eq(figures.records, 101);
    cr_assert_eq(figures.batches, 2);
    audit_waiter_free(&waiter);
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 101);
    assert_whole();
    fixture_end(&f);
}

Test(audit, settles_each_waiter_by_its_own_tickets)
{
    static struct woken other_woken = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct audit_waiter *waiter = start_waiter();
    struct audit_waiter *other = audit_waiter_new(vault_audit(f.v), on_wake, &other_woken);
    struct audit_settled settled;

    cr_assert_eq(hand_over(waiter, 3), 3);
    cr_assert_eq(hand_over(other, 2), 2);
    fault_test_set("audit.write!fail", NULL);
    settled = wait_for(other, &other_woken, 2);
    fault_test_set(NULL, NULL);
    cr_assert_eq(settled.failed_from, 1);
    settled = wait_for(waiter, &w, 3);
    cr_assert_eq(settled.through, 3);
    cr_assert_eq(settled.failed_to, 0, "what failed was not handed over here");
    audit_waiter_free(&other);
    audit_waiter_free(&waiter);
    fixture_end(&f);
}

Test(audit, loses_nothing_of_a_waiter_that_leaves)
{
    struct audit_waiter *waiter = start_waiter();

    (void)hand_over(waiter, 3);
    audit_waiter_free(&waiter);
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 3);
    fixture_end(&f);
}

/* More than a waiter keeps before a flush, and more than may wait for a disk that takes nothing. */
Test(audit, refuses_what_is_too_much_to_wait)
{
    struct audit_waiter *waiter = start_waiter();
    struct audit_record record = audit_rig_record("loop");
    struct audit_settled settled;
    uint64_t ticket = 0;
    AUTO(mem_free) char *text = mem_try_alloc(1, 60000);

    record.classes = span_of(text, 60000);
    for (size_t i = 0; i < 2 * (size_t)AUDIT_HANDED_MAX / 60000; i++)
        cr_assert_eq(audit_submit(waiter, &record, &ticket), ERR_OK, "it flushes by itself");
    settled = wait_for(waiter, &w, ticket);
    cr_assert_eq(settled.failed_to, 0);
    audit_stop(vault_audit(f.v));
    ticket = hand_over(waiter, 2);
    settled = wait_for(waiter, &w, ticket);
    cr_assert_eq(settled.failed_from, ticket - 1);
    cr_assert_eq(settled.failed_to, ticket);
    cr_assert_eq(settled.why, ERR_CANCELED);
    audit_waiter_free(&waiter);
    fixture_end(&f);
}

/* ---- people ---- */

static enum err tag_of(uint64_t slot, uint8_t ret[AUDIT_TAG_BYTES])
{
    enum err e = vault_read_begin(f.r);

    cr_assert_eq(e, ERR_OK);
    e = audit_subject_tag(f.r, slot, ret);
    vault_read_end(f.r);
    return e;
}

static enum err count_consultations(const struct audit_consultation *c, void *context)
{
    cr_assert_eq(c->class_count, 2);
    cr_assert_eq(c->classes[0], 3);
    cr_assert_eq(c->classes[1], 8);
    cr_assert(span_equal(c->recipient, SPAN_LIT("desk")) ||
              span_equal(c->recipient, SPAN_LIT("operator")));
    ++*(size_t *)context;
    return ERR_OK;
}

static size_t consultations(uint64_t slot, enum err expected)
{
    const struct audit_person whose = {.slot = slot};
    size_t count = 0;

    cr_assert_eq(audit_consultations(f.v, f.r, &whose, count_consultations, &count), expected);
    return count;
}

Test(audit, finds_a_persons_records_until_the_erasure)
{
    struct audit_entry entries[4] = {{.class_id = 8, .values = 1},
                                     {.class_id = 3, .masks = 1},
                                     {.class_id = 3, .values = 1},
                                     {.class_id = 5, .tokens = 1}};
    struct audit_record record = audit_rig_record("desk");
    uint8_t tag[AUDIT_TAG_BYTES], again[AUDIT_TAG_BYTES], other[AUDIT_TAG_BYTES];
    struct vault_erasure erasure = {.slot = 0};
    struct token_text token;
    uint64_t ada, bob;

    fixture_start(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "1", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bob", "2", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "ada", &ada), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "bob", &bob), ERR_OK);
    cr_assert_eq(tag_of(ada, tag), ERR_OK);
    cr_assert_eq(tag_of(bob, other), ERR_OK);
    cr_assert_arr_neq(tag, other, sizeof(tag));
    for (size_t i = 0; i < COUNT_OF(entries); i++)
        memcpy(entries[i].tag, tag, sizeof(tag));
    record.entries = entries;
    record.entry_count = COUNT_OF(entries);
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    record.role = AUDIT_OPERATOR;
    record.who = SPAN_LIT("uid 17");
    cr_assert_eq(audit_write(vault_audit(f.v), &record), ERR_OK);
    cr_assert_eq(consultations(ada, ERR_OK), 2);
    cr_assert_eq(consultations(bob, ERR_OK), 0);
    audit_rig_reopen(&f);
    cr_assert_eq(tag_of(ada, again), ERR_OK);
    cr_assert_arr_eq(tag, again, sizeof(tag));

    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    cr_assert_eq(tag_of(ada, again), ERR_NOT_FOUND);
    cr_assert_eq(consultations(ada, ERR_NOT_FOUND), 0);
    vault_erasure_done(&erasure);
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 2);
    assert_whole();
    fixture_end(&f);
}

/* ---- keys ---- */

Test(audit, goes_on_while_the_vault_is_sealed_and_signs_after)
{
    struct vault_seal seal = {.op = {.kind = VAULT_SEAL}};
    struct vault_unseal unseal = {.op = {.kind = VAULT_UNSEAL}};
    struct root_keys roots = {.count = 1};

    fixture_start(&f);
    roots.at[0] = f.root;
    unseal.roots = &roots;
    audit_rig_write(&f, "before");
    cr_assert_eq(vault_run(f.v, &seal.op), ERR_OK);
    audit_rig_write(&f, "sealed");
    cr_assert_eq(vault_run(f.v, &unseal.op), ERR_OK);
    audit_rig_write(&f, "after");
    fixture_close(&f);
    cr_assert_eq(read_all(NULL).count, 3);
    assert_whole();
    fixture_end(&f);
}

/* ---- segments ---- */

Test(audit, retires_old_segments_and_says_so)
{
    const struct audit_options keep = {.keep_s = 40 * 86400};
    const int64_t day_ms = 86400000;
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};
    struct audit_rig_findings found;
    int64_t now_ms = 1768046400000;

    clock_test_set_ms(now_ms);
    fixture_start(&f);
    for (size_t i = 0; i < 4; i++) {
        audit_rig_write(&f, "monthly");
        fixture_close(&f);
        now_ms += 31 * day_ms;
        clock_test_set_ms(now_ms);
        cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
        cr_assert_eq(vault_run(f.v, &accept.op), ERR_OK);
    }
    audit_configure(vault_audit(f.v), &keep);
    audit_rig_write(&f, "last");
    fixture_close(&f);
    cr_assert_neq(access(audit_rig_segment(&f, 1), F_OK), 0);
    cr_assert_eq(access(audit_rig_segment(&f, 4), F_OK), 0);
    assert_whole();
    cr_assert_eq(unlink(audit_rig_segment(&f, 3)), 0);
    cr_assert_eq(audit_rig_verdict(&f, NULL, NULL, &found), AUDIT_REMOVED, "%s", found.text);
    clock_test_set_ms(-1);
    fixture_end(&f);
}
