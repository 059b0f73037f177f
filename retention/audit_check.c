/* SPDX-License-Identifier: Apache-2.0 */
/* Checking the audit trail by the clock: one record, of the last check, with {"records", "findings"} as body and the
 * verdict as state.
 * Runs on: worker threads; blocks. Holds: nothing. Not here: the check (vault/audit_verify.c). */
#include "retention/audit_check.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"

static const char key[] = "last";

static void ignore(enum audit_verdict verdict UNUSED, const char *text UNUSED, void *context UNUSED)
{
    /* the verdict and how many findings there are is what is kept; `lethe audit verify` names them */
}

static enum err keep(struct vault *vault, const struct audit_report *report)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    enum err e;

    json_set_int(map, "records", (int64_t)report->records);
    json_set_int(map, "findings", (int64_t)report->findings);
    e = json_write(map, &body);
    if (e != ERR_OK)
        return e;
    return vault_record_keep(vault, VAULT_RECORD_AUDIT_CHECK, key, report->verdict,
                             buf_span(&body));
}

enum err audit_check_run(struct vault *vault, const atomic_bool *stop)
{
    uint8_t public_key[VAULT_PUBLIC_BYTES];
    const struct audit_check check = {.dir = vault_dir(vault),
                                      .public_key = public_key,
                                      .store = vault_store_id(vault),
                                      .ledger = true,
                                      .stop = stop};
    struct audit_report report;
    enum err e;

    vault_sign_public(vault, public_key);
    e = audit_verify(&check, ignore, NULL, &report);
    if (e != ERR_OK)
        return e;
    if (report.verdict != AUDIT_WHOLE)
        log_event(EV_AUDIT_NOT_WHOLE, F_LIT("verdict", audit_verdict_word(report.verdict)),
                  F_NUM("findings", report.findings));
    return keep(vault, &report);
}

enum err audit_check_last(struct vault_records *records, struct audit_check_result *ret)
{
    AUTO(json_free) struct json *map = NULL;
    struct vault_record found;
    enum err e = vault_record_by_key(records, VAULT_RECORD_AUDIT_CHECK, key, &found);

    if (e != ERR_OK)
        return e;
    if (json_parse(found.body, &map) != ERR_OK || found.state > AUDIT_ABSENT)
        return ERR_CORRUPT;
    *ret = (struct audit_check_result){
        .at_ms = found.changed_ms,
        .verdict = (enum audit_verdict)found.state,
        .records = (uint64_t)json_int_of(json_get(map, "records"), 0),
        .findings = (uint64_t)json_int_of(json_get(map, "findings"), 0)};
    return ERR_OK;
}
