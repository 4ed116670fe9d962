/*
 * model.h: the naive model: a table of nodes and whole contents in memory. A step is drawn from the model, done to the model and to the store, and
 * the answers are the same. A digest of all that can be seen says whether a store is in a state that the model was in.
 */
#pragma once
#include "../store.h"

enum { MODEL_NODES = 40, MODEL_BYTES = 160 * 1024 };

struct model_node {
    bool used;
    enum store_kind kind;
    uint64_t id;
    /* An index; the root's is its own. */
    int parent;
    uint8_t length;
    uint8_t name[STORE_NAME];
    uint64_t size, quota;
    uint8_t *bytes;
};

struct model {
    struct model_node nodes[MODEL_NODES];
    /* Of the step under way. */
    uint64_t limited, limit;
};

enum operation { STAT, LOOKUP, CREATE, REMOVE, RENAME, LIST, READ, WRITE, APPEND, TRUNCATE, SET_QUOTA, SYNC, IDLE, OPERATIONS };

struct step {
    enum operation operation;
    uint64_t id, other;
    struct store_name name, new_name;
    enum store_kind kind;
    enum store_replace replace;
    uint64_t offset, count;
    /* In whose name: the directory that it may fill up so far; 0: no limit. */
    uint64_t limited, limit;
};

void model_init(struct model *model);
struct model *model_copy(const struct model *model);
void model_free(struct model *model);
struct step draw_step(const struct model *model);
/* What the step answers; when that is STORE_OK, the model is changed. `created`: the id that the store gave. */
enum store_error model_step(struct model *model, const struct step *step, uint64_t created);
/* The same for the store; what it reads must be what the model has. */
enum store_error store_step(const struct model *model, const struct step *step, uint64_t *created);
/* An index into nodes, or -1. */
int model_find(const struct model *model, uint64_t id);
uint64_t model_usage(const struct model *model, int directory);
/* Bytes that tell by whom and where they were written. */
void fill(uint8_t *bytes, uint64_t count, uint64_t seed);
uint64_t model_digest(const struct model *model);
/* 0 when the store could not be read: *error says why. */
uint64_t store_digest(enum store_error *error);
