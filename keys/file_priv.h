/* SPDX-License-Identifier: Apache-2.0 */
/* Lines "lethe-root-1 EPOCH HEX", which file: and credential: share. */
#pragma once

#include <stdbool.h>

#include "keys/provider.h"

/* As provider_ops.load() says. credential: systemd's file (keys__keyfile_read_credential()). */
enum err keys__lines_load(const char *path, bool credential, struct root_keys *ret,
                          struct errmsg *msg) MUST_CHECK;
