/* SPDX-License-Identifier: Apache-2.0 */
/* Reason phrases of HTTP statuses. */
#pragma once

/* The reason phrase of a status (RFC 9110 15; 423 and 507: RFC 4918); never NULL. */
const char *http_reason(int status);
