/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: was a TLS stream ended by its peer, or cut by somebody on the way? libh2o 2.2.5
 * reports both alike, and a body that lasts until the connection ends would be taken for whole.
 * OpenSSL tells of the alert, and libh2o's BIO leads back to the socket. Runs on: the pool's loop
 * thread, inside libh2o's reads. Holds: nothing. Not here: names and chains of certificates, which
 * base/tls.c puts into the context. */
#include "proxy/upstream_priv.h" /* style 7.2: h2o.h brings OpenSSL's types; its SSL is at hand here only */

#include <pthread.h>

static void on_tls_event(const SSL *ssl, int where, int value)
{
    h2o_socket_t *sock;

    if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT || (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
        return;
    sock = BIO_get_data(SSL_get_rbio(ssl));
    if (sock != NULL && sock->data != NULL) /* NULL: we closed first */
        upstream__conn_of(sock)->close_notify = true;
}

void upstream__tls_watch(struct ssl_ctx_st *tls)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    if (SSL_CTX_get_info_callback(tls) == NULL)
        SSL_CTX_set_info_callback(tls, on_tls_event);
    pthread_mutex_unlock(&lock);
}
