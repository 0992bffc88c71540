/** Recognises the API keys of this relay: by their prefix, and keys brought from elsewhere by looking them up. */
import { defineAuth } from "monorelay/plugin";

const SKIP = { type: "skip" } as const;
const WRONG = { type: "reject", reason: "unknown, revoked or expired API key" } as const;

export default defineAuth({
  id: "api-key",
  setup: (_options, { directory }) => ({
    authenticate({ bearer }) {
      if (bearer === undefined) return SKIP;
      const otherwise = directory.isApiKey(bearer) ? WRONG : SKIP;
      const found = directory.findByApiKey(bearer);
      if (found === undefined) return otherwise;
      if (!(found instanceof Promise)) return { type: "accept", identity: found };
      return found.then((identity) => (identity === undefined ? otherwise : { type: "accept", identity }));
    },
  }),
});
