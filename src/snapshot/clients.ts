/** The connections to upstreams, kept over reloads: one client for each way out of the house. */
import type { Client } from "../net/answer.ts";
import { createClient } from "../net/client.ts";
import { createFetchClient } from "../net/fetch-client.ts";
import type { Clock } from "../support/clock.ts";

/** A way out that no generation has used for a while is not worth counting: there are as many as proxies in use. */
export class Clients {
  readonly #clients = new Map<string, Client>();

  constructor(private readonly clock: Clock) {}

  /**
   * `proxy`: a URL, `none` = connect directly whatever the environment says, `null` = as the environment says.
   * `extraRoots`: certificates in PEM that are trusted beside the system's.
   */
  get(proxy: string | null, hasEnvironmentProxy: boolean, extraRoots: string | null): Client {
    const isDirect = proxy === "none" || (proxy === null && !hasEnvironmentProxy);
    const name = `${isDirect ? "direct" : (proxy ?? "environment")}\n${extraRoots ?? ""}`;
    let client = this.#clients.get(name);
    if (client === undefined) {
      // What proxies ask for, the runtime's own client knows; the direct way is ours and costs half.
      client = isDirect
        ? createClient({ clock: this.clock, ...(extraRoots === null ? {} : { tls: { ca: extraRoots } }) })
        : createFetchClient({ proxy, ca: extraRoots });
      this.#clients.set(name, client);
    }
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
