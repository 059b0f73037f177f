/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/checks.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/erasure.h"
#include "tests/support/vault_rig.h"

enum { PEOPLE = 40, THREADS = 6 };

TestSuite(checks, .init = secret_start, .timeout = 120);

static void start(struct rig *r)
{
    rig_init(r);
    rig_log(r);
}

static struct token_text store(struct rig *r, size_t person)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "p%zu", person);
    return rig_store(r, "note", name, name);
}

static void ask(struct rig *r, struct erasure_request *requests)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%zu", i);
        requests[i] =
            (struct erasure_request){.slot = rig_slot(r, name), .newer_than_s = INT64_MAX};
    }
}

Test(checks, of_many_give_each_its_own_receipt)
{
    static struct receipt receipts[PEOPLE];
    AUTO(rig_done) struct rig r;
    struct erasure_request requests[PEOPLE];
    struct token_text tokens[PEOPLE], bob;
    enum err results[PEOPLE];
    struct erasures *e;
    char value[256];

    start(&r);
    for (size_t i = 0; i < PEOPLE; i++)
        tokens[i] = store(&r, i);
    bob = rig_store(&r, "note", "bob", "stays");
    ask(&r, requests);
    requests[7].slot = 1000; /* nobody */
    e = erasures_new(r.vault, NULL);
    erasure_run_many(e, requests, PEOPLE, results, receipts);
    erasures_free(&e);
    for (size_t i = 0; i < PEOPLE; i++) {
        cr_assert_eq(results[i], i == 7 ? ERR_NOT_FOUND : ERR_OK);
        cr_assert_eq(rig_reveal(&r, &tokens[i], value), i == 7 ? ERR_OK : ERR_NOT_FOUND);
        if (i == 7)
            continue;
        cr_assert_eq(receipts[i].state, RECEIPT_COMPLETED);
        cr_assert_eq(receipts[i].rows, 1);
        cr_assert(receipts[i].verification.key_known && receipts[i].verification.key_absent);
        cr_assert_eq(receipts[i].verification.samples_tried, 1);
    }
    cr_assert_eq(rig_reveal(&r, &bob, value), ERR_OK);
}

/* E53 */
Test(checks, of_many_find_the_one_that_was_not_shredded)
{
    static struct receipt receipts[PEOPLE];
    AUTO(rig_done) struct rig r;
    struct erasure_request requests[PEOPLE];
    enum err results[PEOPLE];
    struct erasures *e;
    size_t failed = 0;

    start(&r);
    for (size_t i = 0; i < PEOPLE; i++)
        (void)store(&r, i);
    ask(&r, requests);
    e = erasures_new(r.vault, NULL);
    fault_test_set("erase.verify!3", NULL);
    erasure_run_many(e, requests, PEOPLE, results, receipts);
    fault_test_set(NULL, NULL);
    erasures_free(&e);
    for (size_t i = 0; i < PEOPLE; i++)
        failed += receipts[i].state == RECEIPT_FAILED;
    cr_assert_eq(failed, 1);
    cr_assert_eq(receipts[2].state, RECEIPT_FAILED);
}

struct worker {
    struct erasures *erasures;
    struct erasure_request *requests;
    size_t first;
    size_t completed;
};

static void *work(void *context)
{
    struct worker *w = context;

    for (size_t i = w->first; i < PEOPLE; i += THREADS) {
        struct receipt receipt;

        if (erasure_run_request(w->erasures, &w->requests[i], &receipt) == ERR_OK)
            w->completed += receipt.state == RECEIPT_COMPLETED;
    }
    return NULL;
}

Test(checks, serve_threads_that_come_at_the_same_time)
{
    AUTO(rig_done) struct rig r;
    struct erasure_request requests[PEOPLE];
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct erasures *e;
    size_t completed = 0;

    start(&r);
    for (size_t i = 0; i < PEOPLE; i++)
        (void)store(&r, i);
    ask(&r, requests);
    e = erasures_new(r.vault, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){e, requests, i, 0};
        cr_assert_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        completed += workers[i].completed;
    }
    erasures_free(&e);
    cr_assert_eq(completed, PEOPLE);
}
