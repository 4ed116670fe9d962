// The peer of `network`'s connections and datagrams: the same card worked by the host, with an end as cheap as the far one on it.
import type { NetBackend } from "../../../core/host/backend.ts";
import { End, FAR, MSS, NEAR, Port } from "./end.ts";
import { openHostCard, PLACE, PLACES, RECEIVE, TRANSMIT } from "./host-card.ts";
import type { Talk } from "./patterns.ts";

/** @returns nanoseconds for all of it. Throws when a frame is lost. */
export function openHostEnd(cable: NetBackend): (talk: Talk, count: number) => number {
  const { place, submit, take, came, notify } = openHostCard(cable);
  const free = Array.from({ length: PLACES }, (_, tag) => tag);
  let offered = 0;
  const near = new End(NEAR, FAR, (frame) => {
    if (free.length === 0) turn();
    const tag = free.pop();
    if (tag === undefined) throw new Error("the card gives no frame back");
    place(TRANSMIT, tag).set(frame);
    submit(TRANSMIT, tag, frame.length);
    offered++;
  });
  const waiting: number[] = [];
  /** Tells the card what there is, and takes what has come. */
  function turn(): void {
    notify(TRANSMIT);
    offered = 0;
    for (let tag = take(TRANSMIT); tag >= 0; tag = take(TRANSMIT)) free.push(tag);
    for (let tag = take(RECEIVE); tag >= 0; tag = take(RECEIVE)) waiting.push(tag, came());
  }
  function settle(): void {
    do {
      turn();
      for (let i = 0; i < waiting.length; i += 2) {
        near.receive(place(RECEIVE, waiting[i]!).subarray(0, waiting[i + 1]!));
        submit(RECEIVE, waiting[i]!, PLACE);
      }
      if (waiting.length > 0) notify(RECEIVE);
      waiting.length = 0;
    } while (offered > 0);
  }
  for (let tag = 0; tag < PLACES; tag++) submit(RECEIVE, tag, PLACE);
  notify(RECEIVE);

  const stream = (port: number, work: (connection: ReturnType<End["connect"]>) => void): number => {
    const connection = near.connect(port);
    settle();
    const from = process.hrtime.bigint();
    work(connection);
    const took = Number(process.hrtime.bigint() - from);
    near.shutdown(connection);
    settle();
    if (!connection.ended) throw new Error(`the connection to port ${port} did not come to its end`);
    return took;
  };
  return ({ way, bytes, depth }, count) => {
    if (way === "tcp.send") {
      return stream(Port.Discard, (connection) => {
        near.write(connection, count * MSS);
        settle();
        if (connection.oldest !== connection.end) throw new Error("not all was acknowledged");
      });
    }
    if (way === "tcp.receive") {
      return stream(Port.Source, (connection) => {
        near.write(connection, 1);
        settle();
        if (connection.received !== count * MSS) throw new Error(`${connection.received} bytes came`);
      });
    }
    if (way === "tcp.echo") {
      return stream(Port.Echo, (connection) => {
        for (let i = 1; i <= count; i++) {
          near.write(connection, bytes);
          settle();
          if (connection.received !== i * bytes) throw new Error("not all came back");
        }
      });
    }
    const port = way === "udp.echo" ? Port.Echo : Port.Discard;
    const before = near.datagrams, from = process.hrtime.bigint();
    for (let sent = 0; sent < count; sent += depth) {
      for (let i = 0; i < depth; i++) near.sendDatagram(50_000, port, bytes);
      settle();
    }
    const took = Number(process.hrtime.bigint() - from);
    if (port === Port.Echo && near.datagrams - before !== count) throw new Error(`${near.datagrams - before} datagrams came back`);
    return took;
  };
}
