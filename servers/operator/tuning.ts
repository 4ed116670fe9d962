// What the process that runs a machine asks of V8; imported first, because code that is compiled already keeps what it has.
//
// The kernel is many small functions over shared words. With V8's ordinary budget for inlining, some of its hottest stay calls: a round trip to a hosted
// server then takes 15 % longer. A program that embeds the library decides for itself.
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--max-inlined-bytecode-size-cumulative=4000");
