/** Links that people are given: to set a password, to register. The secret stands in the fragment, which no server sees. */
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { baseUrl } from "../health.ts";
import type { HttpServices } from "../services.ts";

type Where = Pick<HttpServices, "boundPort">;

/** The relay's own address as configured, never as a request names it; without a slash at the end. */
export function ownUrl({ config }: Snapshot, { boundPort }: Where): string {
  return baseUrl(config.server.publicHost, "127.0.0.1", boundPort()).replace(/\/v1$/, "");
}

export function resetUrl(snapshot: Snapshot, where: Where, token: string): string {
  return `${ownUrl(snapshot, where)}/login#reset=${token}`;
}

export function inviteUrl(snapshot: Snapshot, where: Where, code: string): string {
  return `${ownUrl(snapshot, where)}/login#invite=${code}`;
}
