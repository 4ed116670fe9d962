/* stations.c: see stations.h. A hash table would be one more thing that a sender of chosen addresses could spoil; a place's last station is looked at first instead. */
#include "stations.h"

#include <stddef.h>

static struct share {
    uint32_t count, last;
    struct station {
        uint64_t mac, heard;
    } stations[STATIONS_EACH];
} shares[STATION_PLACES];

static struct station *find(struct share *share, uint64_t mac) {
    if (share->last < share->count && share->stations[share->last].mac == mac) return &share->stations[share->last];
    for (uint32_t i = 0; i < share->count; i++) {
        if (share->stations[i].mac != mac) continue;
        share->last = i;
        return &share->stations[i];
    }
    return NULL;
}

static bool is_fresh(const struct station *station, uint64_t now) { return now - station->heard < STATION_NS; }

int station_place(uint64_t mac, uint64_t now) {
    for (uint32_t place = 0; place < STATION_PLACES; place++) {
        const struct station *station = find(&shares[place], mac);
        if (station != NULL && is_fresh(station, now)) return (int)place;
    }
    return NOWHERE;
}

bool station_heard(uint64_t mac, uint32_t place, uint64_t now) {
    struct share *share = &shares[place];
    struct station *station = find(share, mac);
    /* T2: known here, and fresh, it can be fresh nowhere else. */
    if (station == NULL || !is_fresh(station, now)) {
        const int known = station_place(mac, now);
        if (known != NOWHERE && (uint32_t)known != place) return false;
    }
    if (station == NULL && share->count < STATIONS_EACH) station = &share->stations[share->count++];
    if (station == NULL) {
        station = &share->stations[0];
        for (uint32_t i = 1; i < STATIONS_EACH; i++) if (share->stations[i].heard < station->heard) station = &share->stations[i];
    }
    *station = (struct station){.mac = mac, .heard = now};
    return true;
}

void stations_forget(uint32_t place) { shares[place].count = 0; }

uint32_t stations_of(uint32_t place, uint64_t now) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < shares[place].count; i++) count += is_fresh(&shares[place].stations[i], now);
    return count;
}
