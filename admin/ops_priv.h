/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that stand in files of their own. */
#pragma once

#include "admin/ops.h"
#include "retention/exports.h"
#include "retention/report.h"
#include "retention/words.h"
#include "vault/notes.h"
#include "vault/records.h"

/* Carry out one operation; as ops_run(). */
typedef enum err (*ops_handler_fn)(struct admin *admin, const struct json *request,
                                   struct json **ret_response, struct errmsg *msg);

enum err ops_key_rotate(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_key_status(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_retention_status(struct admin *admin, const struct json *request,
                              struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_retention_resume(struct admin *admin, const struct json *request,
                              struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_tokenize(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg) MUST_CHECK;
enum err ops_tokenize_lines(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_reveal_lines(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
/* What keeps a value of this class from being stored, as a message. */
enum err ops_cannot_tokenize(enum err e, const struct class_def *def, struct errmsg *msg)
    MUST_CHECK;
enum err ops_reveal(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg) MUST_CHECK;
/* Is the value of a class and a domain that who asks is not kept from? */
bool ops_is_in_scope(const struct admin *admin, const struct vault_value *value);

enum err ops_bulk_start(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_bulk_tokenize(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_bulk_reveal(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_bulk_verify(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_bulk_finish(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;

enum err ops_honeytoken_create(struct admin *admin, const struct json *request,
                               struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_honeytoken_list(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_incident_list(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_caller_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_caller_restore(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;

/* Is it for somebody who may have all that is kept of a person? DENIED with a message. */
enum err ops_may_export(const struct admin *admin, struct errmsg *msg) MUST_CHECK;
/* What is answered where a link, or a document (which it takes), was made. */
struct json *ops_link_map(const struct export_link *link);
enum err ops_document_map(struct json **document, enum export_format format, uint64_t number,
                          struct json **ret_map) MUST_CHECK;
enum err ops_subject_export(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_report(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg) MUST_CHECK;
enum err ops_access_create(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_appoint(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_draft(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_collect(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_show(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_prove(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_unenrol(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_revoke(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_access_enrol(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_plan(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_start(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_show(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_list(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_act(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_finish(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_renewal_tokens(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_proposal_list(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_proposal_show(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_proposal_approve(struct admin *admin, const struct json *request,
                              struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_proposal_reject(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg) MUST_CHECK;

/* ---- the table ---- */

/* Is there such an operation, with no member that it does not take? INVALID with a message. */
enum err ops_check(const struct json *request, struct errmsg *msg) MUST_CHECK;
/* Carry out an operation as a part of another one: whom it is about is noted there, and it has no record of its
 * own. As ops_run(). */
enum err ops_run_within(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
/* Does an operation take a member? */
bool ops_takes(struct span operation, const char *member);
enum err ops_subject_erase(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;

enum err ops_subject_erase_many(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg) MUST_CHECK;

/* ---- shared by operations on persons and their receipts (ops.c) ---- */

/* Does a text that will be kept name the person? */
bool ops_mentions(struct span text, struct span name);
/* Does a request hold texts that will be kept? (ops_words.c) */
bool ops_has_words(const struct json *request);
/* INVALID, with a message: one of them holds an identifier of the person. Inside a read transaction. */
enum err ops_check_words(const struct words_about *about, const struct json *request,
                         struct errmsg *msg) MUST_CHECK;
/* What the operator says of an erasure; borrowed. */
enum err ops_read_words(const struct admin *admin, const struct json *request,
                        struct receipt_words *ret, struct errmsg *msg) MUST_CHECK;
/* Who is meant, by "subject" and "domain" or by "token" and "class", as of now. */
enum err ops_find_person_now(struct admin *admin, const struct json *request, uint64_t *ret_slot,
                             struct errmsg *msg) MUST_CHECK;
/* A receipt that was kept. NOT_FOUND. */
enum err ops_read_receipt(struct admin *admin, const uint8_t number[VAULT_ID_BYTES],
                          struct json **ret_tree) MUST_CHECK;

enum err ops_notice_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_notice_done(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_notice_retry(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_request_add(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_request_act(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_request_show(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_request_list(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_request_letter(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg) MUST_CHECK;

/* Does an operator's text hold the identifier of the person it is about? */
bool ops_mentions(struct span text, struct span name);
/* The key slot of who is meant, by "subject" (and "domain") or by "token" (and "class"), in a read
 * transaction of its own. NOT_FOUND with a message. Blocks shortly. */
enum err ops_find_person_now(struct admin *admin, const struct json *request, uint64_t *ret_slot,
                             struct errmsg *msg) MUST_CHECK;
enum err ops_hold_add(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg) MUST_CHECK;
enum err ops_hold_list(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg) MUST_CHECK;
enum err ops_hold_show(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg) MUST_CHECK;
enum err ops_hold_lift(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg) MUST_CHECK;
enum err ops_restrict(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg) MUST_CHECK;
enum err ops_unrestrict(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_consent(struct admin *admin, const struct json *request, struct json **ret_response,
                     struct errmsg *msg) MUST_CHECK;
enum err ops_object(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg) MUST_CHECK;

/* What an erasure that waits says of itself. */
enum err ops_held_erasure(struct admin *admin, const struct receipt *receipt,
                          struct json **ret_response) MUST_CHECK;
/* Add to `map` what binds this person: holds, restrictions, an erasure that waits, objections. The reader is
 * inside a transaction. */
enum err ops_bound_of(const struct admin *admin, struct vault_reader *reader, uint64_t slot,
                      struct json *map) MUST_CHECK;
enum err ops_retention_simulate(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_retention_preview(struct admin *admin, const struct json *request,
                               struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_retention_apply(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_retention_versions(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_audit_list(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_audit_status(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg) MUST_CHECK;
enum err ops_audit_tail(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;

/* ---- the audit trail ---- */

/* Run an operation between its records. What cannot be recorded is not done, or not shown. */
enum err ops_audited_run(const struct admin *admin, const char *name, ops_handler_fn run,
                         const struct json *request, struct json **ret_response, struct errmsg *msg)
    MUST_CHECK;
/* Record that an operation was refused before it ran: whoever asked may not, or asked for what is none. Does not
 * block. more: so many others before it have no record. */
void ops_audit_refused(const struct admin *admin, struct span operation, enum err why,
                       uint64_t more);
/* Count one value of somebody in the record of the operation that runs; class 0: nothing but that it was about
 * this person. As notes_add(). */
enum err ops_note(const struct admin *admin, struct vault_reader *reader, uint64_t slot,
                  uint16_t class_id, enum note_kind kind) MUST_CHECK;
/* Who is meant: by an identifier, a token or a reference of theirs, of those whom who asks may know of. Inside a
 * read transaction. */
enum err ops_find_person(const struct admin *admin, struct vault_reader *reader,
                         const struct json *request, uint64_t *ret_slot, struct errmsg *msg)
    MUST_CHECK;
enum err ops_recount(struct admin *admin, const struct json *request, struct json **ret_response,
                     struct errmsg *msg) MUST_CHECK;
enum err ops_repair(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg) MUST_CHECK;
enum err ops_overview(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg) MUST_CHECK;
enum err ops_figures(struct admin *admin, const struct json *request, struct json **ret_response,
                     struct errmsg *msg) MUST_CHECK;
enum err ops_evidence(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg) MUST_CHECK;

enum err ops_subject_event(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg) MUST_CHECK;
/* Events that are known of a person, as the member "events" of `map`. Inside a read transaction. */
enum err ops_events_of(struct vault_reader *reader, uint64_t slot, struct json *map) MUST_CHECK;

/* ---- lists ---- */

struct ops_page {
    uint64_t after; /* what "next" of the page before said; 0: from the beginning */
    size_t limit;   /* entries at most */
};
/* "after", and "limit", which is at most OPS_VALUES_MAX, and `limit` when it is not given. */
enum err ops_read_page(const struct json *request, size_t limit, struct ops_page *ret,
                       struct errmsg *msg) MUST_CHECK;
/* "more", and "next": what to give as "after" (null when there is no more). last: where this page ends. */
void ops_set_next(struct json *map, bool more, uint64_t last);
/* A page of a list that is there as a whole, in the order of the member `number`; ops_set_next() of it. */
struct json *ops_cut(const struct json *whole, const struct ops_page *page, const char *number,
                     struct json *map);
/* The operation that lists all records of a kind, page by page. */
struct ops_records {
    enum vault_record_kind kind;
    const char *name; /* of the answer's member */
    enum err (*tell)(const struct vault_record *record, struct json **ret_entry);
};
enum err ops_list_records(const struct admin *admin, const struct json *request,
                          const struct ops_records *what, struct json **ret_response,
                          struct errmsg *msg) MUST_CHECK;
/* ---- reports and what is like them (ops_report.c) ---- */

/* What they are made of: "from" and "to" of a request, and what else a report may be asked for. The context is good
 * until ops_desk_done(). */
struct ops_desk {
    struct report_context context;
    struct vault_reader *reader;
    uint8_t configuration[CONF_DIGEST_BYTES];
};
enum err ops_desk_init(struct ops_desk *desk, struct admin *admin, const struct json *request,
                       struct errmsg *msg) MUST_CHECK;
void ops_desk_done(struct ops_desk *desk);

/* ---- members of a request; what comes back is borrowed from it. INVALID, TOO_LARGE, NOT_FOUND ---- */

enum err ops_need_text(const struct json *request, const char *name, struct span *ret,
                       struct errmsg *msg) MUST_CHECK;
/* At most OPS_VALUES_MAX strings. */
enum err ops_need_texts(const struct json *request, const char *name, const struct json **ret,
                        struct errmsg *msg) MUST_CHECK;
/* A day (UTC), as the instant at which it begins, in a unit of which a day has `per_day`. Absent: *ret is left alone. */
enum err ops_read_day(const struct json *request, const char *name, int64_t per_day, int64_t *ret,
                      struct errmsg *msg) MUST_CHECK;
/* An absolute path. */
enum err ops_need_path(const struct json *request, const char *name, const char **ret,
                       struct errmsg *msg) MUST_CHECK;
/* "subject": an identifier. */
enum err ops_need_subject(const struct json *request, struct span *ret, struct errmsg *msg)
    MUST_CHECK;
/* A text of the operator's that is kept: one line (unicode_is_line()), without `subject`, the person's
 * identifier. Absent or empty is none. */
enum err ops_read_word(const struct json *request, const char *name, struct span subject,
                       struct span *ret, struct errmsg *msg) MUST_CHECK;
/* "domain". *ret is the domain when none is named: set it before. */
enum err ops_read_domain(const struct admin *admin, const struct json *request, uint16_t *ret,
                         struct errmsg *msg) MUST_CHECK;
/* "class": what a token is of. Without the member *ret is left alone. */
enum err ops_read_class(const struct admin *admin, const struct json *request, uint16_t *ret,
                        struct errmsg *msg) MUST_CHECK;
/* What became of looking a token up: a typed one says its class to nobody, so that one of several is a
 * CONFLICT with a message. */
enum err ops_which_class(enum err e, struct errmsg *msg) MUST_CHECK;
