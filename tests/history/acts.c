/* SPDX-License-Identifier: Apache-2.0 */
/* What the history's operators and its sweeper do. */
#include "tests/history/history.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/mem.h"
#include "retention/sweeper.h"
#include "vault/purges.h"

/* ---- holds, restrictions, objections ---- */

static void hold(struct history *h, int64_t day, bool may_be_wide)
{
    const int64_t review = day + 60 + (int64_t)history_draw(h, 300);
    const bool of_class = may_be_wide && history_chance(h, 10);
    const struct person *p = history_somebody(h);
    char whose[96];

    if (p == NULL)
        return;
    (void)snprintf(whose, sizeof(whose), "\"subject\":\"%s\"", p->name);
    if (history_do(h, ERR_NOT_FOUND,
                   "{\"op\":\"hold.add\",%s,\"ground\":%s,\"owner\":%s,\"review\":\"%s\"}",
                   of_class ? "\"of_class\":\"health\"" : whose, history_quoted(history_label(h)),
                   history_quoted(history_label(h)), history_date(review)))
        h->account.holds++;
}

static void lift(struct history *h)
{
    if (h->account.holds > 0 &&
        history_do(h, ERR_CONFLICT, "{\"op\":\"hold.lift\",\"number\":%" PRIu64 ",\"reason\":%s}",
                   1 + history_draw(h, h->account.holds), history_quoted(history_label(h))))
        h->account.lifted++;
}

static void bad_label(struct history *h, int64_t day)
{
    if (!history_do(h, ERR_INVALID,
                    "{\"op\":\"hold.add\",\"of_class\":\"health\",\"ground\":%s,\"owner\":\"x\","
                    "\"review\":\"%s\"}",
                    history_quoted(history_bad_label(h)), history_date(day + 100)))
        h->account.refused_labels++;
    else
        history_fail("a label that steers a terminal was taken");
}

static void restrict_somebody(struct history *h)
{
    const struct person *p = history_somebody(h);

    if (p != NULL &&
        history_do(h, ERR_NOT_FOUND,
                   "{\"op\":\"subject.restrict\",\"subject\":\"%s\",\"ground\":\"a\"}", p->name))
        h->account.restrictions++;
}

static void object(struct history *h)
{
    struct person *p = history_somebody(h);

    if (p != NULL && !p->objects &&
        history_do(h, ERR_NOT_FOUND,
                   "{\"op\":\"subject.object\",\"subject\":\"%s\",\"purpose\":\"marketing\"}",
                   p->name))
        p->objects = true;
}

void history_holds(struct history *h, int64_t day)
{
    const size_t times = history_crowds(h);

    for (size_t i = 0; i < times; i++) {
        if (day % 23 == 0)
            hold(h, day, i == 0);
        if (day % 61 == 0)
            lift(h);
        if (day % 53 == 0)
            restrict_somebody(h);
        if (day % 41 == 0)
            object(h);
    }
    if (day % 97 == 0)
        bad_label(h, day);
}

/* ---- erasures ---- */

/* Recipients without an address are told by hand: of most it is said so. */
static void tell_recipients(struct history *h)
{
    AUTO(json_free)
    struct json *answer = history_ask(h, ERR_OK, "{\"op\":\"notice.list\",\"state\":\"open\"}");
    const struct json *list = json_get(answer, "notices");

    for (size_t i = 0; i < json_count(list); i++)
        if (history_chance(h, 80) &&
            history_do(h, ERR_CONFLICT,
                       "{\"op\":\"notice.done\",\"number\":%" PRId64 ",\"how\":%s}",
                       json_int_of(json_get(json_at(list, i), "number"), 0),
                       history_quoted(history_label(h))))
            h->account.notices_done++;
}

/* Invoices stay by their statutory minimum; of some addresses it is said why they stay. */
void history_erase(struct history *h)
{
    AUTO(json_free) struct json *receipt = NULL;
    struct person *p = history_somebody(h);
    char except[256] = "";

    if (p == NULL)
        return;
    if (history_chance(h, 30))
        (void)snprintf(except, sizeof(except),
                       ",\"except\":[{\"class\":\"address\",\"code\":\"e\",\"law\":%s,"
                       "\"until\":\"%s\"}]",
                       history_quoted("ZPO <i>"), history_date(h->end_s / 86400 + 200));
    receipt = history_ask(h, ERR_NOT_FOUND,
                          "{\"op\":\"subject.erase\",\"subject\":\"%s\",\"ground\":\"b\","
                          "\"reason\":%s,\"reference\":%s%s}",
                          p->name, history_quoted(history_label(h)),
                          history_quoted(history_label(h)), except);
    if (receipt == NULL || json_get(receipt, "scope") == NULL)
        return; /* gone by itself, or it waits for a hold */
    p->gone = true;
    tell_recipients(h);
}

/* ---- the sweeper ---- */

/* Rules that have changed make more due than was foreseen: an operator has looked. */
static void resume(struct history *h)
{
    for (size_t i = 0; i < HISTORY_CLASSES; i++)
        if (vault_purge_is_paused(h->vault,
                                  vault_class_id(h->vault, &vault_classes(h->vault)->defs[i])))
            (void)history_do(h, ERR_OK, "{\"op\":\"retention.resume\",\"class\":\"%s\"}",
                             history_classes[i]);
}

void history_sweep(struct history *h, int64_t day)
{
    const bool fails = day % 301 == 0;
    const struct sweeper_options o = {.vault = h->vault,
                                      .classes = vault_classes(h->vault),
                                      .now_s = vault_now_s(h->vault),
                                      .breaker = &h->settings.breaker,
                                      .runs = h->runs};
    struct sweeper_counts counts;
    enum err e;

    fault_test_set(fails ? "purge.fail!1" : NULL, NULL);
    e = sweeper_pass(&o, &counts);
    fault_test_set(NULL, NULL);
    if (e != ERR_OK && !fails)
        history_fail("a sweep failed: %s", err_name(e));
    h->account.sweeps++;
    h->account.failed_sweeps += e != ERR_OK;
    h->account.swept += counts.purged;
    if (counts.tripped > 0)
        resume(h);
}

/* Far more visits are due than was foreseen: nobody destroys them before somebody has looked. */
void history_pause(struct history *h)
{
    const struct vault_purge_pause pause = {
        .class_id = vault_class_id(h->vault, &vault_classes(h->vault)->defs[VISIT]),
        .why = VAULT_PURGE_UNFORESEEN,
        .at_ms = h->now_s * 1000,
        .due = 900,
        .forecast = 90};
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}, .pause = &pause};

    REQUIRE(vault_run(h->vault, &op.op) == ERR_OK);
}
