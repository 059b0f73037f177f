/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure jobs, steps 3 to 6 of an erasure; steps 1 and 2 are the vault's.
 * Runs on: worker threads and the command line; blocks. Holds: the list of erasures being worked
 * on. Invariant: an erasure is on that list before another thread can find it open in the ledger; a
 * ledger entry is closed only after a verification that passed. Not here: the ledger, keys and rows
 * themselves (vault/), how a receipt is written (retention/receipt.c). */
#include "retention/erasure.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wait.h"
#include "retention/checks.h"
#include "retention/note.h"
#include "retention/notices.h"
#include "retention/partial.h"
#include "retention/proof.h"
#include "retention/waiting.h"
#include "vault/audit.h"
#include "vault/holds.h"

enum {
    BATCH_ROWS = 500,  /* between commits of others: one batch takes about 2 ms */
    TRIES = 9,         /* of what the vault answers BUSY to */
    FIRST_WAIT_MS = 5, /* doubled each time: 1.3 s in all */
};

struct working {
    const uint8_t *id;
    struct working *next;
};

struct erasures {
    struct vault *vault;
    struct notices *notices;
    struct period key_rotation; /* zero: no rule */
    bool configured;
    uint8_t configuration[CONF_DIGEST_BYTES]; /* under the lock */
    pthread_mutex_t part;  /* held while what is kept is moved, until the erasure has begun */
    pthread_mutex_t begin; /* held while an erasure enters the ledger and the list below */
    struct checks *checks;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    bool stopping;
    struct working *working;
};

struct erasures *erasures_new(struct vault *vault, const struct period *key_rotation)
{
    struct erasures *e = mem_alloc(sizeof(*e));

    e->vault = vault;
    e->checks = checks_new();
    if (key_rotation != NULL)
        e->key_rotation = *key_rotation;
    REQUIRE(pthread_mutex_init(&e->part, NULL) == 0 && pthread_mutex_init(&e->begin, NULL) == 0);
    REQUIRE(pthread_mutex_init(&e->lock, NULL) == 0);
    wait_init(&e->stopped);
    return e;
}

void erasures_set_configuration(struct erasures *e, const uint8_t digest[CONF_DIGEST_BYTES])
{
    (void)pthread_mutex_lock(&e->lock);
    memcpy(e->configuration, digest, CONF_DIGEST_BYTES);
    e->configured = true;
    (void)pthread_mutex_unlock(&e->lock);
}

bool erasures_configuration(struct erasures *e, uint8_t ret[CONF_DIGEST_BYTES])
{
    bool configured;

    (void)pthread_mutex_lock(&e->lock);
    configured = e->configured;
    if (configured)
        memcpy(ret, e->configuration, CONF_DIGEST_BYTES);
    (void)pthread_mutex_unlock(&e->lock);
    return configured;
}

void erasures_set_notices(struct erasures *e, struct notices *notices)
{
    e->notices = notices;
}

struct notices *erasures_notices(const struct erasures *e)
{
    return e->notices;
}

void erasures_free(struct erasures **erasures)
{
    struct erasures *e = TAKE(*erasures);

    if (e == NULL)
        return;
    REQUIRE(e->working == NULL);
    checks_free(&e->checks);
    (void)pthread_cond_destroy(&e->stopped);
    (void)pthread_mutex_destroy(&e->lock);
    (void)pthread_mutex_destroy(&e->begin);
    (void)pthread_mutex_destroy(&e->part);
    free(e);
}

struct vault *erasures_vault(struct erasures *e)
{
    return e->vault;
}

void erasures_stop(struct erasures *e)
{
    (void)pthread_mutex_lock(&e->lock);
    e->stopping = true;
    (void)pthread_cond_broadcast(&e->stopped);
    (void)pthread_mutex_unlock(&e->lock);
}

static bool is_stopping(struct erasures *e)
{
    bool stopping;

    (void)pthread_mutex_lock(&e->lock);
    stopping = e->stopping;
    (void)pthread_mutex_unlock(&e->lock);
    return stopping;
}

/* Wait, but not longer than until erasures_stop(). */
static void wait_ms(struct erasures *e, int64_t ms)
{
    const int64_t until_ms = clock_mono_ms() + ms;

    (void)pthread_mutex_lock(&e->lock);
    while (!e->stopping && wait_until_ms(&e->stopped, &e->lock, until_ms))
        continue;
    (void)pthread_mutex_unlock(&e->lock);
}

enum err erasures_run_op(struct erasures *e, struct vault_op *op)
{
    int64_t pause_ms = FIRST_WAIT_MS;
    enum err result = ERR_BUSY;

    for (int i = 0; i < TRIES; i++) {
        if (is_stopping(e))
            return ERR_CANCELED;
        if (i > 0) {
            wait_ms(e, pause_ms);
            pause_ms *= 2;
        }
        result = vault_run(e->vault, op);
        if (result == ERR_OK && op->kind == VAULT_HOLDS && e->notices != NULL)
            notices_look_again(e->notices);
        if (result != ERR_BUSY)
            return result;
    }
    return result;
}

/* ---- the list ---- */

static void enlist(struct erasures *e, struct working *w, const uint8_t *id)
{
    w->id = id;
    (void)pthread_mutex_lock(&e->lock);
    w->next = e->working;
    e->working = w;
    (void)pthread_mutex_unlock(&e->lock);
}

static void delist(struct erasures *e, struct working *w)
{
    (void)pthread_mutex_lock(&e->lock);
    for (struct working **at = &e->working; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&e->lock);
}

static bool is_listed(struct erasures *e, const uint8_t *id)
{
    bool found = false;

    (void)pthread_mutex_lock(&e->lock);
    for (const struct working *w = e->working; w != NULL && !found; w = w->next)
        found = memcmp(w->id, id, VAULT_ID_BYTES) == 0;
    (void)pthread_mutex_unlock(&e->lock);
    return found;
}

/* ---- the steps ---- */

/* Art. 17(1)(b) and (c) have figures of their own. */
static enum vault_sweep_why why_of(const struct receipt_words *words)
{
    if (span_equal(words->ground, SPAN_LIT("17(1)(b)")))
        return VAULT_SWEEP_WITHDRAWAL;
    return span_equal(words->ground, SPAN_LIT("17(1)(c)")) ? VAULT_SWEEP_OBJECTION
                                                           : VAULT_SWEEP_REQUEST;
}

static enum err sweep(struct erasures *e, const struct vault_erasure *erasure,
                      enum vault_sweep_why why, struct receipt *r)
{
    enum err counted;
    bool more = true;

    while (more) {
        struct vault_sweep_subject op = {
            .op = {.kind = VAULT_SWEEP_SUBJECT},
            .slot = erasure->slot,
            .limit = BATCH_ROWS,
            .why = why,
        };
        enum err result = erasures_run_op(e, &op.op);

        if (result != ERR_OK)
            return result;
        more = op.more;
    }
    counted = vault_erasure_swept(e->vault, erasure, r->per_class);
    for (size_t id = 1; counted == ERR_OK && id <= CLASSES_MAX; id++)
        r->rows += r->per_class[id];
    return counted;
}

/* The trail names the erasure by the ledger's number for it, and nobody. */
static void note_completed(const struct erasures *e, const struct vault_erasure *erasure)
{
    char number[2 * VAULT_ID_BYTES + 1];
    struct audit_record record = {.action = AUDIT_ERASE,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_SYSTEM,
                                  .who = SPAN_LIT("erasure"),
                                  .operation = SPAN_LIT("erasure.completed")};

    proof_hex(erasure->id, VAULT_ID_BYTES, number);
    record.object = span_str(number);
    audit_note(vault_audit(e->vault), &record);
}

/* The receipt that is kept says what is true once the entry is closed. */
static enum err close_entry(struct erasures *e, const struct vault_erasure *erasure,
                            const struct receipt_words *words, struct receipt *r)
{
    struct vault_erasure_close op = {.op = {.kind = VAULT_ERASURE_CLOSE}, .erasure = erasure};
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err result;

    r->state = RECEIPT_COMPLETED;
    r->completed_ms = clock_now_ms();
    buf_init(&text, PROOF_DOCUMENT_MAX);
    result = receipt_json(r, e->vault, words, &tree);
    if (result == ERR_OK)
        result = json_write_pretty(tree, &text);
    op.receipt = buf_span(&text);
    if (result == ERR_OK)
        result = erasures_run_op(e, &op.op);
    if (result == ERR_OK)
        note_completed(e, erasure);
    return result;
}

/* Until when a copy of the wrapped key, in a backup say, can be opened: by the rule the root key of
 * this epoch ends then. */
static void set_end(struct erasures *e, struct receipt *r)
{
    struct vault_key_status keys;

    vault_key_status(e->vault, &keys);
    r->epoch = keys.epoch;
    if (period_is_none(&e->key_rotation)) {
        r->end = RECEIPT_END_NO_POLICY;
        return;
    }
    r->unrecoverable_ms = period_add(keys.epoch_began_ms / 1000, &e->key_rotation) * 1000 +
                          keys.epoch_began_ms % 1000;
    r->end = r->unrecoverable_ms > r->acknowledged_ms ? RECEIPT_END_DATED : RECEIPT_END_OVERDUE;
}

/* An erasure that was acknowledged, and what comes of the rest of it. */
struct job {
    struct vault_erasure *erasure;
    const struct receipt_words *words;
    struct receipt *receipt;
    struct working entry;
    enum err result;
};

static enum err sweep_job(struct erasures *e, struct job *job)
{
    const struct vault_erasure *erasure = job->erasure;
    struct receipt *r = job->receipt;
    enum err result;

    memcpy(r->number, erasure->id, VAULT_ID_BYTES);
    memcpy(r->subject, erasure->subject, VAULT_ID_BYTES);
    memcpy(r->ledger_head, erasure->ledger_head, VAULT_HEAD_BYTES);
    r->domain = erasure->domain;
    r->slot = erasure->slot;
    r->ledger_seq = erasure->ledger_seq;
    r->cutoff_ms = erasure->cutoff_ms;
    r->acknowledged_ms = erasure->acknowledged_ms;
    set_end(e, r);
    r->configured = erasures_configuration(e, r->configuration);
    r->failed_step = "kept";
    result = partial_kept(e->vault, erasure, r);
    if (result != ERR_OK)
        return result;
    r->failed_step = "notify";
    result = e->notices == NULL ? ERR_OK : notices_erased(e->notices, erasure);
    if (result != ERR_OK)
        return result;
    FAULT_POINT("erase.noticed");
    r->failed_step = "sweep";
    result = sweep(e, erasure, why_of(job->words), r);
    FAULT_POINT("erase.swept");
    return result;
}

static enum err take_check(const struct check *check, struct receipt *r)
{
    r->failed_step = "truncate";
    r->truncated = check->truncated == ERR_OK;
    if (!r->truncated)
        return check->truncated;
    r->failed_step = "verify";
    if (check->result != ERR_OK)
        return check->result;
    r->verification = check->found;
    if (FAULT_FAILS("erase.verify"))
        r->verification.slot_zero = false;
    r->looked = true;
    return receipt_is_verified(&r->verification) ? ERR_OK : ERR_CORRUPT;
}

/* All that were swept, in one look. */
static void check_jobs(struct erasures *e, struct job *jobs, size_t count)
{
    struct check *checks = mem_alloc((count + 1) * sizeof(*checks));
    size_t waiting = 0, at = 0;

    for (size_t i = 0; i < count; i++) {
        if (jobs[i].result == ERR_OK && is_stopping(e))
            jobs[i].result = ERR_CANCELED;
        if (jobs[i].result == ERR_OK)
            checks[waiting++] = (struct check){.erasure = jobs[i].erasure};
    }
    checks_run(e->checks, e, e->vault, checks, waiting);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].result == ERR_OK)
            jobs[i].result = take_check(&checks[at++], jobs[i].receipt);
    free(checks);
}

static void close_job(struct erasures *e, struct job *job)
{
    struct receipt *r = job->receipt;

    if (job->result == ERR_OK) {
        FAULT_POINT("erase.verified");
        r->failed_step = "close";
        job->result = close_entry(e, job->erasure, job->words, r);
    }
    if (job->result == ERR_OK) {
        r->failed_step = NULL;
        log_event(EV_ERASURE_DONE, F_ID("erasure", r->number, VAULT_ID_BYTES),
                  F_NUM("rows", r->rows));
        return;
    }
    r->failure = job->result;
    r->state = job->result == ERR_CANCELED ? RECEIPT_UNFINISHED : RECEIPT_FAILED;
    if (r->state == RECEIPT_FAILED)
        log_event(EV_ERASURE_FAILED, F_ID("erasure", r->number, VAULT_ID_BYTES),
                  F_LIT("step", r->failed_step), F_LIT("error", err_name(job->result)));
}

/* Everything after the acknowledgement; whatever happens ends in the receipts and in the log. */
static void finish_all(struct erasures *e, struct job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        jobs[i].result = sweep_job(e, &jobs[i]);
    check_jobs(e, jobs, count);
    for (size_t i = 0; i < count; i++)
        close_job(e, &jobs[i]);
}

static void finish(struct erasures *e, struct vault_erasure *erasure,
                   const struct receipt_words *words, struct receipt *r)
{
    struct job job = {.erasure = erasure, .words = words, .receipt = r};

    finish_all(e, &job, 1);
}

/* ---- runs ---- */

static void tell_waiting(const struct vault_erasure *erasure, struct receipt *ret)
{
    *ret = (struct receipt){
        .domain = erasure->domain, .slot = erasure->slot, .cutoff_ms = erasure->cutoff_ms};
    memcpy(ret->number, erasure->id, VAULT_ID_BYTES);
    memcpy(ret->subject, erasure->subject, VAULT_ID_BYTES);
    log_event(EV_ERASURE_HELD, F_ID("erasure", erasure->id, VAULT_ID_BYTES));
}

/* HELD, or BUSY: what waits already would leave something that is meant here. */
static enum err wait_for_hold(struct erasures *e, const struct vault_erasure *erasure,
                              const struct erasure_request *request, struct receipt *ret)
{
    enum err result = waiting_covers(e->vault, erasure->slot, request);

    if (result == ERR_OK)
        tell_waiting(erasure, ret);
    return result == ERR_OK ? ERR_HELD : result;
}

/* Steps 1 and 2, and onto the list; `entry` is the caller's until delist(). */
static enum err begin(struct erasures *e, struct vault_erase *op, struct working *entry)
{
    enum err result = e->notices == NULL ? ERR_OK : notices_plan_erasure(e->notices, op);

    if (result != ERR_OK)
        return result;
    op->op.kind = VAULT_ERASE;
    (void)pthread_mutex_lock(&e->begin);
    result = erasures_run_op(e, &op->op);
    if (result == ERR_OK)
        enlist(e, entry, op->erasure->id);
    (void)pthread_mutex_unlock(&e->begin);
    if (result == ERR_OK)
        log_event(EV_ERASURE_BEGUN, F_ID("erasure", op->erasure->id, VAULT_ID_BYTES),
                  F_NUM("ledger_seq", op->erasure->ledger_seq));
    return result;
}

/* All that comes up to the acknowledgement. Where something stays, it is moved first, and nobody else goes
 * on with that move meanwhile. */
static enum err begin_request(struct erasures *e, const struct erasure_request *request,
                              struct vault_erase *op, struct working *entry)
{
    struct partial *partial = mem_alloc(sizeof(*partial));
    enum err result = waiting_yields(e->vault, request);
    bool moves = false;

    if (result == ERR_OK)
        result = partial_look(e->vault, request, partial);
    moves = result == ERR_OK && partial->moves;

    /* A value that a law keeps, or that is not meant, may have come since: then it is looked again. */
    if (result == ERR_OK && !moves) {
        result = begin(e, op, entry);
        if (result != ERR_CONFLICT) {
            free(partial);
            return result;
        }
        result = partial_look(e->vault, request, partial);
        moves = result == ERR_OK && partial->moves;
    }

    if (moves) {
        (void)pthread_mutex_lock(&e->part);
        result = partial_move(e, partial, request->newer_than_s, op->note);
        FAULT_POINT("erase.parted");
    }
    if (result == ERR_OK || (moves && result == ERR_HELD)) { /* nothing was moved, and it waits */
        result = begin(e, op, entry);
        if (result == ERR_CONFLICT) /* more came meanwhile: not that nothing would go */
            result = ERR_BUSY;
    }
    if (moves)
        (void)pthread_mutex_unlock(&e->part);
    free(partial);
    return result;
}

/* `op` says who; the rest of it is filled in here. request: NULL for the whole of a person. */
static enum err run(struct erasures *e, struct vault_erase op,
                    const struct erasure_request *request, const struct receipt_words *words,
                    struct receipt *ret)
{
    static const struct receipt_words none;
    AUTO(buf_done) struct buf note = {.max = 0};
    struct vault_erasure erasure = {.slot = 0};
    struct receipt receipt = {.state = RECEIPT_FAILED};
    struct working entry;
    enum err result;

    if (words == NULL)
        words = &none;
    op.erasure = &erasure;
    buf_init(&note, VAULT_NOTE_MAX);
    result = note_write(words, request, &note);
    if (result != ERR_OK)
        return result;
    op.note = buf_span(&note);
    result = request == NULL ? begin(e, &op, &entry) : begin_request(e, request, &op, &entry);
    if (result == ERR_HELD)
        result = wait_for_hold(e, &erasure, request, ret);
    if (result != ERR_OK)
        return result;
    finish(e, &erasure, words, &receipt);
    delist(e, &entry);
    vault_erasure_done(&erasure);
    *ret = receipt;
    return ERR_OK;
}

enum err erasure_run(struct erasures *e, uint16_t domain, struct span name,
                     const struct receipt_words *words, struct receipt *ret)
{
    return run(e, (struct vault_erase){.domain = domain, .name = name}, NULL, words, ret);
}

/* The last instant of a second. */
static int64_t cutoff_ms(int64_t newer_than_s)
{
    return newer_than_s == INT64_MAX ? 0 : newer_than_s * 1000 + 999;
}

enum err erasure_run_request(struct erasures *e, const struct erasure_request *request,
                             struct receipt *ret)
{
    const struct vault_erase op = {.slot = request->slot,
                                   .cutoff_ms = cutoff_ms(request->newer_than_s),
                                   .number = request->number,
                                   .scope = &request->scope};

    return run(e, op, request, request->words, ret);
}

enum err erasure_run_slot(struct erasures *e, uint64_t slot, const struct receipt_words *words,
                          struct receipt *ret)
{
    const struct erasure_request request = {
        .slot = slot, .words = words, .newer_than_s = INT64_MAX};

    return erasure_run_request(e, &request, ret);
}

/* Up to the acknowledgement; the request's words are on the job then. */
static enum err begin_job(struct erasures *e, const struct erasure_request *request,
                          struct job *job)
{
    AUTO(buf_done) struct buf note = {.max = 0};
    struct vault_erase op = {.slot = request->slot,
                             .cutoff_ms = cutoff_ms(request->newer_than_s),
                             .number = request->number,
                             .scope = &request->scope,
                             .erasure = job->erasure};
    enum err result;

    buf_init(&note, VAULT_NOTE_MAX);
    result = note_write(job->words, request, &note);
    op.note = buf_span(&note);
    return result == ERR_OK ? begin_request(e, request, &op, &job->entry) : result;
}

void erasure_run_many(struct erasures *e, const struct erasure_request *requests, size_t count,
                      enum err *results, struct receipt *receipts)
{
    static const struct receipt_words none;
    AUTO(mem_free) struct vault_erasure *erasures = mem_alloc((count + 1) * sizeof(*erasures));
    AUTO(mem_free) struct job *jobs = mem_alloc((count + 1) * sizeof(*jobs));
    size_t begun = 0;

    for (size_t i = 0; i < count; i++) {
        struct job *job = &jobs[begun];

        receipts[i] = (struct receipt){.state = RECEIPT_FAILED};
        *job = (struct job){
            .erasure = &erasures[begun],
            .words = requests[i].words == NULL ? &none : requests[i].words,
            .receipt = &receipts[i],
        };
        results[i] = begin_job(e, &requests[i], job);
        if (results[i] == ERR_HELD)
            results[i] = wait_for_hold(e, job->erasure, &requests[i], &receipts[i]);
        begun += results[i] == ERR_OK;
    }
    finish_all(e, jobs, begun);
    for (size_t i = 0; i < begun; i++) {
        delist(e, &jobs[i].entry);
        vault_erasure_done(jobs[i].erasure);
    }
}

/* ---- erasures that are open ---- */

/* Those of the open erasures that nobody works on, enlisted. The arrays are the caller's. */
static enum err take_open(struct erasures *e, struct vault_erasure **ret_list, size_t *ret_count,
                          struct working **ret_entries)
{
    struct vault_erasure *list = NULL;
    struct working *entries;
    size_t count = 0, taken = 0;
    enum err result;

    (void)pthread_mutex_lock(&e->begin);
    result = vault_erasures_open(e->vault, &list, &count);
    if (result != ERR_OK) {
        (void)pthread_mutex_unlock(&e->begin);
        return result;
    }
    entries = mem_try_alloc(count + 1, sizeof(*entries));
    if (entries == NULL) {
        (void)pthread_mutex_unlock(&e->begin);
        for (size_t i = 0; i < count; i++)
            vault_erasure_done(&list[i]);
        free(list);
        return ERR_NO_SPACE;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_listed(e, list[i].id)) {
            vault_erasure_done(&list[i]);
            continue;
        }
        if (taken != i)
            list[taken] = list[i];
        enlist(e, &entries[taken], list[taken].id);
        taken++;
    }
    (void)pthread_mutex_unlock(&e->begin);
    *ret_list = list;
    *ret_count = taken;
    *ret_entries = entries;
    return ERR_OK;
}

/* Has the erasure of this slot been acknowledged, so that the ledger has it open? */
static bool is_acknowledged(struct erasures *e, uint64_t slot)
{
    AUTO(mem_free) struct vault_erasure *list = NULL;
    size_t count = 0;
    bool found = false;

    if (vault_erasures_open(e->vault, &list, &count) != ERR_OK)
        return true; /* not known: nothing is forgotten then */
    for (size_t i = 0; i < count; i++) {
        found = found || list[i].slot == slot;
        vault_erasure_done(&list[i]);
    }
    return found;
}

/* A move that a crash came upon: to its end, and then the erasure that it was made for. */
static enum err resume_part(struct erasures *e, const struct vault_part_open *open,
                            struct erasure_resumed *resumed)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct span note = span_of(open->note, open->note_len);
    const struct receipt_words words = note_words(note, &tree);
    struct vault_erasure erasure = {.slot = open->slot};
    struct vault_erase op = {
        .slot = open->slot, .cutoff_ms = cutoff_ms(open->newer_than_s), .erasure = &erasure};
    struct vault_part_forget forget = {.op = {.kind = VAULT_PART_FORGET}, .slot = open->slot};
    struct receipt receipt = {.state = RECEIPT_FAILED};
    struct partial *partial = mem_alloc(sizeof(*partial));
    struct working entry;
    enum err result;

    op.note = note;
    partial->slot = open->slot;
    result = partial_move(e, partial, open->newer_than_s, SPAN_NONE);
    free(partial);
    if (result == ERR_OK)
        result = begin(e, &op, &entry);
    if (result == ERR_HELD)
        return ERR_OK;           /* it waits, and is carried out when the hold ends */
    if (result == ERR_NOT_FOUND) /* acknowledged, or its person is gone */
        return is_acknowledged(e, open->slot) ? ERR_OK : erasures_run_op(e, &forget.op);
    if (result != ERR_OK)
        return result;
    resumed->found++;
    finish(e, &erasure, &words, &receipt);
    resumed->completed += receipt.state == RECEIPT_COMPLETED;
    delist(e, &entry);
    vault_erasure_done(&erasure);
    return ERR_OK;
}

static enum err resume_parts(struct erasures *e, struct erasure_resumed *resumed)
{
    struct vault_part_open open = {.slot = 0};
    enum err result;

    (void)pthread_mutex_lock(&e->part);
    result = vault_part_next(e->vault, 0, &open);
    while (result == ERR_OK && !is_stopping(e)) {
        const uint64_t slot = open.slot;
        const enum err part = resume_part(e, &open, resumed);

        vault_part_open_done(&open);
        if (part != ERR_OK && part != ERR_CANCELED) {
            /* The others' erasures are not to wait for it. */
            log_event(EV_ERASURE_FAILED, F_LIT("step", "part"), F_LIT("error", err_name(part)));
            resumed->found++;
        }
        result = vault_part_next(e->vault, slot, &open);
    }
    (void)pthread_mutex_unlock(&e->part);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

enum err erasure_resume_all(struct erasures *e, struct erasure_resumed *ret)
{
    AUTO(mem_free) struct vault_erasure *list = NULL;
    AUTO(mem_free) struct working *entries = NULL;
    struct erasure_resumed resumed = {0, 0};
    size_t count = 0;
    enum err result;

    result = resume_parts(e, &resumed);
    if (result == ERR_OK)
        result = take_open(e, &list, &count, &entries);
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; i < count; i++) {
        AUTO(json_free) struct json *note = NULL;
        const struct receipt_words words =
            note_words(span_of(list[i].note, list[i].note_len), &note);
        struct receipt receipt = {.state = RECEIPT_FAILED};

        resumed.found++;
        list[i].acknowledged_ms = clock_now_ms(); /* when it was is not known: by now it is so */
        if (!is_stopping(e)) {
            log_event(EV_ERASURE_RESUMED, F_ID("erasure", list[i].id, VAULT_ID_BYTES),
                      F_NUM("ledger_seq", list[i].ledger_seq));
            finish(e, &list[i], &words, &receipt);
            resumed.completed += receipt.state == RECEIPT_COMPLETED;
        }
        delist(e, &entries[i]);
        vault_erasure_done(&list[i]);
    }
    *ret = resumed;
    return ERR_OK;
}
