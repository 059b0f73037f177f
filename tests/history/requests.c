/* SPDX-License-Identifier: Apache-2.0 */
/* The history's requests: each goes its way a step every few days; what comes late in the history is still under way
 * when it ends. */
#include "tests/history/history.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

enum { STEPS_MAX = 10 };

/* What is done with a request of a kind, one after the other; the day is counted from the receipt. */
struct step {
    int after;
    const char *action;
    const char *with;
};

static const struct way {
    const char *rights;
    struct step steps[STEPS_MAX];
} ways[] = {
    {"[\"access\"]",
     {{1, "verify-identity", "\"method\":\"login\""},
      {3, "scope", ""},
      {5, "approve", "\"by\":\"A. Approver\""},
      {6, "execute", "\"right\":\"access\",\"reference\":\"letter\""},
      {9, "answer", "\"channel\":\"letter\",\"template\":\"own:letter\""},
      {30, "close", ""}}},
    {"[\"erasure\"]",
     {{2, "ask-identity", "\"channel\":\"email\",\"reason\":\"another address\""},
      {6, "verify-identity", "\"method\":\"reply\""},
      {9, "scope", ""},
      {12, "approve", "\"by\":\"A. Approver\""},
      {14, "execute", ""},
      {18, "answer", "\"channel\":\"email\",\"template\":\"own:letter\""},
      {40, "close", "\"reason\":\"done\""}}},
    {"[\"erasure\",\"access\"]",
     {{4, "verify-identity", "\"method\":\"call_back\""},
      {8, "scope", ""},
      {11, "extend", "\"reason\":\"complexity\",\"channel\":\"letter\",\"by\":\"A. Approver\""},
      {60, "refuse", "\"reason\":\"excessive\",\"by\":\"A. Approver\",\"reasoning\":\"file 7\""},
      {70, "answer", "\"channel\":\"letter\",\"template\":\"own:letter\""},
      {80, "close", ""}}},
    {"[\"rectification\"]", {{3, "withdraw", "\"channel\":\"phone\""}, {5, "close", ""}}},
    {"[\"objection\"]",
     {{1, "verify-identity", "\"method\":\"portal\""},
      {2, "scope", ""},
      {7, "approve", "\"by\":\"A. Approver\""},
      {8, "execute", "\"right\":\"objection\",\"reference\":\"stopped\""},
      {12, "answer", "\"channel\":\"email\",\"template\":\"own:letter\""}}},
    {"[\"portability\",\"access\"]", {{2, "acknowledge", "\"channel\":\"email\""}}}, /* forgotten */
};

/* Nobody was found by what the request names: Art. 11(2). */
static const struct way unknown = {
    NULL,
    {{2, "refuse", "\"reason\":\"not_identifiable\""},
     {5, "answer", "\"channel\":\"letter\",\"template\":\"own:letter\""},
     {9, "close", ""}}};

struct asked {
    uint64_t number;
    int64_t day;
    const struct way *way;
    size_t step;
    struct person *person;
    bool ended;
};

enum { ASKED_MAX = 1 << 16, ERASING_MAX = 100 /* requests that end in an erasure, of very many */ };

static bool erases(const struct way *way)
{
    return way == &ways[1];
}

void history_request_new(struct history *h, int64_t day)
{
    AUTO(json_free) struct json *view = NULL;
    struct person *p = history_somebody(h);
    const size_t last = COUNT_OF(ways) - 1;
    /* Nobody is forgotten but in the last weeks, and the first of these is: past due when the history ends, however
     * long its months are. */
    size_t kind = day + 60 > h->end_s / 86400 && (!h->forgot || history_chance(h, 40))
                      ? last
                      : (size_t)history_draw(h, last);
    bool known;

    if (h->asked == NULL)
        h->asked = mem_alloc(ASKED_MAX * sizeof(*h->asked));
    if (p == NULL || h->asked_count == ASKED_MAX)
        return;
    if (erases(&ways[kind]) && h->erasing++ >= ERASING_MAX)
        kind = 0;
    view = history_ask(h, ERR_NOT_FOUND,
                       "{\"op\":\"request.add\",\"subject\":\"%s\",\"with\":{\"rights\":%s,"
                       "\"channel\":\"email\",\"owner\":%s,\"agent\":%s,\"external\":\"T-%zu\"}}",
                       p->name, ways[kind].rights, history_quoted(history_label(h)),
                       history_quoted(history_label(h)), h->asked_count);
    if (view == NULL)
        return;
    known = json_kind(json_get(view, "subject")) == JSON_TEXT;
    h->forgot = h->forgot || (known && kind == last);
    h->asked[h->asked_count++] =
        (struct asked){.number = (uint64_t)json_int_of(json_get(view, "number"), 0),
                       .day = day,
                       .way = known ? &ways[kind] : &unknown,
                       .person = p};
    h->account.requests++;
}

static void take_step(struct history *h, struct asked *a)
{
    const struct step *s = &a->way->steps[a->step];
    const bool erased = strcmp(s->action, "execute") == 0 && erases(a->way);
    AUTO(json_free) struct json *view = NULL;
    const struct json *kept;

    view = history_ask(h, ERR_CONFLICT,
                       "{\"op\":\"request.act\",\"number\":%" PRIu64
                       ",\"action\":\"%s\",\"with\":{%s}}",
                       a->number, s->action, s->with);
    if (view == NULL) {
        a->ended = true; /* a hold, or an end by itself, came between: it stays where it is */
        return;
    }
    a->step++;
    h->account.answered += strcmp(s->action, "answer") == 0;
    kept = json_get(json_at(json_get(view, "rights"), 0), "receipt");
    a->person->gone = a->person->gone || (erased && json_kind(kept) == JSON_TEXT);
}

void history_requests_go_on(struct history *h, int64_t day)
{
    for (size_t i = 0; i < h->asked_count; i++) {
        struct asked *a = &h->asked[i];

        while (!a->ended && a->step < STEPS_MAX && a->way->steps[a->step].action != NULL &&
               day - a->day >= a->way->steps[a->step].after)
            take_step(h, a);
    }
}
