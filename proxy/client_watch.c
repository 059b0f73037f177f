/* SPDX-License-Identifier: Apache-2.0 */
/* Slow and lost clients: a look at all of them, twice a second.
 * Runs on: the loop threads. Holds: nothing but the timer. Invariant: no phase of a connection lasts
 * for ever, whatever the client does. A request costs nothing here: only those that are still there
 * at the next look are.
 *
 *   idle     until idle_timeout; one second while the connections run out
 *   head     until head_timeout, whatever comes
 *   body     credit of body_timeout, refilled by each byte with the time that it has at body_rate
 *   writing  the same with write_timeout and write_rate, of the bytes that the client's kernel has
 *            acknowledged: what lies in ours has not arrived
 *   working  until the client goes. Whoever shuts its side after the request counts as gone, but not
 *            before it was seen once: what is answered at once is answered.
 *
 * Credit never exceeds the timeout: who is fast first may not stand still for longer afterwards. Not
 * here: TLS handshakes (libh2o's timer), PROXY lines (client.c). */
#include "proxy/client.h"

#include <netinet/tcp.h>
#include <poll.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "proxy/exchange_priv.h"

/* <netinet/tcp.h> of the C library ends before the member that is wanted; the kernel's header cannot
 * be included beside it. Its beginning, up to there (Linux 4.1; never reordered). */
struct tcp_progress {
    struct tcp_info known;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
};

enum { LOOK_MS = 500, PRESSED_IDLE_MS = 1000 };

/* One look. */
struct look {
    struct proxy_loop *loop;
    const struct limit_settings *limits;
    int64_t now_ms;
    int64_t idle_ms;
    size_t held;         /* bytes that requests and answers hold */
    size_t buffered;     /* those of them that wait for slow clients */
    size_t slow;         /* clients they wait for */
    size_t cut_at_least; /* second round: who holds so much goes; 0: first round */
};

/* ---- cutting off ---- */

static void on_told(h2o_socket_t *socket, const char *err UNUSED)
{
    struct client *client = socket->on_close.data;

    client->resume(socket, "too slow"); /* as libh2o's own timer would: it closes the connection */
}

static void end(struct client *client, int how)
{
    (void)shutdown(h2o_socket_get_fd(client->socket), how);
}

/* Half a request is there: say why nothing comes of it. */
static void tell(struct client *client)
{
    static const char text[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                               "Content-Length: 0\r\n\r\n";
    h2o_socket_t *socket = client->socket;
    h2o_iovec_t answer = h2o_iovec_init(text, sizeof(text) - 1);

    client->loop->cut++;
    counter_add(&client->loop->figures.cut, 1);
    if (client->watch.told || socket->_cb.read == NULL || socket->_cb.write != NULL) {
        end(client, SHUT_RDWR);
        return;
    }
    client->watch.told = true;
    counter_add(&client->loop->figures.told, 1);
    client->resume = socket->_cb.read;
    h2o_socket_read_stop(socket);
    h2o_socket_write(socket, &answer, 1, on_told);
}

/* A reset: what waits in the kernel for a client that does not read goes with it. */
static void reset(struct client *client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(h2o_socket_get_fd(client->socket), SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof(at_once));
    client->loop->cut++;
    counter_add(&client->loop->figures.cut, 1);
    end(client, SHUT_RDWR);
}

/* ---- progress ---- */

/* Is this the same phase of the same request as at the last look? Otherwise it begins now. */
static bool goes_on(struct client *client, enum client_phase phase, int64_t now_ms)
{
    struct client_watch *w = &client->watch;

    if (w->seen && w->phase == phase && w->request == client->requests)
        return true;
    *w = (struct client_watch){
        .phase = phase, .seen = true, .request = client->requests, .since_ms = now_ms};
    return false;
}

/* Is the credit used up? */
static bool is_behind(struct client_watch *w, uint64_t bytes, int64_t rate, int64_t most_ms)
{
    int64_t earned = (int64_t)(bytes - w->bytes) * 1000 / rate;

    w->bytes = bytes;
    w->credit_ms -= LOOK_MS;
    if (earned >= most_ms - w->credit_ms)
        w->credit_ms = most_ms;
    else
        w->credit_ms += earned;
    return w->credit_ms < 0;
}

static void start_credit(struct client_watch *w, uint64_t bytes, int64_t most_ms)
{
    w->bytes = bytes;
    w->credit_ms = most_ms;
}

static bool holds_too_much(struct look *look, size_t bytes)
{
    look->held += bytes;
    look->buffered += bytes;
    look->slow++;
    return look->cut_at_least > 0 && bytes >= look->cut_at_least;
}

/* ---- requests that are arriving ---- */

static void look_at_body(struct look *look, struct client *client)
{
    const struct limit_settings *limits = look->limits;
    uint64_t bytes = client->socket->input->size;

    if (!goes_on(client, CLIENT_BODY, look->now_ms)) {
        start_credit(&client->watch, bytes, limits->body_ms);
    } else if (is_behind(&client->watch, bytes, limits->body_rate, limits->body_ms)) {
        tell(client);
    }
}

/* libh2o would wait for the end of a head of 400 kB. */
static void look_at_head(const struct look *look, struct client *client, size_t bytes)
{
    if (goes_on(client, CLIENT_HEAD, look->now_ms) &&
        (bytes > LIMIT_REQUEST_HEAD_MAX ||
         look->now_ms - client->watch.since_ms >= look->limits->head_ms))
        tell(client);
}

static int look_at_connection(h2o_req_t *req, void *context)
{
    struct look *look = context;
    struct client *client = client_of(req);
    size_t bytes = client->socket->input->size;

    if (client->exchange != NULL)
        return 0;
    if (bytes > 0 && holds_too_much(look, client->socket->input->capacity))
        reset(client);
    if (look->cut_at_least > 0)
        return 0;
    if (req->version != 0)
        look_at_body(look, client);
    else if (bytes > 0)
        look_at_head(look, client, bytes);
    else if (goes_on(client, CLIENT_IDLE, look->now_ms) &&
             look->now_ms - client->watch.since_ms >= look->idle_ms)
        end(client, SHUT_RD); /* it reads an end of file, and closes */
    return 0;
}

/* ---- requests that are served ---- */

static uint64_t acknowledged(const struct client *client)
{
    struct tcp_progress info = {.bytes_acked = 0};
    socklen_t len = sizeof(info);

    if (getsockopt(h2o_socket_get_fd(client->socket), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return client->watch.bytes;
    return info.bytes_acked;
}

static bool has_gone(const struct client *client)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(client->socket), .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* May end the exchange. */
static void look_at_exchange(struct look *look, struct exchange *x)
{
    struct client *client = x->client;
    struct client_watch *w = &client->watch;
    bool writing = client->socket->_cb.write != NULL;

    if (!writing)
        look->held += exchange_holds(x);
    else if (holds_too_much(look, exchange_holds(x)))
        reset(client);
    if (look->cut_at_least > 0)
        return;
    if (!goes_on(client, CLIENT_SERVED, look->now_ms)) {
        start_credit(w, writing ? acknowledged(client) : 0, look->limits->write_ms);
    } else if (has_gone(client)) {
        exchange_client_gone(x);
    } else if (writing && is_behind(w, acknowledged(client), look->limits->write_rate,
                                    look->limits->write_ms)) {
        reset(client);
    }
}

/* ---- the look ---- */

static void look_at_all(struct look *look)
{
    struct proxy_loop *loop = look->loop;
    h2o_linklist_t *node = loop->exchanges.next, *next;

    (void)loop->proxy->config.http1.callbacks.foreach_request(&loop->context, look_at_connection,
                                                              look);
    for (; node != &loop->exchanges; node = next) {
        next = node->next;
        look_at_exchange(look, CONTAINER_OF(node, struct exchange, link));
    }
}

/* Too much is held: nothing new begins, and if it waits for slow clients, those go that hold more than
 * their share. */
static void relieve(struct look *look)
{
    size_t most = (size_t)look->limits->buffered / look->loop->proxy->loop_count;

    look->loop->full = look->held > most;
    if (look->buffered <= most)
        return;
    look->cut_at_least = look->buffered / look->slow;
    look_at_all(look);
}

static void report(struct proxy_loop *loop)
{
    if (loop->turned_away > 0)
        log_event(EV_CLIENTS_TURNED_AWAY, F_NUM("connections", loop->turned_away));
    if (loop->cut > 0)
        log_event(EV_CLIENTS_CUT_OFF, F_NUM("connections", loop->cut));
    loop->turned_away = loop->cut = 0;
}

static bool are_few_left(const struct proxy_loop *loop, const struct limit_settings *limits)
{
    size_t open = atomic_load_explicit(&loop->proxy->connections, memory_order_relaxed);

    return open >= (size_t)limits->connections - (size_t)limits->connections / 10;
}

static void on_look(h2o_timeout_entry_t *entry)
{
    struct proxy_loop *loop = CONTAINER_OF(entry, struct proxy_loop, watch);
    const struct limit_settings *limits = &loop->setup->settings->limits;
    struct look look = {
        .loop = loop, .limits = limits, .now_ms = clock_mono_ms(), .idle_ms = limits->idle_ms};

    if (are_few_left(loop, limits) && look.idle_ms > PRESSED_IDLE_MS)
        look.idle_ms = PRESSED_IDLE_MS;
    look_at_all(&look);
    relieve(&look);
    report(loop);
    if (!h2o_linklist_is_empty(&loop->clients))
        clients_watch(loop);
}

/* ---- the timer ---- */

void clients_watch_init(struct proxy_loop *loop)
{
    h2o_timeout_init(loop->evloop, &loop->watch_timeout, LOOK_MS);
    loop->watch.cb = on_look;
}

void clients_watch_done(struct proxy_loop *loop)
{
    h2o_timeout_unlink(&loop->watch);
    h2o_timeout_dispose(loop->evloop, &loop->watch_timeout);
}

void clients_watch(struct proxy_loop *loop)
{
    if (!h2o_timeout_is_linked(&loop->watch))
        h2o_timeout_link(loop->evloop, &loop->watch_timeout, &loop->watch);
}
