/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator can ask for, as one table of operations: the control socket and the command line
 * both end here, so both mean the same. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "keys/rotation.h"
#include "retention/erasure.h"
#include "retention/requests.h"
#include "vault/classes.h"
#include "vault/vault.h"

struct access;
struct access_who;
struct proposals;
struct notes;
struct ropa;
struct exports;

/* What the operations work on; borrowed, must outlive every run. */
struct admin {
    struct vault *vault;
    const struct classes *classes; /* what ops_run() finds in force */
    struct erasures *erasures;
    struct requests *requests; /* for request.* and its report only */
    struct ropa *ropa;         /* NULL: records of processing say what the classes say */
    struct exports *exports;   /* for subject.export only */
    struct access *access;
    struct proposals *proposals;
    const struct access_who *who; /* who asks over the admin API; NULL: root or the server's user */
    bool four_eyes;               /* there, what destroys is proposed and approved by two people */
    const char *executed_by;      /* who asks, for receipts; NULL: "cli" */
    struct span address;       /* of who asks over the network; at is NULL: they are on this host */
    const uint8_t *request_id; /* of what they ask, AUDIT_REQUEST_BYTES; NULL: it has none */
    const char *approved_by;   /* somebody else, who approved it; NULL: nobody did */
    int64_t approval_delay_ms; /* from an approval to what it approves */
    struct keys *keys; /* these two: for key.* only; NULL: the overview tells nothing of keys */
    struct rotation *rotation;
    const struct conf *conf; /* for the certificates that it names; NULL: nothing is said of them */
    /* In its place, where it can be exchanged: calls `use` with what is in force, which stays as long. */
    void (*with_conf)(void *reload_context, void (*use)(struct conf_node root, void *argument),
                      void *argument);
    /* Read the configuration again; NULL: no server runs. As reload_run(). */
    enum err (*reload)(void *context, struct errmsg *msg);
    void *reload_context;
    /* The callers at the proxy: [{"caller", "suspended", "quotas": [{"purpose", "what", "window", "limit", "used"}]}],
     * json_free(). NULL, or gives NULL: no server runs, or it ends. Any thread. */
    struct json *(*callers)(void *context);
    void *callers_context;
    struct notes *notes; /* of people: for the audit trail; ops_run() has its own */
};

enum ops_limits {
    OPS_ERASE_MAX = 256,           /* subjects erased by one request */
    OPS_VALUES_MAX = 1000,         /* values or tokens in one request */
    OPS_LINES_MAX = 256,           /* lines in one request */
    OPS_REVEAL_BYTES_MAX = 1 << 20 /* values given back at once; one is always given */
};

/* Carry out {"op": NAME, ...}:
 *
 *   ping            {}                                            {"version", "commit"}
 *   progress        {}                                            {"backup": {"done", "total"}, ...}: base/effort.h
 *   tokenize        {class, subject, values[], domain?}           {"tokens": [...]}
 *   reveal          {tokens[], hold?, domain?, class?, purpose?}         {"values": [...]}
 *   bulk.start      {classes[], domain?, purpose?, job?: to go on} {"job", "key": for digests, "email_domains": [...]}
 *   bulk.tokenize   {job, group, on_error, columns: [{class, kind?}], rows: [[subject, column, value, ...]],
 *                   subject_class?, domain?}                      {"states": a letter a value, "tokens": [token or null]}
 *                   without "tokens" nothing was stored. The letters: + # stored, = a token already, and what is wrong: f, l, s
 *   bulk.reveal     {job, columns, tokens: [column, token, ...], purpose, domain?}
 *                                                                 {"states", "values": [value or null]}, fewer, too
 *   bulk.verify     {job, columns, pairs: [column, token, value, ...], domain?}  {"states"}
 *   bulk.finish     {job}                                         {}
 *   tokenize.lines  {lines[]: {subject, class, value, domain?}}   {"lines": [{"token"} or {"error"}]}
 *   reveal.lines    {lines[]: {token, domain?, class?}, purpose?} {"lines": [{"value"} or {"error"}]}, perhaps fewer
 *   rectify         {token, class?, value, subject?, domain?}     {"class"}
 *   subject.erase   {subject, domain? | token, class? | person, ground?, reason?, reference?, except?, only?: classes, dry_run?, key?}
 *                   the receipt, signed; with dry_run {"goes", "stays", ...}. except: [{class, code, law, until}]
 *   subject.erase_many {subjects[], domain?, ground?, reason?, reference?}  {"erasures": [receipt or {"error", "message"}]}
 *                   or, while a legal hold binds the person: {"state": "held", "number", "subject", "asked", "holds"}
 *   subject.restrict {subject, domain? | token, class?, ground: a-d, review?}  {"number"}
 *   subject.unrestrict {... , notice_sent: a day}                 {}
 *   subject.object  {... , purpose, withdraw?}                    {"number"}
 *   subject.consent {... , purpose, withdraw?, channel?, version?: of the text, at?: a day}
 *                                                                 {"number", "erasures", "receipt"}
 *   hold.add        {subject, domain? | token, class? |, of_class?, ground, owner, review}  the hold
 *   hold.list       {after?}                                      {"holds": [...], "more", "attention"}
 *   hold.show       {number}                                      the hold
 *   hold.lift       {number, reason}                              {"erasures": that were carried out}
 *   subject.show    {subject, domain? | token, class? | person}   {"person", "subject", "domain", ...}
 *   subject.event   {subject, domain? | token, class? | person, event, at?, correct?}  {"event", "at", ...}
 *   subject.export  {..., format?: json, html, csv, lang?: en, de, portable?}  {"number", "document" or "text"}
 *                   {..., link: true, expires?: a period, lang?, portable?}     {"number", "path", "expires"}
 *   receipt.show    {number}                                      a receipt that was kept
 *   receipt.list    {order?: oldest or newest, after?}           {"receipts": [...], "more"}
 *   key.public      {}                                            {"pem": what checks receipts}
 *   honeytoken.create {class, value, subject?, domain?}         {"token", "subject": its random id}
 *   honeytoken.list {}                                            {"honeytokens": [...]}
 *   incident.list   {after?}                                      {"incidents": [...], "more"}
 *   caller.list     {}                                            {"callers": [...]}: admin/ops_watch.c draws it
 *   caller.restore  {caller}                                      {"closed": incidents}
 *   access.create   {name, role, expires, domains?, classes?, purposes?, networks?, certificate?}  {"number", "token", ...}
 *   access.appoint  the same, of any role but auditor              {"number", ...}: without its text
 *   access.draft    the same                                      what it would be
 *   access.collect  {number}                                      as access.create: the text of an appointed one, once
 *   access.list     {}                                            {"tokens": [...]}
 *   access.show     {number}                                      one of them
 *   access.revoke   {number}                                      {}
 *   access.enrol    {number}                                      {"uri": what an authenticator takes}
 *   access.prove    {number, first_code}                          {}: its holder has it
 *   access.unenrol  {number}                                      {}: no second factor any more
 *   proposal.list   {after?}                                      {"proposals": [...], "more"}
 *   proposal.show   {number}                                      one of them
 *   proposal.approve {number, digest}                             what the operation gives, or the proposal
 *   proposal.reject {number}                                      the proposal
 *   audit.list      {subject, domain? | token, class? | person, from?, to?, caller?, action?, after?}
 *                                                                 {"records": [...], "last", "more"}
 *   audit.tail      {after?}                                      the same: the last ones, or those since
 *   backup          {data, keys}: absolute directories            {"backup", "time", "data", ...}
 *   clock.status    {}                                            {"state", "time", "clock"}
 *   clock.accept    {}                                            the same
 *   retention.recount {}                                          {"counted", "differ", "uncounted": classes, "lost": old
 *                                                                  tokens, "digest"}
 *   retention.repair {confirm}: the digest of a recount            retention/recount.h draws it
 *   evidence        {file, from?, to?}: an absolute path           {"file", "record", "files", "sha256"}
 *   report          {report, from?, to?}: days                     retention/report.h draws it
 *   overview        {from?, to?}: days                             docs/REPORTS.md draws it
 *   figures         {figure, from?, to?}: days                     docs/REPORTS.md draws it
 *   request.add     {with: {rights[], channel, ...}, subject, domain? | token, class?}
 *                                                                 the request (retention/requests.h)
 *   request.act     {number, action, with: {...}, version?}       the request; CHANGED: it has another version
 *   request.show    {number}                                      the request
 *   request.list    {state?, after?}                              {"requests": [...], "more"}
 *   request.letter  {number, letter?, lang?}                      {"template", "lang", "text"}
 *   retention.status {}                                           {"classes": [...], "last_run", ...}
 *   retention.resume {class}                                      {}
 *   key.rotate      {}                                            {"started"}: false, one runs
 *   renewal.plan    {class?, domain?, keep?: a period}            retention/renewal.h draws these
 *   renewal.start   {class?, domain?, keep?, confirm?: the plan's digest, key?}
 *   renewal.show    {number}
 *   renewal.list    {after?}                                      {"renewals": [...]}
 *   renewal.act     {number, action: pause, resume, cancel}
 *   renewal.finish  {number}
 *   renewal.tokens  {number, class, after?}                       {"tokens": [{"class", "old", "new"}]}
 *   retention.simulate {at}: a day                               retention/simulation.h draws it
 *   retention.preview {classes?, timezone?}: JSON text of a configuration's section; its zone
 *                                                                 retention/retiming.h draws it
 *   retention.apply {confirm}: the digest of a preview            the same
 *   retention.versions {class?, after?}: entries to pass over     {"versions": [...], "more"}
 *   reload          {}                                            {}
 *   audit.status    {}                                            {"last", "head", "unsigned", "unsigned_since", "failures",
 *                                                                  "heads_lost"}
 *   key.status      {}                                            admin/ops_keys.c draws it
 *
 * Lists take {after?, limit?}, too, and say "more" and "next": what to give as "after".
 * A person is named by an identifier, by a token, or by the id "person" that subject.show gives: a slot and
 * the random id, which say nothing to anybody else. With a purpose, reveal gives values of its classes only.
 * Typed tokens do not say their class: where one would stand for values of several, `class` is wanted
 * (CONFLICT). Values are strings; a number or boolean that an application sent comes back as its text. A token
 * that stands for nothing reveals null. Without a domain the subject is looked for in "default", and
 * tokens of every domain are revealed; with one, those of others stand for nothing. Reveal may give back fewer values than it was given tokens:
 * ask again for the rest. A member that the operation does not know is refused.
 * ret_response: json_free(); keep it short-lived, it may hold values (the tree is wiped when
 * freed). Errors come with a message that holds no personal data: INVALID, NOT_FOUND, TOO_LARGE,
 * and what the vault says. Worker thread or command line; blocks. Any number at once. */
enum err ops_run(struct admin *admin, const struct json *request, struct json **ret_response,
                 struct errmsg *msg) MUST_CHECK;
