/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a group's values, asked of the store or of the server that has it.
 * Runs on: the main thread; blocks. Holds: one request and its answer, in wiped memory. Invariant: an answer is used only when
 * it has as much in it as was asked for. Not here: what is stored and shown (admin/ops_bulk.c). */
#include "cli/bulk.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/json_reader.h"

static const char marker[] = "[erased]";

/* ---- requests ---- */

static const char *const kind_names[BULK_KINDS] = {"string", "number", "bool"};

struct json *bulk_columns(const struct bulk_spec *spec)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < spec->field_count * BULK_KINDS; i++) {
        struct json *column = json_new_map();

        json_set_str(column, "class", spec->fields[i / BULK_KINDS].class_name);
        json_set_str(column, "kind", kind_names[i % BULK_KINDS]);
        json_add(list, column);
    }
    json_add(list, json_new_map());
    return list;
}

int64_t bulk_column_number(const struct bulk_spec *spec, const struct bulk_value *value)
{
    return value->field == BULK_ANY
               ? (int64_t)(spec->field_count * BULK_KINDS)
               : (int64_t)(value->field * BULK_KINDS + (size_t)value->kind - VALUE_STRING);
}

static struct json *new_request(const struct bulk_ask *ask, const char *operation)
{
    struct json *request = json_new_map();

    json_set_str(request, "op", operation);
    json_set_str(request, "job", ask->job);
    json_set(request, "columns", bulk_columns(ask->spec));
    if (ask->domain != NULL)
        json_set_str(request, "domain", ask->domain);
    return request;
}

static struct span piece_text(const struct bulk_group *g, const struct bulk_value *value,
                              const struct bulk_piece *piece)
{
    return span_of(g->text.bytes + value->at + piece->start, piece->end - piece->start);
}

static bool is_asked(const struct bulk_row *row)
{
    return row->wrong == NULL && row->count > 0;
}

static enum err does_not_fit(struct errmsg *msg)
{
    return errmsg_set(msg, ERR_INTERNAL, "the answer does not fit the question");
}

/* What takes a piece's place. */
static enum err replace(struct bulk_group *g, struct bulk_piece *piece, struct span text)
{
    piece->replaced = true;
    piece->at = g->text.len;
    piece->len = text.len;
    return buf_append_span(&g->text, text);
}

/* ---- tokenize ---- */

static struct json *tokenize_row(const struct bulk_ask *ask, const struct bulk_group *g,
                                 const struct bulk_row *row)
{
    struct json *list = json_new_list();

    json_add(list, json_new_text(span_of(g->text.bytes + row->subject_at, row->subject_len)));
    for (size_t i = row->first; i < row->first + row->count; i++) {
        const struct bulk_value *v = &g->values[i];

        json_add(list, json_new_int(bulk_column_number(ask->spec, v)));
        json_add(list, json_new_text(piece_text(g, v, &g->pieces[v->first])));
    }
    return list;
}

static struct json *tokenize_request(const struct bulk_ask *ask, const struct bulk_group *g)
{
    static const char *const policies[] = {
        [BULK_STOP] = "stop", [BULK_SKIP] = "skip", [BULK_KEEP] = "keep"};
    const size_t subject = bulk_spec_subject_field(ask->spec);
    struct json *request = new_request(ask, "bulk.tokenize"), *rows = json_new_list();

    json_set_int(request, "group", (int64_t)ask->group);
    json_set_str(request, "on_error", policies[ask->policy]);
    if (subject != BULK_ANY)
        json_set_str(request, "subject_class", ask->spec->fields[subject].class_name);
    for (size_t i = 0; i < g->count; i++)
        if (is_asked(&g->rows[i]))
            json_add(rows, tokenize_row(ask, g, &g->rows[i]));
    json_set(request, "rows", rows);
    return request;
}

static const char *why(char state)
{
    return state == 'f' ? bulk_wrong_format : state == 'l' ? bulk_wrong_long : bulk_wrong_subject;
}

static enum err take_token(struct bulk_group *g, struct bulk_row *row, const struct bulk_value *v,
                           const struct json *token, struct bulk_counts *counts)
{
    struct bulk_piece *piece = &g->pieces[v->first];
    enum err e = ERR_OK;

    if (piece->state == '=') {
        counts->tokens++;
        return ERR_OK;
    }
    if (piece->state != '+' && piece->state != '#') {
        bulk_row_wrong(row, why(piece->state), piece->state == 's' ? BULK_ANY : v->field);
        return ERR_OK;
    }
    if (json_kind(token) != JSON_TEXT)
        return ERR_OK; /* the row is left out */
    e = replace(g, piece, json_text_of(token));
    piece->literal = piece->state == '#';
    counts->values++;
    return e;
}

static enum err take_tokens(struct bulk_group *g, const struct json *answer,
                            struct bulk_counts *counts, struct errmsg *msg)
{
    const struct span states = json_text_of(json_get(answer, "states"));
    const struct json *tokens = json_get(answer, "tokens");
    size_t at = 0;
    enum err e = ERR_OK;

    for (size_t r = 0; e == ERR_OK && r < g->count; r++) {
        struct bulk_row *row = &g->rows[r];
        const bool asked = is_asked(row);

        for (size_t i = row->first; asked && e == ERR_OK && i < row->first + row->count; i++) {
            if (at == states.len || (tokens != NULL && at == json_count(tokens)))
                return does_not_fit(msg);
            g->pieces[g->values[i].first].state = states.at[at];
            e = take_token(g, row, &g->values[i], json_at(tokens, at), counts);
            at++;
        }
    }
    if (e != ERR_OK)
        return errmsg_set(msg, e, "a group of rows grows too large");
    return at == states.len ? ERR_OK : does_not_fit(msg);
}

static uint64_t count_wrong(const struct bulk_group *g)
{
    uint64_t count = 0;

    for (size_t i = 0; i < g->count; i++)
        count += g->rows[i].wrong != NULL;
    return count;
}

enum err bulk_tokenize_group(const struct bulk_ask *ask, struct bulk_group *g,
                             struct bulk_counts *counts, bool *ret_stored, struct errmsg *msg)
{
    AUTO(json_free) struct json *request = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct bulk_counts counted = *counts;
    enum err e;

    *ret_stored = ask->policy != BULK_STOP || count_wrong(g) == 0;
    if (!*ret_stored)
        return ERR_OK;
    request = tokenize_request(ask, g);
    e = session_call(ask->session, request, &reply, msg);
    if (e == ERR_OK)
        e = take_tokens(g, reply.result, &counted, msg);
    if (e != ERR_OK)
        return e;
    *ret_stored = json_get(reply.result, "tokens") != NULL;
    counted.rows += g->data_rows;
    counted.wrong += count_wrong(g);
    if (*ret_stored)
        *counts = counted;
    return ERR_OK;
}

/* ---- reveal ---- */

/* The pieces of the rows that are asked about, one after the other. */
struct walk {
    struct bulk_group *g;
    size_t row, value, piece; /* the next one; value and piece count within what is around them */
};

static bool next_piece(struct walk *w, struct bulk_value **ret_value, struct bulk_piece **ret_piece)
{
    for (; w->row < w->g->count; w->row++, w->value = 0) {
        const struct bulk_row *row = &w->g->rows[w->row];

        for (; is_asked(row) && w->value < row->count; w->value++, w->piece = 0) {
            struct bulk_value *v = &w->g->values[row->first + w->value];

            if (w->piece == v->pieces)
                continue;
            *ret_value = v;
            *ret_piece = &w->g->pieces[v->first + w->piece++];
            return true;
        }
    }
    return false;
}

enum { TOKENS_AT_ONCE = 4000 };

static struct json *reveal_request(const struct bulk_ask *ask, struct walk from, size_t *ret_count)
{
    struct json *request = new_request(ask, "bulk.reveal"), *tokens = json_new_list();
    struct bulk_value *v;
    struct bulk_piece *p;
    size_t count = 0;

    json_set_str(request, "purpose", ask->purpose);
    for (; count < TOKENS_AT_ONCE && next_piece(&from, &v, &p); count++) {
        json_add(tokens, json_new_int(bulk_column_number(ask->spec, v)));
        json_add(tokens, json_new_text(piece_text(from.g, v, p)));
    }
    json_set(request, "tokens", tokens);
    *ret_count = count;
    return request;
}

static bool is_literal(char state, struct span value)
{
    if (state == 'n')
        return json_spells_number(value);
    return state == 'b' &&
           (span_equal(value, SPAN_LIT("true")) || span_equal(value, SPAN_LIT("false")));
}

static enum err take_value(const struct bulk_ask *ask, struct bulk_group *g,
                           const struct bulk_value *v, struct bulk_piece *piece,
                           const struct json *value, struct bulk_counts *counts)
{
    const bool whole = piece->start == 0 && piece->end == v->len;

    switch (piece->state) {
    case 's':
    case 'n':
    case 'b':
        counts->values++;
        piece->literal = whole && is_literal(piece->state, json_text_of(value));
        return json_kind(value) == JSON_TEXT ? replace(g, piece, json_text_of(value))
                                             : ERR_INTERNAL;
    case '0':
        counts->erased++;
        if (ask->erased == BULK_ERASED_KEEP)
            return ERR_OK;
        if (ask->erased == BULK_ERASED_MARKER)
            return replace(g, piece, span_str(marker));
        piece->literal = whole && ask->spec->ndjson;
        return replace(g, piece, piece->literal ? SPAN_LIT("null") : SPAN_LIT(""));
    case '-':
        counts->others++;
        return ERR_OK;
    default:
        counts->withheld++;
        return ERR_OK;
    }
}

/* One request; the walk moves past what it answered. */
static enum err reveal_some(const struct bulk_ask *ask, struct walk *walk, bool *ret_more,
                            struct bulk_counts *counts, struct errmsg *msg)
{
    AUTO(json_free) struct json *request = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct span states;
    struct bulk_value *v = NULL;
    struct bulk_piece *p = NULL;
    size_t asked = 0;
    enum err e;

    request = reveal_request(ask, *walk, &asked);
    *ret_more = asked > 0;
    if (asked == 0)
        return ERR_OK;
    e = session_call(ask->session, request, &reply, msg);
    if (e != ERR_OK)
        return e;
    states = json_text_of(json_get(reply.result, "states"));
    if (states.len == 0 || states.len > asked ||
        states.len != json_count(json_get(reply.result, "values")))
        return does_not_fit(msg);
    for (size_t i = 0; e == ERR_OK && i < states.len && next_piece(walk, &v, &p); i++) {
        p->state = states.at[i];
        e = take_value(ask, walk->g, v, p, json_at(json_get(reply.result, "values"), i), counts);
    }
    return e == ERR_OK ? e : errmsg_set(msg, e, "a group of rows grows too large");
}

enum err bulk_reveal_group(const struct bulk_ask *ask, struct bulk_group *g,
                           struct bulk_counts *counts, struct errmsg *msg)
{
    struct walk walk = {.g = g};
    bool more = true;
    enum err e = ERR_OK;

    while (e == ERR_OK && more)
        e = reveal_some(ask, &walk, &more, counts, msg);
    counts->rows += g->data_rows;
    counts->wrong += count_wrong(g);
    return e;
}

/* ---- the rows again ---- */

bool bulk_is_written(const struct bulk_row *row, enum bulk_policy policy)
{
    return row->wrong == NULL || policy != BULK_SKIP;
}

/* The text of a value with what takes the place of its pieces. */
static enum err render_text(const struct bulk_group *g, const struct bulk_value *v, struct buf *out)
{
    const char *text = (const char *)g->text.bytes + v->at;
    size_t from = 0;
    enum err e = ERR_OK;

    for (size_t i = v->first; e == ERR_OK && i < v->first + v->pieces; i++) {
        const struct bulk_piece *p = &g->pieces[i];

        if (!p->replaced)
            continue;
        e = buf_append(out, text + from, p->start - from);
        if (e == ERR_OK)
            e = buf_append(out, g->text.bytes + p->at, p->len);
        from = p->end;
    }
    return e == ERR_OK ? buf_append(out, text + from, v->len - from) : e;
}

static bool is_replaced(const struct bulk_group *g, const struct bulk_value *v)
{
    for (size_t i = v->first; i < v->first + v->pieces; i++)
        if (g->pieces[i].replaced)
            return true;
    return false;
}

static enum err render_value(const struct bulk_source *s, const struct bulk_group *g,
                             const struct bulk_value *v, struct buf *out)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, BULK_OUTPUT_MAX);
    e = render_text(g, v, &text);
    if (e != ERR_OK)
        return e;
    if (!s->spec->ndjson) /* nothing at all stands without quotes: no value, not an empty one */
        return csv_write(buf_span(&text), v->quoted && text.len > 0, s->spec->delimiter, out);
    if (g->pieces[v->first].literal)
        return buf_append_span(out, buf_span(&text));
    return json_escape(VALUE_STRING, buf_span(&text), out);
}

enum err bulk_render(const struct bulk_source *s, const struct bulk_group *g,
                     const struct bulk_row *row, struct buf *out)
{
    const struct span bytes = bulk_row_bytes(s, row);
    /* A byte order mark stands in front of the header alone, which has no values. */
    size_t from = 0;
    enum err e = ERR_OK;

    for (size_t i = row->first; e == ERR_OK && i < row->first + row->count; i++) {
        const struct bulk_value *v = &g->values[i];

        if (!is_replaced(g, v))
            continue;
        e = buf_append(out, bytes.at + from, v->start - from);
        if (e == ERR_OK)
            e = render_value(s, g, v, out);
        from = v->end;
    }
    return e == ERR_OK ? buf_append(out, bytes.at + from, bytes.len - from) : e;
}
