/** Invitations: a code that lets one person register, perhaps into an organisation. */
import type { AccountRepositories, Invite, OrgRole, Page, PageRequest } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import type { AuditTrail } from "./audit.ts";
import { actorOf, type Caller } from "./caller.ts";
import { checkNewEmail } from "./names.ts";
import { type FillRandom, randomBase62 } from "./randomness.ts";
import { forbidden, invalid, notFound, problem } from "./refusals.ts";
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
  /** In that organisation; without one, `member` alone. */
  readonly role?: OrgRole;
  readonly expiresInS?: number;
}

export interface Invites {
  /**
   * `code` is shown this once. Into an organisation whoever could add the member invites: throws 403 for a role above
   * the caller's own there, 404 for an organisation that is not the caller's; 422.
   */
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
        // In the default organisation, which everybody joins, one begins as a member.
        if (orgId === null && role !== "member") throw invalid(problem("role", "needs org_id beside it"));
        // Without an account nobody has a rank in an organisation; the command line stands above all.
        const { userId, role: ownRole } = caller.identity;
        if (role === "owner" && userId === null && ownRole !== "super-admin") {
          throw forbidden("org_role_required", "Only an owner of the organisation may do this");
        }
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
