// What the networks of the host have in common: how long a frame is, and how one that cannot be opened says so.

/** A network that cannot be opened: the message says what is wrong, `fix` what to do about it. */
export class NetworkError extends Error {
  readonly fix: string | undefined;
  constructor(message: string, fix?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NetworkError";
    this.fix = fix;
  }
}

/** Bytes of an Ethernet frame without FCS: from a header alone to a full packet of 1500. */
export const MIN_FRAME = 14;
export const MAX_FRAME = 1514;

export const isFrameLength = (bytes: number): boolean => bytes >= MIN_FRAME && bytes <= MAX_FRAME;
