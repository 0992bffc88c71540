/** Names of settings that are written in one room and cleared in another. */

/** Before each bare name of `sso.admin_usernames` that has come to mean an account. */
export const SSO_TIES = "sso_admin.";

/** Before the id of each identity provider that somebody has signed in with: whose subjects its accounts are. */
export const SSO_ISSUERS = "sso_issuer.";
