/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for certificates in a configuration.
 * Runs on: any thread. Holds: nothing. Not here: what stands in them (tls.h). */
#include "base/certificates.h"

#include <string.h>

enum { NESTING_MAX = 16 /* of maps in a configuration */ };

static void look(struct conf_node node, certificate_fn fn, void *context, int nesting)
{
    struct conf_node certificate = conf_get(node, "certificate"), key = conf_get(node, "key");
    struct conf_node member;
    void *it = NULL;

    if (nesting > NESTING_MAX)
        return;
    if (node.name != NULL && strcmp(node.name, "tls") == 0 &&
        json_str_of(certificate.value) != NULL && json_str_of(key.value) != NULL)
        fn(certificate, key, context);
    if (json_kind(node.value) == JSON_MAP)
        while (conf_next(node, &it, &member))
            look(member, fn, context, nesting + 1);
    if (json_kind(node.value) == JSON_LIST)
        for (size_t i = 0; i < json_count(node.value); i++)
            look(conf_at(node, i), fn, context, nesting + 1);
}

void certificates_each(struct conf_node root, certificate_fn fn, void *context)
{
    look(root, fn, context, 0);
}
