/* SPDX-License-Identifier: Apache-2.0 */
/* The vault's figures for monitoring.
 * Runs on: the reader's thread. Holds: nothing. Invariant: labels are names from the configuration.
 * Not here: how they are kept (tally.c), how they are written (base/metrics.h). */
#include "base/metrics.h"

#include "vault/audit.h"
#include "vault/holds.h"
#include "vault/purges_priv.h"
#include "vault/watch.h"
#include "vault/writer_priv.h"

/* Classes with their figures, read under one transaction. */
struct figures {
    size_t count;
    struct {
        const char *name;
        struct vault_class_stats stats;
    } at[CLASSES_MAX];
    uint64_t subjects;
    struct vault_holds_figures holds;
};

static enum err read_figures(struct vault_reader *r, struct figures *f)
{
    const struct classes *classes = r->v->classes;
    const int64_t now_s = vault_now_s(r->v);
    enum err e = vault_read_begin(r);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < classes->count && i < CLASSES_MAX; i++) {
        f->at[i].name = classes->defs[i].name;
        f->count = i + 1;
        e = vault_read_stats(r, vault_class_id(r->v, &classes->defs[i]), now_s, &f->at[i].stats);
    }
    if (e == ERR_OK)
        e = vault_read_subject_count(r, &f->subjects);
    if (e == ERR_OK)
        e = vault_read_holds_figures(r, &f->holds);
    vault_read_end(r);
    return e;
}

/* Members of the figures, a family each. */
static const struct family {
    const char *name;
    const char *type;
    const char *help;
    size_t offset; /* of a uint64_t in struct vault_class_stats */
    bool typed;    /* of classes with a token space only */
} families[] = {
    {"lethe_tokens_created_total", "counter", "Values stored, ever.",
     offsetof(struct vault_class_stats, created), false},
    {"lethe_values", "gauge", "Values kept now.", offsetof(struct vault_class_stats, items), false},
    {"lethe_values_overdue", "gauge", "Values kept whose time is over.",
     offsetof(struct vault_class_stats, overdue), false},
    {"lethe_values_expired_total", "counter", "Values destroyed since their time was over, ever.",
     offsetof(struct vault_class_stats, purged_timer), false},
    {"lethe_values_erased_total", "counter", "Values destroyed by erasures, ever.",
     offsetof(struct vault_class_stats, purged_erasure), false},
    {"lethe_token_space_used", "gauge", "Tokens of a typed class that are given out.",
     offsetof(struct vault_class_stats, used), true},
    {"lethe_token_space_capacity", "gauge", "Tokens that a typed class has.",
     offsetof(struct vault_class_stats, capacity), true},
    {"lethe_token_space_exhausted", "gauge", "Shapes of values that have no token left.",
     offsetof(struct vault_class_stats, exhausted), true},
};

static void write_figures(const struct figures *f, struct metrics *m)
{
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        metrics_family(m, families[i].name, families[i].type, families[i].help);
        for (size_t j = 0; j < f->count; j++) {
            const struct metric_label labels[] = {{"class", span_str(f->at[j].name)},
                                                  {NULL, SPAN_NONE}};
            uint64_t value;

            memcpy(&value, (const char *)&f->at[j].stats + families[i].offset, sizeof(value));
            if (!families[i].typed || f->at[j].stats.capacity > 0)
                metrics_count(m, labels, value);
        }
    }
    metrics_one(m, "lethe_subjects", "gauge", "Persons with a key.", (double)f->subjects);
    metrics_one(m, "lethe_holds", "gauge", "Legal holds in force.", (double)f->holds.holds);
    metrics_one(m, "lethe_restricted_subjects", "gauge",
                "Persons whose data is not shown (Art. 18).", (double)f->holds.restricted);
    metrics_one(m, "lethe_erasures_waiting", "gauge", "Erasures that wait for a hold to end.",
                (double)f->holds.waiting);
    metrics_one(m, "lethe_objections", "gauge", "Objections to a purpose in force (Art. 21).",
                (double)f->holds.objections);
}

static void write_purges(const struct vault *v, struct metrics *m)
{
    const struct classes *classes = v->classes;

    metrics_family(m, "lethe_sweep_paused", "gauge",
                   "1: far more was due than foreseen, the class is not purged.");
    for (size_t i = 0; i < classes->count; i++) {
        const struct metric_label labels[] = {{"class", span_str(classes->defs[i].name)},
                                              {NULL, SPAN_NONE}};

        metrics_count(m, labels, vault_purge_is_paused(v, vault_class_id(v, &classes->defs[i])));
    }
    metrics_family(m, "lethe_sweep_delay_seconds", "histogram",
                   "How long values were kept beyond their time, those destroyed since the start.");
    metrics_histogram(m, &vault__delay_scale, &v->meters.delays);
}

static void write_keys(const struct vault *v, struct metrics *m)
{
    struct vault_key_status keys;

    vault_key_status(v, &keys);
    metrics_one(m, "lethe_key_epoch", "gauge", "Version of the root key.", keys.epoch);
    metrics_one(m, "lethe_key_epoch_start_time_seconds", "gauge", "Since when it is in use.",
                (double)keys.epoch_began_ms / 1000);
    metrics_one(m, "lethe_key_slots", "gauge", "Key slots given out.", (double)keys.slots);
    metrics_one(m, "lethe_key_slots_rewrapped", "gauge",
                "Key slots that do not need the old root key.", (double)keys.rewrapped);
}

static void write_writer(struct vault *v, struct metrics *m)
{
    struct writer *w = v->writer;
    size_t queued;

    (void)pthread_mutex_lock(&w->lock);
    queued = w->queued;
    (void)pthread_mutex_unlock(&w->lock);
    metrics_one(m, "lethe_writer_queue", "gauge", "Operations waiting for the writer.",
                (double)queued);
    metrics_family(m, "lethe_commit_duration_seconds", "histogram",
                   "How long a group's commit took, sync included.");
    metrics_histogram(m, &histogram_durations, &v->meters.commits);
    metrics_family(m, "lethe_commit_group_operations", "histogram", "Operations in one commit.");
    metrics_histogram(m, &histogram_sizes, &v->meters.groups);
    metrics_one(m, "lethe_writer_failures_total", "counter", "Operations that failed.",
                (double)counter_read(&v->meters.failures));
    metrics_one(m, "lethe_erasures_total", "counter", "Erasures acknowledged.",
                (double)counter_read(&v->meters.erasures));
    metrics_one(m, "lethe_checkpoints_total", "counter", "Checkpoints in the background.",
                (double)counter_read(&v->meters.checkpoints));
    metrics_one(m, "lethe_log_pages", "gauge", "Pages in the write-ahead log.",
                (double)counter_read(&v->meters.log_pages));
}

static void write_audit(struct vault *v, struct metrics *m)
{
    struct audit_figures f;

    audit_figures(vault_audit(v), &f);
    metrics_one(m, "lethe_audit_records_total", "counter", "Records of the audit trail written.",
                (double)f.records);
    metrics_one(m, "lethe_audit_failures_total", "counter",
                "Records of the audit trail that could not be written.", (double)f.failures);
    metrics_one(m, "lethe_audit_heads_total", "counter", "Heads of the audit trail signed.",
                (double)f.heads);
    metrics_one(m, "lethe_audit_heads_lost_total", "counter",
                "... of these: that could not be sent elsewhere.", (double)f.heads_lost);
    metrics_one(m, "lethe_audit_unsigned_records", "gauge", "Records since the last signed head.",
                (double)f.unsigned_records);
    metrics_one(m, "lethe_audit_segment", "gauge",
                "Number of the segment of the audit trail that is written; 0: none yet.",
                (double)f.segment);
    metrics_one(m, "lethe_audit_head_time_seconds", "gauge",
                "When the last head was signed; 0: none yet.", (double)f.head_ms / 1000);
}

void vault_metrics(struct vault_reader *r, struct metrics *m)
{
    struct figures *f = mem_alloc(sizeof(*f));
    struct vault *v = r->v;

    metrics_one(m, "lethe_ready", "gauge", "1: tokens are made and revealed.",
                vault_may_serve(v) == ERR_OK);
    metrics_one(m, "lethe_sealed", "gauge", "1: the keys are wiped, requests get 503.",
                vault_is_sealed(v));
    metrics_one(m, "lethe_clock_believed", "gauge", "0: the clock was set back or leapt.",
                vault_clock(v) == VAULT_CLOCK_RIGHT);
    metrics_one(m, "lethe_incidents_open", "gauge", "Incidents nobody has closed.",
                (double)vault_incidents_open(v));
    metrics_one(m, "lethe_callers_suspended", "gauge", "Callers that are refused until restored.",
                (double)vault_callers_suspended(v));
    write_writer(v, m);
    write_keys(v, m);
    write_purges(v, m);
    write_audit(v, m);
    if (read_figures(r, f) == ERR_OK)
        write_figures(f, m);
    free(f);
}
