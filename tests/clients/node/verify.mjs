// usage: node verify.mjs ISSUER TOKEN [ALGORITHM]
// Prints the claims of an access token that holds, exits 1 for one that does not.
import { createRemoteJWKSet, jwtVerify } from "jose";

const [issuer, token, algorithm = "ES256"] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer));

try {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience: issuer,
    typ: "at+jwt",
    algorithms: [algorithm],
    clockTolerance: 0,
  });
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(error.code ?? error.message);
  process.exit(1);
}
