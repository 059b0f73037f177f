/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, page by page.
 * Runs on: the main thread. Holds: one session for all pages. Invariant: it ends, for each page begins behind the
 * one before. Not here: what an entry looks like (the commands). */
#include "cli/listing.h"

#include "cli/output.h"

struct walk {
    const struct listing *listing;
    int64_t after; /* where the next page begins; at the end it stays */
    bool urgent;
    struct json *all; /* where entries go; NULL: they are printed */
};

static enum err print_page(const struct options *o, const struct json *list, struct walk *w)
{
    const struct listing *listing = w->listing;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);

        w->urgent = w->urgent || (listing->is_urgent != NULL && listing->is_urgent(entry));
        if (w->all != NULL)
            json_add(w->all, json_clone(entry));
        else
            e = o->json ? output_json(entry) : listing->print(entry);
    }
    return e;
}

static enum cli_exit page(const struct options *o, struct session *session, struct json *request,
                          struct walk *w)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_int(request, "after", w->after);
    code = cli_call(o, session, request, &reply);
    if (code != CLI_OK)
        return code;
    if (print_page(o, json_get(reply.result, w->listing->entries), w) != ERR_OK)
        return CLI_FAILED;
    w->urgent = w->urgent || json_bool_of(json_get(reply.result, "attention"), false);
    w->after = json_int_of(json_get(reply.result, "next"), w->after);
    return CLI_OK;
}

static enum cli_exit walk_pages(const struct options *o, struct session *session,
                                struct json *request, struct walk *w)
{
    enum cli_exit code = CLI_OK;
    int64_t begin = -1;

    while (code == CLI_OK && w->after > begin) {
        begin = w->after;
        code = page(o, session, request, w);
    }
    if (code == CLI_OK && w->all != NULL && output_json(w->all) != ERR_OK)
        return CLI_FAILED;
    return code == CLI_OK && w->urgent ? CLI_ATTENTION : code;
}

enum cli_exit listing_print_on(const struct options *o, struct session *session,
                               struct json *request, const struct listing *listing)
{
    struct walk w = {.listing = listing};

    return walk_pages(o, session, request, &w);
}

enum cli_exit listing_print(const struct options *o, struct json *request,
                            const struct listing *listing)
{
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg;
    const enum err e = session_open(o, &session, &msg);

    return e == ERR_OK ? listing_print_on(o, session, request, listing) : cli_fail(e, &msg);
}

enum cli_exit listing_of(const struct options *o, const char *operation,
                         const struct listing *listing)
{
    AUTO(json_free) struct json *request = json_new_map();

    json_set_str(request, "op", operation);
    return listing_print(o, request, listing);
}

enum cli_exit listing_whole_of(const struct options *o, const char *operation,
                               const struct listing *listing)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *all = o->json ? json_new_list() : NULL;
    AUTO(session_close) struct session *session = NULL;
    struct walk w = {.listing = listing, .all = all};
    struct errmsg msg;
    const enum err e = session_open(o, &session, &msg);

    json_set_str(request, "op", operation);
    return e == ERR_OK ? walk_pages(o, session, request, &w) : cli_fail(e, &msg);
}
