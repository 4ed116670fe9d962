/*
 * The registry: capabilities by name. Protocol: protocol.ts; limits and behaviour: README.md.
 *
 * Invariants
 *   M1  A client reaches the names that begin with its view's prefix and no other; what it says is put behind that prefix. A view is made from another only by
 *       adding to the prefix or taking publishing away.
 *   M2  Names and views are charged to the client of the manifest that they come from, whatever capability it used. The share of each is kept for it: so
 *       nobody uses up, or can tell, what others have.
 *   M3  A name whose capability is gone is gone.
 */
#include <bailiwick.h>
#include <bailiwick/names.h>

enum { NAME_MOST = 64, NAMES = 96, NAMES_EACH = 16, VIEWS = 96, VIEWS_EACH = 16, OFFERS = 16, CLIENTS = 96 };
/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_MINTED, SLOT_NAMES };
_Static_assert(SLOT_NAMES + NAMES <= 256, "all slots are there");
/* A badge of this server's making: a view's number. */
#define MINTED (1ULL << 31)

struct text {
    uint32_t count;
    uint8_t bytes[NAME_MOST];
};

/* What a capability reaches. The first OFFERS are the manifest's, which are nobody's. */
static struct view {
    struct text prefix;
    bool look_up_only;
    uint32_t owner;
} views[OFFERS + VIEWS];
static uint32_t views_used = OFFERS, views_each;

/* owner 0: free. Its capability is in slot SLOT_NAMES + its index. */
static struct entry {
    struct text name;
    uint32_t owner;
} entries[NAMES];
static uint32_t names_each;

/* NULL: a badge that was never given. */
static const struct view *view_of(uint64_t badge) {
    const uint64_t number = (badge & MINTED) != 0 ? badge - MINTED : badge >> 16;
    return number < ((badge & MINTED) != 0 ? views_used : (uint32_t)OFFERS) ? &views[number] : NULL;
}
static uint32_t owner_of(uint64_t badge) { return (badge & MINTED) != 0 ? view_of(badge)->owner : (uint32_t)badge & 0xffff; }

static bool equal(const struct text *a, const struct text *b) { return a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0; }
static bool begins_with(const struct text *text, const struct text *prefix) { return text->count > prefix->count && memcmp(text->bytes, prefix->bytes, prefix->count) == 0; }

/* The view's prefix and the request's byte string behind `words` words. False: it is too long, too short, or has other bytes than a name has. */
static bool read_name(struct bw_request *r, const struct view *view, uint32_t words, uint64_t count, uint32_t least, struct text *name) {
    if (count < least || count > NAME_MOST - view->prefix.count) return false;
    const uint8_t *bytes = bw_request_bytes(r, words, count);
    if (bytes == NULL) return false;
    for (uint64_t i = 0; i < count; i++) if (bytes[i] < '!' || bytes[i] > '~') return false;
    *name = view->prefix;
    memcpy(&name->bytes[name->count], bytes, count);
    name->count += (uint32_t)count;
    return true;
}

static bw_cptr slot_of(const struct entry *e) { return SLOT_NAMES + (bw_cptr)(e - entries); }

static void forget(struct entry *e) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot_of(e));
    e->owner = 0;
}

/* M3: its object is gone, and took the capability along. */
static bool is_there(struct entry *e) {
    uint32_t kind = 0, rights = 0;
    if (e->owner == 0) return false;
    if (bw_discrim_classify(BW_SLOT_DISCRIM, slot_of(e), &kind, &rights) == 0 && kind != BW_KIND_NULL) return true;
    forget(e);
    return false;
}

static struct entry *find(const struct text *name) {
    for (uint32_t i = 0; i < NAMES; i++) if (entries[i].owner != 0 && equal(&entries[i].name, name)) return is_there(&entries[i]) ? &entries[i] : NULL;
    return NULL;
}

static bool may_be_published(void) {
    uint32_t kind = 0, rights = 0;
    if (bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0) return false;
    return kind == BW_KIND_ENDPOINT || kind == BW_KIND_NOTIFICATION || kind == BW_KIND_FRAME;
}

static uint32_t do_publish(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    struct text name;
    if (view == NULL || !read_name(r, view, 1, r->w[0], 1, &name)) return NAMES_E_BAD_REQUEST;
    if (view->look_up_only) return NAMES_E_NOT_YOURS;
    if (r->caps != 1 || r->unwrapped != 0 || !may_be_published()) return NAMES_E_NO_CAPABILITY;
    if (find(&name) != NULL) return NAMES_E_TAKEN;
    struct entry *free = NULL;
    const uint32_t owner = owner_of(r->badge);
    uint32_t has = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        if (entries[i].owner == 0 || (entries[i].owner == owner && !is_there(&entries[i]))) free = free == NULL ? &entries[i] : free;
        else has += entries[i].owner == owner;
    }
    if (has >= names_each || free == NULL) return NAMES_E_FULL;
    if (bw_cnode_move(BW_SLOT_CNODE, slot_of(free), BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return NAMES_E_NO_CAPABILITY;
    *free = (struct entry){.name = name, .owner = owner};
    return 0;
}

static uint32_t do_look_up(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    struct text name;
    if (view == NULL || !read_name(r, view, 1, r->w[0], 1, &name)) return NAMES_E_BAD_REQUEST;
    const struct entry *e = find(&name);
    if (e == NULL) return NAMES_E_NOT_FOUND;
    bw_ipc()->caps[r->answer_caps++] = slot_of(e);
    return 0;
}

static uint32_t do_list(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    if (view == NULL) return NAMES_E_BAD_REQUEST;
    uint64_t place = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        if (!begins_with(&entries[i].name, &view->prefix) || !is_there(&entries[i]) || place++ != r->w[0]) continue;
        const struct text *name = &entries[i].name;
        const uint32_t count = name->count - view->prefix.count;
        memcpy(bw_answer_room(1), &name->bytes[view->prefix.count], count);
        r->w[0] = count;
        bw_answer_bytes(r, 1, count);
        return 0;
    }
    return NAMES_E_NOT_FOUND;
}

static uint32_t do_withdraw(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    struct text name;
    if (view == NULL || !read_name(r, view, 1, r->w[0], 1, &name)) return NAMES_E_BAD_REQUEST;
    struct entry *e = find(&name);
    if (e == NULL) return NAMES_E_NOT_FOUND;
    if (view->look_up_only || e->owner != owner_of(r->badge)) return NAMES_E_NOT_YOURS;
    forget(e);
    return 0;
}

static uint32_t do_restrict(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    struct view made = {0};
    if (view == NULL || r->w[0] > 1 || !read_name(r, view, 2, r->w[1], 0, &made.prefix) || made.prefix.count == NAME_MOST) return NAMES_E_BAD_REQUEST;
    made.look_up_only = view->look_up_only || r->w[0] == 1;
    made.owner = owner_of(r->badge);
    uint32_t number = OFFERS, has = 0;
    /* One like it may be there already: a client that asks again and again uses up nothing. */
    for (; number < views_used; number++) {
        const struct view *other = &views[number];
        if (other->owner == made.owner && other->look_up_only == made.look_up_only && equal(&other->prefix, &made.prefix)) break;
        has += other->owner == made.owner;
    }
    if (number == views_used && (has >= views_each || number == OFFERS + VIEWS)) return NAMES_E_FULL;
    const uint32_t rights = BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY | (made.look_up_only ? 0 : BW_RIGHT_GRANT);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, rights, MINTED | number) != 0) return NAMES_E_FULL;
    if (number == views_used) views[views_used++] = made;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

static bool read_offers(void) {
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *prefix = bw_arg_in(bw_offer(i), "prefix"), *only = bw_arg_in(bw_offer(i), "lookUpOnly");
        const size_t count = prefix == NULL ? 0 : strlen(prefix);
        bool right = count < NAME_MOST && (only == NULL || strcmp(only, "0") == 0 || strcmp(only, "1") == 0);
        for (size_t n = 0; right && n < count; n++) right = prefix[n] >= '!' && prefix[n] <= '~';
        if (!right) {
            bw_log("args of an offer: prefix, up to 63 bytes from '!' to '~', and lookUpOnly, 0 or 1");
            return false;
        }
        views[i].look_up_only = only != NULL && *only == '1';
        views[i].prefix.count = (uint32_t)count;
        if (count > 0) memcpy(views[i].prefix.bytes, prefix, count);
    }
    return true;
}

int main(void) {
    uint32_t clients = bw_clients();
    if (clients > CLIENTS) {
        bw_log("too many clients: up to 96");
        return 1;
    }
    if (!read_offers()) return 1;
    if (clients == 0) clients = 1;
    names_each = NAMES / clients < NAMES_EACH ? NAMES / clients : NAMES_EACH;
    views_each = VIEWS / clients < VIEWS_EACH ? VIEWS / clients : VIEWS_EACH;
    static const struct bw_method methods[] = {
        {.label = NAMES_PUBLISH, .words = 1, .handle = do_publish}, {.label = NAMES_LOOK_UP, .words = 1, .handle = do_look_up}, {.label = NAMES_LIST, .words = 1, .handle = do_list},
        {.label = NAMES_WITHDRAW, .words = 1, .handle = do_withdraw}, {.label = NAMES_RESTRICT, .words = 2, .handle = do_restrict},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = NAMES_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
