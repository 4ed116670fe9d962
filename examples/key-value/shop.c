/* A client of the store: two capabilities, the same keys, and neither sees the other's values. */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "protocol.h"

BW_USE(console);
BW_USE(tea);
BW_USE(coffee);

/* Key and value one behind the other, after the words. */
static struct bw_msg ask(bw_cptr store, uint32_t label, const char *key, const char *value) {
    uint64_t *words = bw_ipc()->words;
    const size_t key_count = strlen(key), count = value == NULL ? 0 : strlen(value), first = value == NULL ? 1 : 2;
    words[0] = key_count;
    words[1] = count;
    memcpy(&words[first], key, key_count);
    if (value != NULL) memcpy((uint8_t *)&words[first] + key_count, value, count);
    return bw_call_buffer(store, label, (uint32_t)(first + (key_count + count + 7) / 8), 0);
}

static void put(const char *who, bw_cptr store, const char *key, const char *value) {
    const struct bw_msg m = ask(store, KEY_VALUE_PUT, key, value);
    bw_printf("%s: put %s: %s\n", who, key, bw_label(&m) == 0 ? "on the disk" : "refused");
}

static void get(const char *who, bw_cptr store, const char *key) {
    const struct bw_msg m = ask(store, KEY_VALUE_GET, key, NULL);
    char value[513] = {0};
    if (bw_label(&m) == 0 && m.w[0] < sizeof value) memcpy(value, &bw_ipc()->words[1], m.w[0]);
    bw_printf("%s: get %s: %s\n", who, key, bw_label(&m) == 0 ? value : bw_label(&m) == KEY_VALUE_E_NOT_FOUND ? "there is none" : "refused");
}

static void list(const char *who, bw_cptr store) {
    char key[65] = "";
    bw_printf("%s: keys", who);
    for (struct bw_msg m = ask(store, KEY_VALUE_NEXT, key, NULL); bw_label(&m) == 0 && m.w[0] < sizeof key; m = ask(store, KEY_VALUE_NEXT, key, NULL)) {
        memset(key, 0, sizeof key);
        memcpy(key, &bw_ipc()->words[1], m.w[0]);
        bw_printf(" %s", key);
    }
    bw_printf("\n");
}

int main(void) {
    const bw_cptr tea = bw_use_tea.cap, coffee = bw_use_coffee.cap;
    bw_console_open(bw_use_console.cap);
    put("tea", tea, "price", "3.20");
    put("tea", tea, "from", "Assam");
    put("coffee", coffee, "price", "4.10");
    get("tea", tea, "price");
    get("coffee", coffee, "price");
    get("coffee", coffee, "from");
    put("tea", tea, "price", "3.40");
    get("tea", tea, "price");
    put("tea", tea, "../coffee/price", "0.10");
    list("tea", tea);
    list("coffee", coffee);
    const struct bw_msg m = ask(tea, KEY_VALUE_REMOVE, "from", NULL);
    bw_printf("tea: remove from: %s\n", bw_label(&m) == 0 ? "gone" : "refused");
    list("tea", tea);
    return 0;
}
