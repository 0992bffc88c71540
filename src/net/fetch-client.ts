/** The runtime's own client behind our interface: for plain http, which web proxies take as such. */
import type { Answer, Client, NetRequest, Sending } from "./answer.ts";
import { codingOf, DecodedAnswer } from "./decode.ts";
import { NetError } from "./errors.ts";
import { failureOf } from "./failure.ts";
import type { ProxyChoice } from "./proxy.ts";
import { isSent, targetOf } from "./request-head.ts";
import { ResponseAnswer } from "./response-answer.ts";
import { rootsWith } from "./roots.ts";
import type { WayOut } from "./way-out.ts";

/**
 * `connectMs` has no effect here: nobody is told when the connection stands, and the proxy may answer long before it
 * does. Limit the time until the answer instead.
 */
export function createFetchClient({ proxyFor, roots }: WayOut): Client {
  const session = new Bun.FetchSession(roots === null ? {} : { tls: { ca: [...rootsWith(roots)] } });
  return {
    send: (request) => new FetchSending(session, request, proxyFor),
    // Kept connections are the runtime's, which closes them when they have been idle for long enough.
    close: () => {},
  };
}

class FetchSending implements Sending {
  readonly answer: Promise<Answer>;
  readonly #controller = new AbortController();
  #received: Answer | null = null;

  constructor(session: Bun.FetchSession, request: NetRequest, proxyFor: ProxyChoice) {
    // Refuses other schemes, for which fetch has further meanings.
    const proxy = proxyFor(targetOf(request.url));
    const headers: Record<string, string> = {};
    for (const name in request.headers) if (isSent(name)) headers[name] = request.headers[name]!;
    this.answer = session
      .fetch(request.url, {
        method: request.method,
        headers,
        body: request.body,
        signal: this.#controller.signal,
        // A redirect would carry the key to wherever the upstream points.
        redirect: "manual",
        // The caller has its own limits for silence; the runtime's would cut a thinking model at five minutes.
        timeout: false,
        decompress: false,
        // Decided here, for all alike: the runtime would look at the environment once more.
        proxy: proxy === null ? false : { url: proxy.url, respectNoProxy: false },
      })
      .then(
        (response) => this.#take(response),
        (cause) => Promise.reject(failureOf(cause)),
      );
    this.answer.catch(() => {});
  }

  abort(): void {
    this.#received?.abort();
    this.#controller.abort();
  }

  #take(response: Response): Answer {
    const raw = new ResponseAnswer(response, false);
    const encoding = response.headers.get("content-encoding");
    const coding = encoding === null ? null : codingOf(encoding);
    if (coding === undefined) {
      raw.abort();
      throw new NetError("malformed", "The answer has an unknown content coding.");
    }
    this.#received = coding === null ? raw : new DecodedAnswer(raw, coding);
    return this.#received;
  }
}
