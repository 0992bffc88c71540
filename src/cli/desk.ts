/** What the commands about accounts and keys ask of a relay, whether it lies in a directory here or answers at a URL. */
import type { CreateKey } from "../http/accounts/key-body.ts";
import type { keyView } from "../http/accounts/key-views.ts";
import type { userView } from "../http/accounts/views.ts";

export type UserView = ReturnType<typeof userView>;
export type KeyView = ReturnType<typeof keyView>;
/** The only thing that ever holds the key itself. */
export type MadeKeyView = KeyView & { readonly key: string };

export interface UserChange {
  readonly is_active?: boolean;
  readonly is_admin?: boolean;
  readonly email?: string | null;
}

/** Each throws a `RelayError` with the status and code of the HTTP contract, or a `CliError`. */
export interface Desk {
  createUser(input: {
    readonly username: string;
    readonly password: string;
    readonly email?: string;
    readonly is_admin?: boolean;
  }): Promise<UserView>;
  /** Newest first. */
  users(): Promise<readonly UserView[]>;
  /** By name, in any case. Throws 404. */
  findUser(name: string): Promise<UserView>;
  updateUser(id: number, change: UserChange): Promise<UserView>;
  /** Ends all sessions of the account. */
  resetLink(id: number): Promise<{ readonly reset_url: string; readonly expires_at: string }>;
  /** Ends all sessions of the account. */
  setPassword(id: number, password: string): Promise<void>;
  /** `owner`: a name; absent = the super admin's, or the caller's own. */
  createKey(body: typeof CreateKey.static, owner: string | undefined): Promise<MadeKeyView>;
  /** `secret`: the key that people have already. On a data directory only. */
  importKey(body: typeof CreateKey.static, secret: string, owner: string | undefined): Promise<KeyView>;
  /** Those that are not revoked, newest first. */
  keys(userId: number | undefined): Promise<readonly KeyView[]>;
  revokeKey(id: string): Promise<void>;
  rotateKey(id: string, graceMs: number): Promise<MadeKeyView>;
}
