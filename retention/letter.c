/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: which pieces make one up, and what is filled in.
 * Runs on: any thread. Holds: nothing. Invariant: a letter that refuses anything, or asks for more time,
 * tells of complaint and court (Art. 12(3), 12(4)); one about an erasure tells of backup copies.
 * Not here: the words (letter_texts.c). */
#include "retention/letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/civil.h"
#include "retention/letter_priv.h"
#include "retention/requests_priv.h"

static const char *const kind_words[LETTER_KIND_COUNT] = {
    [LETTER_RECEIPT] = "receipt",     [LETTER_IDENTITY] = "identity",
    [LETTER_EXTENSION] = "extension", [LETTER_GRANTED] = "granted",
    [LETTER_PARTLY] = "partly",       [LETTER_REFUSED] = "refused",
    [LETTER_WITHDRAWN] = "withdrawn", [LETTER_NOT_IDENTIFIABLE] = "not_identifiable",
};

static const char *const lang_words[LETTER_LANG_COUNT] = {[LETTER_EN] = "en", [LETTER_DE] = "de"};

const char *letter_kind_word(enum letter_kind kind)
{
    REQUIRE((unsigned)kind < LETTER_KIND_COUNT);
    return kind_words[kind];
}

const char *letter_lang_word(enum letter_lang lang)
{
    REQUIRE((unsigned)lang < LETTER_LANG_COUNT);
    return lang_words[lang];
}

bool letter_kind_of(struct span word, enum letter_kind *ret)
{
    for (size_t i = 0; i < LETTER_KIND_COUNT; i++) {
        if (span_equal(word, span_str(kind_words[i]))) {
            *ret = (enum letter_kind)i;
            return true;
        }
    }
    return false;
}

bool letter_lang_of(struct span word, enum letter_lang *ret)
{
    for (size_t i = 0; i < LETTER_LANG_COUNT; i++) {
        if (span_equal(word, span_str(lang_words[i]))) {
            *ret = (enum letter_lang)i;
            return true;
        }
    }
    return false;
}

void letter_name(enum letter_kind kind, enum letter_lang lang, char *out)
{
    (void)snprintf(out, LETTER_NAME_MAX, "%s-%s-%d", letter_kind_word(kind), letter_lang_word(lang),
                   LETTER_VERSION);
}

/* ---- filling in ---- */

struct letter {
    const struct json *view;
    enum letter_lang lang;
    struct buf *out;
    enum err e; /* the first that went wrong */
};

/* What a piece is about, besides the request. */
struct about {
    const struct json *entry; /* a right, or a class that is kept */
    const char *rights;
    const char *reason;
};

static void add(struct letter *l, struct span text)
{
    if (l->e == ERR_OK)
        l->e = buf_append(l->out, text.at, text.len);
}

static void add_str(struct letter *l, const char *text)
{
    add(l, span_str(text));
}

/* "5 April 2026", "5. April 2026"; a dash for what is no date. */
static void add_date(struct letter *l, const struct json *value)
{
    struct civil date;
    char text[32];

    if (!civil_parse(json_text_of(value), &date)) {
        add_str(l, "-");
        return;
    }
    (void)snprintf(text, sizeof(text), l->lang == LETTER_DE ? "%d. %s %d" : "%d %s %d", date.day,
                   letter__month(date.month, l->lang), date.year);
    add_str(l, text);
}

/* All rights that were asked for. */
static void add_rights(struct letter *l)
{
    const struct json *rights = json_get(l->view, "rights");

    for (size_t i = 0; i < json_count(rights); i++) {
        enum request_right right;

        if (i > 0)
            add_str(l, "; ");
        if (request_right_of(json_text_of(json_get(json_at(rights, i), "right")), &right))
            add_str(l, letter__right(right, l->lang));
    }
}

static void add_number(struct letter *l)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, json_int_of(json_get(l->view, "number"), 0));
    add_str(l, text);
}

static void fill_in(struct letter *l, struct span name, const struct about *about)
{
    if (span_equal(name, span_str("number")))
        add_number(l);
    else if (span_equal(name, span_str("received")))
        add_date(l, json_get(l->view, "received_date"));
    else if (span_equal(name, span_str("due")))
        add_date(l, json_get(json_get(l->view, "dates"), "due"));
    else if (span_equal(name, span_str("executed")))
        add_date(l, json_get(about->entry, "done"));
    else if (span_equal(name, span_str("until")))
        add_date(l, about->entry != NULL && json_get(about->entry, "until") != NULL
                        ? json_get(about->entry, "until")
                        : json_get(l->view, "backups_until"));
    else if (span_equal(name, span_str("rights")) && about->rights == NULL)
        add_rights(l);
    else if (span_equal(name, span_str("rights")))
        add_str(l, about->rights);
    else if (span_equal(name, span_str("reason")))
        add_str(l, about->reason == NULL ? "" : about->reason);
    else if (span_equal(name, span_str("receipt")) || span_equal(name, span_str("class")) ||
             span_equal(name, span_str("law"))) {
        char member[16];

        (void)snprintf(member, sizeof(member), "%.*s", (int)name.len, name.at);
        add(l, json_text_of(json_get(about->entry, member)));
    } else {
        /* a letter's text asks for something that nobody knows */
        REQUIRE(false);
    }
}

static void add_piece(struct letter *l, enum letter_piece piece, const struct about *about)
{
    static const struct about nothing;
    const char *at = letter__piece(piece, l->lang);

    for (;;) {
        const char *open = strchr(at, '{'), *close;

        if (open == NULL)
            break;
        close = strchr(open, '}');
        REQUIRE(close != NULL);
        add(l, span_of(at, (size_t)(open - at)));
        fill_in(l, span_of(open + 1, (size_t)(close - open - 1)), about == NULL ? &nothing : about);
        at = close + 1;
    }
    add_str(l, at);
}

/* A piece as a paragraph of its own. */
static void add_paragraph(struct letter *l, enum letter_piece piece, const struct about *about)
{
    add_piece(l, piece, about);
    add_str(l, "\n\n");
}

/* ---- what was decided ---- */

static void add_law(struct letter *l, const struct json *entry)
{
    const struct about about = {.entry = entry};

    if (json_text_of(json_get(entry, "law")).len > 0)
        add_piece(l, PIECE_LAW, &about);
}

static void add_erasure(struct letter *l, const struct json *entry)
{
    const struct about about = {.entry = entry};
    const bool erased = json_text_of(json_get(entry, "receipt")).len > 0;
    const bool dated = json_text_of(json_get(l->view, "backups_until")).len > 0;
    const bool told = json_int_of(json_get(json_get(l->view, "recipients"), "acknowledged"), 0) > 0;

    add_paragraph(l, erased ? PIECE_ERASED : PIECE_NOTHING_LEFT, &about);
    if (erased) {
        add_paragraph(l, dated ? PIECE_BACKUPS_UNTIL : PIECE_BACKUPS_UNKNOWN, NULL);
        add_paragraph(l, told ? PIECE_RECIPIENTS_TOLD : PIECE_RECIPIENTS_ON_REQUEST, NULL);
    }
}

static void add_right(struct letter *l, const struct json *entry)
{
    const struct span outcome = json_text_of(json_get(entry, "outcome"));
    struct about about = {.entry = entry};
    enum request_right right;

    if (!request_right_of(json_text_of(json_get(entry, "right")), &right))
        return;
    about.rights = letter__right(right, l->lang);
    about.reason = letter__reason(json_text_of(json_get(entry, "reason")), l->lang);
    if (span_equal(outcome, span_str("refused"))) {
        add_piece(l, PIECE_RIGHT_REFUSED, &about);
        add_law(l, entry);
        add_str(l, "\n\n");
    } else if (right == REQUEST_ERASURE && json_get(entry, "done") != NULL) {
        add_erasure(l, entry);
    } else if (json_get(entry, "done") != NULL) {
        add_paragraph(l, PIECE_DONE, &about);
    }
}

static void add_kept(struct letter *l)
{
    const struct json *kept = request__kept(l->view);

    for (size_t i = 0; i < json_count(kept); i++) {
        const struct json *entry = json_at(kept, i);
        const struct about about = {
            .entry = entry,
            .reason = letter__reason(json_text_of(json_get(entry, "exception")), l->lang)};

        add_piece(l, PIECE_KEPT, &about);
        add_law(l, entry);
        add_str(l, "\n\n");
    }
}

static void add_decision(struct letter *l)
{
    const struct json *rights = json_get(l->view, "rights");

    for (size_t i = 0; i < json_count(rights); i++)
        add_right(l, json_at(rights, i));
    add_kept(l);
}

/* ---- letters ---- */

static enum letter_piece opening(const struct json *view, enum letter_kind kind)
{
    static const enum letter_piece openings[LETTER_KIND_COUNT] = {
        [LETTER_RECEIPT] = PIECE_RECEIPT,
        [LETTER_IDENTITY] = PIECE_IDENTITY,
        [LETTER_EXTENSION] = PIECE_EXTENSION_COMPLEXITY,
        [LETTER_GRANTED] = PIECE_GRANTED,
        [LETTER_PARTLY] = PIECE_PARTLY,
        [LETTER_REFUSED] = PIECE_REFUSED,
        [LETTER_NOT_IDENTIFIABLE] = PIECE_NOT_IDENTIFIABLE,
        [LETTER_WITHDRAWN] = PIECE_WITHDRAWN,
    };
    const struct span reason = json_text_of(json_get(json_get(view, "extension"), "reason"));

    if (kind == LETTER_EXTENSION && span_equal(reason, span_str("number")))
        return PIECE_EXTENSION_NUMBER;
    return openings[kind];
}

enum err letter_write(const struct json *view, enum letter_kind kind, enum letter_lang lang,
                      struct buf *out)
{
    struct letter l = {.view = view, .lang = lang, .out = out, .e = ERR_OK};

    add_paragraph(&l, PIECE_SUBJECT, NULL);
    add_paragraph(&l, PIECE_GREETING, NULL);
    add_paragraph(&l, opening(view, kind), NULL);
    if (kind == LETTER_GRANTED || kind == LETTER_PARTLY || kind == LETTER_REFUSED)
        add_decision(&l);
    if (kind == LETTER_PARTLY || kind == LETTER_REFUSED || kind == LETTER_NOT_IDENTIFIABLE ||
        kind == LETTER_EXTENSION)
        add_paragraph(&l, PIECE_COMPLAINT, NULL);
    add_piece(&l, PIECE_CLOSING, NULL);
    add_str(&l, "\n");
    return l.e;
}

/* ---- which one fits ---- */

static enum letter_kind best_kind(const struct json *view, const char *decision)
{
    const struct json *identity = json_get(view, "identity");
    enum letter_kind kind;
    struct civil date;

    if (decision != NULL && letter_kind_of(span_str(decision), &kind))
        return kind;
    if (json_kind(json_get(view, "extension")) == JSON_MAP)
        return LETTER_EXTENSION;
    if (request__get_date(identity, "asked", &date) &&
        !request__get_date(identity, "confirmed", &date))
        return LETTER_IDENTITY;
    return LETTER_RECEIPT;
}

/* Is there something to say with it? */
static bool fits(const struct json *view, const char *decision, enum letter_kind kind)
{
    struct civil date;

    switch (kind) {
    case LETTER_RECEIPT:
        return true;
    case LETTER_IDENTITY:
        return request__get_date(json_get(view, "identity"), "asked", &date);
    case LETTER_EXTENSION:
        return json_kind(json_get(view, "extension")) == JSON_MAP;
    default:
        return decision != NULL && strcmp(decision, letter_kind_word(kind)) == 0;
    }
}

static bool is_own(const char *name)
{
    return strncmp(name, "own:", 4) == 0 && name[4] != '\0';
}

enum err request__check_template(const struct request_case *c, const char *name, struct errmsg *msg)
{
    const char *decision = request__decision(c->body);

    if (is_own(name))
        return ERR_OK; /* the controller's letter, by its own name for it */
    for (int lang = 0; lang < LETTER_LANG_COUNT; lang++) {
        char fitting[LETTER_NAME_MAX];
        enum letter_kind kind;

        if (decision == NULL || !letter_kind_of(span_str(decision), &kind))
            break;
        letter_name(kind, (enum letter_lang)lang, fitting);
        if (strcmp(name, fitting) == 0)
            return ERR_OK;
    }
    return errmsg_set(msg, ERR_INVALID,
                      "no such template says what was decided (%s): `lethe request letter` names "
                      "the one that does; a letter of your own is \"own:NAME\"",
                      decision == NULL ? "nothing yet" : decision);
}

enum err requests_letter(struct requests *r, uint64_t number, const char *template_name,
                         const char *lang_name, struct json **ret_letter, struct errmsg *msg)
{
    AUTO(json_free) struct json *view = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    enum letter_lang lang = LETTER_EN;
    enum letter_kind kind = LETTER_RECEIPT;
    char name[LETTER_NAME_MAX];
    const char *decision;
    struct json *map;
    enum err e = requests_show(r, number, &view, msg);

    if (e != ERR_OK)
        return e;
    decision = json_str_of(json_get(view, "decision"));
    if (lang_name != NULL && !letter_lang_of(span_str(lang_name), &lang))
        return errmsg_set(msg, ERR_INVALID, "letters are written in: en, de");
    if (template_name == NULL)
        kind = best_kind(view, decision);
    else if (!letter_kind_of(span_str(template_name), &kind))
        return errmsg_set(msg, ERR_INVALID, "there is no such letter");
    if (!fits(view, decision, kind))
        return errmsg_set(msg, ERR_CONFLICT, "the request is not at a point where \"%s\" is true",
                          letter_kind_word(kind));
    buf_init(&text, LETTER_TEXT_MAX);
    e = letter_write(view, kind, lang, &text);
    if (e != ERR_OK)
        return e;
    letter_name(kind, lang, name);
    map = json_new_map();
    json_set_str(map, "template", name);
    json_set_str(map, "lang", letter_lang_word(lang));
    json_set(map, "text", json_new_text(buf_span(&text)));
    *ret_letter = map;
    return ERR_OK;
}
