// What the machine needs of its host, as interfaces: the boot takes them as values, so that the same machine runs in a terminal, under a test, or in
// a program of the user's. Nothing here does anything.
import type { DisplayBackend } from "../devices/virtio/gpu.ts";
import type { InputEvent, InputKind } from "../devices/virtio/input.ts";

/** A file of the boot image. The name is at most 48 bytes of ASCII. The bytes are the boot's to read; they are copied into RAM. */
export interface BootFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The far side of the machine's serial line.
 *
 * Output: the device writes only while `ready()`; once it was not, every callback given to `onDrained` is called when it is ready again.
 * Input: each piece of input goes to the callbacks given to `onInput`, in order of arrival and once; it is theirs to keep. What arrives before the
 * first callback is there waits for it.
 */
export interface ConsoleBackend {
  /** The bytes are copied or written before this returns: the caller may reuse them. */
  write(bytes: Uint8Array): void;
  ready(): boolean;
  onDrained(callback: () => void): void;
  onInput(callback: (bytes: Uint8Array) => void): void;
}

/** The far end of a network device's cable: whole Ethernet frames without FCS, 14..1514 bytes. */
export interface NetBackend {
  /** The bytes are copied before this returns. What there is no room for is lost, as on a wire. */
  send(frame: Uint8Array): void;
  /** Frames that arrive, in order, each the callback's to keep; before the first callback is there they are lost. */
  onFrame(callback: (frame: Uint8Array) => void): void;
  close(): Promise<void>;
}

/** A display's keyboard and tablet, on the host. */
export interface InputBackend {
  /** Events that belong together, at most 16, the last of them SYN_REPORT; in order, once, each the callback's to keep. What comes before the first callback is there waits for it. */
  onInput(callback: (device: InputKind, events: readonly InputEvent[]) => void): void;
}

/** What a machine with a display has of the host for it. */
export interface DisplayPorts {
  readonly picture: DisplayBackend;
  /** Absent: nobody types. */
  readonly input?: InputBackend;
}
