/** Where a request comes from and who makes it, in the words of the account services. */
import type { Caller, Origin } from "../auth/caller.ts";
import { RelayError } from "../plugin/index.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { shownAddress } from "../support/addresses.ts";
import type { ApiContext } from "./api.ts";

/** `address`: of the client, behind trusted proxies too. */
export function originOf(request: Request, address: string, requestId: string, { config }: Snapshot): Origin {
  return {
    address,
    ip: shownAddress(address, config.logging.clientIp),
    userAgent: request.headers.get("user-agent"),
    requestId,
  };
}

/** For handlers of routes that are not public: there the policy has found somebody. */
export function callerOf({ identity, origin }: Pick<ApiContext, "identity" | "origin">): Caller {
  if (identity === undefined) throw new RelayError("internal", "Internal error");
  return { identity, origin };
}
