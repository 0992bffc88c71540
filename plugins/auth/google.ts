/** Sign in with Google. Docs: https://developers.google.com/identity/openid-connect/openid-connect */
import { openidConnect } from "monorelay/plugin";

export default openidConnect({ id: "google", label: "Google", issuer: "https://accounts.google.com" });
