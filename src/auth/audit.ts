/** The audit trail as the services use it: changes write themselves down, what was refused is written here. */
import { RelayError } from "../contract/errors.ts";
import type { Logger } from "../contract/host.ts";
import type { AuditEntry, AuditFilter, AuditRepository, Page, PageRequest } from "../store/types.ts";
import { actorOf, type Caller } from "./caller.ts";
import type { IsRepeated } from "./repetition.ts";

export interface AuditTrail {
  /** Something the services do not do themselves, e.g. a change of the configuration. */
  record(
    caller: Caller,
    line: {
      readonly action: string;
      readonly target: string | null;
      readonly before?: object;
      readonly after?: object;
    },
  ): Promise<void>;
  /** Runs the work; when it is refused for who asks or what is there (403, 409), that is a line too. */
  refusing<T>(caller: Caller, action: string, target: string | null, work: () => Promise<T>): Promise<T>;
  /**
   * The same for what was refused before any work began. The refusal stands whether or not it can be written down; one
   * that its like was a minute ago is not written again.
   */
  refused(caller: Caller, action: string, target: string | null, error: RelayError): Promise<void>;
  list(filter?: AuditFilter, page?: PageRequest): Promise<Page<AuditEntry>>;
}

const STATUS_WRITTEN: ReadonlySet<number> = new Set([403, 409]);

export function createAuditTrail(audit: AuditRepository, log: Logger, isRepeated: IsRepeated): AuditTrail {
  const refused: AuditTrail["refused"] = async (caller, action, target, error) => {
    const outcome = error.wireCode ?? error.code;
    if (isRepeated(caller.identity.id, action, target, outcome)) return;
    await audit.append(actorOf(caller), { action, target, outcome }).catch((cause: unknown) => {
      log.error("a refused change could not be written to the audit trail", { action, target, error: cause });
    });
  };
  return {
    refused,
    record: (caller, line) => audit.append(actorOf(caller), { ...line, outcome: "ok" }),
    async refusing(caller, action, target, work) {
      try {
        return await work();
      } catch (error) {
        if (RelayError.is(error) && STATUS_WRITTEN.has(error.status)) await refused(caller, action, target, error);
        throw error;
      }
    },
    list: (filter, page) => audit.list(filter, page),
  };
}
