// The users and helpers that both servers share.
import bcrypt from "bcrypt";

export const SECRET = "a secret for measuring, of 32 bytes or more";
export const LIFETIME = "30m";

const HASH = bcrypt.hashSync("yourpassword", 12);
const ROLES = new Map([["admin", "admin"], ["alice", "user"]]);

/** Returns the user's role, or undefined if the password is wrong. Hashes outside the event loop. */
export async function logIn({ username, password }) {
  const isCorrect = await bcrypt.compare(String(password), HASH);
  return isCorrect ? ROLES.get(username) : undefined;
}

export function items(owner) {
  return [{ item_id: "Foo", owner }];
}
