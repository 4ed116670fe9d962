// What a component may ask about a guest, or of it, where its manifest gives it `guests.NAME.view` or `guests.NAME.control`. The root server answers; what only the guest's VMM can do it has the VMM do.
import { protocol } from "../../caps/protocol/protocol.ts";

/** How a guest is; `waiting`: it has ended, and is begun anew when its time has come. */
export const GuestState = { starting: 1, running: 2, paused: 3, ended: 4, waiting: 5 } as const;
export type GuestState = (typeof GuestState)[keyof typeof GuestState];

/** How its life before this one ended, or this one: as its VMM said (vmm/spec.ts); or that faulted, or exited without a word; or a controller ended it. */
export const GuestEnding = { none: 0, poweroff: 1, reboot: 2, panic: 3, stuck: 4, broken: 5, unbootable: 6, faulted: 7, exited: 8, stopped: 9 } as const;
export type GuestEnding = (typeof GuestEnding)[keyof typeof GuestEnding];

/** Exit status of a guest that a controller has ended: beside those of EndingStatus in vmm/spec.ts. */
export const STOPPED_STATUS = 85;

const STATE = ["state", "ending", "status", "life", "change"] as const;
const SAYS = "state (1 starting, 2 running, 3 paused, 4 ended, 5 to be begun anew), how a life of it ended last (0 none, 1 poweroff, 2 reboot, 3 panic, 4 stuck, 5 broken, 6 unbootable, 7 its VMM faulted, 8 that exited, 9 stopped) and with which status, which life it lives, from 1, and the number of the change that made it so";

export const Guest = protocol({
  name: "Guest",
  methods: {
    state: { label: 1, doc: `Its ${SAYS}.`, words: [], returns: STATE },
    changed: { label: 2, doc: "As `state`, when its change is another than this one: at once, or when there is one.", words: ["change"], returns: STATE },
    stats: {
      label: 3,
      doc: "What its devices have done in this life: bytes that it has written to its consoles and read, read from its disks and written, sent over its cards and received; requests to disks. A hundred times a second at most.",
      words: [],
      returns: ["consoleWritten", "consoleRead", "diskRead", "diskWritten", "netSent", "netReceived", "diskRequests"],
    },
    // From here on: control.
    pause: { label: 16, doc: "It stands, and its time with it: answered when it does.", words: [], returns: [] },
    resume: { label: 17, doc: "It goes on: answered when it does. Not when the operator has paused it, too.", words: [], returns: [] },
    stop: { label: 18, doc: "It ends as if its power was cut, for good: answered when nothing of it is left.", words: [], returns: [] },
    restart: { label: 19, doc: "It ends as by `stop`, if it has not, and is begun anew, where its `control` in the manifest has a `restart`: answered when the new life runs.", words: [], returns: [] },
    shutdown: { label: 20, doc: "It is asked to shut down, by its power button: answered when it has been told. Whether it does is its own affair; its state says when it has.", words: [], returns: [] },
  },
  refusals: {
    badRequest: 1,
    /** A view cannot do that; or the guest is not to be begun anew. */
    notAllowed: 2,
    /** It has ended, or did before it was done. */
    ended: 3,
    /** It is paused already, or is not paused, or is not yet so far. */
    wrongState: 4,
    /** The operator has paused it. */
    held: 5,
    /** As many calls as this capability may have wait already. */
    busy: 6,
    /** Its VMM did not answer in time; if it had taken the order, it may still carry it out. */
    noAnswer: 7,
    /** It was begun anew as often as its manifest allows. */
    spent: 8,
  },
});

/** The first label that a view does not have. */
export const FIRST_CONTROL = Guest.methods.pause.label;
