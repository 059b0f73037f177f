/* SPDX-License-Identifier: Apache-2.0 */
/* Who looks at the history's clear data: callers, as the proxy reads and records it; and what it refuses. */
#include "tests/history/history.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "vault/holds.h"
#include "vault/notes.h"
#include "vault/uses.h"
#include "vault/watch.h"

/* Records are handed over by the day and waited for together, as those of many requests at once are. */
struct trail {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool awake;
    struct audit_waiter *waiter;
    uint64_t last; /* ticket */
};

static void wake(void *context)
{
    struct trail *t = context;

    (void)pthread_mutex_lock(&t->lock);
    t->awake = true;
    (void)pthread_cond_signal(&t->woken);
    (void)pthread_mutex_unlock(&t->lock);
}

static void begin(struct history *h, struct trail *t)
{
    REQUIRE(pthread_mutex_init(&t->lock, NULL) == 0 && pthread_cond_init(&t->woken, NULL) == 0);
    t->waiter = audit_waiter_new(vault_audit(h->vault), wake, t);
}

static void put(struct trail *t, const struct audit_record *record)
{
    REQUIRE(audit_submit(t->waiter, record, &t->last) == ERR_OK);
}

static void settle(struct trail *t)
{
    struct audit_settled settled = {.through = 0};

    audit_flush(t->waiter);
    while (settled.through < t->last) {
        (void)pthread_mutex_lock(&t->lock);
        while (!t->awake)
            (void)pthread_cond_wait(&t->woken, &t->lock);
        t->awake = false;
        (void)pthread_mutex_unlock(&t->lock);
        audit_settled(t->waiter, &settled);
        REQUIRE(settled.failed_from == 0);
    }
    audit_waiter_free(&t->waiter);
    (void)pthread_cond_destroy(&t->woken);
    (void)pthread_mutex_destroy(&t->lock);
}

enum { LATELY_DAYS = 30, PEOPLE_AT_ONCE = 3 };

static const struct looker {
    const char *who, *purpose;
    size_t token; /* which of a person's */
    bool masked;
    unsigned a_day, a_day_lately;
} lookers[] = {
    {"desk", "support", 0, false, 4, 4},
    {"desk", "support", 1, false, 2, 2},
    {"shop", "account", 0, true, 5, 6},
    {"mailer", "marketing", 2, false, 2, 24}, /* grows */
};

static bool is_lately(const struct history *h, int64_t day)
{
    return day + LATELY_DAYS > h->end_s / 86400;
}

/* One value of one person, if it may be shown. */
static void look_at(struct history *h, const struct looker *l, const struct person *p,
                    struct notes *notes)
{
    const struct vault_scope scope = {.domain = VAULT_DOMAIN_DEFAULT,
                                      .purpose = vault_purpose_id(h->vault, span_str(l->purpose))};
    const struct token_text *token = &p->tokens[l->token];
    AUTO(buf_done) struct buf out = {.max = 0};
    struct vault_value value;
    enum err e;

    buf_init_secret(&out, 4096);
    e = vault_reveal_as(h->reader, &scope, span_of(token->bytes, token->len), &out, &value);
    if (e != ERR_OK)
        return; /* it has ended, or is restricted: the proxy leaves the token */
    vault_use(h->reader, &value);
    REQUIRE(notes_add(notes, h->reader, value.slot, value.class_id,
                      l->masked ? NOTE_MASK : NOTE_VALUE) == ERR_OK);
}

static void look(struct history *h, const struct looker *l, int64_t day, struct trail *t)
{
    AUTO(notes_done) struct notes notes = {.count = 0};
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_CALLER,
                                  .who = span_str(l->who),
                                  .purpose = span_str(l->purpose),
                                  .route = SPAN_LIT("/users/{id}")};

    REQUIRE(vault_read_begin(h->reader) == ERR_OK);
    for (size_t i = 0; i < PEOPLE_AT_ONCE; i++) {
        const struct person *p = history_somebody(h);

        if (p != NULL && p->tokens[l->token].len > 0)
            look_at(h, l, p, &notes);
    }
    vault_read_end(h->reader);
    record.entries = notes_entries(&notes);
    record.entry_count = notes.count;
    put(t, &record);
    h->account.shown += notes.values;
    h->account.masked += notes.masks;
    if (is_lately(h, day)) {
        h->account.shown_lately += notes.values;
        h->account.masked_lately += notes.masks;
    }
}

static void refuse(struct history *h, int64_t day, struct trail *t)
{
    const struct audit_record record = {.action = AUDIT_REVEAL,
                                        .outcome = AUDIT_REFUSED,
                                        .role = AUDIT_CALLER,
                                        .who = SPAN_LIT("shop"),
                                        .purpose = SPAN_LIT("marketing"),
                                        .error = SPAN_LIT("DENIED")};

    put(t, &record);
    h->account.refused++;
    h->account.refused_lately += is_lately(h, day);
}

void history_looks(struct history *h, int64_t day)
{
    struct trail t = {.last = 0};

    begin(h, &t);
    for (size_t i = 0; i < COUNT_OF(lookers); i++) {
        const unsigned count = is_lately(h, day) ? lookers[i].a_day_lately : lookers[i].a_day;

        for (size_t n = 0; n < count * history_crowds(h); n++)
            look(h, &lookers[i], day, &t);
    }
    if (history_chance(h, 20))
        refuse(h, day, &t);
    settle(&t);
}

/* A caller asks for a made-up person: it is suspended, and there is an incident. */
void history_incident(struct history *h, int64_t day)
{
    struct vault_incident incident = {.at_ms = h->now_s * 1000, .kind = "honeytoken"};
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}, .incident = &incident};
    const char *who = h->account.incidents == 0 ? "shop" : "mailer";
    const struct audit_record record = {.action = AUDIT_INCIDENT,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_CALLER,
                                        .who = span_str(who),
                                        .object = SPAN_LIT("honeytoken")};

    (void)history_do(h, ERR_OK,
                     "{\"op\":\"honeytoken.create\",\"class\":\"note\",\"value\":\"bait %lld\"}",
                     (long long)day);
    h->account.created[NOTE]++;
    memcpy(incident.caller, who, strlen(who));
    REQUIRE(vault_run(h->vault, &op.op) == ERR_OK);
    REQUIRE(audit_write(vault_audit(h->vault), &record) == ERR_OK);
    if (h->account.incidents == 0)
        (void)history_do(h, ERR_OK, "{\"op\":\"caller.restore\",\"caller\":\"shop\"}");
    h->account.incidents++;
}
