/* table.c: see table.h. A badge of a socket or a view: BW_BADGE_MINTED, 47 bits of how often the place was used, 16 of its number; views behind sockets. */
#include "table.h"

#include <string.h>

enum { OFFERS = 16, VIEWS = LIMIT_CLIENTS * LIMIT_VIEWS_EACH, NUMBER_BITS = 16 };

struct client clients[LIMIT_CLIENTS];
struct socket sockets[LIMIT_SOCKETS];
static struct view views[VIEWS];
static struct rules offers[OFFERS];

/* An argument of an offer: one text, or a list of them. */
static bool read_rules(struct rules *rules, const char *offer, const char *word) {
    static char list[64];
    const char *text = bw_arg_in(offer, word);
    if (text != NULL) return rules_add_of(rules, word, text);
    const size_t length = strlen(offer), letters = strlen(word);
    if (length + letters + 2 > sizeof list) return false;
    memcpy(list, offer, length), list[length] = '.';
    memcpy(list + length + 1, word, letters + 1);
    for (uint32_t i = 0; (text = bw_arg_at(list, i)) != NULL; i++) if (!rules_add_of(rules, word, text)) return false;
    return true;
}

const char *table_begin(void) {
    static const char *const words[] = {"connect", "listen", "udp", "ping"};
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *offer = bw_offer(i);
        const char *all = bw_arg_in(offer, "all");
        if (all != NULL && (strcmp(all, "true") == 0 || strcmp(all, "1") == 0) && !rules_add(&offers[i], "all", 3)) return "all";
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) if (!read_rules(&offers[i], offer, words[w])) return words[w];
    }
    return NULL;
}

/* The client of the manifest with this badge; LIMIT_CLIENTS: there are too many. */
static uint32_t client_of(uint64_t badge) {
    const uint64_t number = badge & UINT16_MAX;
    for (uint32_t i = 0; i < LIMIT_CLIENTS; i++) {
        if (clients[i].number == 0) clients[i].number = number;
        if (clients[i].number == number) return i;
    }
    return LIMIT_CLIENTS;
}

static struct view *view_of(uint64_t badge) {
    const uint64_t number = badge & UINT16_MAX, times = (badge & ~BW_BADGE_MINTED) >> NUMBER_BITS;
    if ((badge & BW_BADGE_MINTED) == 0 || number < LIMIT_SOCKETS || number >= LIMIT_SOCKETS + VIEWS) return NULL;
    struct view *view = &views[number - LIMIT_SOCKETS];
    return view->used && view->times == times ? view : NULL;
}

const struct rules *rules_of(uint64_t badge, uint32_t *client) {
    if ((badge & BW_BADGE_MINTED) == 0) {
        *client = client_of(badge);
        return badge >> 16 < OFFERS && *client < LIMIT_CLIENTS ? &offers[badge >> 16] : NULL;
    }
    const struct view *view = view_of(badge);
    if (view != NULL) *client = view->client;
    return view == NULL ? NULL : &view->rules;
}

uint64_t origin_of(uint64_t badge) {
    const struct view *view = view_of(badge);
    return view == NULL ? badge : view->origin;
}

struct socket *socket_of(uint64_t badge) {
    const uint64_t number = badge & UINT16_MAX, times = (badge & ~BW_BADGE_MINTED) >> NUMBER_BITS;
    if ((badge & BW_BADGE_MINTED) == 0 || number >= LIMIT_SOCKETS) return NULL;
    struct socket *socket = &sockets[number];
    return socket->state != SOCKET_FREE && socket->state != SOCKET_CLOSING && socket->times == times ? socket : NULL;
}

uint64_t badge_of_socket(const struct socket *socket) { return BW_BADGE_MINTED | socket->times << NUMBER_BITS | (uint64_t)(socket - sockets); }

struct socket *take_socket(uint32_t client, enum socket_state state) {
    for (uint32_t i = client * LIMIT_SOCKETS_EACH; i < (client + 1) * LIMIT_SOCKETS_EACH; i++) {
        struct socket *s = &sockets[i];
        if (s->state != SOCKET_FREE) continue;
        /* The large arrays are left: nothing in them is looked at that was not put there. */
        s->state = state, s->client = client, s->flow = NULL, s->times++;
        s->tcp = NULL, s->udp = NULL, s->error = 0, s->ended = s->shut = false;
        s->first = s->count = 0, s->since = 0, s->listener = NULL, s->order = 0;
        s->rules.count = 0, s->next_peer = 0, s->made = 0;
        memset(s->peers, 0, sizeof s->peers);
        return s;
    }
    return NULL;
}

void free_socket(struct socket *socket) { socket->state = SOCKET_FREE; }
void kill_badge(struct socket *socket) { socket->times++; }

uint64_t make_view(uint32_t client, uint64_t from, const struct rules *rules) {
    const uint64_t origin = origin_of(from);
    for (uint32_t i = client * LIMIT_VIEWS_EACH; i < (client + 1) * LIMIT_VIEWS_EACH; i++) {
        struct view *view = &views[i];
        if (view->used) continue;
        view->used = true, view->client = client, view->times++, view->origin = origin, view->rules = *rules;
        return BW_BADGE_MINTED | view->times << NUMBER_BITS | (LIMIT_SOCKETS + i);
    }
    return 0;
}

bool close_view(uint64_t badge) {
    struct view *view = view_of(badge);
    if (view != NULL) view->used = false;
    return view != NULL;
}

void close_views(uint32_t client) {
    for (uint32_t i = client * LIMIT_VIEWS_EACH; i < (client + 1) * LIMIT_VIEWS_EACH; i++) views[i].used = false;
}

uint32_t room_in(const struct socket *socket) { return LIMIT_BUFFER - socket->count; }

void put_in(struct socket *socket, const void *bytes, uint32_t count) {
    const uint32_t at = (socket->first + socket->count) % LIMIT_BUFFER, straight = count < LIMIT_BUFFER - at ? count : LIMIT_BUFFER - at;
    memcpy(socket->bytes + at, bytes, straight);
    memcpy(socket->bytes, (const uint8_t *)bytes + straight, count - straight);
    socket->count += count;
}

void look_in(const struct socket *socket, uint32_t after, void *bytes, uint32_t count) {
    const uint32_t at = (socket->first + after) % LIMIT_BUFFER, straight = count < LIMIT_BUFFER - at ? count : LIMIT_BUFFER - at;
    memcpy(bytes, socket->bytes + at, straight);
    memcpy((uint8_t *)bytes + straight, socket->bytes, count - straight);
}

void take_out(struct socket *socket, uint32_t count) {
    socket->first = (socket->first + count) % LIMIT_BUFFER;
    socket->count -= count;
}
