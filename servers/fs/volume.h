/*
 * volume.h: what the store lies on: sectors of 512 bytes that may be read, written and flushed. The server has one over a Block capability; the tests
 * have files and simulated disks.
 *
 * The store relies on: a sector is written whole or not at all; a write that was answered before a flush was asked for is there once that is answered.
 * It does not rely on: the order of writes between two flushes, the truth of anything that is read.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define VOLUME_SECTOR 512U

enum volume_result { VOLUME_OK = 0, VOLUME_FAILED = 1 };

struct volume {
    void *context;
    uint64_t sectors;
    bool read_only;
    /* At most 128 sectors at a time, all of them on the volume. A call that fails may have done a part of it. */
    enum volume_result (*read)(void *context, uint64_t sector, uint32_t count, void *bytes);
    enum volume_result (*write)(void *context, uint64_t sector, uint32_t count, const void *bytes);
    enum volume_result (*flush)(void *context);
};
#define VOLUME_MOST_SECTORS 128U
