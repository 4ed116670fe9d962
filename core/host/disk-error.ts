// What is wrong with an image, for whoever named it.

/** An image that cannot be used: the message says what is wrong and what to do about it. */
export class DiskError extends Error {}

/** The host's name of an error, such as ENOENT; "": it has none. */
export const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
