/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange, shared by the files that drive it:
 *
 *   exchange.c           admission: guard, path, route, body
 *   exchange_caller.c    who asks, and what that lets it see
 *   exchange_watch.c     what follows from quotas and canaries
 *   exchange_subject.c   whose the values are
 *   exchange_screen.c    what was not declared and looks as if it should have been
 *   exchange_limits.c    what it may cost
 *   exchange_store.c     tokenizing, and the vault's writer if something is new
 *   exchange_event.c     the start event that an answer posts
 *   exchange_egress.c    the same with both directions exchanged, towards a third party
 *   exchange_forward.c   the upstream's request
 *   exchange_respond.c   the answer, streamed through
 *   exchange_account.c   figures of all of it
 *   exchange_audit.c     the record of it in the audit trail
 *   exchange_reveal.c    the answer, collected and revealed
 *   exchange_stream.c    the answer, revealed while it streams
 *
 *   ADMITTED --> STORING --> WAITING --> STREAMING --> SENT
 *       |________________________^  \--> COLLECTING --^
 *   and from everywhere before the first byte of an answer: a refusal, which is SENT. */
#pragma once

#include "proxy/exchange.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/client.h"
#include "proxy/coding.h"
#include "proxy/headers.h"
#include "proxy/media_type.h"
#include "vault/notes.h"
#include "proxy/path.h"
#include "proxy/reveal_stream.h"
#include "base/http_guard.h"
#include "proxy/transform.h"

enum { EXCHANGE_MAGIC = 0x4c786368, EXCHANGE_ID_LEN = 32 };

/* A key slot that no subject has. */
#define EXCHANGE_NOBODY UINT64_MAX

enum exchange_state {
    EXCHANGE_ADMITTED,   /* being judged */
    EXCHANGE_STORING,    /* the vault's writer has an operation of it */
    EXCHANGE_WAITING,    /* the upstream has it */
    EXCHANGE_STREAMING,  /* the answer passes through */
    EXCHANGE_COLLECTING, /* the answer is held until it is whole */
    EXCHANGE_SENT        /* the last byte is handed to libh2o */
};

struct store_job;
struct event_job;
struct exchange;
/* What follows once the vault has the values: now, or when its writer is done. */
typedef void (*exchange_then_fn)(struct exchange *x, enum err result);

/* An operation in the hands of the vault's writer: first member of what owns all that the writer reads, so that
 * a client may leave at any time. */
struct exchange_job {
    h2o_multithread_message_t message; /* first: how it travels back */
    struct proxy_loop *loop;
    struct exchange *owner; /* NULL: the client has left */
    const struct vault_op *op;
    void (*back)(struct exchange_job *job); /* on the loop, once; frees it */
};

/* What it leaves behind in figures. */
struct account {
    int64_t began_us;
    size_t bytes_in;     /* of the body, as it came */
    int64_t store_us;    /* begin, then duration of the wait for the vault's writer */
    int64_t upstream_us; /* likewise, of the upstream's call */
    bool stored;         /* store_us is a duration */
    bool upstream_done;  /* upstream_us is */
    size_t tokens;       /* values in whose places tokens went up */
    struct reveal_counts reveals;
};

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    h2o_req_t *req;
    struct proxy_loop *loop;
    struct client *client;
    struct loop_setup *setup;  /* the configuration it began under */
    h2o_linklist_t link;       /* loop->exchanges */
    h2o_generator_t generator; /* what libh2o calls when it has written */
    char id[EXCHANGE_ID_LEN];  /* hexadecimal digits */
    struct account account;
    struct span trace; /* the trace's id; at is NULL: it belongs to none */

    /* What of it is to be recorded, and that it waits until that is done. */
    struct notes notes;
    uint64_t ticket;
    h2o_linklist_t recording;  /* loop->recording */
    exchange_then_fn recorded; /* what follows then */
    bool held;                 /* what streams stays until then */

    /* What was asked; spans stand in the connection's input, which is not read meanwhile. */
    struct guard_facts facts;
    struct request_fields fields;
    struct path path;
    struct buf path_text;
    const struct proxy_route *route; /* NULL: undeclared, passed by default */
    struct route_match match;
    size_t upstream; /* index */
    int64_t retry_s; /* a refusal's: when to come again; 0: nothing is said */
    const struct caller *caller;
    const struct json *claims; /* of its token, while the request is admitted; NULL: it has none */
    struct reveal_guard guard; /* of what it sees */
    const uint8_t *actions;    /* what the caller sees: enum reveal_action by class id */
    struct buf subject;        /* the identifier, decoded; secret */
    struct tokenize_subject
        *whose; /* the request's subject; then those of elements, if they name any */
    size_t whose_count;
    uint64_t known; /* the slot of the request's subject as tokenizing found it; 0: it did not */
    unsigned known_mark;  /* of the reader, then */
    bool subject_missing; /* the route names one and the request does not */

    /* What goes up. */
    struct buf
        decoded; /* the body without its coding, which the request's entity is then; secret */
    bool was_coded;
    struct media_type media; /* of the body; MEDIA_OTHER: it is not read */
    struct parts parts;      /* of the request: where declared values stand */
    struct buf *written;     /* by part: with tokens in place; secret */
    struct buf target;       /* a path with tokens in place */
    struct tokenize *tokenize;
    exchange_then_fn then;     /* after the writer */
    struct store_job *job;     /* in the writer's hands */
    struct event_job *posting; /* likewise: nothing of the answer leaves before it is back */
    struct span body;          /* at is NULL: as it came */
    struct upstream_call *call;

    /* What comes back. */
    bool reveals;                   /* fields of the answer are declared */
    struct decoder *decoder;        /* of a coded answer */
    struct reveal_stream *stream;   /* it is revealed while it streams; else NULL */
    bool owner_known;               /* whose values it may show is settled: */
    uint64_t owner;                 /* as the first of exchange_find_slots() */
    struct media_type answer_media; /* MEDIA_OTHER: its body holds none that can be read */
    bool shown;                     /* `answer` is the answer */
    bool ready;                     /* ... and waits for `posting` only */
    int64_t whole_len;              /* of the body that is collected; -1: not known */
    struct part answer_part;        /* of a third party's: where values stand */
    struct buf collected;           /* secret */
    struct buf answer;              /* as the caller may see it; secret */
    h2o_buffer_t *arriving;         /* pass-through: filled while `leaving` is written */
    h2o_doublebuffer_t leaving;
    h2o_timeout_entry_t flush; /* at the end of this turn of the loop */
    char chunk[24];
    bool chunked;    /* we frame the answer */
    bool close_ends; /* the end of the connection is the end of the answer */
    bool begun;      /* h2o_start_response() was called */
    bool writing;    /* libh2o will call proceed */
    bool complete;   /* the upstream's answer is whole */
    bool broken;     /* it broke off: the client must see that */
    bool paused;     /* the upstream is told to wait */
};

/* What a log line about it begins with: its id, and its trace's if it belongs to one. */
#define F_REQUEST(x)                                                                               \
    F_TEXT("request", span_of((x)->id, EXCHANGE_ID_LEN)), F_TEXT("trace", (x)->trace)

/* Refuse: answer with a problem document. Only before the first byte of an answer. */
void exchange_refuse(struct exchange *x, enum err e);
/* Refuse and close the connection after it. */
void exchange_refuse_and_close(struct exchange *x, enum err e);
/* The route as the operator wrote it, for logs. */
struct span exchange_route_name(const struct exchange *x);

/* In the order of an exchange's life; `back`: it came back. */
void exchange_account_begin(struct exchange *x);
void exchange_account_store(struct exchange *x, bool back);
void exchange_account_tokens(struct exchange *x, size_t count);
void exchange_account_upstream(struct exchange *x, bool back);
void exchange_account_reveals(struct exchange *x, const struct reveal_counts *counts);
void exchange_account_refusal(struct exchange *x, enum err e);
void exchange_account_end(struct exchange *x);

/* Go on when what was noted is durable in the audit trail: at once where nothing was. `then` is not called where
 * the exchange ends before. */
void exchange_record(struct exchange *x, exchange_then_fn then);
/* The same where the caller goes on itself: true: `then` will be called; false: at once, with *ret. */
bool exchange_record_waits(struct exchange *x, exchange_then_fn then, enum err *ret) MUST_CHECK;
/* It does not wait any more. */
void exchange_leave_record(struct exchange *x);
/* Record what was refused, and what the guard has met, without waiting. */
void exchange_note_refusal(struct exchange *x, enum err e);
void exchange_note_guard(struct exchange *x);
/* At its end: what was found and never recorded. */
void exchange_audit_end(struct exchange *x);

/* Find out who asks: x->caller, x->claims, x->actions. UNAUTHORIZED, DENIED; INVALID where the request names
 * two callers. */
enum err exchange_find_caller(struct exchange *x) MUST_CHECK;
/* Make x->guard, for the caller that was found. */
void exchange_guard(struct exchange *x);
/* Log what the guard has met, and suspend a caller that met a canary. Inside a read transaction, if
 * values were shown. */
void exchange_settle_guard(struct exchange *x);
/* Find out whose the values are: x->whose, x->subject_missing. */
enum err exchange_find_subject(struct exchange *x) MUST_CHECK;
/* The same for elements of the body that name subjects of their own: x->whose, and whose the hits are.
 * UNPROCESSABLE where one does not. */
enum err exchange_find_people(struct exchange *x, struct part *body) MUST_CHECK;
/* By element of an answer's body (and 1, see struct hit) whose values it may show: EXCHANGE_NOBODY's where
 * it names nobody who is known. Inside a read transaction. */
enum err exchange_find_owners(struct exchange *x, struct part *body, uint64_t *slots) MUST_CHECK;
/* A person by a name, or by a token of theirs: then ret->slot is set. NOT_FOUND: a token that is nobody's;
 * UNPROCESSABLE: too long. The name is borrowed. Inside a read transaction. */
enum err exchange_name_person(const struct exchange *x, struct span name,
                              struct tokenize_subject *ret) MUST_CHECK;
/* Can a token of this class be only one person's? Two may share a deterministic one, and after the erasure
 * of the one it would pass for the other's; but for what identifies: that is one name. */
bool exchange_tells_one_person(const struct exchange *x, uint16_t class_id);
/* Look for what would go up in clear though it should not. UNPROCESSABLE, and logged. */
enum err exchange_screen(const struct exchange *x) MUST_CHECK;
/* Does a third party's answer, in x->answer_part, hold a name that comes near a declared one? UNPROCESSABLE, and logged. */
enum err exchange_screen_answer(const struct exchange *x) MUST_CHECK;
/* Does the head keep to the limits? Whose it is stands in the client then. */
enum err exchange_check_head(struct exchange *x) MUST_CHECK;
/* Is there room for one more request, and has the client, the caller not used up its share? BUSY; LIMIT. */
enum err exchange_admit_client(struct exchange *x) MUST_CHECK;
enum err exchange_admit_rate(struct exchange *x, const struct caller *caller) MUST_CHECK;
/* Bytes that wait with it. */
size_t exchange_holds(const struct exchange *x);
/* Let go of vault and upstream. true: all that is left is a write under way. */
bool exchange_leave(struct exchange *x);
/* The client has gone: nothing more is done for it. May end the exchange. */
void exchange_client_gone(struct exchange *x);

/* Read the request's parts, and whose they are: x->parts, x->whose. */
enum err exchange_read_parts(struct exchange *x) MUST_CHECK;
/* A part of the request, as it was written anew, goes where it came from. */
enum err exchange_put_back(struct exchange *x, size_t part) MUST_CHECK;
/* Find tokens for the values of these parts, which must live as long as the exchange; x->tokenize has
 * them when `then` is called with OK. */
void exchange_tokenize(struct exchange *x, const struct part *parts, size_t count,
                       exchange_then_fn then);
/* Tokenize the request; goes on to exchange_forward() now or when the vault is done. */
void exchange_store(struct exchange *x);
/* The other way round, towards a third party: tokens of the request become values, and those of its answer
 * become tokens. Goes on to exchange_forward(). */
void exchange_open(struct exchange *x);
/* The answer of a third party is whole: goes on to exchange_send_answer(). */
void exchange_close_answer(struct exchange *x);
/* Send x->answer, now that it is what the client gets. */
void exchange_send_answer(struct exchange *x);
/* Inside a read transaction: whose values may be shown, slots[0] of a message's subject (0: anybody's) and
 * behind it those of the body's elements. `body` may be NULL. What was settled for one part of a message holds
 * for all that follow. */
enum err exchange_find_slots(struct exchange *x, struct part *body, const struct parts *fields,
                             uint64_t *slots) MUST_CHECK;
/* One part of the answer's body, as the caller may see it, appended to out. Makes a read transaction of its
 * own; logs. */
enum err exchange_show_part(struct exchange *x, struct part *part, struct buf *out) MUST_CHECK;
/* Hand an operation to the vault's writer; job->back is set. It comes back exactly once, unless this fails: BUSY. */
enum err exchange_submit(struct exchange *x, struct exchange_job *job, struct vault_op *op)
    MUST_CHECK;
/* May the caller use a route that posts an event? True where it posts none. */
bool exchange_may_post(const struct exchange *x);
/* An answer of this status has come: post the route's event, if it posts one for that. exchange_release() follows
 * when x->posting was set. Errors: what the vault says; then nothing of the answer may leave. */
enum err exchange_post_event(struct exchange *x, int status) MUST_CHECK;
/* It does not wait for its event any more, which is kept all the same. */
void exchange_leave_event(struct exchange *x);
/* The event is durable, or there is nobody to have it: what waited for it leaves. On an error nothing does. May end
 * the exchange. */
void exchange_release(struct exchange *x, enum err e);
/* Record what becomes of an event of the person that `about` is of, without waiting. */
void exchange_note_event(struct exchange *x, const struct notes *about, enum audit_outcome outcome,
                         enum err e);
/* The exchange ends with an operation in the vault's hands. */
void exchange_leave_job(struct exchange *x);
/* Send it up. */
void exchange_forward(struct exchange *x);
/* The calls of an upstream's answer; context is the exchange. */
extern const struct upstream_events exchange_answer_events;
/* What an answer's body is (x->answer_media), as far as fields are declared in such bodies, and how it is
 * coded. */
void exchange_judge_answer(struct exchange *x, const struct upstream_head *head,
                           enum coding *ret_coding);
/* Show the answer's header fields, which stand in the response already, as the caller may see them. Before
 * the response begins. */
enum err exchange_show_headers(struct exchange *x) MUST_CHECK;
/* Does it ask for a WebSocket, on a route that lets it pass? */
bool exchange_wants_websocket(const struct exchange *x);
/* The upstream has gone over to it: so does the client. */
void exchange_on_upgraded(struct upstream_call *call, const struct upstream_head *head,
                          h2o_socket_t *sock, struct span first, void *context);
/* Hold an answer until it is whole, then show it as the caller may see it. */
void exchange_collect_head(struct exchange *x, const struct upstream_head *head,
                           enum coding coding);
void exchange_collect_body(struct exchange *x, struct span bytes);
void exchange_send_collected(struct exchange *x);
/* Show the body of an answer while it streams: after its head, each piece of it, its end. What the client gets
 * of it stands in x->answer then, until the next. Errors end the answer. */
void exchange_stream_start(struct exchange *x, enum coding coding);
enum err exchange_stream_feed(struct exchange *x, struct span bytes) MUST_CHECK;
enum err exchange_stream_finish(struct exchange *x) MUST_CHECK;
/* Whose fault it is that an answer cannot be shown. */
enum err exchange_blame_upstream(enum err e) MUST_CHECK;
/* Start the response with libh2o; status, fields and framing are set. */
void exchange_begin(struct exchange *x);
/* What this answer says as Strict-Transport-Security; at is NULL: nothing, or it does not go over TLS. */
struct span exchange_hsts(const struct exchange *x);
/* libh2o has written what it was given. */
void exchange_on_written(h2o_generator_t *generator, h2o_req_t *req);
/* Free what the answer holds. */
void exchange_answer_done(struct exchange *x);
/* End an answer that has begun, so that no client takes it for complete. Ends the exchange. */
void exchange_break_off(struct exchange *x);
