/** Tells whoever runs something for a principal that it has ended, or that its rights have changed. */

export interface Revocation {
  /** `ended`: cut what runs. `changed`: its rights may be fewer; look again before going on. */
  readonly type: "ended" | "changed";
  /** `id` of the identity: `key_…`, `user:7`. `null` = any: another process has written to the accounts. */
  readonly principalId: string | null;
  /** Only this session of it; absent = all of them. */
  readonly sessionId?: string;
  /** All sessions but this one. */
  readonly exceptSessionId?: string;
}

export interface Revocations {
  /** The result ends the subscription. A listener that throws is the loser of it, nobody else. */
  subscribe(listener: (revocation: Revocation) => void): () => void;
  emit(revocation: Revocation): void;
}

export function createRevocations(onError: (error: unknown) => void): Revocations {
  const listeners = new Set<(revocation: Revocation) => void>();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    emit(revocation) {
      for (const listener of [...listeners]) {
        try {
          listener(revocation);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
