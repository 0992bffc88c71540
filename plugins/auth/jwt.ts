/** Recognises people who have signed in: by an access token, or by the session cookie that holds one. */
import { defineAuth } from "monorelay/plugin";

const SKIP = { type: "skip" } as const;
const WRONG = { type: "reject", reason: "invalid or expired session" } as const;

/** RFC 7515 section 7.1: three parts of base64url. Nothing else a relay hands out has two dots in it. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export default defineAuth({
  id: "jwt",
  setup: (_options, { directory }) => ({
    authenticate({ bearer, session }) {
      const token = bearer ?? session;
      if (token === undefined) return SKIP;
      // Most credentials are keys, and keys of ours have no dot.
      if (!token.includes(".") || !COMPACT.test(token)) return bearer === undefined ? WRONG : SKIP;
      const found = directory.findBySession(token);
      if (found === undefined) return WRONG;
      if (!(found instanceof Promise)) return { type: "accept", identity: found };
      return found.then((identity) => (identity === undefined ? WRONG : { type: "accept", identity }));
    },
  }),
});
