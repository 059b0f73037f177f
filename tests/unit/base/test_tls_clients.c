/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' certificates: who gets through the handshake, and what is read of who did. */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/tls.h"
#include "tls_rig.h"

static char folder[32];
static struct errmsg msg;
static struct tls_peer *seen;
static void *seen_transport;

enum { YEAR_S = 31536000 };

#define NAMES                                                                                      \
    "DNS:Batch.Example.org,URI:spiffe://example/batch,email:batch@example.org,IP:127.0.0.1"

static void issue_and_save(const char *name, const struct pair *ca, const char *names, long life_s)
{
    struct pair p = issue(ca, names, life_s);

    save(name, &p);
    release(&p);
}

static void start(void)
{
    struct pair ca, other;

    (void)snprintf(folder, sizeof(folder), "/tmp/lethe-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    ca = issue(NULL, "authority", YEAR_S);
    other = issue(NULL, "other", YEAR_S);
    save("ca", &ca);
    issue_and_save("server", &ca, "DNS:localhost", YEAR_S);
    issue_and_save("batch", &ca, NAMES, YEAR_S);
    issue_and_save("nameless", &ca, NULL, YEAR_S);
    issue_and_save("late", &ca, NAMES, 3600);
    issue_and_save("stranger", &other, NAMES, YEAR_S);
    issue_and_save("blank", &ca, "URI:a b", YEAR_S);
    release(&ca);
    release(&other);
}

static void stop(void)
{
    tls_peer_free(&seen);
    cr_assert_eq(system("rm -f *.crt *.key bad.pem"), 0);
    (void)rmdir(folder);
}

TestSuite(tls_clients, .init = start, .fini = stop, .timeout = 30);

static void on_peer(void *transport, struct tls_peer *peer)
{
    tls_peer_free(&seen);
    seen = peer;
    seen_transport = transport;
}

/* Does a client with this certificate (NULL: none) get through? Both sides must say so: under TLS 1.3 the
 * client is done before its certificate is judged. */
static bool gets_through(const char *name, bool required, int version)
{
    AUTO(tls_free) SSL_CTX *server = NULL;
    AUTO(tls_free) SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    char certificate[80], key[80];
    struct link l;
    bool done;

    tls_peer_free(&seen);
    cr_assert_eq(tls_server_new("server.crt", "server.key", &server, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(tls_server_ask_clients(server, "ca.crt", required, on_peer, &msg), ERR_OK, "%s",
                 msg.text);
    cr_assert_eq(SSL_CTX_set_max_proto_version(client, version), 1);
    if (name != NULL) {
        (void)snprintf(certificate, sizeof(certificate), "%s.crt", name);
        (void)snprintf(key, sizeof(key), "%s.key", name);
        cr_assert_eq(SSL_CTX_use_certificate_file(client, certificate, SSL_FILETYPE_PEM), 1);
        cr_assert_eq(SSL_CTX_use_PrivateKey_file(client, key, SSL_FILETYPE_PEM), 1);
    }
    connect_link(&l, server, client);
    done = shake_hands(&l) && SSL_is_init_finished(l.server);
    free_link(&l);
    ERR_clear_error();
    return done;
}

Test(tls_clients, are_verified_whether_they_must_show_a_certificate_or_may)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        cr_expect(gets_through("batch", true, versions[v]));
        cr_expect_not_null(seen);
        cr_expect(gets_through("batch", false, versions[v]));
        cr_expect_not_null(seen);
        cr_expect(gets_through(NULL, false, versions[v]), "none is shown");
        cr_expect_null(seen);
        cr_expect_not(gets_through(NULL, true, versions[v]));
        cr_expect_not(gets_through("stranger", false, versions[v]), "another authority");
        cr_expect_not(gets_through("stranger", true, versions[v]));
        cr_expect_not(gets_through("late", false, versions[v]), "it has ended");
        cr_expect_not(gets_through("blank", false, versions[v]), "a name that hides something");
        cr_expect_null(seen);
    }
}

Test(tls_clients, are_known_by_their_names)
{
    time_t now_s = time(NULL);

    cr_assert(gets_through("batch", true, TLS1_3_VERSION));
    cr_assert_not_null(seen);
    cr_expect_str_eq(seen->subject, "CN=localhost");
    cr_expect_neq(seen->fingerprint[0] | seen->fingerprint[1] | seen->fingerprint[2], 0);
    cr_assert_eq(seen->name_count, 3, "an address names nobody");
    cr_expect_str_eq(seen->names[0], "dns:batch.example.org");
    cr_expect_str_eq(seen->names[1], "uri:spiffe://example/batch");
    cr_expect_str_eq(seen->names[2], "email:batch@example.org");
    cr_expect(seen->not_after_s > now_s + YEAR_S - 2 * 86400 && seen->not_after_s < now_s + YEAR_S);
    cr_assert(gets_through("nameless", true, TLS1_3_VERSION));
    cr_assert_not_null(seen);
    cr_expect_eq(seen->name_count, 0);
}

Test(tls_clients, need_an_authority_that_can_be_read)
{
    AUTO(tls_free) SSL_CTX *server = NULL;

    cr_assert_eq(tls_server_new("server.crt", "server.key", &server, &msg), ERR_OK, "%s", msg.text);
    cr_expect_eq(tls_server_ask_clients(server, "none.crt", true, on_peer, &msg), ERR_CONFIG);
    cr_expect_eq(strncmp(msg.text, "none.crt: ", 10), 0, "%s", msg.text);
    cr_expect_eq(tls_server_ask_clients(server, "server.key", true, on_peer, &msg), ERR_CONFIG);
    cr_expect_eq(ERR_peek_error(), 0);
}

static void on_other_peer(void *transport UNUSED, struct tls_peer *peer)
{
    tls_peer_free(&peer);
}

Test(tls_clients, are_told_of_to_their_own_receiver)
{
    AUTO(tls_free) SSL_CTX *other = NULL;

    cr_assert_eq(tls_server_new("server.crt", "server.key", &other, &msg), ERR_OK);
    cr_assert_eq(tls_server_ask_clients(other, "ca.crt", true, on_other_peer, &msg), ERR_OK);
    cr_assert_eq(tls_server_ask_clients(other, "ca.crt", true, on_other_peer, &msg), ERR_OK);
    cr_expect(gets_through("batch", true, TLS1_3_VERSION));
    cr_expect_not_null(seen, "another context has another one");
}
