/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates a configuration names: wherever a `tls:` has both `certificate` and `key`. */
#pragma once

#include "base/conf.h"

/* Each of them, in the order of the file. Any thread; does not block. */
typedef void (*certificate_fn)(struct conf_node certificate, struct conf_node key, void *context);
void certificates_each(struct conf_node root, certificate_fn fn, void *context);
