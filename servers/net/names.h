/* names.h: names on their way to addresses. lwIP cannot be told to forget one that it looks up, so a place stays taken until it says what became of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct lookup {
    bool used, done, forgotten;
    uint32_t client;
    /* 0: there is none. */
    uint32_t address;
};

/* Begins to look `name` up for the client. *lookup is NULL when it is not 0: the refusal. */
uint32_t lookup_begin(uint32_t client, const char *name, struct lookup **lookup);
/* Whoever wanted it wants it no more. */
void lookup_forget(struct lookup *lookup);
