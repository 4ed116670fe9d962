// What hosted programs import: the types of their environment. The implementation is given to them as `env`; nothing here does anything.
export type { Env, HostedMain, Memory, Message, Op, Sys, Use, Word } from "../../../caps/abi/hosted.ts";
export { IPC_BUFFER } from "../../../caps/abi/hosted.ts";
