/** Schema of `sso`. */
import { name, url } from "./formats.ts";
import { field, ignored, list, object, optional, required } from "./kit.ts";
import { bool, choice, secret, str } from "./scalars.ts";

const clientId = () => optional(str({ max: 512 }), "Client id at the identity provider.");
const clientSecret = () => optional(secret(), "Client secret at the identity provider.");
const names = (description: string) => field(list(name(320)), [], description);

const ssoProvider = object(
  {
    id: required(str({ pattern: /^[a-z0-9-]{1,32}$/, wanted: "1 to 32 of a-z, 0-9 and -" }), "Name in URLs and links."),
    type: required(str({ max: 64 }), "github, google, oidc, prismaauth or an auth plugin."),
    label: optional(name(64), "Text of the button; the id while unset."),
    enabled: field(bool(), true, "Whether it may be used."),
    client_id: clientId(),
    client_secret: clientSecret(),
    issuer: optional(
      url(),
      "Issuer URL of oidc and prismaauth, GitHub Enterprise Server of github; https unless it is loopback.",
    ),
    scopes: optional(list(name()), "OAuth scopes to ask for; the type's own while unset."),
    allowed_domains: names("Verified e-mail domains that may sign in; empty is all."),
    allowed_orgs: names("GitHub organisations that may sign in, by numeric id or name; empty is all."),
    admin_groups: names("Groups whose members are admins."),
    admin_subjects: names("Subjects that are admins."),
    callback: field(
      choice(["own", "shared"]),
      "own",
      "Path its answers come to: `/api/auth/sso/<id>/callback`, or for one of them `/api/auth/sso/callback`.",
    ),
  },
  { isOpen: true },
);

export const sso = object({
  enabled: field(bool(), false, "Whether users may sign in through identity providers."),
  sso_only: field(bool(), false, "Whether that is the only way to sign in."),
  provider: field(choice(["github", "google", "prismaauth"]), "github", "Type of the single form below."),
  github_client_id: clientId(),
  github_client_secret: clientSecret(),
  google_client_id: clientId(),
  google_client_secret: clientSecret(),
  client_id: clientId(),
  client_secret: clientSecret(),
  scopes: field(list(name()), ["openid", "profile", "email"], "OAuth scopes of prismaauth in the single form."),
  prismaauth_url: field(url(), "http://localhost:8080", "Issuer of prismaauth in the single form."),
  providers: field(list(ssoProvider), [], "Identity providers."),
  admin_usernames: names("Admins as `provider:subject` or `provider:verified-e-mail`; a bare name is a GitHub login."),
  local_sso_enabled: ignored("Not part of MonoRelay."),
  local_sso_secret: ignored("Not part of MonoRelay."),
});
