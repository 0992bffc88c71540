/** A browser as far as sign-ins need one: it keeps cookies, sends them where they belong, and follows redirects when told. */

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly field: string;
}

export interface Visit {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export class Browser {
  /** Hosts of all ports share their cookies, as they do in real ones. */
  readonly #cookies = new Map<string, Cookie>();

  /** What a `set-cookie` field said, by the cookie's name. */
  field(name: string): string | undefined {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.field;
  }

  /** Goes to one address, once. */
  async visit(url: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Visit> {
    const { pathname } = new URL(url);
    const sent = [...this.#cookies.values()]
      .filter(({ path }) => pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`);
    const headers = { ...(sent.length === 0 ? {} : { cookie: sent.join("; ") }), ...init.headers };
    const answer = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const field of answer.headers.getSetCookie()) this.#keep(field);
    return { url, status: answer.status, headers: answer.headers as Headers, text: await answer.text() };
  }

  /** Follows redirects until the next address is one of `stopAt`, and returns that address unvisited. */
  async follow(url: string, stopAt: (url: URL) => boolean): Promise<string> {
    let next = url;
    for (let count = 0; count < 12; count++) {
      if (stopAt(new URL(next))) return next;
      const { status, headers, text } = await this.visit(next);
      const location = headers.get("location");
      if (location === null) throw new Error(`${new URL(next).pathname} answered ${status}: ${text.slice(0, 300)}`);
      next = new URL(location, next).href;
    }
    throw new Error("too many redirects");
  }

  post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Visit> {
    const own = { "content-type": "application/json", ...headers };
    return this.visit(url, { method: "POST", headers: own, body: JSON.stringify(body) });
  }

  #keep(field: string): void {
    const [pair = "", ...attributes] = field.split(";").map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf("="));
    const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? "/";
    const isOver = attributes.some((each) => /^max-age=0$/i.test(each) || /^expires=Thu, 01 Jan 1970/i.test(each));
    const key = `${name} ${path}`;
    if (isOver) this.#cookies.delete(key);
    else this.#cookies.set(key, { name, value: pair.slice(pair.indexOf("=") + 1), path, field });
  }
}
