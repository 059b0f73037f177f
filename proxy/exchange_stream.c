/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are shown while they stream: texts and server-sent events.
 * Runs on: the loop threads. Holds: nothing between two pieces but what reveal_stream.c holds back. Invariant:
 * each piece is shown by what the vault holds when it passes, so that from an erasure on no value of that
 * person leaves; what a suspended caller would see does not leave either. Not here: how pieces are cut
 * (reveal_stream.c), and how they get to the client (exchange_respond.c). */
#include "proxy/exchange_priv.h"

#include "vault/watch.h"

static enum err show(void *context, struct part *part, struct buf *out)
{
    return exchange_show_part(context, part, out);
}

void exchange_stream_start(struct exchange *x, enum coding coding)
{
    if (coding != CODING_IDENTITY)
        x->decoder = decoder_new(coding);
    x->stream = reveal_stream_new(x->route->response, x->answer_media.kind, show, x);
}

/* Since it was let in, its caller may have been suspended. */
static enum err may_go_on(struct exchange *x)
{
    if (x->caller != caller_anonymous() && vault_caller_is_suspended(caller_state(x->caller)))
        return ERR_DENIED;
    guard_go_on(&x->guard, x->loop->proxy->vault);
    return ERR_OK;
}

static enum err undo_coding(struct exchange *x, struct span *bytes)
{
    enum err e;

    if (x->decoder == NULL)
        return ERR_OK;
    buf_done(&x->collected);
    e = decoder_feed(x->decoder, *bytes, &x->collected);
    *bytes = buf_span(&x->collected);
    return e;
}

enum err exchange_stream_feed(struct exchange *x, struct span bytes)
{
    enum err e = may_go_on(x);

    buf_done(&x->answer);
    if (e == ERR_OK)
        e = undo_coding(x, &bytes);
    if (e == ERR_OK)
        e = reveal_stream_feed(x->stream, bytes, &x->answer);
    return exchange_blame_upstream(e);
}

enum err exchange_stream_finish(struct exchange *x)
{
    enum err e = may_go_on(x);

    buf_done(&x->answer);
    if (e == ERR_OK && x->decoder != NULL)
        e = decoder_finish(x->decoder);
    if (e == ERR_OK)
        e = reveal_stream_finish(x->stream, &x->answer);
    return exchange_blame_upstream(e);
}
