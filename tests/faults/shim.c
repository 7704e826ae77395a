/* Stands between a process and its disk: LD_PRELOAD, below RocksDB, tantivy and our own code.
 *
 * What it does, it does to files under one folder, the store; told by the environment:
 *   VITRAIL_FAULTS_STORE    the store's folder, absolute and without links
 *   VITRAIL_FAULTS_CONTROL  a file of u64 words (enum below), shared with the test
 *   VITRAIL_FAULTS_JOURNAL  a folder on the same file system, for what is durable
 *
 * POWER CUT (bit JOURNAL). A disk that lost its power holds of each file what it held at its last
 * fsync or fdatasync, and of each folder the names that it had at its last fsync. So that, and no
 * more, is noted in the journal, by inode number:
 *   data-N   the bytes of file N at its last sync
 *   dir-N    the names of folder N at its last sync: "f 12 name" or "d 12 name", each ended by 0
 *   ino-N    a hard link that keeps file N, and with it its number, from being used again
 * The test kills the process and builds from it the disk that the next start finds (cut.rs). With
 * bit LIE a sync is answered with success and not noted, as with syncing off.
 *
 * NO SPACE (bit NOSPACE). Once BUDGET more bytes are written, whatever needs room fails with
 * ENOSPC, the last write short, until the bit is cleared.
 *
 * N-TH CALL (FAIL_WRITE, FAIL_SYNC, FAIL_RENAME). A count that falls to 0 makes that one call fail
 * with EIO; DIE counts calls of all three kinds and kills the process before the n-th.
 *
 * Not modelled: writes through a map (nothing here makes any), O_SYNC and O_DSYNC, syncfs (taken
 * for no sync at all), and system calls that don't go through the C library. Of those that our
 * program makes, renames by the crate tempfile matter: they are not counted or failed, but the
 * names are right, since folders are read when they are synced and not followed call by call. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum word {
  MODE, BUDGET, FAIL_WRITE, FAIL_SYNC, FAIL_RENAME, DIE,
  WRITES, SYNCS, RENAMES, REFUSED, FAILED, WORDS = 16
};
enum mode { JOURNAL = 1, LIE = 2, NOSPACE = 4 };

static uint64_t nothing[WORDS];
static volatile uint64_t *control = nothing;
static char store[PATH_MAX], journal[PATH_MAX];
static size_t store_len;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static uint64_t word(enum word at) { return __atomic_load_n(&control[at], __ATOMIC_SEQ_CST); }
static void count(enum word at) { __atomic_add_fetch(&control[at], 1, __ATOMIC_SEQ_CST); }
static int is_on(enum mode bit) { return (word(MODE) & bit) != 0; }

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("VITRAIL_FAULTS_CONTROL"), *folder = getenv("VITRAIL_FAULTS_STORE");
  const char *into = getenv("VITRAIL_FAULTS_JOURNAL");
  if (!path || !folder) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return;
  snprintf(journal, sizeof journal, "%s", into ? into : "");
  snprintf(store, sizeof store, "%s", folder);
  store_len = strlen(store);
  control = map;
}

static int under(const char *path) {
  if (!store_len || !path || strncmp(path, store, store_len)) return 0;
  return path[store_len] == '/' || path[store_len] == 0;
}

static int ours(int fd) {
  if (!store_len) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t len = readlink(link, path, sizeof path - 1);
  if (len <= 0) return 0;
  path[len] = 0;
  return under(path);
}

/* Whether this is the call that a count was set on. */
static int falls(enum word at) {
  uint64_t left = word(at);
  while (left) {
    if (__atomic_compare_exchange_n(&control[at], &left, left - 1, 0, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
      return left == 1;
  }
  return 0;
}

/* Counts a call; whether it is to fail with EIO. */
static int fails(enum word counter, enum word fail) {
  count(counter);
  if (falls(DIE)) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  if (!falls(fail)) return 0;
  count(FAILED);
  errno = EIO;
  return 1;
}

/* How many of so many bytes there is room for; none at all fails with ENOSPC. */
static size_t room(size_t wanted) {
  if (!is_on(NOSPACE) || !wanted) return wanted;
  uint64_t left = word(BUDGET), take;
  do {
    take = left < wanted ? left : wanted;
  } while (!__atomic_compare_exchange_n(&control[BUDGET], &left, left - take, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  if (!take) {
    count(REFUSED);
    errno = ENOSPC;
  }
  return take;
}

/* Whether there is no room for a new name. */
static int is_full(void) {
  if (!is_on(NOSPACE) || word(BUDGET)) return 0;
  count(REFUSED);
  errno = ENOSPC;
  return 1;
}

/* --- the journal --- */

struct dirty { ino_t ino; off_t from; struct dirty *next; };
static struct dirty *dirties[4096];
static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER;

static struct dirty *dirty_of(ino_t ino) {
  struct dirty **at = &dirties[ino % 4096];
  for (; *at; at = &(*at)->next)
    if ((*at)->ino == ino) return *at;
  struct dirty *made = calloc(1, sizeof *made);
  if (!made) abort();
  made->ino = ino;
  made->from = LONG_MAX;
  return *at = made;
}

/* Notes that a file's bytes from `from` on are no longer what is durable. After the call that
 * changed them: a sync that ended before would have forgotten it. */
static void note_written(int fd, off_t from) {
  struct stat file;
  if (!is_on(JOURNAL) || fstat(fd, &file)) return;
  pthread_mutex_lock(&noting);
  struct dirty *dirty = dirty_of(file.st_ino);
  if (from < dirty->from) dirty->from = from;
  pthread_mutex_unlock(&noting);
}

static void must(int well) {
  /* A journal that is wrong would make a test that is wrong. */
  if (!well) abort();
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t len, off_t at) {
  REAL(pwrite);
  return real(fd, bytes, len, at);
}

static int real_open(const char *path, int flags, mode_t mode) {
  REAL(open);
  return real(path, flags, mode);
}

static void note_file(int fd, const struct stat *file) {
  char path[PATH_MAX + 32], self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  snprintf(path, sizeof path, "%s/ino-%lu", journal, (unsigned long)file->st_ino);
  if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW)) {
    if (errno == ENOENT) return; /* removed meanwhile */
    must(errno == EEXIST);
  }
  snprintf(path, sizeof path, "%s/data-%lu", journal, (unsigned long)file->st_ino);
  int to = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int from = real_open(self, O_RDONLY | O_CLOEXEC, 0);
  struct stat kept;
  must(to >= 0 && from >= 0 && !fstat(to, &kept));
  struct dirty *dirty = dirty_of(file->st_ino);
  off_t at = dirty->from < kept.st_size ? dirty->from : kept.st_size;
  dirty->from = LONG_MAX;
  static char buffer[1 << 18];
  ssize_t got;
  while ((got = pread(from, buffer, sizeof buffer, at)) > 0) {
    must(real_pwrite(to, buffer, (size_t)got, at) == got);
    at += got;
  }
  REAL(ftruncate);
  must(got == 0 && !real(to, at));
  close(from);
  close(to);
}

static void note_folder(int fd, const struct stat *folder) {
  char path[PATH_MAX + 32], done[PATH_MAX + 32], link[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/dir-%lu.new", journal, (unsigned long)folder->st_ino);
  snprintf(done, sizeof done, "%s/dir-%lu", journal, (unsigned long)folder->st_ino);
  FILE *out = fopen(path, "we");
  int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(out && again >= 0);
  DIR *list = fdopendir(again);
  must(list != NULL);
  for (struct dirent *entry; (entry = readdir(list));) {
    struct stat found;
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (fstatat(fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW)) continue;
    char kind = S_ISDIR(found.st_mode) ? 'd' : 'f';
    if (kind == 'f') {
      snprintf(link, sizeof link, "%s/ino-%lu", journal, (unsigned long)found.st_ino);
      if (linkat(fd, entry->d_name, AT_FDCWD, link, 0) && errno != EEXIST) continue;
    }
    fprintf(out, "%c %lu %s", kind, (unsigned long)found.st_ino, entry->d_name);
    fputc(0, out);
  }
  closedir(list);
  must(!fclose(out));
  REAL(rename);
  must(!real(path, done));
}

static void note_sync(int fd) {
  struct stat file;
  if (fstat(fd, &file)) return;
  int kept = errno;
  pthread_mutex_lock(&noting);
  if (S_ISDIR(file.st_mode)) note_folder(fd, &file);
  if (S_ISREG(file.st_mode)) note_file(fd, &file);
  pthread_mutex_unlock(&noting);
  errno = kept;
}

/* Keeps the number of a folder that goes from being used again. */
static void keep_folder(int at, const char *path) {
  if (is_on(JOURNAL)) (void)openat(at, path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
}

/* --- syncs --- */

static int sync_as(int fd, int (*real)(int)) {
  if (!ours(fd)) return real(fd);
  if (fails(SYNCS, FAIL_SYNC)) return -1;
  if (is_on(LIE)) return 0;
  if (!is_on(JOURNAL)) return real(fd);
  note_sync(fd);
  return 0;
}

int fsync(int fd) {
  REAL(fsync);
  return sync_as(fd, real);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_as(fd, real);
}

/* --- writes --- */

ssize_t write(int fd, const void *bytes, size_t len) {
  REAL(write);
  if (!store_len || !ours(fd)) return real(fd, bytes, len);
  if (fails(WRITES, FAIL_WRITE)) return -1;
  size_t may = room(len);
  if (len && !may) return -1;
  ssize_t done = real(fd, bytes, may);
  if (done > 0) note_written(fd, lseek(fd, 0, SEEK_CUR) - done);
  return done;
}

static ssize_t pwrite_as(int fd, const void *bytes, size_t len, off_t at) {
  if (!store_len || !ours(fd)) return real_pwrite(fd, bytes, len, at);
  if (fails(WRITES, FAIL_WRITE)) return -1;
  size_t may = room(len);
  if (len && !may) return -1;
  ssize_t done = real_pwrite(fd, bytes, may, at);
  if (done > 0) note_written(fd, at);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
  return pwrite_as(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
  return pwrite_as(fd, bytes, len, at);
}

/* A vector is written piece by piece, so that room can end within one. */
ssize_t writev(int fd, const struct iovec *parts, int number) {
  REAL(writev);
  if (!store_len || !ours(fd)) return real(fd, parts, number);
  ssize_t all = 0;
  for (int at = 0; at < number; at++) {
    ssize_t done = write(fd, parts[at].iov_base, parts[at].iov_len);
    if (done < 0) return all ? all : -1;
    all += done;
    if ((size_t)done < parts[at].iov_len) break;
  }
  return all;
}

static ssize_t pwritev_as(int fd, const struct iovec *parts, int number, off_t from) {
  ssize_t all = 0;
  for (int at = 0; at < number; at++) {
    ssize_t done = pwrite_as(fd, parts[at].iov_base, parts[at].iov_len, from + all);
    if (done < 0) return all ? all : -1;
    all += done;
    if ((size_t)done < parts[at].iov_len) break;
  }
  return all;
}

ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t from) {
  return pwritev_as(fd, parts, number, from);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int number, off_t from) {
  return pwritev_as(fd, parts, number, from);
}

ssize_t copy_file_range(int from, off_t *at, int to, off_t *into, size_t len, unsigned flags) {
  REAL(copy_file_range);
  if (!store_len || !ours(to)) return real(from, at, to, into, len, flags);
  errno = ENOSYS; /* callers then copy by reading and writing */
  return -1;
}

static int truncate_as(int fd, off_t len) {
  REAL(ftruncate);
  struct stat file;
  if (!store_len || !ours(fd) || fstat(fd, &file)) return real(fd, len);
  if (len > file.st_size && is_full()) return -1;
  int done = real(fd, len);
  if (!done) note_written(fd, len < file.st_size ? len : file.st_size);
  return done;
}

int ftruncate(int fd, off_t len) { return truncate_as(fd, len); }
int ftruncate64(int fd, off_t len) { return truncate_as(fd, len); }

static int allocate_as(int fd, int mode, off_t from, off_t len) {
  REAL(fallocate);
  if (store_len && ours(fd) && is_full()) return -1;
  int done = real(fd, mode, from, len);
  if (!done && store_len && ours(fd)) note_written(fd, from);
  return done;
}

int fallocate(int fd, int mode, off_t from, off_t len) { return allocate_as(fd, mode, from, len); }
int fallocate64(int fd, int mode, off_t from, off_t len) {
  return allocate_as(fd, mode, from, len);
}

static int posix_allocate_as(int fd, off_t from, off_t len) {
  return allocate_as(fd, 0, from, len) ? errno : 0;
}

int posix_fallocate(int fd, off_t from, off_t len) { return posix_allocate_as(fd, from, len); }
int posix_fallocate64(int fd, off_t from, off_t len) { return posix_allocate_as(fd, from, len); }

/* --- names --- */

static int opens(int folder, const char *path, int flags, mode_t mode) {
  REAL(openat);
  if (!under(path)) return real(folder, path, flags, mode);
  if ((flags & O_CREAT) && access(path, F_OK) && is_full()) return -1;
  int fd = real(folder, path, flags, mode);
  if (fd >= 0 && (flags & O_TRUNC)) note_written(fd, 0);
  return fd;
}

#define MODE_OF(flags, mode) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags, mode);
  return opens(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags, mode);
  return opens(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags, mode);
  return opens(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags, mode);
  return opens(folder, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode) {
  return opens(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  return under(path) && is_full() ? -1 : real(path, mode);
}

int link(const char *from, const char *to) {
  REAL(link);
  return under(to) && is_full() ? -1 : real(from, to);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  return under(to) && fails(RENAMES, FAIL_RENAME) ? -1 : real(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
  REAL(renameat);
  return under(to) && fails(RENAMES, FAIL_RENAME) ? -1 : real(a, from, b, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  REAL(renameat2);
  return under(to) && fails(RENAMES, FAIL_RENAME) ? -1 : real(a, from, b, to, flags);
}

int rmdir(const char *path) {
  REAL(rmdir);
  if (under(path)) keep_folder(AT_FDCWD, path);
  return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  if ((flags & AT_REMOVEDIR) && (under(path) || ours(folder))) keep_folder(folder, path);
  return real(folder, path, flags);
}
