/** Ids for requests and rows: ordered by time, unguessable in the rest, and cheap enough for every request. */

/** In ASCII order, so that ids made later also sort later. */
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 62^8 ms reach beyond the year 8000. */
const TIME_LENGTH = 8;
const RANDOM_LENGTH = 16;
/** Random characters are made this many at a time: one call into the generator per 256 ids. */
const POOL_LENGTH = 256 * RANDOM_LENGTH;

export interface Ids {
  /** `req_` and 24 of `[0-9A-Za-z]`: 8 of time, 16 random (95 bits). Sorts by the millisecond it was made in. */
  request(): string;
  /** UUID version 7 (RFC 9562), lower case. */
  uuid(): string;
}

export interface IdSources {
  /** ms since epoch. */
  readonly now: () => number;
  /** Fills the array with random bytes. */
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
}

const systemSources: IdSources = {
  now: () => Date.now(),
  fillRandom: (bytes) => {
    crypto.getRandomValues(bytes);
  },
};

/** Tests pass their own clock and bytes and get the same ids every time. */
export function createIds({ now, fillRandom }: IdSources = systemSources): Ids {
  const bytes = new Uint8Array(POOL_LENGTH);
  let pool = "";
  let used = 0;
  let lastMs = Number.NaN;
  let prefix = "";

  const refill = () => {
    fillRandom(bytes);
    // 256 is not a multiple of 62: eight characters come up 5 times in 256 instead of 4. That costs 0.01 bit each.
    for (let i = 0; i < POOL_LENGTH; i++) bytes[i] = ALPHABET.charCodeAt(bytes[i]! % ALPHABET.length);
    pool = Buffer.from(bytes.buffer).toString("latin1");
    used = 0;
  };

  return {
    request() {
      const ms = now();
      if (ms !== lastMs) {
        lastMs = ms;
        prefix = `req_${encodeTime(ms)}`;
      }
      if (used >= pool.length) refill();
      const start = used;
      used += RANDOM_LENGTH;
      return prefix + pool.slice(start, used);
    },
    uuid() {
      const raw = new Uint8Array(16);
      fillRandom(raw);
      const view = new DataView(raw.buffer);
      const ms = now();
      view.setUint16(0, Math.floor(ms / 2 ** 32));
      view.setUint32(2, ms >>> 0);
      raw[6] = 0x70 | (raw[6]! & 0x0f);
      raw[8] = 0x80 | (raw[8]! & 0x3f);
      const hex = raw.toHex();
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

/** When one of our request ids was made, ms since epoch; `undefined` for anybody else's. */
export function timeOfRequestId(id: string): number | undefined {
  const time = /^req_([0-9A-Za-z]{8})[0-9A-Za-z]{16}$/.exec(id)?.[1];
  if (time === undefined) return undefined;
  let ms = 0;
  for (const character of time) ms = ms * ALPHABET.length + ALPHABET.indexOf(character);
  return ms;
}

function encodeTime(ms: number): string {
  let text = "";
  for (let rest = Math.max(0, Math.floor(ms)), i = 0; i < TIME_LENGTH; i++) {
    text = ALPHABET[rest % ALPHABET.length] + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
