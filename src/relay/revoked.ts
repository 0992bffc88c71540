/** Ends calls under way whose credential has ended: they were let in for as long as it is good, and no longer. */
import type { Revocation, Revocations } from "../auth/revocations.ts";
import { type Identity, type Logger, RelayError } from "../plugin/index.ts";
import type { ActiveCalls } from "./active.ts";

export interface RevokedOptions {
  readonly active: ActiveCalls;
  readonly revocations: Pick<Revocations, "subscribe">;
  /** What an identity is now; `undefined`: nobody any more. */
  readonly renew: (identity: Identity) => Promise<Identity | undefined>;
  /** Whether running calls end at all (`auth.cut_streams`). */
  readonly isOn: () => boolean;
  readonly log: Logger;
}

/** The result ends the subscription. */
export function cutRevokedCalls({ active, revocations, renew, isOn, log }: RevokedOptions): () => void {
  /** Of many calls of one caller in one organisation, whose rights have changed, the caller is looked up once. */
  const look = async (revocation: Revocation): Promise<void> => {
    const asked = new Map<string, Promise<Identity | undefined>>();
    const calls = [...active.calls()].filter(({ identity }) => concerns(revocation, identity));
    await Promise.all(
      calls.map(async (call) => {
        const { identity } = call;
        const key = `${identity.id} ${identity.sessionId ?? ""} ${identity.orgId ?? ""}`;
        const now = asked.get(key) ?? renew(identity);
        asked.set(key, now);
        const renewed = await now;
        if (renewed === undefined || !call.isOpenTo(renewed)) call.abort(revoked());
      }),
    );
  };
  return revocations.subscribe((revocation) => {
    if (active.size === 0 || !isOn()) return;
    if (revocation.type === "changed") {
      look(revocation).catch((error: unknown) => {
        log.error("calls under way could not be held against changed rights", { error });
      });
      return;
    }
    for (const call of [...active.calls()]) if (concerns(revocation, call.identity)) call.abort(revoked());
  });
}

function concerns({ principalId, sessionId, exceptSessionId }: Revocation, identity: Identity): boolean {
  if (identity.kind === "service") return false;
  if (principalId !== null && principalId !== identity.id) return false;
  if (sessionId !== undefined && sessionId !== identity.sessionId) return false;
  return exceptSessionId === undefined || exceptSessionId !== identity.sessionId;
}

/** Before the answer has begun, its body is that of any other 401. */
export function revoked(): RelayError {
  return new RelayError("unauthenticated", "The credential of this call is not valid any more.", {
    wireCode: "credential_revoked",
  });
}
