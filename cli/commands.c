/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all commands: help, dispatch and what is generated from it read nothing else.
 * Runs on: the main thread. Holds: the table. Not here: the commands (cmd_*.c), finding one in the
 * table (dispatch.c). */
#include "cli/commands.h"

#include "cli/cli.h"

const struct command commands[] = {
    {"init", "DIR | -c FILE", "make a store, its root key, and an example configuration",
     "With DIR: makes DIR/lethe.yaml, DIR/root.key, DIR/support.key, DIR/receipt.pub, DIR/store, "
     "and "
     "DIR/admin.token,\n"
     "an operator's token for 90 days, whose second factor is shown as a QR code, or, where there "
     "is no terminal,\n"
     "written to DIR/admin.otpauth. With -c FILE: makes the root key and the store as FILE says. "
     "Overwrites\n"
     "nothing.\n",
     OPTION_CONFIG, 0, 1, cmd_init},
    {"check", "[-c FILE]", "validate a configuration; exit 78 when it is wrong",
     "Prints \"ok\", or the first mistake as FILE:LINE:COLUMN: message.\n", OPTION_CONFIG, 0, 0,
     cmd_check},
    {"serve", "[-c FILE] [--ready-fd N]", "run the proxy; SIGTERM drains",
     "Prints one line \"ready ADDRESS...\" when it serves, to descriptor N if one is given.\n"
     "Logs JSON lines to standard error.\n",
     OPTION_CONFIG | OPTION_READY_FD, 0, 0, cmd_serve},
    {"explain",
     "[-c FILE] [-H 'NAME: VALUE']... [--caller NAME] [--purpose P] [--json] METHOD PATH",
     "what would happen to a request: each declared field's fate; changes nothing",
     "The body is standard input. The request goes through the data path itself, before a "
     "throwaway "
     "store\n"
     "and with nobody behind it: tokens that are shown mean nothing. A value that the real store "
     "knows "
     "may get\n"
     "another fate there. Exit code 1: it would be refused.\n",
     OPTION_CONFIG | OPTION_REQUEST | OPTION_PURPOSE | OPTION_JSON, 2, 2, cmd_explain},
    {"reload", "[-c FILE]",
     "have the server read its configuration again; exit 78 when it is wrong",
     "As SIGHUP does. No connection is dropped: requests under way end under the configuration "
     "they\n"
     "began under. A wrong one is not taken over: the server keeps what it has and says why. With "
     "--server\n"
     "it is the file on the server's host.\n",
     OPTION_CONFIG, 0, 0, cmd_reload},
    {"tokenize",
     "[-c FILE] [--domain D] [--json] --class CLASS --subject ID [VALUE]\n"
     "         | --csv | --ndjson --fields FIELD=CLASS,... --subject FIELD [--in FILE] [--out "
     "FILE] "
     "...",
     "a token for a value, for each line of standard input, or for fields of a dump",
     "A value on the command line can be seen by other users of the host while the command runs, "
     "and\n"
     "stays in the shell's history: standard input is safer. Line ends (LF or CRLF) are no part of "
     "a\n"
     "value. With --json each answer is a JSON string. Without --domain the domain is \"default\": "
     "the\n"
     "same identifier in another one is another subject.\n"
     "--csv, --ndjson: rows of a dump with tokens in the place of values; everything else stays as "
     "it\n"
     "is. FIELD is a column of the header, or a JSON path as in routes ($.email). --subject is the "
     "one\n"
     "that says whose a row is. Texts that are tokens stay. --out is a new file, and so are "
     "FILE.progress,\n"
     "which says how far the job has come until it is done, and FILE.rejects (LINE, FIELD, why). "
     "After a\n"
     "crash the same command with --resume goes on: no row twice, none lost, no second token. "
     "Then OUT is\n"
     "held against IN; --verify does only that. --on-error: rows that cannot be worked on stop the "
     "job\n"
     "(stop), are left out (skip) or left as they are (keep). Exit code 3: there were such rows. "
     "See\n"
     "docs/MIGRATION.md.\n",
     OPTION_CONFIG | OPTION_CLASS | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_JSON | OPTION_CSV |
         OPTION_PROGRESS,
     0, 1, cmd_tokenize},
    {"reveal",
     "[-c FILE] [--class CLASS] [--domain D] [--purpose P] [--hold NUMBER] [--json] [TOKEN]\n"
     "         | --csv | --ndjson --fields FIELD=CLASS,... | --all-tokens --purpose P [--in FILE] "
     "[--out FILE] ...",
     "the value behind a token, behind each line of standard input, or in a dump",
     "A token that stands for nothing gives nothing (in a stream: an empty line; with --json: "
     "null)\n"
     "and exit code 1 at the end. With --domain the tokens of other domains stand for nothing, "
     "with "
     "--purpose\n"
     "those of classes that have not this purpose; over --server a purpose is needed.\n"
     "What a legal hold keeps is shown with the number of that hold only, what is restricted to "
     "nobody.\n"
     "Typed tokens (phone, pan, ...) do not say their class: --class is needed where one text is "
     "a\n"
     "token of several, and faster.\n"
     "--csv, --ndjson: rows of a dump with values in the place of tokens, as `lethe tokenize` "
     "describes\n"
     "it, for a purpose of their classes; --all-tokens also finds opaque and e-mail tokens inside "
     "of any\n"
     "text. Tokens that stand for nothing become empty (in JSON null), stay, or become "
     "\"[erased]\"\n"
     "(--erased). What comes out is personal data in the clear. Exit code 3: not all was shown.\n",
     OPTION_CONFIG | OPTION_CLASS | OPTION_DOMAIN | OPTION_HOLD | OPTION_JSON | OPTION_CSV |
         OPTION_ERASED | OPTION_PURPOSE | OPTION_PROGRESS,
     0, 1, cmd_reveal},
    {"subject erase",
     "[-c FILE] [--domain D] [--ground a-f] [--reason TEXT] [--reference TEXT]\n"
     "         [--except CLASS:CODE:LAW:DATE]... [--dry-run [--json]] [--idempotency-key KEY]\n"
     "         ID | --token TOKEN [--class CLASS] | --batch",
     "destroy a person's key and values; prints the receipt",
     "Without --domain the person is erased in the domain \"default\" only: in every other one "
     "the\n"
     "same identifier is another subject, with other keys, and needs an erasure of its own. The\n"
     "receipt names the domain.\n"
     "A person who shares none of his identifiers is found by a token of his.\n"
     "Ground (the letter in Art. 17(1) of the GDPR), reason and reference (of the request, in\n"
     "your own register) are printed on the receipt, which is kept; they must not name the\n"
     "person.\n"
     "--except keeps a class under Art. 17(3) up to the end of a day: the code is a letter from a "
     "to\n"
     "e, as in \"invoice:b:HGB 257:2034-12-31\". What a statutory minimum demands is kept by "
     "itself.\n"
     "--dry-run says what would go and what would stay, and changes nothing.\n"
     "--idempotency-key: asked for again under the same key, the erasure is not carried out "
     "again;\n"
     "its receipt is printed, and what came later is not touched.\n"
     "--batch: one identifier a line on standard input; one receipt a line comes out. Up to 256 "
     "are\n"
     "verified together, in one reading of the store.\n"
     "Exit code 1 when the erasure could not be completed and verified: the receipt\n"
     "says what remains, and the server tries again.\n",
     OPTION_CONFIG | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_GROUND | OPTION_REASON |
         OPTION_REFERENCE | OPTION_EXCEPT | OPTION_DRY_RUN | OPTION_IDEMPOTENCY_KEY | OPTION_BATCH |
         OPTION_JSON,
     0, 1, cmd_subject_erase},
    {"subject rectify", "[-c FILE] [--subject ID] [--domain D] [--class CLASS] TOKEN",
     "put the value on standard input behind a token, and destroy the old one",
     "The value is one line. The token stays, and so does the time until which the value is kept.\n"
     "Data backups made before still hold the old value. --domain is where --subject is looked "
     "for;\n"
     "without it in \"default\".\n",
     OPTION_CONFIG | OPTION_DOMAIN | OPTION_SUBJECT | OPTION_CLASS, 1, 1, cmd_subject_rectify},
    {"subject show", "[-c FILE] [--domain D] [--json] ID | --token TOKEN [--class CLASS]",
     "how many values of which class a person has",
     "Without --domain the identifier is looked for in \"default\" only.\n",
     OPTION_CONFIG | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_JSON, 0, 1,
     cmd_subject_show},
    {"subject export",
     "[-c FILE] [--domain D] [--format json|html|csv] [--portable] [--lang en|de] [-o FILE]\n"
     "         [--link [--expires PERIOD]] ID | --token TOKEN [--class CLASS]",
     "all that is kept of a person, for that person (Art. 15 and 20)",
     "With the purposes, periods, sources and recipients of the data, and every look at it. With\n"
     "--portable what rests on consent or a contract, and no more. That there was an export is\n"
     "recorded, not what it held. FILE is made, for its owner alone; one that is there stays as\n"
     "it is. --link prints a path below the admin listener's address instead: whoever has it\n"
     "gets the export as a page, once, until PERIOD is over (PT72H; at most P30D).\n",
     OPTION_CONFIG | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_FORMAT | OPTION_PORTABLE |
         OPTION_LANG | OPTION_OUTPUT | OPTION_LINK | OPTION_EXPIRES,
     0, 1, cmd_subject_export},
    {"subject event", "[-c FILE] [--domain D] [--at DATE] [--correct] [--json] ID NAME",
     "say that something happened that deletion rules start from",
     "Values of classes that have `from: \"event:NAME\"` count from then on. DATE: a day "
     "(2027-01-31, "
     "from its\n"
     "beginning) or an instant (2027-01-31T10:00:00Z); without it, now. A later event moves the "
     "start\n"
     "forward; an earlier one, or one that is dated back further than `events: {NAME: "
     "{back_dating: ...}}`\n"
     "allows, is refused, unless --correct says that what is known is wrong. Corrections are "
     "counted.\n",
     OPTION_CONFIG | OPTION_DOMAIN | OPTION_AT | OPTION_CORRECT | OPTION_JSON, 2, 2,
     cmd_subject_event},
    {"request add",
     "[-c FILE] [--subject ID [--domain D] | --token TOKEN [--class CLASS]] [--json] NAME=VALUE...",
     "enter a person's request in the register",
     "rights=access,rectification,erasure,restriction,portability,objection,consent_withdrawal\n"
     "channel=email|letter|phone|in_person|portal|fax|other, and as is known: received=DATE or an\n"
     "instant, external=NUMBER of your own system (the same one leads to the same request),\n"
     "regime=gdpr|ccpa|lgpd, ground=a-f of an erasure, agent=TEXT, owner=TEXT. Texts must not "
     "name\n"
     "the person: contact data stays in your own system. Who asks may be given later, too.\n",
     OPTION_CONFIG | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_JSON, 2,
     100, cmd_request_add},
    {"request list", "[-c FILE] [--json] [open | STATE]",
     "requests and how they stand; exit 3 when one is past due",
     "Each line: number, received, due, standing, state, rights. `lethe report requests` has "
     "more.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 1, cmd_request_list},
    {"request show", "[-c FILE] [--json] NUMBER", "one request; with --json all there is", NULL,
     OPTION_CONFIG | OPTION_JSON, 1, 1, cmd_request_show},
    {"request letter", "[-c FILE] [--lang en|de] [--json] NUMBER [LETTER]",
     "print the letter to the person that fits the request",
     "LETTER: receipt, identity, extension, granted, partly, refused, not_identifiable, withdrawn; "
     "without it\nthe one that says how the request stands. With --json also the template's name "
     "for "
     "`request answer`.\n",
     OPTION_CONFIG | OPTION_LANG | OPTION_JSON, 1, 2, cmd_request_letter},
    {"request",
     "[-c FILE] [--json] ACTION NUMBER [NAME=VALUE]...\n"
     "         verify-identity also takes --subject ID [--domain D] | --token TOKEN [--class "
     "CLASS]",
     "take a request one step further",
     "acknowledge      channel=C [date=DATE]\n"
     "ask-identity     channel=C reason=TEXT: why there is doubt [date=DATE]\n"
     "verify-identity  "
     "method=login|reply|call_back|portal|letter|in_person|document_seen|eid|known\n"
     "scope            [classes=A,B] [keep=CLASS:EXCEPTION:UNTIL:LAW]...: a letter of Art. 17(3)\n"
     "                 [purposes=P,Q: of an objection] [ground=a-d: of a restriction, Art. 18(1)]\n"
     "extend           reason=complexity|number channel=C by=NAME [date=DATE]\n"
     "fee              reason=manifestly_unfounded|excessive by=NAME reasoning=WHERE\n"
     "approve          by=NAME\n"
     "execute          [format=link|json|html|csv] [lang=en|de] [expires=PERIOD]: all that is "
     "pending\n"
     "                 right=rectification token=TOKEN [class=C] [more=yes] <VALUE\n"
     "                 right=R reference=TEXT: done by other means\n"
     "lift             right=restriction|objection channel=C date=DAY: the person was told then\n"
     "refuse           reason=CODE [right=R] [law=TEXT] [by=NAME reasoning=WHERE]\n"
     "withdraw         channel=C [date=DATE]\n"
     "notify           recipients=N [acknowledged=N]\n"
     "answer           channel=C template=NAME|own:NAME [date=DATE]\n"
     "complain         reference=TEXT [date=DATE]\n"
     "close            [reason=TEXT]\n"
     "docs/REQUESTS.md has the states, the reasons and the deadlines.\n",
     OPTION_CONFIG | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_JSON, 2,
     100, cmd_request_act},
    {"subject restrict",
     "[-c FILE] --ground a-d [--review DATE] [--domain D] ID | --token TOKEN [--class CLASS]",
     "restrict the processing of a person's data (Art. 18)",
     "Values of the person are shown to nobody from then on; storing and correcting them goes on.\n"
     "The ground is the letter in Art. 18(1). On the grounds b and c nothing of the person is\n"
     "destroyed when its time is over.\n",
     OPTION_CONFIG | OPTION_GROUND | OPTION_REVIEW | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS, 0,
     1, cmd_subject_restrict},
    {"subject unrestrict",
     "[-c FILE] --notice-sent DATE [--domain D] ID | --token TOKEN [--class CLASS]",
     "end all restrictions of a person, who was told so before",
     "Art. 18(3): the person is informed before a restriction is lifted. Without the day on which\n"
     "the notice was sent nothing is lifted.\n",
     OPTION_CONFIG | OPTION_NOTICE_SENT | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS, 0, 1,
     cmd_subject_unrestrict},
    {"subject object",
     "[-c FILE] --purpose P [--withdraw] [--domain D] ID | --token TOKEN [--class CLASS]",
     "a person objects to a purpose (Art. 21): its callers see tokens only", NULL,
     OPTION_CONFIG | OPTION_PURPOSE | OPTION_WITHDRAW | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS,
     0, 1, cmd_subject_object},
    {"subject consent",
     "[-c FILE] --purpose P [--how CHANNEL] [--reference VERSION] [--at DAY] [--domain D] ID\n"
     "         | --token TOKEN [--class CLASS]",
     "record that a person consents to a purpose (Art. 7)",
     "VERSION: of the text that was agreed to. Given again after a withdrawal, values are shown "
     "for\n"
     "the purpose again; what was erased stays erased.\n",
     OPTION_CONFIG | OPTION_PURPOSE | OPTION_HOW | OPTION_REFERENCE | OPTION_AT | OPTION_DOMAIN |
         OPTION_TOKEN | OPTION_CLASS,
     0, 1, cmd_subject_consent},
    {"subject withdraw",
     "[-c FILE] --purpose P [--how CHANNEL] [--at DAY] [--domain D] [--json] ID\n"
     "         | --token TOKEN [--class CLASS]",
     "a person withdraws consent to a purpose (Art. 7(3))",
     "Nothing of the person is shown for the purpose from then on. Values of classes that rest on\n"
     "consent, to purposes that are all withdrawn, are erased, with a receipt; others stay.\n",
     OPTION_CONFIG | OPTION_PURPOSE | OPTION_HOW | OPTION_AT | OPTION_DOMAIN | OPTION_TOKEN |
         OPTION_CLASS | OPTION_JSON,
     0, 1, cmd_subject_withdraw},
    {"hold add",
     "[-c FILE] [--subject ID [--domain D] | --token TOKEN] [--class CLASS]\n"
     "         --ground TEXT --owner NAME --review DATE [--json]",
     "keep values from being destroyed, for a legal claim; prints the hold's number",
     "On a person, on a class, or on a class of a person. Until the hold is lifted nothing of it "
     "is\n"
     "destroyed, neither when its time is over nor by an erasure, which waits; and it is shown to\n"
     "the purposes of `holds` in the configuration only. The ground may begin with the exception\n"
     "of Art. 17(3), as in \"17(3)(b): tax audit\"; otherwise it is (e), legal claims. The review\n"
     "is at most a year ahead. No text may name the person.\n",
     OPTION_CONFIG | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_TOKEN | OPTION_CLASS | OPTION_GROUND |
         OPTION_OWNER | OPTION_REVIEW | OPTION_JSON,
     0, 0, cmd_hold_add},
    {"hold list", "[-c FILE] [--json]",
     "all holds, lifted ones too; exit 3 when a review is overdue",
     "Each line: number, state, set, review, random id of the subject, class, owner, ground.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_hold_list},
    {"hold show", "[-c FILE] NUMBER", "one hold and how many values it keeps, as JSON", NULL,
     OPTION_CONFIG, 1, 1, cmd_hold_show},
    {"hold lift", "[-c FILE] --reason TEXT [--json] NUMBER",
     "end a hold; erasures that waited for it are carried out",
     "What is due by then is destroyed by the next sweep. The hold stays in the register.\n",
     OPTION_CONFIG | OPTION_REASON | OPTION_JSON, 1, 1, cmd_hold_lift},
    {"notice list", "[-c FILE] [--json]",
     "notices to recipients that are not told yet; exit 3 when one failed or is overdue",
     "Each line: number, state, recipient, event, tokens, when, tries, last error. `lethe report "
     "notices` has those "
     "that arrived, too.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_notice_list},
    {"notice done", "[-c FILE] --how TEXT [--impossible] NUMBER",
     "a recipient was told by hand, or cannot be",
     "With --impossible the text says why telling is impossible or takes disproportionate effort "
     "(Art. 19).\n",
     OPTION_CONFIG | OPTION_HOW | OPTION_IMPOSSIBLE, 1, 1, cmd_notice_done},
    {"notice retry", "[-c FILE] NUMBER", "send a notice again at once", NULL, OPTION_CONFIG, 1, 1,
     cmd_notice_retry},
    {"honeytoken create", "[-c FILE] --class CLASS [--subject ID] [--domain D] [--json]",
     "make up a person whose value nobody has a reason to see; prints the token",
     "The value is the line on standard input; it must be nobody's, and look like everybody's. Put "
     "the token\n"
     "where the others are. A caller who would be shown the value gets 403, is suspended until "
     "`lethe caller\nrestore`, and stands in `lethe incident list`.\n",
     OPTION_CONFIG | OPTION_CLASS | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_JSON, 0, 0,
     cmd_honeytoken_create},
    {"honeytoken list", "[-c FILE] [--json]", "the made-up people that are there",
     "Each line: random id of the subject, when it was made, domain.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_honeytoken_list},
    {"incident list", "[-c FILE] [--json]",
     "callers that asked for a honeytoken; exit 3 when one is suspended",
     "Each line: number, time, kind, caller, state. An open one suspends its caller.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_incident_list},
    {"caller list", "[-c FILE] [--json]",
     "what each caller has used of its quotas; exit 3 when one is suspended",
     "Each line: caller, what is counted within which time, used and limit, for which purpose. "
     "Quotas are known\n"
     "while a server runs.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_caller_list},
    {"caller restore", "[-c FILE] NAME", "close a caller's incidents and let it in again",
     "The caller of `callers` in the configuration. Exit code 1 when it is not suspended.\n",
     OPTION_CONFIG, 1, 1, cmd_caller_restore},
    {"access create",
     "[-c FILE] --name NAME --role ROLE --expires PERIOD [--domain D,...] [--class C,...]\n"
     "         [--purpose P,...] [--network CIDR,...] [--certificate SHA256] [--json]",
     "a token for the admin API; prints it, once",
     "ROLE: app (tokenizes and reveals), support (looks up single people), officer (reads "
     "reports),\n"
     "operator, approver or auditor. PERIOD: from now, at most a year (P90D). Without --domain,\n"
     "--class or --purpose there is no bound of that kind. Only a hash of the token is kept.\n"
     "--network: from elsewhere it is a wrong token. --certificate: the fingerprint that\n"
     "`openssl x509 -fingerprint -sha256` prints; the client must show that certificate.\n"
     "With --server all but an auditor are appointed: somebody else approves it, and `lethe "
     "access\n"
     "collect` prints the token then. Without `four_eyes` a code is enough: app, support and\n"
     "officer have theirs at once, operator and approver when it is collected.\n",
     OPTION_CONFIG | OPTION_NAME | OPTION_ROLE | OPTION_EXPIRES | OPTION_DOMAIN | OPTION_CLASS |
         OPTION_PURPOSE | OPTION_NETWORK | OPTION_CERTIFICATE | OPTION_JSON,
     0, 0, cmd_access_create},
    {"access list", "[-c FILE] [--json]", "the tokens that are or were, when they expire, last use",
     "Each line: number, state, role, expires, last used (to the hour), second factor, name.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_access_list},
    {"access collect", "[-c FILE] [--json] NUMBER",
     "the token of somebody who was appointed; prints it, once",
     "Exit code 1 when it was collected before: its text is kept nowhere.\n",
     OPTION_CONFIG | OPTION_JSON, 1, 1, cmd_access_collect},
    {"access revoke", "[-c FILE] NUMBER", "from now on a token is nobody's", NULL, OPTION_CONFIG, 1,
     1, cmd_access_revoke},
    {"access enrol", "[-c FILE] [--json] NUMBER",
     "a second factor for who holds a token: what an authenticator takes",
     "Prints an otpauth:// URI, and on a terminal a QR code: one-time codes after RFC 6238. A "
     "second\n"
     "factor that was given out before is of no use any more. With --server one that was used "
     "must\n"
     "be taken away first (`lethe access unenrol`), and with `four_eyes` it is an approver who "
     "gives\n"
     "them out; an auditor's may come from an operator, too.\n",
     OPTION_CONFIG | OPTION_JSON, 1, 1, cmd_access_enrol},
    {"access unenrol", "[-c FILE] NUMBER", "take the second factor of who holds a token away",
     "Its holder is signed out of the pages and gets nothing done that wants a code, until `lethe\n"
     "access enrol`.\n",
     OPTION_CONFIG, 1, 1, cmd_access_unenrol},
    {"proposal list", "[-c FILE] [--json]",
     "what was proposed over the admin API; exit 3 when something waits for approval",
     "Each line: number, state, operation, when and by whom it was proposed, how it goes on.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_proposal_list},
    {"proposal show", "[-c FILE] NUMBER", "what a proposal would do, and its digest, as JSON", NULL,
     OPTION_CONFIG, 1, 1, cmd_proposal_show},
    {"proposal approve", "--server URL --token-file FILE --confirm DIGEST NUMBER",
     "let what another person proposed be carried out",
     "Look at it first: DIGEST stands for all that `lethe proposal show` prints of what would be "
     "done. Takes\n"
     "the token of an approver, and a one-time code. Prints what the operation gave, or, when it "
     "is carried\n"
     "out later (approval_delay), the proposal.\n",
     OPTION_CONFIG | OPTION_CONFIRM | OPTION_JSON, 1, 1, cmd_proposal_approve},
    {"proposal reject", "[-c FILE] NUMBER", "what was proposed is not done", NULL, OPTION_CONFIG, 1,
     1, cmd_proposal_reject},
    {"clock status", "[-c FILE] [--json]", "is the host's clock believed? exit 3 when it is not",
     "A clock that was set back keeps nothing longer, one that leapt ahead destroys nothing: time\n"
     "goes on by what has passed. `lethe clock accept` says that the clock is right.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_clock_status},
    {"clock accept", "[-c FILE] [--json]", "the clock is right: values are due by it from now on",
     "See `lethe help clock status`. What is due by the clock is destroyed by the next sweep.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_clock_accept},
    {"retention status", "[-c FILE] [--json]",
     "what is due, what was foreseen to be, what is paused; exit 3 when a class is",
     "A class is paused when far more of it is due than was foreseen: a clock set wrong, or due "
     "times that\nsomebody changed. What is due stays unreadable, and is not destroyed until "
     "`lethe retention resume`.\nNumbers include what falls due later today (UTC).\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_retention_status},
    {"retention resume", "[-c FILE] --class CLASS",
     "what is due of this class is as it should be: destroy it",
     "See `lethe help retention status`. Exit code 1 when the class is not paused.\n",
     OPTION_CONFIG | OPTION_CLASS, 0, 0, cmd_retention_resume},
    {"receipt list", "[-c FILE] [--json]", "erasures in the order of the ledger, open ones too",
     "Each line: ledger entry, number of the receipt, begin, state.\n", OPTION_CONFIG | OPTION_JSON,
     0, 0, cmd_receipt_list},
    {"receipt", "[-c FILE] [--for subject] NUMBER",
     "print the receipt of a completed erasure again",
     "Receipts are kept with the store, also those of erasures that were finished after a crash.\n"
     "--for subject: as a text for the person, without your own words and without names of "
     "staff.\n",
     OPTION_CONFIG | OPTION_FOR, 1, 1, cmd_receipt},
    {"verify-receipt", "[--key receipt.pub] FILE", "check a receipt with nothing but a public key",
     "FILE may be - for standard input. Needs no store and no configuration. Without --key the "
     "signature\n"
     "is checked with the key that the receipt carries: it is whole then, but anybody may have "
     "signed "
     "it.\n"
     "Exit code 0: genuine, completed and verified; 3: genuine, but unfinished; 1: anything "
     "else.\n",
     OPTION_KEY, 1, 1, cmd_verify_receipt},
    {"verify-erasure",
     "--store DIR [--key receipt.pub] [-c FILE | --root-key PROVIDER] [--progress] [--json] "
     "RECEIPT",
     "look whether a copy of a store still gives an erased person away",
     "DIR is any copy: the live store, a backup put back, a mounted image. Nothing is written "
     "there; "
     "where\n"
     "the database has a log, both are copied to TMPDIR first. With root keys every key that is "
     "left "
     "is\n"
     "tried on the rows. Exit code 0: erased; 3: erased, but rows or an old ledger are left; 1: "
     "readable,\nnot this store, or nothing can be said.\n",
     OPTION_CONFIG | OPTION_KEY | OPTION_STORE | OPTION_ROOT_KEY | OPTION_PROGRESS | OPTION_JSON, 1,
     1, cmd_verify_erasure},
    {"overview", "[-c FILE] [--from DAY] [--to DAY] [--json]",
     "is anything overdue, held for ever, running out, destroyed with proof; exit 3 when somebody "
     "must act",
     "Who looked at clear data, too, and which clocks run out next. Of the last 30 days, unless "
     "days are said, as in\n"
     "`lethe report`. A line that begins with \"!\" is for somebody to act on; docs/REPORTS.md "
     "says what each means.\n",
     OPTION_CONFIG | OPTION_PERIOD | OPTION_JSON, 0, 0, cmd_overview},
    {"report",
     "[-c FILE] [--format table|json|csv|csv-excel|html|xlsx] [--json] [--wide] [-o FILE]\n"
     "         [--from DAY] [--to DAY] [--caller NAME [--aware INSTANT]] NAME",
     "what a data officer asks for; exit 3 when it shows what somebody must act on",
     "NAME:\n"
     "retention      what is kept, why, until when\n"
     "requests       requests of persons and their deadlines\n"
     "request-years  the same, by year\n"
     "holds          legal holds\n"
     "exceptions     what erasures have kept, by which law\n"
     "notices        what recipients were told, or not yet\n"
     "purges         what was destroyed, run by run\n"
     "purge-days     the same, by day and reason\n"
     "access         who saw what, for which purpose\n"
     "breach         what one caller saw (--caller NAME); --aware 2026-03-27T15:00Z for the 72 "
     "hours\n"
     "changes        of deletion rules\n"
     "ropa           records of processing\n"
     "flows          which recipient receives what\n"
     "dpia           what is known for an impact assessment\n"
     "docs/REPORTS.md says what each column means.\n"
     "DAY: 2026-01-31, in UTC. --from is the first day of the period, --to the first day after "
     "it.\n"
     "The table leaves columns out that are seldom needed, unless --wide; the other formats have "
     "all.\n"
     "csv-excel is for European spreadsheets: \";\" and a byte order mark; xlsx has dates that "
     "are\n"
     "dates, and needs -o or a pipe. -o replaces FILE.\n",
     OPTION_CONFIG | OPTION_FORMAT | OPTION_JSON | OPTION_WIDE | OPTION_OUTPUT | OPTION_PERIOD |
         OPTION_REQUEST | OPTION_AWARE,
     1, 1, cmd_report},
    {"retention recount", "[-c FILE] [--progress] [--json]",
     "count every value, and hold counters and old tokens against them; exit 3 when they differ",
     "The server does so each night. Traffic goes on. What was found stands in the retention "
     "report.\n",
     OPTION_CONFIG | OPTION_PROGRESS | OPTION_JSON, 0, 0, cmd_retention_recount},
    {"retention repair", "[-c FILE] --confirm DIGEST [--json]",
     "put right what a recount found: counters, and old tokens of values that are gone",
     "All of it or nothing, in one transaction; refused when something else differs by now. What "
     "was "
     "wrong\n"
     "is kept, and the retention report shows it. Values are not touched. Find out why they "
     "differed first.\n",
     OPTION_CONFIG | OPTION_CONFIRM | OPTION_JSON, 0, 0, cmd_retention_repair},
    {"evidence", "[-c FILE] [--from DAY] [--to DAY] [--json] -o FILE.tar",
     "all reports, receipts, rules and the ledger of a period in one signed archive",
     "FILE must not be there yet. The server writes it, where one runs. With --server it comes "
     "from\n"
     "there, is checked, and is written here; a command that is killed meanwhile leaves a part of "
     "it.\n"
     "That it was made is recorded in the store. `lethe verify-evidence` checks it anywhere. Days "
     "as in\n"
     "`lethe report`.\n",
     OPTION_CONFIG | OPTION_OUTPUT | OPTION_PERIOD | OPTION_JSON, 0, 0, cmd_evidence},
    {"verify-evidence", "[--key receipt.pub] [--json] FILE.tar",
     "check an evidence pack with nothing but a public key",
     "Needs no store and no configuration. Without --key the signature is checked with the key "
     "that the\n"
     "pack carries: it is whole then, but anybody may have made it. Exit code 0: whole; 1: names "
     "the\n"
     "file that was changed, is missing or does not belong.\n",
     OPTION_KEY | OPTION_JSON, 1, 1, cmd_verify_evidence},
    {"retention simulate", "[-c FILE] --at DAY [--progress] [--json]",
     "what will have been destroyed by the end of a day, from counters",
     "DAY: 2027-01-31, in UTC. By class; with --json also by the day it falls due. Values that are "
     "stored\n"
     "until then, and changed rules, are not in it.\n",
     OPTION_CONFIG | OPTION_AT | OPTION_PROGRESS | OPTION_JSON, 0, 0, cmd_retention_simulate},
    {"retention preview", "[-c FILE] [--json]",
     "what the deletion rules of a file would do to the values that are there",
     "For each class whose values have other due times than its rule gives: how many get an "
     "earlier one,\n"
     "a later one, and how many would be due at once. Reads all of their rows; changes nothing. "
     "With a\n"
     "server FILE need not be what it has in force. Prints the digest that `lethe retention apply` "
     "takes.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_retention_preview},
    {"retention apply", "[-c FILE] --confirm DIGEST [--json]",
     "give values the due times that were previewed",
     "Refused when the rules in force are others than in the preview, or when more would be "
     "destroyed at\n"
     "once. What is due then the next sweep destroys. One that was interrupted goes on with the "
     "same\n"
     "command, or by itself when a server starts. Exit code 3: rows were met that do not open.\n",
     OPTION_CONFIG | OPTION_CONFIRM | OPTION_JSON, 0, 0, cmd_retention_apply},
    {"retention versions", "[-c FILE] [--class CLASS] [--json]",
     "the deletion rules that were ever in force",
     "Each line: class, version, since when, basis, period, start. With --json all that was "
     "said.\n",
     OPTION_CONFIG | OPTION_CLASS | OPTION_JSON, 0, 0, cmd_retention_versions},
    {"tokens renew",
     "[-c FILE] [--class CLASS] [--domain DOMAIN] [--expires PERIOD] --dry-run | --confirm DIGEST "
     "[--json]",
     "new tokens for the values of a class or a domain, when the old ones were counted or stolen",
     "--dry-run prints the plan and its digest. The server carries it out beside its load; `lethe "
     "tokens\n"
     "renewals` says how far it is. Values, their times and their owners stay. Old tokens stand "
     "for "
     "the\n"
     "same until PERIOD (P30D unless given) after the last value has its new one, and for nothing "
     "from\n"
     "then on: give the applications what `lethe tokens mapping` writes before. Equal values of a\n"
     "deterministic class share a new token, too.\n",
     OPTION_CONFIG | OPTION_CLASS | OPTION_DOMAIN | OPTION_EXPIRES | OPTION_DRY_RUN |
         OPTION_CONFIRM | OPTION_JSON,
     0, 0, cmd_tokens_renew},
    {"tokens renewals", "[-c FILE] [--json]",
     "renewals of tokens and how far they are; exit 3 when one is paused or has a problem",
     "Each line: number, state (running, paused, open: old tokens stand for the same, ending, "
     "done), "
     "what,\nvalues that have new tokens.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_tokens_renewals},
    {"tokens pause", "[-c FILE] NUMBER", "let a renewal rest", NULL, OPTION_CONFIG, 1, 1,
     cmd_tokens_pause},
    {"tokens resume", "[-c FILE] NUMBER", "let a renewal that was paused go on", NULL,
     OPTION_CONFIG, 1, 1, cmd_tokens_resume},
    {"tokens cancel", "[-c FILE] NUMBER",
     "renew no more values; those that have new tokens keep them",
     "Their old tokens stand for the same as long as was asked for. Nothing gets its old token "
     "back.\n",
     OPTION_CONFIG, 1, 1, cmd_tokens_cancel},
    {"tokens finish", "[-c FILE] NUMBER",
     "old tokens of a renewal stand for nothing from now on, before their time",
     "Which token took the place of which is forgotten for good: the applications must have their "
     "new\ntokens.\n",
     OPTION_CONFIG, 1, 1, cmd_tokens_finish},
    {"tokens mapping", "[-c FILE] [--output FILE] NUMBER",
     "old and new tokens of a renewal, for the data of the applications",
     "A JSON object a line: class, old, new. No value stands in it, but it tells which tokens "
     "belong\n"
     "together, which the renewal is there to end: FILE must not be there yet, and is closed to\n"
     "others (0600); destroy it when the applications have their tokens.\n",
     OPTION_CONFIG | OPTION_OUTPUT, 1, 1, cmd_tokens_mapping},
    {"key rotate", "[-c FILE] [--progress] [--json]",
     "make a new root key, wrap every key under it, destroy the old one",
     "Goes on while a server serves; nothing is encrypted anew. One that was interrupted is "
     "finished "
     "instead.\n"
     "Exit code 3 when a part is left to the operator (a provider that lethe can only read).\n",
     OPTION_CONFIG | OPTION_PROGRESS | OPTION_JSON, 0, 0, cmd_key_rotate},
    {"key status", "[-c FILE] [--json]",
     "which root key is in use, and since when; exit 3 when it is overdue",
     "Overdue: older than key_rotation (P90D unless the configuration says otherwise). Exit code 3 "
     "also when\n"
     "a rotation was interrupted, the provider does not answer, or it still has an old version.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_key_status},
    {"backup", "[-c FILE] --data DIR --keys DIR [--progress] [--json]",
     "copy the store while it is in use: data here, keys there",
     "DATA gets vault-TIME.db and its manifest, one a backup; KEYS gets keys.slab, in the place of "
     "the\n"
     "one before, which is overwritten. Keep the directories on different media: data may be kept\n"
     "for years, of the keys there is only the latest. The ledger and the root key are in "
     "neither.\n",
     OPTION_CONFIG | OPTION_DATA | OPTION_KEYS | OPTION_PROGRESS | OPTION_JSON, 0, 0, cmd_backup},
    {"restore", "[-c FILE] --data FILE --keys FILE [--ledger FILE] [--replace] [--progress]",
     "put a backup back; what was erased since stays erased",
     "Needs the live ledger: the one in the store's directory, its mirror, or the one named. What "
     "it\n"
     "holds beyond the backup is carried out before the store can be served. A restore that was\n"
     "stopped leaves a store that refuses to be served until the command is run again.\n",
     OPTION_CONFIG | OPTION_DATA | OPTION_KEYS | OPTION_LEDGER | OPTION_REPLACE | OPTION_PROGRESS |
         OPTION_JSON,
     0, 0, cmd_restore},
    {"ledger verify", "[-c FILE] [--json] [FILE]",
     "is the ledger whole, and all of it? exit 1 when not",
     "Says which: altered, shortened (the store or the mirror has seen more), another store's,\n"
     "missing. FILE is a copy to look at instead of the store's own. A server may run.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 1, cmd_ledger_verify},
    {"ledger mirror", "[-c FILE]", "make the copy that `ledger_mirror` names, once",
     "Only this command makes it, so that a mirror that is missing later is noticed. No server "
     "may\n"
     "run.\n",
     OPTION_CONFIG, 0, 0, cmd_ledger_mirror},
    {"audit verify", "[-c FILE | --store DIR] [--key FILE] [--heads FILE] [--json]",
     "is the audit trail what was written? exit 1 when not",
     "Recomputes all of it and says what was altered, removed, cut off or rewritten. What was cut "
     "off "
     "at\n"
     "the end, or wholly rewritten, shows only against what is known elsewhere: the ledger, and "
     "heads "
     "that\n"
     "`audit: {heads: ...}` sent away (--heads: a file that holds them, a copy of syslog as well). "
     "--store: a\n"
     "copy of a store, with the public key (`lethe key public`) in --key. Exit code 3: whole, but "
     "something\n"
     "must be looked at.\n",
     OPTION_CONFIG | OPTION_STORE | OPTION_KEY | OPTION_HEADS | OPTION_JSON, 0, 0,
     cmd_audit_verify},
    {"audit list",
     "[-c FILE] [--subject ID [--domain D] | --token TOKEN] [--from DAY] [--to DAY]\n"
     "         [--caller NAME] [--action ACTION] [--json]",
     "records of the audit trail",
     "Days are UTC; --to is not included. Each line: number, time, action, outcome, who, purpose, "
     "route or\n"
     "operation, error, then class=VALUES/MASKS/TOKENS. With --json each line is an object with "
     "all "
     "there\n"
     "is. A person's records are found while the person's key lives, not after the erasure.\n",
     OPTION_CONFIG | OPTION_SUBJECT | OPTION_DOMAIN | OPTION_TOKEN | OPTION_PERIOD |
         OPTION_REQUEST | OPTION_ACTION | OPTION_JSON,
     0, 0, cmd_audit_list},
    {"audit tail", "[-c FILE] [--follow] [--json]", "the last records of the audit trail",
     "As `lethe audit list` prints them. With --follow it goes on with those that a running "
     "server\n"
     "writes: without one, root, where `user` is another one, sees the last ones and an error.\n",
     OPTION_CONFIG | OPTION_FOLLOW | OPTION_JSON, 0, 0, cmd_audit_tail},
    {"key public", "[-c FILE]", "the public key that receipts are checked with",
     "PEM, as in the receipt.pub that `lethe init` made. Publish it where those who get receipts "
     "find "
     "it.\n",
     OPTION_CONFIG, 0, 0, cmd_key_public},
    {"doctor", "[-c FILE] [--json]", "is this installation well? permissions, limits, keys, clocks",
     "Each line: ok, warning or problem, what was looked at, what was found; below it what to do. "
     "Changes\n"
     "nothing. Exit code 0: all is well; 3: warnings; 1: problems.\n",
     OPTION_CONFIG | OPTION_JSON, 0, 0, cmd_doctor},
    {"manual", "DIR", "write the manual pages and the completion for bash to a folder",
     "Makes DIR/man1, DIR/man5 and DIR/completions, as an installation has them. Read a page with\n"
     "`man -l DIR/man1/lethe.1`; `source DIR/completions/lethe` completes commands in this "
     "shell.\n",
     0, 1, 1, cmd_manual},
    {"version", "", "print the version", NULL, 0, 0, 0, cmd_version},
    {"help", "[COMMAND]", "what there is, or more about one command", NULL, 0, 0, 2, cmd_help},
};

const size_t command_count = COUNT_OF(commands);
