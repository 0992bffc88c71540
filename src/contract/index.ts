/** All promises between the rooms, under one name. */
export type * from "./auth.ts";
export type * from "./chat.ts";
export type * from "./codec.ts";
export type * from "./embeddings.ts";
export type * from "./rerank.ts";
export * from "./errors.ts";
export type * from "./host.ts";
export type * from "./layout.ts";
export type * from "./prices.ts";
export type * from "./provider.ts";
