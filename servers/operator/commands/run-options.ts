// The options of `bailiwick run`, and what they are for.
import { TRACE_KINDS } from "../trace.ts";
import { SIGNER_HELP, SIGNER_OPTIONS } from "./signers.ts";

export const OPTIONS = {
  exec: { type: "string" },
  guest: { type: "string" },
  timeout: { type: "string" },
  json: { type: "boolean" },
  deterministic: { type: "boolean" },
  ...SIGNER_OPTIONS,
  "allow-unsigned": { type: "boolean" },
  "allow-rollback": { type: "boolean" },
  disk: { type: "string", multiple: true },
  control: { type: "string" },
  "control-shared": { type: "string" },
  "control-port": { type: "string" },
  "control-tokens": { type: "string" },
  console: { type: "string" },
  "console-log": { type: "string" },
  restore: { type: "string", multiple: true },
  resume: { type: "boolean" },
  standby: { type: "boolean" },
  layers: { type: "string" },
  "replace-layers": { type: "boolean" },
  "platform-key": { type: "string" },
  "no-iommu": { type: "boolean" },
  trace: { type: "string" },
  "trace-events": { type: "string" },
  "trace-limit": { type: "string" },
  capture: { type: "string", multiple: true },
  picture: { type: "string" },
  "picture-every": { type: "string" },
  "input-script": { type: "string" },
  keys: { type: "boolean" },
  view: { type: "string" },
  gdb: { type: "string" },
  "gdb-wait": { type: "string" },
  quiet: { type: "boolean", short: "q" },
  verbose: { type: "boolean", short: "v" },
} as const;

export const HELP = `Usage: bailiwick run [OPTIONS] [DIR | MANIFEST | IMAGE]

An image ('bailiwick build') is run as it is, if those signed it whose keys are named:

${SIGNER_HELP}
  --allow-unsigned  run an image that nobody vouches for, while one develops it
  --allow-rollback  run an image though a newer version, signed by the same key, was
                    run here before

The machine's serial line is this terminal: Ctrl-] then q stops the machine, Ctrl-]
then ? says what else there is. Without a terminal, input comes from a pipe or file.

  --exec CMD        run CMD in the guest: prints what it prints, exits with its status
  --guest NAME      which guest, when there are several
  --timeout TIME    stop after this long, such as 60s; the exit status is then 5
  --json            events and output as JSON lines on standard output
  --trace FILE      what the kernel does, a JSON object a line: system calls, switches,
                    faults, interrupts, capabilities; with the names of the manifest
  --trace-events L  only these: a list of ${Object.keys(TRACE_KINDS).join(", ")}
  --trace-limit S   no more than so much, such as 1GiB; by default 64MiB
  --capture D=FILE  what goes over network device D, such as net0, for tcpdump and
                    Wireshark; may be there for each device
  --picture FILE    what the display shows, as a PNG: at the end, and on SIGUSR2
  --picture-every T and each time so long has passed and something has changed
  --input-script F  types, points and clicks as F says: type "text", key ctrl+c,
                    move X Y, click left, wheel -1, wait 200ms, after "text shown"
  --keys            what is typed here is typed on the machine's keyboard, not on its
                    serial line
  --view [PORT]     the display in a browser of this computer, live, with its keys and
                    pointer: at the address that is said, which nobody else knows
  --gdb [PORT]      gdb may connect, to guests and to programs in C: at the port of this
                    computer that is said, which every user of it can reach
  --gdb-wait NAME   that guest or component waits, from its first instruction on, until
                    gdb has connected and lets it go on
  --disk D=FILE     the image behind disk D, such as blk0, instead of the one that was built
                    in; may be there for each disk
  --control SOCKET  a socket by which guests are paused, resumed and written down while it
                    runs: 'bailiwick help vm', or HTTP (GET /openapi.json)
  --control-shared S  with --control: such a socket for others, where every request needs a
                    token, which is made at that one (POST /tokens). The folder of S decides
                    who comes to it
  --control-port P  the same at port P of this computer, for those who cannot speak to
                    sockets, such as Prometheus; 0: any that is free, which is said
  --control-tokens F  F keeps what tokens there are (not their secrets), so that they outlive
                    the run
  --console SOCKET  the serial line is at this socket instead, and in a log: one attaches and
                    detaches, and nothing that was said is lost
  --console-log F   that log; by default SOCKET.log
  --restore DIR     a guest is as the snapshot in DIR has it, and paused, until it is told to go
                    on (--control); may be there for each guest. What is written to its disks is
                    gone at the end, but with --layers
  --resume          with --restore: it goes on at once
  --standby         with --restore: all is made ready, and it begins when it is told
  --layers FOLDER   with --restore: what is written to disks goes to FOLDER, which is made, and
                    stays. Without: guests boot, and their disks are as they were left there;
                    the snapshots that they lie over must be where they were
  --replace-layers  with both: what is in FOLDER already is given up
  --deterministic   no clock and no randomness of the host's: every run is the same
  --platform-key F  the platform's secret, 32 bytes, for a component that uses
                    platform.secret; by default DIR/.bailiwick/platform.key, which is
                    made when it is not there
  --no-iommu        devices reach all memory, as in a machine without DMA translation:
                    to see what it is there for
  -q, --quiet       no progress
  -v, --verbose     say also what went well

Exit status: that of what ended the run (an essential component, or the command of
--exec); 1 an error, 2 usage, 3 an image is not what was signed, or not signed, 4 an
older version, or a claim that does not hold, 70 a component faulted, 80 the guest cannot be booted,
81 it reset itself, 82 it panicked, 83 it is stuck, 84 it broke its machine,
5 timeout, 130 interrupted.`;
