/* SPDX-License-Identifier: Apache-2.0 */
/* What every subcommand shares: its row in the table, and what the program's exit codes mean. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"
#include "cli/session.h"
#include "vault/vault.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_ATTENTION = 3, /* done, and what it shows needs somebody's attention */
    CLI_CONFIG = 78    /* EX_CONFIG of sysexits.h */
};

struct command {
    const char *name;      /* one or two words: "subject erase" */
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* more about it; may be NULL */
    uint64_t options;      /* OPTION_ bits it takes */
    size_t arguments_min, arguments_max;
    enum cli_exit (*run)(const struct options *options);
};

/* Print "lethe: MESSAGE" on standard error and give back the exit code that fits the error: CONFIG
 * is 78, PROPOSED 3, everything else 1. */
enum cli_exit cli_fail(enum err e, const struct errmsg *msg);

/* Write a message (printf style) into msg and give it back. */
const struct errmsg *cli_message(struct errmsg *msg, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Print "lethe: MESSAGE" and where help is; gives back CLI_USAGE. */
enum cli_exit cli_usage(const char *message);

/* Set a member; a text that is NULL stays away. False: it is no UTF-8. */
bool cli_put_text(struct json *map, const char *name, const char *text);
/* Put a number above 0, as everything that has one is named by it; false: the text is none. */
bool cli_put_number(struct json *map, const char *name, const char *text);
bool cli_put_span(struct json *map, const char *name, struct span text);
/* A member of a request from an option; NULL: none. A text that is no UTF-8 is a usage error. */
enum cli_exit cli_set_text(struct json *request, const char *name, const char *text);
/* A request about one person, by the command's argument or by --token, with what the options say of it. */
enum cli_exit cli_person(const struct options *o, const char *operation, struct json *request);
/* The one line of standard input, which is a value: anything else is a usage error. */
enum cli_exit cli_read_value(struct buf *value);
/* A person's data, of {"document"} or {"text"}: to standard output, or with -o into a new file. */
enum cli_exit cli_print_document(const struct options *o, const struct json *result);

enum cli_exit cmd_help(const struct options *options);
enum cli_exit cmd_doctor(const struct options *options);
enum cli_exit cmd_manual(const struct options *options);
enum cli_exit cmd_version(const struct options *options);
enum cli_exit cmd_init(const struct options *options);
enum cli_exit cmd_check(const struct options *options);
enum cli_exit cmd_serve(const struct options *options);
enum cli_exit cmd_explain(const struct options *options);
enum cli_exit cmd_reload(const struct options *options);
enum cli_exit cmd_tokenize(const struct options *options);
enum cli_exit cmd_reveal(const struct options *options);
/* The same with --csv and --ndjson: whole files of rows. */
enum cli_exit cmd_bulk_tokenize(const struct options *options);
enum cli_exit cmd_bulk_reveal(const struct options *options);
enum cli_exit cmd_subject_erase(const struct options *options);
enum cli_exit cmd_subject_rectify(const struct options *options);
enum cli_exit cmd_retention_status(const struct options *options);
enum cli_exit cmd_retention_resume(const struct options *options);
enum cli_exit cmd_clock_status(const struct options *options);
enum cli_exit cmd_clock_accept(const struct options *options);
enum cli_exit cmd_subject_event(const struct options *options);
enum cli_exit cmd_subject_show(const struct options *options);
enum cli_exit cmd_subject_export(const struct options *options);
enum cli_exit cmd_subject_restrict(const struct options *options);
enum cli_exit cmd_subject_unrestrict(const struct options *options);
enum cli_exit cmd_subject_consent(const struct options *options);
enum cli_exit cmd_subject_withdraw(const struct options *options);
enum cli_exit cmd_subject_object(const struct options *options);
enum cli_exit cmd_hold_add(const struct options *options);
enum cli_exit cmd_hold_list(const struct options *options);
enum cli_exit cmd_hold_show(const struct options *options);
enum cli_exit cmd_hold_lift(const struct options *options);
enum cli_exit cmd_notice_list(const struct options *options);
enum cli_exit cmd_notice_done(const struct options *options);
enum cli_exit cmd_notice_retry(const struct options *options);
enum cli_exit cmd_honeytoken_create(const struct options *options);
enum cli_exit cmd_honeytoken_list(const struct options *options);
enum cli_exit cmd_incident_list(const struct options *options);
enum cli_exit cmd_caller_list(const struct options *options);
enum cli_exit cmd_caller_restore(const struct options *options);
enum cli_exit cmd_access_create(const struct options *options);
enum cli_exit cmd_access_list(const struct options *options);
enum cli_exit cmd_access_collect(const struct options *options);
enum cli_exit cmd_access_revoke(const struct options *options);
enum cli_exit cmd_access_enrol(const struct options *options);
enum cli_exit cmd_access_unenrol(const struct options *options);
enum cli_exit cmd_proposal_list(const struct options *options);
enum cli_exit cmd_proposal_show(const struct options *options);
enum cli_exit cmd_proposal_approve(const struct options *options);
enum cli_exit cmd_proposal_reject(const struct options *options);
enum cli_exit cmd_backup(const struct options *options);
enum cli_exit cmd_restore(const struct options *options);
enum cli_exit cmd_ledger_verify(const struct options *options);
enum cli_exit cmd_ledger_mirror(const struct options *options);
enum cli_exit cmd_retention_simulate(const struct options *options);
enum cli_exit cmd_retention_preview(const struct options *options);
enum cli_exit cmd_retention_apply(const struct options *options);
enum cli_exit cmd_retention_versions(const struct options *options);
enum cli_exit cmd_overview(const struct options *options);
enum cli_exit cmd_audit_verify(const struct options *options);
enum cli_exit cmd_audit_list(const struct options *options);
enum cli_exit cmd_audit_tail(const struct options *options);
enum cli_exit cmd_report(const struct options *options);
enum cli_exit cmd_request_add(const struct options *options);
enum cli_exit cmd_request_list(const struct options *options);
enum cli_exit cmd_request_show(const struct options *options);
enum cli_exit cmd_request_letter(const struct options *options);
enum cli_exit cmd_request_act(const struct options *options);
enum cli_exit cmd_retention_recount(const struct options *options);
enum cli_exit cmd_retention_repair(const struct options *options);
enum cli_exit cmd_evidence(const struct options *options);
enum cli_exit cmd_verify_evidence(const struct options *options);
enum cli_exit cmd_receipt(const struct options *options);
enum cli_exit cmd_receipt_list(const struct options *options);
enum cli_exit cmd_verify_receipt(const struct options *options);
enum cli_exit cmd_verify_erasure(const struct options *options);
enum cli_exit cmd_key_public(const struct options *options);
enum cli_exit cmd_tokens_renew(const struct options *options);
enum cli_exit cmd_tokens_renewals(const struct options *options);
enum cli_exit cmd_tokens_pause(const struct options *options);
enum cli_exit cmd_tokens_resume(const struct options *options);
enum cli_exit cmd_tokens_cancel(const struct options *options);
enum cli_exit cmd_tokens_finish(const struct options *options);
enum cli_exit cmd_tokens_mapping(const struct options *options);
enum cli_exit cmd_key_rotate(const struct options *options);
enum cli_exit cmd_key_status(const struct options *options);
/* Carry out one request and complain when that fails. What a server keeps as a proposal is CLI_ATTENTION; with --json the
 * proposal is printed. reply: reply_done(). Blocks. */
enum cli_exit cli_call(const struct options *o, struct session *session, const struct json *request,
                       struct reply *reply);
/* What cli_call() makes of how a request ended: complain, or print the proposal. */
enum cli_exit cli_ended(const struct options *o, enum err e, const struct reply *reply,
                        const struct errmsg *msg);
/* Carry out one request, where the options say, and complain when that fails. reply: reply_done(). Blocks. */
enum cli_exit cli_ask(const struct options *o, const struct json *request, struct reply *reply);
/* A path as a server sees it, which may run in another directory; caller frees. */
char *cli_absolute(const char *path);
/* Append all of a file, or of standard input for "-". TOO_LARGE, IO, with a message. */
enum err cli_read_file(const char *path, struct buf *out, struct errmsg *msg) MUST_CHECK;
/* The Ed25519 public key that a file holds, as `lethe key public` prints it. Errors with a message. */
enum err cli_read_public_key(const char *path, uint8_t ret[VAULT_PUBLIC_BYTES], struct errmsg *msg)
    MUST_CHECK;
