// The hosted server of `ipc.hosted`: answers every call with its words, the first one greater by one.
// It leaves out the SDK's dispatcher, as the machine programs it is compared with leave out the C library's: what is measured is the way there and back.
import { InitSlot, type Env, type Op } from "bailiwick/sdk";

export default function* main({ sys }: Env): Op<void> {
  let message = yield* sys.recv(InitSlot.Service, InitSlot.Reply);
  for (;;) message = yield* sys.replyRecv(InitSlot.Service, InitSlot.Reply, 0, [message.word(0) + 1, message.word(1), message.word(2), message.word(3)]);
}
