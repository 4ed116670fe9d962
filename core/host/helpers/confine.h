// What a helper may do, before and after it has met the first frame.
#ifndef CONFINE_H
#define CONFINE_H

enum calls {
  /** Reading, writing and waiting, on what is open. */
  CALLS_FRAMES,
  /** And sockets of IPv4. */
  CALLS_SOCKETS,
  /** And files, for reading. */
  CALLS_SOCKETS_AND_FILES,
};

/** Memory, open files (all but the first three are closed), and what it may write to files: nothing. */
void limit_resources(unsigned max_files);

/** For good: becomes nobody where it is root, starts no program, gains no right, and makes no other calls. Ends the process when that cannot be had. */
void confine(enum calls calls);

#endif
