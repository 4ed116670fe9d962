/*
 * vfs.c: SQLite's two files.
 *
 * The journal is written in many small pieces one after the other. They are gathered, and written when the run ends: by a sync, by a read, by a write
 * elsewhere or by a full buffer. The sector where a run ends is then written again with the next one. That does no harm to what was synced in it, as
 * it holds the same again, and a sector is written whole or not at all.
 */
#include "vfs.h"

#include <string.h>

#include "region.h"

enum { GATHERED = 16384 };

static bool read_only;
static uint64_t seed;

static struct file {
    struct region region;
    /* Bytes; of the database only. */
    uint64_t size;
} database, journal;

/* Of the journal: what is to be written at `at`; and where the journal's last piece of this transaction ends. */
static struct {
    uint64_t at;
    uint32_t count;
    uint8_t bytes[GATHERED];
    uint64_t end;
} gathered;

/* What SQLite holds of an open file. */
struct handle {
    sqlite3_file base;
    struct file *file;
};

static bool write_gathered(void) {
    const uint32_t count = gathered.count;
    gathered.count = 0;
    return region_write(&journal.region, gathered.at, gathered.bytes, count);
}

static bool gather(uint64_t offset, const void *bytes, uint32_t count) {
    if (gathered.count > 0 && (offset != gathered.at + gathered.count || count > GATHERED - gathered.count) && !write_gathered()) return false;
    if (count > GATHERED) return region_write(&journal.region, offset, bytes, count);
    if (gathered.count == 0) gathered.at = offset;
    memcpy(gathered.bytes + gathered.count, bytes, count);
    gathered.count += count;
    return true;
}

/* SQLite's methods of a file. */

static struct file *file_of(sqlite3_file *f) { return ((struct handle *)f)->file; }

static int close_file(sqlite3_file *f) {
    /* What was not synced was never promised. */
    if (file_of(f) == &journal) gathered.count = 0;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *handle, void *bytes, int wanted, sqlite3_int64 from) {
    struct file *f = file_of(handle);
    const uint64_t offset = (uint64_t)from, count = (uint64_t)wanted;
    if (f == &journal && !write_gathered()) return SQLITE_IOERR_READ;
    const uint64_t size = f == &journal ? journal.region.sectors * VOLUME_SECTOR : f->size;
    const uint64_t there = offset >= size ? 0 : count < size - offset ? count : size - offset;
    if (!region_read(&f->region, offset, bytes, there)) return SQLITE_IOERR_READ;
    memset((uint8_t *)bytes + there, 0, count - there);
    return there == count ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int write_file(sqlite3_file *handle, const void *bytes, int wanted, sqlite3_int64 to) {
    struct file *f = file_of(handle);
    const uint64_t offset = (uint64_t)to, count = (uint64_t)wanted, end = offset + count;
    if (!region_holds(&f->region, offset, count)) return SQLITE_FULL;
    if (f == &journal) {
        if (end > gathered.end) gathered.end = end;
        return gather(offset, bytes, (uint32_t)count) ? SQLITE_OK : SQLITE_IOERR_WRITE;
    }
    if (!region_write(&f->region, offset, bytes, count)) return SQLITE_IOERR_WRITE;
    if (end > f->size) f->size = end;
    return SQLITE_OK;
}

static int truncate_file(sqlite3_file *handle, sqlite3_int64 size) {
    if (file_of(handle) == &database && (uint64_t)size < database.size) database.size = (uint64_t)size;
    return SQLITE_OK;
}

static int sync_file(sqlite3_file *handle, int flags) {
    (void)flags;
    if (file_of(handle) == &journal && !write_gathered()) return SQLITE_IOERR_FSYNC;
    return region_flush() ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int size_of_file(sqlite3_file *handle, sqlite3_int64 *size) {
    const struct file *f = file_of(handle);
    *size = (sqlite3_int64)(f == &journal ? journal.region.sectors * VOLUME_SECTOR : f->size);
    return SQLITE_OK;
}

/* Nobody else has the volume's files. */
static int lock_file(sqlite3_file *handle, int level) {
    (void)handle;
    (void)level;
    return SQLITE_OK;
}

static int is_reserved(sqlite3_file *handle, int *reserved) {
    (void)handle;
    *reserved = 0;
    return SQLITE_OK;
}

static int control_file(sqlite3_file *handle, int operation, void *argument) {
    (void)handle;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *handle) {
    (void)handle;
    return VOLUME_SECTOR;
}

static int characteristics(sqlite3_file *handle) {
    (void)handle;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = lock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

/* And of the file system. */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *handle, int flags, int *given) {
    (void)vfs;
    (void)name;
    struct handle *h = (struct handle *)handle;
    h->base.pMethods = NULL;
    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)) == 0) return SQLITE_CANTOPEN;
    h->file = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? &database : &journal;
    h->base.pMethods = &methods;
    if (given != NULL) *given = read_only ? (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY : flags;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    (void)name;
    (void)sync;
    /* Of the journal, which is always there: SQLite asks it of one that is not valid. Its first bytes say so. */
    static const uint8_t zeros[VOLUME_SECTOR];
    gathered.count = 0;
    return region_write(&journal.region, 0, zeros, sizeof zeros) ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *there) {
    (void)vfs;
    (void)flags;
    const size_t length = strlen(name);
    *there = length < 4 || strcmp(name + length - 4, "-wal") != 0;
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int room, char *full) {
    (void)vfs;
    const size_t length = strlen(name);
    if (length >= (size_t)room) return SQLITE_CANTOPEN;
    memcpy(full, name, length + 1);
    return SQLITE_OK;
}

/* For the journal's nonce, which tells its records from older ones. Nobody needs to be kept from guessing it. */
static int random_bytes(sqlite3_vfs *vfs, int count, char *bytes) {
    (void)vfs;
    for (int i = 0; i < count; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        bytes[i] = (char)(seed >> 56);
    }
    return count;
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int no_time(sqlite3_vfs *vfs, double *day) {
    (void)vfs;
    *day = 0;
    return SQLITE_OK;
}

static int no_error(sqlite3_vfs *vfs, int room, char *text) {
    (void)vfs;
    (void)room;
    (void)text;
    return 0;
}

/* The store's side. */

static uint64_t big_endian(const uint8_t *bytes) { return (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3]; }

enum store_error vfs_use(const struct volume *on, const struct layout *layout) {
    region_use(on);
    read_only = on->read_only;
    journal.region = layout->journal;
    database.region = layout->database;
    gathered.count = 0;
    uint8_t header[VOLUME_SECTOR];
    if (!region_read(&database.region, 0, header, sizeof header)) return STORE_DEVICE;
    const uint64_t pages = big_endian(header + 28), most = database.region.sectors * VOLUME_SECTOR;
    database.size = pages * VFS_PAGE < most ? pages * VFS_PAGE : most;
    /* The counter of commits: other nonces than last time. */
    seed = big_endian(header + 24) * 0x9e3779b97f4a7c15ULL ^ region_counts()->written;
    return STORE_OK;
}

enum store_error vfs_erase(void) {
    static const uint8_t zeros[VOLUME_SECTOR];
    database.size = 0;
    return region_write(&journal.region, 0, zeros, sizeof zeros) && region_write(&database.region, 0, zeros, sizeof zeros) ? STORE_OK : STORE_DEVICE;
}

void vfs_journal_begin(void) { gathered.end = 0; }

bool vfs_journal_is_full(void) { return gathered.end > journal.region.sectors * VOLUME_SECTOR / 2; }

int sqlite3_os_init(void) {
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 64,
        .zName = VFS_NAME,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_name,
        .xRandomness = random_bytes,
        .xSleep = no_sleep,
        .xCurrentTime = no_time,
        .xGetLastError = no_error,
    };
    return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void) { return SQLITE_OK; }
