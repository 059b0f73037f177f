/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: what OpenSSL knows of a connection and libh2o 2.2.5 does not tell. Was a TLS stream
 * ended by its peer, or cut by somebody on the way? Both look alike there, and a body that lasts until
 * the connection ends would be taken for whole. Was the peer found to be who it should be? libh2o's own
 * look at names comes under TLS 1.2 only, and fails for addresses. OpenSSL tells of alerts and of the
 * handshake's end, and libh2o's BIO leads back to the socket. Runs on: the pool's loop thread, inside
 * libh2o's reads. Holds: nothing. Not here: what is verified, which base/tls.c puts into the context. */
#include "proxy/upstream_priv.h" /* style 7.2: h2o.h brings OpenSSL's types; its SSL is at hand here only */

#include <pthread.h>

static bool is_verified(const SSL *ssl)
{
    return (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0 &&
           SSL_get_verify_result(ssl) == X509_V_OK && SSL_get0_peer_certificate(ssl) != NULL;
}

static void on_tls_event(const SSL *ssl, int where, int value)
{
    const bool done = (where & SSL_CB_HANDSHAKE_DONE) != 0,
               ended = (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
                       (value & 0xff) == SSL_AD_CLOSE_NOTIFY;
    h2o_socket_t *sock;

    if (!done && !ended)
        return;
    sock = BIO_get_data(SSL_get_rbio(ssl));
    if (sock == NULL || sock->data == NULL) /* we closed first */
        return;
    if (done)
        upstream__conn_of(sock)->verified = is_verified(ssl);
    if (ended)
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
