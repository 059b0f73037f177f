/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, page by page.
 * Runs on: the main thread. Holds: one session for all pages. Invariant: it ends, for each page begins behind the
 * one before. Not here: what an entry looks like (the commands). */
#include "cli/listing.h"

#include "cli/output.h"

static enum err print_page(const struct options *o, const struct json *list,
                           const struct listing *listing, bool *urgent)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);

        *urgent = *urgent || (listing->is_urgent != NULL && listing->is_urgent(entry));
        e = o->json ? output_json(entry) : listing->print(entry);
    }
    return e;
}

/* One page. *after: where it begins, then where the next one does; at the end it stays. */
static enum cli_exit page(const struct options *o, struct session *session, struct json *request,
                          const struct listing *listing, int64_t *after, bool *urgent)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_int(request, "after", *after);
    code = cli_call(o, session, request, &reply);
    if (code != CLI_OK)
        return code;
    if (print_page(o, json_get(reply.result, listing->entries), listing, urgent) != ERR_OK)
        return CLI_FAILED;
    *urgent = *urgent || json_bool_of(json_get(reply.result, "attention"), false);
    *after = json_int_of(json_get(reply.result, "next"), *after);
    return CLI_OK;
}

enum cli_exit listing_print_on(const struct options *o, struct session *session,
                               struct json *request, const struct listing *listing)
{
    enum cli_exit code = CLI_OK;
    int64_t after = 0, begin = -1;
    bool urgent = false;

    while (code == CLI_OK && after > begin) {
        begin = after;
        code = page(o, session, request, listing, &after, &urgent);
    }
    if (code != CLI_OK)
        return code;
    return urgent ? CLI_ATTENTION : CLI_OK;
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
