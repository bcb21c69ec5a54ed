// Who there is, and what both servers share.
import bcrypt from "bcrypt";

export const SECRET = "a secret for measuring, of 32 bytes or more";
export const LIFETIME = "30m";

const HASH = bcrypt.hashSync("yourpassword", 12);
const ROLES = new Map([["admin", "admin"], ["alice", "user"]]);

/** The role of whoever knows the password; undefined for all others. Hashes beside the event loop. */
export async function logIn({ username, password }) {
  const right = await bcrypt.compare(String(password), HASH);
  return right ? ROLES.get(username) : undefined;
}

export function items(owner) {
  return [{ item_id: "Foo", owner }];
}
