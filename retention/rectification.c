/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification as a job.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: a number stays a
 * number, so that what comes back fits where it stood. Not here: what changes in the store (vault/rectify.c). */
#include "retention/rectification.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "retention/notices.h"

/* Recipients are told of it; of what failed they are not. */
static enum err rectify(struct erasures *erasures, struct vault_rectify *op)
{
    struct notices *notices = erasures_notices(erasures);
    struct notice_plan plan = {.slot = 0};
    enum err e = notices == NULL ? ERR_OK : notices_plan_rectification(notices, op, &plan);
    enum err ended;

    if (e != ERR_OK)
        return e;
    e = erasures_run_op(erasures, &op->op);
    ended = notices == NULL ? ERR_OK : notices_end_plan(notices, &plan, e == ERR_OK);
    if (ended != ERR_OK) /* it is durable, and the next start tells of it */
        log_event(EV_NOTICE_FAILED, F_LIT("why", err_name(ended)));
    return e;
}

static enum err cannot_rectify(enum err e, struct errmsg *msg)
{
    switch (e) {
    case ERR_CONFLICT:
        return errmsg_set(
            msg, e,
            "equal values must keep equal tokens: the token is shared with another subject, or the "
            "new value has a token, another shape, or names somebody already. Tokenize the new "
            "value "
            "instead, and put its token in place of the old one; nothing was changed");
    case ERR_UNPROCESSABLE:
        return errmsg_set(msg, e, "the value is not what the format of the class is for");
    case ERR_DENIED:
        return errmsg_set(msg, e, "the token is not this subject's");
    case ERR_HELD:
        return errmsg_set(msg, e, "a legal hold keeps the value as it is; nothing was changed");
    case ERR_NOT_FOUND:
        return errmsg_set(msg, e, "the token stands for nothing");
    case ERR_BUSY:
        return errmsg_set(msg, e,
                          "the value was changed, but the write-ahead log, which holds the old one "
                          "sealed, could not be emptied; do it again");
    default:
        return e;
    }
}

/* A number stays a number, so that what comes back fits where it stood. */
static enum err check_kind(enum value_kind kind, struct span value, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    enum json_type type = JSON_TEXT;

    if (kind == VALUE_STRING)
        return ERR_OK;
    if (json_parse(value, &tree) == ERR_OK)
        type = json_kind(tree);
    if (kind == VALUE_NUMBER && type != JSON_INT && type != JSON_FLOAT)
        return errmsg_set(msg, ERR_INVALID, "the value was a number: the new one must be one");
    if (kind == VALUE_BOOL && type != JSON_BOOL)
        return errmsg_set(msg, ERR_INVALID, "the value was true or false: so must the new one be");
    return ERR_OK;
}

enum err rectification_look(struct vault *vault, struct vault_rectify *op,
                            struct vault_value *ret_value, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const struct vault_scope scope = {.class_id = op->class_id, .slot = op->slot};
    struct vault_value value;
    enum err e = vault_reader_open(vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_inspect_as(reader, &scope, op->token, &value);
    vault_read_end(reader);
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e,
                          "the token stands for values of several classes: say which is meant "
                          "(--class)");
    if (e != ERR_OK)
        return cannot_rectify(e, msg);
    op->class_id = value.class_id;
    op->kind = value.kind;
    e = check_kind(op->kind, op->value, msg);
    if (e == ERR_OK)
        *ret_value = value;
    return e;
}

enum err rectification_run(struct erasures *erasures, struct vault_rectify *op, struct errmsg *msg)
{
    struct vault_truncate cut = {.op = {.kind = VAULT_TRUNCATE}};
    enum err e = rectify(erasures, op);

    if (e == ERR_OK) {
        FAULT_POINT("rectification.done");
        e = erasures_run_op(erasures, &cut.op);
    }
    return cannot_rectify(e, msg);
}
