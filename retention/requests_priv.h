/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the requests register share. A request is a record of the vault (vault/records.h):
 *
 *   state   enum request_state
 *   due_ms  when it is past due, if nothing pauses it; 0 once it is answered
 *   key     the number in the controller's own system
 *   body    {"regime": {"name", "version"}, "zone", "holidays", "received", "received_date", "channel",
 *            "external", "agent", "owner", "subject", "domain",
 *            "rights": [{"right", "outcome", "ground", "reason", "law", "by", "reasoning", "reference",
 *                        "done", "receipt", "kept", "exports": [{"number", "format", "expires"}], "purposes",
 *                        "number", "lifted", "told": {"channel", "date"}, "corrected"}],
 *            "lookups": [{"by", "domain", "found", "date"}],
 *            "identity": {"doubt", "asked", "channel", "pauses", "method", "confirmed"},
 *            "paused_days", "dates": {"confirm", "raw", "legal", "due", "first", "target"},
 *            "acknowledged": {...}, "extension": {...}, "fee": {...}, "scope": {"classes", "kept", "purposes", "ground"},
 *            "approvals": [{"by", "who", "date"}], "executing", "failure", "executed",
 *            "waiting", "restriction": {"number", "set", "lifted"}, "backups_until", "withdrawn": {...}, "closed_although",
 *            "recipients": {...}, "answer": {...}, "complaints": [...], "decision",
 *            "history": [{"at", "who", "action", "from", "to"}]} */
#pragma once

#include <pthread.h>

#include "base/civil.h"
#include "retention/requests.h"
#include "vault/records.h"

enum {
    REQUEST_TEXT_MAX = 256,
    REQUEST_HISTORY_MAX = 300,
    REQUEST_KEPT_MAX = 100,
    REQUEST_PURPOSES_MAX = 64,
    REQUEST_EXPORTS_MAX = 20,
};

struct settings_list {
    struct settings_list *next; /* those of before: somebody may still use them */
    struct request_settings settings;
};

struct working_request {
    uint64_t number;
    struct working_request *next;
};

struct requests {
    struct vault *vault;
    struct erasures *erasures;
    struct exports *exports; /* NULL: none are made */
    pthread_mutex_t lock;    /* over the rest */
    struct settings_list *settings;
    struct working_request *working; /* being executed */
    int64_t counted_day;             /* erasures begun on that day */
    int64_t counted;
};

/* One request at work. */
struct request_case {
    struct requests *r;
    const struct request_settings *settings;
    const struct request_ask *ask;
    int64_t now_ms;
    struct civil today;
    struct vault_record record; /* its body is `body` */
    struct json *body;
    enum request_state next; /* where the action leads */
};

void request__case_done(struct request_case *c);
/* A case without a record: settings, time. */
void request__begin(struct requests *r, const struct request_ask *ask, struct request_case *ret);
/* The case of a record, whose body is borrowed. CORRUPT. */
enum err request__take_record(struct request_case *c, const struct vault_record *record) MUST_CHECK;
/* NOT_FOUND with a message. */
enum err request__load(struct requests *r, uint64_t number, const struct request_ask *ask,
                       struct request_case *ret, struct errmsg *msg) MUST_CHECK;
/* Enter what happened in the history, take the next state, and make it durable. */
enum err request__save(struct request_case *c, const char *action, struct errmsg *msg) MUST_CHECK;

/* ---- members of what an operator says (request_members.c); INVALID, TOO_LARGE with a message ---- */

/* No member but these; NULL ends them. */
enum err request__only(const struct json *args, const char *const known[], struct errmsg *msg)
    MUST_CHECK;

/* A text of one line, REQUEST_TEXT_MAX at most; "" when it is absent or null. */
enum err request__text(const struct request_case *c, const char *name, const char **ret,
                       struct errmsg *msg) MUST_CHECK;
/* "date": not before the request, not in the future; today when it is absent. */
enum err request__date(const struct request_case *c, struct civil *ret, struct errmsg *msg)
    MUST_CHECK;
/* One of a list of words that NULL ends. */
enum err request__one_of(const struct request_case *c, const char *name, const char *const words[],
                         const char **ret, struct errmsg *msg) MUST_CHECK;
extern const char *const request__channels[];

void request__set_date(struct json *map, const char *name, struct civil date);
/* Text, or null when it is empty. */
void request__set_text(struct json *map, const char *name, const char *text);
/* False when it is absent or no date. */
bool request__get_date(const struct json *map, const char *name, struct civil *ret);

/* ---- rights ---- */

struct json *request__right(const struct json *body,
                            enum request_right right); /* NULL: not asked */
bool request__is_pending(const struct json *right);
/* What is kept under Art. 17(3): as the receipt says, before as the scope does. A list; NULL: nothing. */
const struct json *request__kept(const struct json *body);
/* How many rights are still undecided or not carried out. */
size_t request__pending(const struct json *body);
/* "granted", "partly", "refused", ...: of all rights together. */
const char *request__decision(const struct json *body);

/* ---- the clock (request_clock.c) ---- */

struct request_clock {
    struct deadline_dates dates;
    int paused_days;
    bool paused_now;
    bool confirm_open; /* the regime wants a confirmation, and none was given */
    bool answered;
    struct civil answered_on;
    struct civil due;                /* the earliest date that is still open */
    enum deadline_standing standing; /* of an answered one: PAST when the answer came late */
};

/* What it depends on, of a body. */
struct request_facts {
    const struct regime *regime;
    struct civil received;
    int64_t paused_days;
    bool asking; /* for identity, since `asked` */
    struct civil asked;
    bool pauses; /* while identity is asked for */
    bool extended, acknowledged, answered;
    struct civil answered_on;
    unsigned noted; /* which of `dates` are, by their order in the body */
    struct deadline_dates dates;
};

/* Take the member of "dates" of that name, whatever it says; false: there is none called so. */
bool request__take_noted(struct request_facts *facts, struct span name, struct span date);
void request__clock_of(const struct request_facts *facts, const struct request_settings *settings,
                       struct civil today, struct request_clock *ret);
/* Can a stored body's dates be reckoned? Of one that was damaged they cannot. */
bool request__has_clock(const struct json *body);
/* Reckon the dates anew, with the holidays of today's configuration, and note them. */
void request__reckon(struct request_case *c);
void request__clock(const struct request_case *c, struct request_clock *ret);
/* When it is past due, for the record; 0 for what is no longer open. */
int64_t request__due_ms(const struct request_case *c, enum request_state state);

/* ---- what is counted (request_gist.c) ---- */

/* As of `now`, a case without a record. CORRUPT. */
enum err request__gist(const struct request_case *now, enum request_state state, struct span body,
                       struct request_gist *ret) MUST_CHECK;

/* ---- those whose clock runs (request_running.c) ---- */

int64_t request__days_left(const struct request_case *c, const struct request_clock *clock);
/* Every request that is not answered and has `days` days left or fewer (INT64_MAX: all), those first that are due
 * first, paused ones by the date that they would have else; any error ends the walk and comes back. */
typedef enum err (*request_running_fn)(const struct request_case *c,
                                       const struct request_clock *clock, void *context);
enum err request__running_each(struct requests *r, int64_t days, request_running_fn fn,
                               void *context) MUST_CHECK;
/* How many of them are due soon, and past due. */
enum err request__running_count(struct requests *r, struct vault_records *records,
                                uint64_t *ret_soon, uint64_t *ret_past) MUST_CHECK;
/* {"number", "id", "rights", "state", "standing", "owner", "received", "target", "legal", "extended", "due",
 * "days_left", "paused"}: what is shown of one. legal: without an extension; extended: with it, or null; due: the
 * date that is counted on. */
struct json *request__running_row(const struct request_case *c, const struct request_clock *clock);

/* ---- what an action does (request_steps.c) ---- */

typedef enum err (*request_step_fn)(struct request_case *c, struct errmsg *msg);
/* NULL: nothing but the change of state. */
request_step_fn request__step(enum request_action action);
/* Note what came of looking for the person. */
enum err request__take_finding(struct request_case *c, struct errmsg *msg) MUST_CHECK;

/* ---- restriction (request_restrict.c) ---- */

/* Restrict the person if the request is one that does, and this one has not done so. */
enum err request__restrict(struct request_case *c, struct errmsg *msg) MUST_CHECK;
/* Lift it again, unless another request wants the person restricted, or it is what was asked for and granted.
 * told: when the person was told. */
enum err request__unrestrict(struct request_case *c, struct civil told, struct errmsg *msg)
    MUST_CHECK;

/* Lift one restriction that the map names ("number"), and note that in it ("lifted"). Again: nothing more. */
enum err request__lift(struct request_case *c, struct json *map, struct civil told,
                       struct errmsg *msg) MUST_CHECK;

/* ---- rights but erasure (request_rights.c) ---- */

/* What was done for a right. */
struct request_deed {
    enum request_right right;
    const char *reference; /* of what was done elsewhere; NULL */
    bool has_receipt;
    char receipt[2 * VAULT_ID_BYTES + 1];
    struct json *document; /* the receipt, if the erasure is completed; owned */
    struct json *details;  /* a map: what the right is to say besides; owned, NULL: nothing */
    bool goes_on;          /* there is more to come of it: it stays pending */
    const char *failure;   /* NULL: it is done */
};

void request__deed_done(struct request_deed *deed);
/* Is all there that carrying this right out needs? Changes nothing. INVALID, CONFLICT with a message. */
enum err request__may_carry_out(const struct request_case *c, enum request_right right,
                                struct errmsg *msg) MUST_CHECK;
/* Carry it out; again: nothing more happens. What cannot be, and not by trying again, is deed->failure and OK
 * with the message that says why. */
enum err request__carry_out(const struct request_case *c, enum request_right right,
                            struct request_deed *deed, struct errmsg *msg) MUST_CHECK;
/* Another export for a right that was granted, in the place of a link that nobody has used. */
enum err request__export_again(struct request_case *c, struct json *right, struct errmsg *msg)
    MUST_CHECK;
/* Does the person have a link that still gives something? */
enum err request__is_awaited(const struct request_case *c, bool *ret) MUST_CHECK;
/* The step that lifts what was granted. */
enum err request__lift_right(struct request_case *c, struct errmsg *msg) MUST_CHECK;
/* Say with each export of the view what became of it. */
void request__show_exports(const struct request_case *c, struct json *view);

/* ---- executing (request_execute.c) ---- */

enum err request__execute(struct requests *r, uint64_t number, const struct request_ask *ask,
                          struct errmsg *msg) MUST_CHECK;

/* ---- what is shown (request_view.c) ---- */

/* Takes the body. */
struct json *request__view(struct request_case *c);

/* ---- letters (letter.c) ---- */

/* Is it a template that says what was decided? INVALID with a message. */
enum err request__check_template(const struct request_case *c, const char *name, struct errmsg *msg)
    MUST_CHECK;
