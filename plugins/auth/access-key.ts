/** Recognises the static access key of the configuration. */
import { defineAuth } from "monorelay/plugin";

const SKIP = { type: "skip" } as const;
const WRONG = { type: "reject", reason: "unknown access key" } as const;

export default defineAuth({
  id: "access-key",
  setup: (_options, host) => ({
    authenticate({ bearer }) {
      if (bearer === undefined) return SKIP;
      const found = host.directory.findByAccessKey(bearer);
      if (found === undefined) return WRONG;
      if (!(found instanceof Promise)) return { type: "accept", identity: found };
      return found.then((identity) => (identity === undefined ? WRONG : { type: "accept", identity }));
    },
  }),
});
