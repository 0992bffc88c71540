/** Sign in with any OpenID provider, found by discovery. Docs: https://openid.net/specs/openid-connect-core-1_0.html */
import { openidConnect } from "monorelay/plugin";

export default openidConnect({ id: "oidc", label: "OpenID" });
