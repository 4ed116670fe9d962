/* file.c: a client of the file server. */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_FILE_GONE : bw_label(m); }

/* A call with `words` words that are in the buffer already, and a byte string behind them. */
static struct bw_msg call_bytes(bw_cptr file, uint32_t label, uint32_t words, const void *bytes, size_t count, uint32_t caps) {
    memcpy(&bw_ipc()->words[words], bytes, count);
    return bw_call_buffer(file, label, words + (uint32_t)((count + 7) / 8), caps);
}

static uint32_t result_with_cap(const struct bw_msg *m) {
    const uint32_t result = result_of(m);
    return result == 0 && (bw_caps(m) != 1 || bw_unwrapped(m) != 0) ? BW_FILE_GONE : result;
}

uint32_t bw_file_open(bw_cptr directory, const char *name, uint32_t rights, uint32_t make, bw_cptr slot, struct bw_file_info *info) {
    const size_t count = strlen(name);
    if (count > 255) return FILE_E_BAD_NAME;
    const struct bw_receive before = bw_receive_into(slot, 1);
    uint64_t *words = bw_ipc()->words;
    words[0] = rights, words[1] = make, words[2] = count;
    const struct bw_msg m = call_bytes(directory, FILE_OPEN, 3, name, count, 0);
    bw_receive_as(before);
    if (result_with_cap(&m) == 0 && info != NULL) *info = (struct bw_file_info){.kind = (uint32_t)m.w[0], .bytes = m.w[1], .rights = (uint32_t)m.w[2]};
    return result_with_cap(&m);
}

uint32_t bw_file_restrict(bw_cptr file, uint32_t rights, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(file, bw_info(FILE_RESTRICT, 1, 0), rights, 0, 0, 0);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_file_lend(bw_cptr file, uint32_t rights, uint32_t most, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(file, bw_info(FILE_LEND, 2, 0), rights, most, 0, 0);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_file_close(bw_cptr file) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_CLOSE, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) == 0) (void)bw_cnode_delete(BW_SLOT_CNODE, file);
    return result_of(&m);
}

uint32_t bw_file_info(bw_cptr file, struct bw_file_info *info) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_INFO, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) == 0) *info = (struct bw_file_info){.kind = (uint32_t)m.w[0], .bytes = m.w[1], .rights = (uint32_t)m.w[2]};
    return result_of(&m);
}

uint32_t bw_file_read(bw_cptr file, uint64_t offset, void *bytes, size_t count, size_t *done) {
    uint8_t *to = bytes;
    for (*done = 0; *done < count;) {
        const size_t piece = count - *done < BW_FILE_PIECE ? count - *done : BW_FILE_PIECE;
        bw_ipc()->words[0] = offset + *done, bw_ipc()->words[1] = piece;
        const struct bw_msg m = bw_call_buffer(file, FILE_READ, 2, 0);
        if (result_of(&m) != 0) return result_of(&m);
        const size_t got = m.w[0] < piece ? m.w[0] : piece;
        memcpy(to + *done, &bw_ipc()->words[1], got);
        *done += got;
        if (got < piece) break;
    }
    return 0;
}

uint32_t bw_file_write(bw_cptr file, uint64_t offset, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    for (size_t done = 0, piece; done < count; done += piece) {
        piece = count - done < BW_FILE_PIECE ? count - done : BW_FILE_PIECE;
        bw_ipc()->words[0] = offset + done, bw_ipc()->words[1] = piece;
        const struct bw_msg m = call_bytes(file, FILE_WRITE, 2, from + done, piece, 0);
        if (result_of(&m) != 0) return result_of(&m);
    }
    return 0;
}

uint32_t bw_file_append(bw_cptr file, const void *bytes, size_t count, uint64_t *offset) {
    if (count > BW_FILE_PIECE) return FILE_E_BAD_REQUEST;
    bw_ipc()->words[0] = count;
    const struct bw_msg m = call_bytes(file, FILE_APPEND, 1, bytes, count, 0);
    if (result_of(&m) == 0 && offset != NULL) *offset = m.w[0];
    return result_of(&m);
}

uint32_t bw_file_truncate(bw_cptr file, uint64_t bytes) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_TRUNCATE, 1, 0), bytes, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_file_sync(bw_cptr file) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_SYNC, 0, 0), 0, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_file_remove(bw_cptr directory, const char *name) {
    const size_t count = strlen(name);
    if (count > 255) return FILE_E_BAD_NAME;
    bw_ipc()->words[0] = count;
    const struct bw_msg m = call_bytes(directory, FILE_REMOVE, 1, name, count, 0);
    return result_of(&m);
}

uint32_t bw_file_rename(bw_cptr directory, const char *name, bw_cptr to, const char *new_name, bool replace) {
    const size_t count = strlen(name), new_count = strlen(new_name);
    if (count > 255 || new_count > 255) return FILE_E_BAD_NAME;
    struct bw_ipc *b = bw_ipc();
    b->words[0] = replace, b->words[1] = count, b->words[2] = new_count;
    memcpy((uint8_t *)&b->words[3] + count, new_name, new_count);
    memcpy(&b->words[3], name, count);
    b->caps[0] = to;
    const struct bw_msg m = bw_call_buffer(directory, FILE_RENAME, 3 + (uint32_t)((count + new_count + 7) / 8), to != 0);
    return result_of(&m);
}

uint32_t bw_file_next(bw_cptr directory, const char *after, struct bw_file_entry *entry) {
    const size_t count = strlen(after);
    if (count > 255) return FILE_E_BAD_NAME;
    bw_ipc()->words[0] = count;
    const struct bw_msg m = call_bytes(directory, FILE_LIST, 1, after, count, 0);
    if (result_of(&m) != 0) return result_of(&m);
    if (m.w[0] == 0) return FILE_E_NOT_FOUND;
    const uint8_t *bytes = (const uint8_t *)&bw_ipc()->words[2];
    *entry = (struct bw_file_entry){.kind = bytes[0]};
    for (uint32_t i = 0; i < 8; i++) entry->bytes |= (uint64_t)bytes[2 + i] << 8 * i;
    memcpy(entry->name, bytes + 10, bytes[1]);
    return 0;
}

uint32_t bw_file_window(bw_cptr file, bw_cptr slot, uint64_t address) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(file, bw_info(FILE_WINDOW, 0, 0), 0, 0, 0, 0);
    bw_receive_as(before);
    if (result_with_cap(&m) != 0) return result_with_cap(&m);
    return bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) == 0 ? 0 : FILE_E_NO_CAPABILITY;
}

uint32_t bw_file_read_window(bw_cptr file, uint64_t offset, uint32_t count, uint32_t at, size_t *done) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_READ_WINDOW, 3, 0), offset, count, at, 0);
    *done = result_of(&m) == 0 ? m.w[0] : 0;
    return result_of(&m);
}

uint32_t bw_file_write_window(bw_cptr file, uint64_t offset, uint32_t count, uint32_t at) {
    const struct bw_msg m = bw_call(file, bw_info(FILE_WRITE_WINDOW, 3, 0), offset, count, at, 0);
    return result_of(&m);
}
