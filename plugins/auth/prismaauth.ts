/** Sign in with PrismaAuth: an OpenID provider that operators run themselves, so its issuer is theirs to name. */
import { openidConnect } from "monorelay/plugin";

export default openidConnect({ id: "prismaauth", label: "PrismaAuth" });
