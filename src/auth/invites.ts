/** Invitations: a code that lets one person register, perhaps into an organisation. */
import type { AccountRepositories, Invite, OrgRole, Page, PageRequest } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import type { AuditTrail } from "./audit.ts";
import { actorOf, type Caller } from "./caller.ts";
import { checkNewEmail } from "./names.ts";
import { type FillRandom, randomBase62 } from "./randomness.ts";
import { invalid, notFound, problem } from "./refusals.ts";
import { digestInviteCode } from "./registration.ts";

export interface InvitesOptions {
  readonly accounts: AccountRepositories;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly fillRandom: FillRandom;
}

export interface InviteRequest {
  /** Only an account with this address may use it. */
  readonly email?: string | null;
  readonly orgId?: string | null;
  /** In that organisation. */
  readonly role?: OrgRole;
  readonly expiresInS?: number;
}

export interface Invites {
  /** `code` is shown this once. Throws 404 for an unknown organisation, 422. */
  create(request: InviteRequest, caller: Caller): Promise<{ readonly invite: Invite; readonly code: string }>;
  list(page?: PageRequest): Promise<Page<Invite>>;
  /** Throws 404 when there is none that is open. */
  revoke(id: string, caller: Caller): Promise<void>;
}

const EXPIRES_IN_S = 172_800;
const EXPIRES_IN_S_MIN = 60;
const EXPIRES_IN_S_MAX = 30 * 86_400;
/** 256 bits and a little more. */
const CODE_LENGTH = 43;

export function createInvites({ accounts, audit, clock, newId, fillRandom }: InvitesOptions): Invites {
  return {
    create: (request, caller) =>
      audit.refusing(caller, "invite.create", null, async () => {
        const { email = null, orgId = null, role = "member", expiresInS = EXPIRES_IN_S } = request;
        const checked = email === null ? { value: null } : checkNewEmail(email);
        if ("problem" in checked) throw invalid(checked.problem);
        if (!(expiresInS >= EXPIRES_IN_S_MIN && expiresInS <= EXPIRES_IN_S_MAX)) {
          throw invalid(problem("expires_in", `must be ${EXPIRES_IN_S_MIN} to ${EXPIRES_IN_S_MAX} seconds`));
        }
        const code = randomBase62(CODE_LENGTH, fillRandom);
        const expiresAt = Math.floor(clock.now() + expiresInS * 1000);
        const invite = await accounts.invites.create(
          { id: newId(), codeHash: digestInviteCode(code), email: checked.value, orgId, role, expiresAt },
          actorOf(caller),
        );
        if (invite === "org-not-found") throw notFound();
        return { invite, code };
      }),
    list: (page) => accounts.invites.list(page),
    revoke: (id, caller) =>
      audit.refusing(caller, "invite.revoke", id, async () => {
        if (!(await accounts.invites.revoke(id, actorOf(caller)))) throw notFound();
      }),
  };
}
