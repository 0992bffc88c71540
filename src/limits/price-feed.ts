/** A newer price list from an address of the operator's: fetched from time to time, the last good one kept on disk. */
import type { Config } from "../config/types.ts";
import type { Logger } from "../contract/host.ts";
import type { ModelPrice } from "../contract/prices.ts";
import type { SettingsRepository } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import { findPrice, type PriceFinder } from "./prices.ts";

const LIST_BYTES_MAX = 2 * 1024 * 1024;
/** After a fetch that failed, unless the next one is due sooner. */
const RETRY_MS = 600_000;
const SETTING = "prices.list";

/** Names in the file, as in `prices.overrides`, and in the house. */
const FIELDS = [
  ["input", "input"],
  ["output", "output"],
  ["cache_read", "cacheRead"],
  ["cache_write", "cacheWrite"],
  ["reasoning", "reasoning"],
  ["image", "image"],
  ["request", "request"],
] as const;

export interface PriceFeedOptions {
  /** By the proxy, roots and rules of the configuration; redirects are not followed. */
  readonly get: (url: string) => Promise<Response>;
  readonly settings: Pick<SettingsRepository, "get" | "set">;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Pick<Logger, "info" | "warn">;
}

interface Kept {
  readonly url: string;
  /** ms since epoch. */
  readonly fetchedAt: number;
  readonly text: string;
}

export class PriceFeed {
  readonly #options: PriceFeedOptions;
  #url: string | null = null;
  #intervalMs = 0;
  #kept: Kept | undefined;
  #find: PriceFinder | undefined;
  #version = 0;
  #cancel: (() => void) | undefined;

  constructor(options: PriceFeedOptions) {
    this.#options = options;
  }

  /** Rises whenever prices may have changed. */
  get version(): number {
    return this.#version;
  }

  readonly find: PriceFinder = (model, provider) => this.#find?.(model, provider);

  /** Reads the last good list. Throws a `StoreError`. */
  async start(): Promise<void> {
    const text = await this.#options.settings.get(SETTING);
    if (text !== undefined) this.#kept = JSON.parse(text) as Kept;
  }

  /** What the configuration says from now on. */
  follow({ refreshUrl, refreshIntervalMs }: Pick<Config["prices"], "refreshUrl" | "refreshIntervalMs">): void {
    if (refreshUrl === this.#url && refreshIntervalMs === this.#intervalMs) return;
    const isOther = refreshUrl !== this.#url;
    this.#url = refreshUrl;
    this.#intervalMs = refreshIntervalMs;
    this.stop();
    if (isOther) {
      const own = this.#kept?.url === refreshUrl ? this.#kept : undefined;
      this.#use(own === undefined ? undefined : parseList(own.text, own.fetchedAt));
    }
    if (refreshUrl === null) return;
    const last = this.#kept?.url === refreshUrl ? this.#kept.fetchedAt : Number.NEGATIVE_INFINITY;
    this.#fetchIn(Math.max(0, last + refreshIntervalMs - this.#options.clock.now()));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Fetches the list now. Never rejects; a list that is none changes nothing. */
  async refresh(): Promise<void> {
    const { get, settings, clock, log } = this.#options;
    const url = this.#url;
    if (url === null) return;
    this.stop();
    try {
      const text = await readText(await get(url));
      const fetchedAt = Math.floor(clock.now());
      const prices = parseList(text, fetchedAt);
      // The configuration may have changed meanwhile.
      if (this.#url !== url) return;
      this.#kept = { url, fetchedAt, text };
      this.#use(prices);
      await settings.set(SETTING, JSON.stringify(this.#kept));
      log.info("prices were fetched", { models: Object.keys(prices).length });
      this.#fetchIn(this.#intervalMs);
    } catch (error) {
      log.warn("prices could not be fetched; the last good list stays (prices.refresh_url)", { error });
      if (this.#url === url) this.#fetchIn(Math.min(RETRY_MS, this.#intervalMs));
    }
  }

  #fetchIn(ms: number): void {
    this.stop();
    this.#cancel = this.#options.schedule(ms, () => void this.refresh());
  }

  #use(prices: Readonly<Record<string, ModelPrice>> | undefined): void {
    this.#find = prices === undefined ? undefined : findPrice(prices);
    this.#version += 1;
  }
}

async function readText(response: Response): Promise<string> {
  if (response.status !== 200) throw new Error(`the answer's status is ${response.status}`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > LIST_BYTES_MAX) throw new Error(`the list is larger than ${LIST_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** `{ "as_of"?: "2026-11", "models": { "<name>": { "input": 2.5, … } } }`. Throws when it is not that. */
function parseList(text: string, fetchedAt: number): Record<string, ModelPrice> {
  const list: unknown = JSON.parse(text);
  const { as_of: told, models } = isObject(list) ? list : {};
  if (!isObject(models)) throw new Error('the list has no "models"');
  const asOf = typeof told === "string" ? told.slice(0, 32) : new Date(fetchedAt).toISOString().slice(0, 10);
  const prices: Record<string, ModelPrice> = Object.create(null);
  for (const [name, entry] of Object.entries(models)) {
    if (!isObject(entry)) throw new Error(`the entry ${JSON.stringify(name.slice(0, 64))} is no object`);
    const price: { -readonly [Name in keyof ModelPrice]: ModelPrice[Name] } = { asOf };
    for (const [field, inside] of FIELDS) {
      const value = entry[field];
      if (value === undefined || value === null) continue;
      if (typeof value !== "number" || !(value >= 0)) {
        throw new Error(`"${field}" of ${JSON.stringify(name.slice(0, 64))} is no price`);
      }
      price[inside] = value;
    }
    prices[name] = price;
  }
  return prices;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
