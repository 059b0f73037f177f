/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending what stands on the vault.
 * Runs on: the thread that owns the vault. Holds: the parts, not the vault or the settings. Invariant: what is used by
 * another part is made before it and ends after it. Not here: what a server has beside them. */
#include "cli/parts.h"

void cli_parts_make(struct parts *ret, struct vault *vault, const struct settings *settings)
{
    *ret = (struct parts){.erasures = erasures_new(vault, keys_rotation_period(settings->keys)),
                          .notices = notices_new(vault),
                          .ropa = ropa_new(),
                          .exports = exports_new(vault),
                          .rotation = rotation_new(vault, settings->keys)};
    erasures_set_notices(ret->erasures, ret->notices);
    ret->requests = requests_new(vault, ret->erasures, ret->exports);
    cli_parts_configure(ret, settings);
}

void cli_parts_configure(const struct parts *parts, const struct settings *settings)
{
    requests_configure(parts->requests, &settings->requests);
    notices_configure(parts->notices, &settings->recipients);
    erasures_set_configuration(parts->erasures, conf_digest(settings->conf));
    ropa_set(parts->ropa, settings->ropa);
    exports_configure(parts->exports, &settings->controller, &settings->recipients,
                      &settings->requests.keep);
}

void cli_parts_done(struct parts *parts)
{
    rotation_free(&parts->rotation);
    requests_free(&parts->requests);
    exports_free(&parts->exports);
    erasures_free(&parts->erasures);
    notices_free(&parts->notices);
    ropa_free(&parts->ropa);
}
