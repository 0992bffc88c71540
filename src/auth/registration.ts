/** Making accounts: by the people themselves under the rule of the house, or by an administrator. */
import type { AccountRepositories, CreateUserOutcome, NewUser, User } from "../store/types.ts";
import { RelayError } from "../contract/errors.ts";
import { digestSecretHex } from "../support/secret.ts";
import { type AccountsConfig, actorOf, anonymousActor, type Caller, type Origin, refuseIfSsoOnly } from "./caller.ts";
import { checkNewEmail, checkNewName, isReservedLater } from "./names.ts";
import { checkNewPassword } from "./password-rules.ts";
import type { Passwords } from "./password.ts";
import { conflict, forbidden, invalid, problem, throwInvalid } from "./refusals.ts";
import type { IssuedTokens, Sessions } from "./session.ts";
import { digestSetupToken } from "./setup.ts";
import type { Throttle } from "./throttle.ts";

export interface RegistrationOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly newOrgId: () => string;
}

export interface RegisterInput {
  readonly username: string;
  readonly email?: string | null;
  readonly password: string;
  readonly inviteCode?: string;
  readonly setupToken?: string;
}

export interface CreateInput {
  readonly username: string;
  readonly email?: string | null;
  readonly password?: string;
  readonly isAdmin?: boolean;
  readonly setupToken?: string;
}

export interface Registration {
  /**
   * The first one becomes super admin. Throws 403 `registration_closed`, `invite_required`, `invite_invalid`,
   * `setup_token_required`, `sso_only`; 409 `username_taken`, `email_taken`; 422; 429.
   */
  register(input: RegisterInput, origin: Origin): Promise<IssuedTokens>;
  /** Whatever the rule for registration says. The caller's right to do so has been checked. Throws 403, 409, 422, 429. */
  create(input: CreateInput, caller: Caller): Promise<User>;
}

export function createRegistration(options: RegistrationOptions): Registration {
  const { accounts, config, passwords, sessions, throttle, newOrgId } = options;

  /** Everything about the fields that can be known before the slow hash. */
  const check = (input: { readonly username: string; readonly email?: string | null; readonly password?: string }) => {
    const { auth, server } = config();
    const name = checkNewName(input.username);
    const email = input.email == null ? { value: null } : checkNewEmail(input.email);
    const context = [input.username, input.email ?? null, server.publicHost];
    const wrongPassword =
      input.password === undefined ? undefined : checkNewPassword("password", input.password, auth.password, context);
    throwInvalid([
      "problem" in name ? name.problem : undefined,
      "problem" in email ? email.problem : undefined,
      wrongPassword,
    ]);
    if ("problem" in name || "problem" in email) throw invalid();
    return { usernameKey: name.value, email: email.value };
  };

  const make = async (
    input: { readonly username: string; readonly password?: string; readonly setupToken?: string },
    checked: { readonly usernameKey: string; readonly email: string | null },
    admission: NewUser["admission"],
    by: ReturnType<typeof actorOf>,
  ): Promise<User> => {
    const turn = admission.type === "rule" ? "last" : "first";
    const passwordHash = input.password === undefined ? null : await passwords.hash(input.password, turn);
    const outcome = await accounts.users.create(
      {
        ...checked,
        username: input.username,
        isReservedLater: isReservedLater(checked.usernameKey),
        passwordHash,
        admission,
        ...(input.setupToken === undefined ? {} : { setupHash: digestSetupToken(input.setupToken) }),
        newOrgId: newOrgId(),
      },
      by,
    );
    if (outcome.type !== "created") throw refusalOf(outcome.type);
    return outcome.user;
  };

  /** Refuses early what will be refused: nobody should be able to keep the hash busy without a right to. */
  const admit = async ({ inviteCode, setupToken }: RegisterInput, origin: Origin): Promise<void> => {
    const { registration } = config().auth;
    const isFirst = !(await accounts.users.hasAny());
    const given = isFirst ? setupToken : inviteCode;
    const attempt = given === undefined ? undefined : throttle.begin({ address: origin.address });
    try {
      if (isFirst) {
        const hash = setupToken === undefined ? undefined : digestSetupToken(setupToken);
        const { isRequired, isValid } = await accounts.tokens.checkSetup(hash);
        if (isRequired && !isValid) throw refusalOf("setup-token-required");
      } else if (registration === "closed") {
        throw refusalOf("registration-closed");
      } else if (inviteCode !== undefined) {
        const invite = await accounts.invites.findOpen({ codeHash: digestInviteCode(inviteCode) });
        if (invite === undefined) throw refusalOf("invite-invalid");
      } else if (registration === "invite") {
        throw refusalOf("invite-required");
      }
      attempt?.withdrawn();
    } catch (error) {
      attempt?.failed();
      throw error;
    }
  };

  return {
    async register(input, origin) {
      refuseIfSsoOnly(config());
      passwords.refuseWhenFull("last");
      await admit(input, origin);
      const checked = check(input);
      const { registration } = config().auth;
      const { inviteCode } = input;
      // Each invitation is one account; where none is needed, nothing else bounds them.
      if (inviteCode === undefined) throttle.countNewcomer(origin.address);
      const inviteHash = inviteCode === undefined ? {} : { inviteHash: digestInviteCode(inviteCode) };
      const by = anonymousActor(origin, "register");
      const user = await make(input, checked, { type: "rule", registration, ...inviteHash }, by);
      const issued = await sessions.begin(user, "password", origin);
      // An administrator was quicker to switch the new account off.
      if (issued === undefined) throw new RelayError("unauthenticated", "Unauthorized");
      return issued;
    },
    create: (input, caller) =>
      make(input, check(input), { type: "granted", role: input.isAdmin ? "admin" : "user" }, actorOf(caller)),
  };
}

export function digestInviteCode(code: string): string {
  return digestSecretHex(`invite ${code}`);
}

type Refusal = Exclude<CreateUserOutcome["type"], "created">;

/** What the store said no with, as the API says it. */
export function refusalOf(type: Refusal): RelayError {
  switch (type) {
    case "username-taken":
      return conflict("username_taken", "This user name is taken");
    case "username-reserved":
      return invalid(problem("username", "is reserved"));
    case "email-taken":
      return conflict("email_taken", "This e-mail address is taken");
    case "identity-taken":
      return conflict("identity_taken", "This identity belongs to another account");
    case "registration-closed":
      return forbidden("registration_closed", "Registration is closed");
    case "invite-required":
      return forbidden("invite_required", "An invitation is needed to register");
    case "invite-invalid":
      return forbidden("invite_invalid", "The invitation is not valid");
    case "setup-token-required":
      return forbidden("setup_token_required", "The first registration needs the setup token");
  }
}
