// The grammar of the names of roles, tenants and permissions.

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Returns true for the name of a role or a tenant: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Returns true for a permission, `object:operation`, whose object is not `role`. */
export function isPermission(text: string): boolean {
  const colon = text.indexOf(":");
  const [object, operation] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  return colon > 0 && object !== "role" && isName(object) && isName(operation);
}

/** Compares as the bytes of UTF-8 compare, which is the order of all lists of names. */
export function compareNames(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
