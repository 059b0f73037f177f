/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange shows while it is explained. */
#pragma once

#include "proxy/exchange_priv.h"

/* It is admitted: route, subject, caller are known. Loop thread. */
void explain_admitted(const struct exchange *x);
/* The values of its declared fields are found. Loop thread. */
void explain_found(const struct exchange *x);
