/* petnames.c: names of one's own. Invariants: patterns/petnames.h. */
#include <bailiwick.h>
#include <bailiwick/patterns/petnames.h>

/* What the eye does not see. */
static bool is_unseen(char c) {
    for (const char *each = " -_.,'`:;"; *each != 0; each++) if (*each == c) return true;
    return false;
}

static char seen_as(char c) {
    switch (c) {
    case '0': return 'o';
    case '1': case 'i': case '|': case '!': return 'l';
    case '5': case '$': return 's';
    case '2': return 'z';
    case '8': return 'b';
    case '6': case '9': return 'g';
    default: return c;
    }
}

/* Replaces a pair of letters by one, from left to right; the text's new length. */
static size_t join(char *text, size_t count, const char *pair, char one) {
    size_t to = 0;
    for (size_t from = 0; from < count; from++) {
        const bool found = from + 1 < count && text[from] == pair[0] && text[from + 1] == pair[1];
        text[to++] = found ? one : text[from];
        from += found;
    }
    return to;
}

/* The skeleton's length; 0 when there is nothing to see, or too much for a name. */
static size_t skeleton(const char *name, char out[BW_NICKNAME_MOST]) {
    size_t count = 0;
    for (; *name != 0; name++) {
        const char small = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        if (is_unseen(small)) continue;
        if (count == BW_NICKNAME_MOST) return 0;
        out[count++] = seen_as(small);
    }
    count = join(out, count, "rn", 'm');
    count = join(out, count, "vv", 'w');
    return join(out, count, "cl", 'd');
}

static bool is_petname(const char *name) {
    char seen[BW_NICKNAME_MOST];
    size_t count = 0;
    for (; name[count] != 0; count++) {
        if (count >= BW_PETNAME_MOST || name[count] < ' ' || name[count] > '~') return false;
        if (name[count] == ' ' && (count == 0 || name[count + 1] == ' ' || name[count + 1] == 0)) return false;
    }
    return count > 0 && skeleton(name, seen) > 0;
}

static void keep(char *to, const char *text, size_t most) {
    size_t count = 0;
    for (; text != NULL && text[count] != 0 && count < most; count++) to[count] = text[count];
    to[count] = 0;
}

static bool same(bw_cptr a, bw_cptr b) {
    uint32_t how = 0;
    return bw_discrim_same(BW_SLOT_DISCRIM, a, b, &how) == 0 && how == 3;
}

static const struct bw_named *like(const struct bw_petnames *names, const char *text, const struct bw_named *except) {
    char wanted[BW_NICKNAME_MOST], seen[BW_NICKNAME_MOST];
    const size_t count = skeleton(text, wanted);
    for (uint32_t i = 0; i < names->count && count > 0; i++) {
        const struct bw_named *each = &names->named[i];
        if (each->cap != 0 && each != except && skeleton(each->petname, seen) == count && memcmp(seen, wanted, count) == 0) return each;
    }
    return NULL;
}

static enum bw_petname_refusal judge(const struct bw_petnames *names, const char *petname, const struct bw_named *except, const struct bw_named **in_the_way) {
    if (!is_petname(petname)) return BW_PETNAME_BAD_NAME;
    const struct bw_named *other = bw_petname_find(names, petname);
    if (other != NULL && other != except) {
        *in_the_way = other;
        return BW_PETNAME_TAKEN;
    }
    *in_the_way = like(names, petname, except);
    return *in_the_way == NULL ? BW_PETNAME_DONE : BW_PETNAME_LOOK_ALIKE;
}

/* Slot 0 is always empty. Empty slots are all the same, so that nothing would have the name of whatever is gone. */
static bool is_nothing(bw_cptr cap) { return cap == 0 || same(cap, 0); }

enum bw_petname_refusal bw_petname_add(struct bw_petnames *names, const char *petname, bw_cptr cap, const char *nickname, const struct bw_named **in_the_way) {
    const struct bw_named *ignored = NULL, **other = in_the_way == NULL ? &ignored : in_the_way;
    *other = NULL;
    const enum bw_petname_refusal refusal = judge(names, petname, NULL, other);
    if (refusal != BW_PETNAME_DONE) return refusal;
    if (is_nothing(cap)) return BW_PETNAME_NOTHING;
    *other = bw_petname_of(names, cap);
    if (*other != NULL) return BW_PETNAME_HAS_ONE;
    for (uint32_t i = 0; i < names->count; i++) {
        struct bw_named *place = &names->named[i];
        if (place->cap != 0) continue;
        place->cap = cap;
        keep(place->petname, petname, BW_PETNAME_MOST);
        keep(place->nickname, nickname, BW_NICKNAME_MOST);
        return BW_PETNAME_DONE;
    }
    return BW_PETNAME_FULL;
}

static struct bw_named *place_of(const struct bw_petnames *names, const char *petname) {
    for (uint32_t i = 0; i < names->count; i++) if (names->named[i].cap != 0 && strcmp(names->named[i].petname, petname) == 0) return &names->named[i];
    return NULL;
}

enum bw_petname_refusal bw_petname_rename(struct bw_petnames *names, const char *petname, const char *to, const struct bw_named **in_the_way) {
    const struct bw_named *ignored = NULL, **other = in_the_way == NULL ? &ignored : in_the_way;
    *other = NULL;
    struct bw_named *place = place_of(names, petname);
    if (place == NULL) return BW_PETNAME_NOTHING;
    const enum bw_petname_refusal refusal = judge(names, to, place, other);
    if (refusal == BW_PETNAME_DONE) keep(place->petname, to, BW_PETNAME_MOST);
    return refusal;
}

bool bw_petname_remove(struct bw_petnames *names, const char *petname) {
    struct bw_named *place = place_of(names, petname);
    if (place != NULL) place->cap = 0;
    return place != NULL;
}

const struct bw_named *bw_petname_find(const struct bw_petnames *names, const char *petname) { return place_of(names, petname); }

const struct bw_named *bw_petname_of(const struct bw_petnames *names, bw_cptr cap) {
    if (is_nothing(cap)) return NULL;
    for (uint32_t i = 0; i < names->count; i++) if (names->named[i].cap != 0 && same(cap, names->named[i].cap)) return &names->named[i];
    return NULL;
}

const struct bw_named *bw_petname_like(const struct bw_petnames *names, const char *text) { return like(names, text, NULL); }
