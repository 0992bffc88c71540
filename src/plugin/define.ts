/** Identity functions that give plugin files their types. */
import type { TObject } from "@sinclair/typebox";
import type { AnyAuthPlugin, AnyProviderPlugin, AuthPlugin, ProviderPlugin } from "../contract/index.ts";
import { Type } from "./options.ts";

/** The version of the plugin contract that this relay speaks. */
export const API_VERSION = 1;

const NO_OPTIONS = Type.Object({});

/**
 * Defines an upstream provider. `options` may be left out when there are none.
 *
 * @example
 * export default defineProvider({
 *   id: "corp",
 *   setup: (_options, host) => ({
 *     codecs: [openaiChat],
 *     request: (call) => ({
 *       url: "https://llm.corp.example/v1/chat/completions",
 *       headers: { "content-type": call.contentType, "x-corp-key": call.secret },
 *       body: call.body,
 *     }),
 *   }),
 * });
 */
export function defineProvider<const Options extends TObject = typeof NO_OPTIONS>(
  plugin: Omit<ProviderPlugin<Options>, "kind" | "options"> & { options?: Options },
): AnyProviderPlugin {
  return { kind: "provider", ...plugin, options: plugin.options ?? NO_OPTIONS } as unknown as AnyProviderPlugin;
}

/**
 * Defines a way to recognise callers, to sign them in, or both.
 *
 * @example
 * export default defineAuth({
 *   id: "corp-proxy",
 *   options: Type.Object({ header: Type.String({ default: "x-corp-user", description: "Set by the proxy" }) }),
 *   setup: ({ header }, host) => ({
 *     async authenticate({ headers }) {
 *       const name = headers.get(header);
 *       if (name === null) return { type: "skip" };
 *       const identity = await host.directory.findByLink("corp-proxy", name);
 *       return identity ? { type: "accept", identity } : { type: "reject", reason: "unknown user" };
 *     },
 *   }),
 * });
 */
export function defineAuth<const Options extends TObject = typeof NO_OPTIONS>(
  plugin: Omit<AuthPlugin<Options>, "kind" | "options"> & { options?: Options },
): AnyAuthPlugin {
  return { kind: "auth", ...plugin, options: plugin.options ?? NO_OPTIONS } as unknown as AnyAuthPlugin;
}
