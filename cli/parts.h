/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on an open vault and is the same in a server and in a command that has the store to itself. */
#pragma once

#include "cli/settings.h"
#include "keys/rotation.h"
#include "retention/erasure.h"
#include "retention/exports.h"
#include "retention/notices.h"
#include "retention/requests.h"
#include "retention/ropa.h"
#include "vault/vault.h"

struct parts {
    struct erasures *erasures;
    struct notices *notices;
    struct requests *requests;
    struct ropa *ropa;
    struct exports *exports;
    struct rotation *rotation;
};

/* With the settings in force; both arguments are borrowed for as long as the parts are there. Frees with cli_parts_done(). */
void cli_parts_make(struct parts *ret, struct vault *vault, const struct settings *settings);
/* Settings that were read anew: borrowed from then on. */
void cli_parts_configure(const struct parts *parts, const struct settings *settings);
void cli_parts_done(struct parts *parts);
