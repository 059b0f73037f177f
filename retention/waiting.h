/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that wait for a legal hold to end; erasure_run_waiting() is in retention/erasure.h. */
#pragma once

#include "retention/erasure.h"

/* May the request be carried out before what waits of this person, for a hold that has ended? BUSY: not all that waits
 * is meant by it, and that would be forgotten. IO. Blocks shortly. */
enum err waiting_yields(struct vault *vault, const struct erasure_request *request) MUST_CHECK;
/* Does what waits of this person destroy all that the request (NULL: everything) is for? BUSY: it would leave something
 * of it, so that it has to be asked for again once that is carried out. IO. Blocks shortly. */
enum err waiting_covers(struct vault *vault, uint64_t slot, const struct erasure_request *request)
    MUST_CHECK;
