/* SPDX-License-Identifier: Apache-2.0 */
/* The section `controller:`.
 * Runs on: the thread that loads the configuration. Holds: copies of what it read. Not here: putting the
 * zone in use (cli/). */
#include "retention/controller.h"

#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "vault/rule.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* ISO 3166-1 alpha-2, or ISO 3166-2: "DE", "DE-BY". */
static bool is_country(const char *text)
{
    size_t len = strlen(text);

    if (len < 2 || !is_upper(text[0]) || !is_upper(text[1]))
        return false;
    if (len == 2)
        return true;
    if (len < 4 || len > 6 || text[2] != '-')
        return false;
    for (size_t i = 3; i < len; i++)
        if (!is_upper(text[i]) && (text[i] < '0' || text[i] > '9'))
            return false;
    return true;
}

static enum err read_country(struct conf_node node, char **ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || text == NULL)
        return e;
    if (!is_country(text))
        return conf_fail(node, msg, "country must be as \"DE\" or \"DE-BY\" (ISO 3166)");
    *ret = mem_strdup(text);
    return ERR_OK;
}

static enum err read_zone(struct conf_node node, char **ret, struct errmsg *msg)
{
    const char *zone = "UTC";
    enum err e = conf_str(node, &zone, msg);

    if (e != ERR_OK)
        return e;
    if (!calendar_has_zone(zone))
        return conf_fail(node, msg,
                         "this host knows no such time zone (it must be as \"Europe/Berlin\", and "
                         "the package tzdata must be there)");
    *ret = mem_strdup(zone);
    return ERR_OK;
}

static enum err read_members(struct conf_node node, struct controller *c, struct errmsg *msg)
{
    enum err e = rule_read_words(conf_get(node, "name"), &c->name, msg);

    if (e == ERR_OK)
        e = rule_read_words(conf_get(node, "contact"), &c->contact, msg);
    if (e == ERR_OK)
        e = rule_read_words(conf_get(node, "representative"), &c->representative, msg);
    if (e == ERR_OK)
        e = rule_read_words(conf_get(node, "dpo"), &c->dpo, msg);
    if (e == ERR_OK)
        e = read_country(conf_get(node, "country"), &c->country, msg);
    return e == ERR_OK ? read_zone(conf_get(node, "timezone"), &c->timezone, msg) : e;
}

enum err controller_read(struct conf_node node, struct controller *ret, struct errmsg *msg)
{
    static const char *const known[] = {"name",     "contact", "representative", "dpo", "country",
                                        "timezone", NULL};
    AUTO(controller_done) struct controller c = {.name = NULL};
    enum err e = conf_has(node) ? conf_only(node, known, msg) : ERR_OK;

    if (e == ERR_OK)
        e = read_members(node, &c, msg);
    if (e != ERR_OK)
        return e;
    *ret = c;
    c = (struct controller){.name = NULL};
    return ERR_OK;
}

void controller_done(struct controller *c)
{
    free(c->name);
    free(c->contact);
    free(c->representative);
    free(c->dpo);
    free(c->country);
    free(c->timezone);
    *c = (struct controller){.name = NULL};
}
