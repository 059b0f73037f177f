/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's `audit`, and what a server says of itself in the trail.
 * Runs on: the main thread, and workers that reload; blocks. Holds: nothing. Not here: the trail (vault/). */
#include "cli/audit_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/period.h"
#include "cli/settings.h"
#include "retention/proof.h"
#include "version.h"

enum { CLASSES_TEXT_MAX = 65536 };

/* ---- reading ---- */

static enum err read_reveals(struct conf_node node, bool *ret_buffered, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    if (strcmp(text, "durable") != 0 && strcmp(text, "buffered") != 0)
        return conf_fail(node, msg, "\"reveals\" must be durable or buffered");
    *ret_buffered = strcmp(text, "buffered") == 0;
    return ERR_OK;
}

static enum err read_heads(struct conf_node node, char **ret, struct errmsg *msg)
{
    static const char scheme[] = "file:";
    const char *text = NULL;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    if (strcmp(text, "syslog") == 0) {
        *ret = mem_strdup(text);
        return ERR_OK;
    }
    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0 || text[sizeof(scheme) - 1] == '\0')
        return conf_fail(node, msg, "\"heads\" must be file:PATH or syslog");
    *ret = conf_path(node, text + sizeof(scheme) - 1);
    return ERR_OK;
}

static enum err read_keep(struct conf_node node, int64_t *ret_s, struct errmsg *msg)
{
    enum { DAY_S = 86400, KEEP_MIN_DAYS = 30 };
    const char *text = NULL;
    struct period period;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    if (period_parse(span_str(text), &period) != ERR_OK)
        return conf_fail(node, msg, "\"keep\" must be a period, as in P3Y");
    *ret_s = period_add(0, &period); /* within a day or two, which is as exact as segments are */
    if (*ret_s < KEEP_MIN_DAYS * DAY_S)
        return conf_fail(node, msg, "\"keep\" must be P30D at least");
    return ERR_OK;
}

enum err audit_settings_read(struct conf_node node, struct audit_settings *ret, struct errmsg *msg)
{
    static const char *const keys[] = {"reveals", "heads", "keep", NULL};
    enum err e;

    *ret = (struct audit_settings){.heads = NULL};
    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = read_reveals(conf_get(node, "reveals"), &ret->options.buffered, msg);
    if (e == ERR_OK)
        e = read_heads(conf_get(node, "heads"), &ret->heads, msg);
    if (e == ERR_OK)
        e = read_keep(conf_get(node, "keep"), &ret->options.keep_s, msg);
    ret->options.heads = ret->heads;
    return e;
}

void audit_settings_done(struct audit_settings *s)
{
    free(s->heads);
    *s = (struct audit_settings){.heads = NULL};
}

void audit_settings_use(const struct settings *s, struct vault *v)
{
    audit_configure(vault_audit(v), &s->audit.options);
}

/* ---- what a server says of itself ---- */

/* "1=email 2=phone": numbers of classes stand in records. */
static void write_classes(const struct settings *s, const struct vault *v, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < s->classes.count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%u=%s", used == 0 ? "" : " ",
                                 vault_class_id(v, &s->classes.defs[i]), s->classes.defs[i].name);
}

enum err audit_record_configuration(const struct settings *s, struct vault *v)
{
    AUTO(mem_free) char *classes = mem_alloc(CLASSES_TEXT_MAX);
    char digest[DIGEST_HEX_BYTES];
    struct audit_record record = {.action = AUDIT_CONFIGURE,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_SYSTEM,
                                  .who = SPAN_LIT("server"),
                                  .commit = SPAN_LIT(LETHE_COMMIT)};

    proof_hex(conf_digest(s->conf), CONF_DIGEST_BYTES, digest);
    write_classes(s, v, classes, CLASSES_TEXT_MAX);
    record.digest = span_str(digest);
    record.classes = span_str(classes);
    return audit_write(vault_audit(v), &record);
}

static struct audit_record own(enum audit_action action)
{
    return (struct audit_record){.action = action,
                                 .outcome = AUDIT_DONE,
                                 .role = AUDIT_SYSTEM,
                                 .who = SPAN_LIT("server"),
                                 .commit = SPAN_LIT(LETHE_COMMIT)};
}

enum err audit_record_start(const struct settings *s, struct vault *v)
{
    const struct audit_record record = own(AUDIT_START);
    enum err e = audit_write(vault_audit(v), &record);

    return e == ERR_OK ? audit_record_configuration(s, v) : e;
}

void audit_record_stop(struct vault *v)
{
    const struct audit_record record = own(AUDIT_STOP);

    audit_note(vault_audit(v), &record);
}
