/* SPDX-License-Identifier: Apache-2.0 */
/* Entering a request in the register.
 * Runs on: worker threads and the command line; blocks on the vault. Holds: nothing. Invariant: the same
 * external number leads to the same request. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"

enum { RECEIVED_DAYS_MAX = 366 };

static const int64_t DAY_MS = 86400 * 1000;

static enum err add_right(struct request_case *c, struct json *list, const char *ground,
                          const struct json *word, struct errmsg *msg)
{
    const char *text = json_str_of(word);
    enum request_right right;
    struct json *entry;

    if (text == NULL || !request_right_of(span_str(text), &right))
        return errmsg_set(msg, ERR_INVALID,
                          "a right is access, rectification, erasure, restriction, portability, "
                          "objection or consent_withdrawal");
    if (request__right(c->body, right) != NULL)
        return errmsg_set(msg, ERR_INVALID, "a right is named twice");
    entry = json_new_map();
    json_set_str(entry, "right", request_right_word(right));
    json_set_str(entry, "outcome", "pending");
    if (right == REQUEST_ERASURE)
        request__set_text(entry, "ground", ground);
    json_add(list, entry);
    return ERR_OK;
}

static enum err take_ground(const struct request_case *c, const char **ret, struct errmsg *msg)
{
    const char *text;
    struct span ground;
    enum err e = request__text(c, "ground", &text, msg);

    *ret = text;
    if (e != ERR_OK || text[0] == '\0')
        return e;
    if (!receipt_ground(span_str(text), &ground))
        return errmsg_set(msg, ERR_INVALID,
                          "the ground must be a letter from a to f, as in Art. 17(1)(b)");
    *ret = ground.at; /* a literal */
    return ERR_OK;
}

static enum err take_rights(struct request_case *c, struct errmsg *msg)
{
    const struct json *words = json_get(c->ask->args, "rights");
    struct json *list = json_new_list();
    const char *ground = "";
    enum err e;

    json_set(c->body, "rights", list);
    if (json_kind(words) != JSON_LIST || json_count(words) == 0)
        return errmsg_set(msg, ERR_INVALID, "\"rights\" must be a list of at least one right");
    if (json_count(words) > REQUEST_RIGHT_COUNT)
        return errmsg_set(msg, ERR_INVALID, "a right is named twice");
    e = take_ground(c, &ground, msg);
    for (size_t i = 0; e == ERR_OK && i < json_count(words); i++)
        e = add_right(c, list, ground, json_at(words, i), msg);
    if (e == ERR_OK && ground[0] != '\0' && request__right(c->body, REQUEST_ERASURE) == NULL)
        e = errmsg_set(msg, ERR_INVALID, "a ground belongs to a request for erasure");
    return e;
}

/* "2026-01-31T23:30:00Z", with or without a fraction of the second. */
static bool parse_instant(const char *text, int64_t *ret_ms)
{
    struct civil date;
    int h, m, s;
    char z;

    if (strlen(text) < 20 || !civil_parse(span_of(text, 10), &date) || text[10] != 'T')
        return false;
    if (sscanf(text + 11, "%2d:%2d:%2d%c", &h, &m, &s, &z) != 4 || (z != 'Z' && z != '.') ||
        text[strlen(text) - 1] != 'Z' || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59)
        return false;
    *ret_ms = civil_days(date) * DAY_MS + ((h * 60 + m) * 60 + s) * INT64_C(1000);
    return true;
}

/* When it came: an instant, or a date, whose time is not known. */
static enum err take_received(struct request_case *c, struct errmsg *msg)
{
    struct civil date = c->today;
    int64_t at_ms = c->now_ms;
    const char *text;
    enum err e = request__text(c, "received", &text, msg);

    if (e != ERR_OK)
        return e;
    if (text[0] != '\0' && parse_instant(text, &at_ms))
        date = calendar_date(at_ms / 1000);
    else if (text[0] != '\0' && !civil_parse(span_str(text), &date))
        return errmsg_set(msg, ERR_INVALID,
                          "\"received\" must be a date YYYY-MM-DD or an instant "
                          "YYYY-MM-DDThh:mm:ssZ");
    if (at_ms > c->now_ms || civil_compare(date, c->today) > 0)
        return errmsg_set(msg, ERR_INVALID, "\"received\" is in the future");
    if (civil_days(c->today) - civil_days(date) > RECEIVED_DAYS_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"received\" is more than a year ago");
    if (text[0] != '\0' && text[10] == '\0')
        json_set(c->body, "received", json_new_null());
    else
        receipt_set_instant(c->body, "received", at_ms);
    request__set_date(c->body, "received_date", date);
    return ERR_OK;
}

static enum err take_regime(struct request_case *c, struct errmsg *msg)
{
    const struct regime *regime = c->settings->regime;
    struct json *map;
    const char *text;
    enum err e = request__text(c, "regime", &text, msg);

    if (e == ERR_OK && text[0] != '\0')
        regime = regime_find(span_str(text));
    if (e == ERR_OK && regime == NULL)
        e = errmsg_set(msg, ERR_INVALID, "\"regime\" must be gdpr, ccpa or lgpd");
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "name", regime->name);
    json_set_int(map, "version", regime->version);
    json_set(c->body, "regime", map);
    request__set_text(c->body, "zone", calendar_zone());
    return ERR_OK;
}

static enum err take_labels(struct request_case *c, struct errmsg *msg)
{
    static const char *const names[] = {"external", "agent", "owner"};
    const char *text = "";
    enum err e;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        e = request__text(c, names[i], &text, msg);
        if (e != ERR_OK)
            return e;
        request__set_text(c->body, names[i], text);
    }
    e = request__text(c, "external", &text, msg);
    if (e != ERR_OK)
        return e;
    if (strlen(text) > VAULT_RECORD_KEY_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "\"external\" is longer than %d bytes",
                          VAULT_RECORD_KEY_MAX);
    memcpy(c->record.key, text, strlen(text));
    e = request__one_of(c, "channel", request__channels, &text, msg);
    if (e == ERR_OK)
        json_set_str(c->body, "channel", text);
    return e;
}

/* A request that is there already under the same external number. */
static enum err find_same(struct requests *r, const struct request_ask *ask, const char *key,
                          struct request_case *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = key[0] == '\0' ? ERR_NOT_FOUND : vault_records_open(r->vault, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_REQUEST, key, &record);
    if (e != ERR_OK)
        return e;
    request__begin(r, ask, ret);
    return request__take_record(ret, &record);
}

static enum err fill(struct request_case *c, struct errmsg *msg)
{
    enum err e = take_rights(c, msg);

    if (e == ERR_OK)
        e = take_received(c, msg);
    if (e == ERR_OK)
        e = take_regime(c, msg);
    if (e == ERR_OK)
        e = take_labels(c, msg);
    if (e != ERR_OK)
        return e;
    c->record.kind = VAULT_RECORD_REQUEST;
    json_set(c->body, "lookups", json_new_list());
    json_set(c->body, "history", json_new_list());
    request__reckon(c);
    return ERR_OK;
}

static enum err show_same(struct requests *r, const struct request_ask *ask, const char *key,
                          struct json **ret_view)
{
    AUTO(request__case_done) struct request_case same = {.body = NULL};
    enum err e = find_same(r, ask, key, &same);

    if (e != ERR_OK)
        return e;
    *ret_view = request__view(&same);
    json_set_bool(*ret_view, "created", false);
    return ERR_OK;
}

enum err requests_add(struct requests *r, const struct request_ask *ask, struct json **ret_view,
                      struct errmsg *msg)
{
    static const char *const known[] = {"rights", "channel", "received", "external", "regime",
                                        "ground", "agent",   "owner",    NULL};
    AUTO(request__case_done) struct request_case c = {.body = NULL};
    enum err e = request__only(ask->args, known, msg);

    request__begin(r, ask, &c);
    c.body = json_new_map();
    if (e == ERR_OK)
        e = fill(&c, msg);
    if (e != ERR_OK)
        return e;
    e = show_same(r, ask, c.record.key, ret_view);
    if (e != ERR_NOT_FOUND)
        return e;
    e = ask->finding == NULL ? ERR_OK : request__take_finding(&c, msg);
    if (e == ERR_OK)
        e = request__restrict(&c, msg);
    if (e == ERR_OK)
        e = request__save(&c, "add", msg);
    if (e == ERR_CONFLICT) /* somebody else was first */
        return show_same(r, ask, c.record.key, ret_view);
    if (e != ERR_OK)
        return e;
    *ret_view = request__view(&c);
    json_set_bool(*ret_view, "created", true);
    return ERR_OK;
}
