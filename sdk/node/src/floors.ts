// Floors, by which a guard refuses tokens that were issued before something was revoked.
import type { Revision } from "./token/claims.js";

export const FLOOR_KINDS = ["subject", "client", "role", "sid", "jti"] as const;
/** What a floor is about. */
export type FloorKind = (typeof FLOOR_KINDS)[number];

/** Refuses tokens with a lower `rev` that have the subject, client, role, session or token id `key`. */
export interface Floor {
  kind: FloorKind;
  key: string;
  /** With a tenant, only tokens for it are refused. */
  tenant?: string | undefined;
  revision: Revision;
  /** The time from which no older token can be valid, in milliseconds since 1970. */
  until: number;
}

/** What of a token floors look at. */
export interface TokenFacts {
  sub: string;
  clientId: string;
  roles: readonly string[];
  sid: string | undefined;
  jti: string;
  tenant: string | undefined;
  rev: Revision;
}

interface Cutoff {
  revision: Revision;
  until: number;
}

class Cutoffs {
  all: Cutoff | undefined;
  readonly tenants = new Map<string, Cutoff>();

  raise(tenant: string | undefined, raised: Cutoff): void {
    if (tenant === undefined) {
      const all = this.all ? merge(this.all, raised) : raised;
      this.all = all;
      for (const [name, cutoff] of this.tenants) if (covers(all, cutoff)) this.tenants.delete(name);
    } else if (!this.all || !covers(this.all, raised)) {
      const known = this.tenants.get(tenant);
      this.tenants.set(tenant, known ? merge(known, raised) : raised);
    }
  }

  get size(): number {
    return (this.all ? 1 : 0) + this.tenants.size;
  }

  refuses(tenant: string | undefined, rev: Revision): boolean {
    const ofTenant = tenant === undefined ? undefined : this.tenants.get(tenant);
    return (this.all !== undefined && rev < this.all.revision) || (ofTenant !== undefined && rev < ofTenant.revision);
  }
}

function merge(a: Cutoff, b: Cutoff): Cutoff {
  return { revision: a.revision > b.revision ? a.revision : b.revision, until: Math.max(a.until, b.until) };
}

function covers(a: Cutoff, b: Cutoff): boolean {
  return a.revision >= b.revision && a.until >= b.until;
}

/** A set of floors. */
export class Floors {
  readonly #byKind = new Map<FloorKind, Map<string, Cutoffs>>(FLOOR_KINDS.map((kind) => [kind, new Map()]));
  #highest: Revision = 0;

  raise(floor: Floor): void {
    if (floor.revision > this.#highest) this.#highest = floor.revision;
    const byKey = this.#byKind.get(floor.kind);
    if (!byKey) throw new TypeError(`unknown kind of floor: ${floor.kind}`);
    const cutoffs = byKey.get(floor.key) ?? new Cutoffs();
    byKey.set(floor.key, cutoffs);
    cutoffs.raise(floor.tenant, { revision: floor.revision, until: floor.until });
  }

  /** Removes the floors that ended at `now` or before. */
  prune(now: number): void {
    for (const byKey of this.#byKind.values()) {
      for (const [key, cutoffs] of byKey) {
        if (cutoffs.all && cutoffs.all.until <= now) cutoffs.all = undefined;
        for (const [name, cutoff] of cutoffs.tenants) if (cutoff.until <= now) cutoffs.tenants.delete(name);
        if (cutoffs.size === 0) byKey.delete(key);
      }
    }
  }

  get size(): number {
    let size = 0;
    for (const byKey of this.#byKind.values()) for (const cutoffs of byKey.values()) size += cutoffs.size;
    return size;
  }

  /** Returns true if a floor is above the token. */
  refuses(token: TokenFacts): boolean {
    // most tokens are newer than every floor, so this comparison is usually enough
    if (token.rev >= this.#highest) return false;
    const isBelow = (kind: FloorKind, key: string) => this.#byKind.get(kind)?.get(key)?.refuses(token.tenant, token.rev) ?? false;
    return (
      isBelow("subject", token.sub) ||
      isBelow("client", token.clientId) ||
      (token.sid !== undefined && isBelow("sid", token.sid)) ||
      isBelow("jti", token.jti) ||
      token.roles.some((role) => isBelow("role", role))
    );
  }
}
