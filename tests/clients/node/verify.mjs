// usage: node verify.mjs ISSUER TOKEN [ALGORITHM [AUDIENCE [LIBRARY]]]
// Prints the claims of a valid access token; exits 1 for an invalid one.
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";

const [issuer, token, algorithm = "ES256", audience = issuer, library = "jose"] = process.argv.slice(2);

const verify = {
  async jose() {
    const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer));
    const { payload } = await jwtVerify(token, keys, {
      issuer, audience, typ: "at+jwt", algorithms: [algorithm], clockTolerance: 0,
      requiredClaims: ["exp", "iat", "sub", "client_id", "jti"],
    });
    return payload;
  },
  async oauth4webapi() {
    const http = { [oauth.allowInsecureRequests]: true };
    const metadata = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...http });
    const as = await oauth.processDiscoveryResponse(new URL(issuer), metadata);
    const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
    return oauth.validateJwtAccessToken(as, request, audience, { signingAlgorithms: [algorithm], ...http });
  },
};

try {
  console.log(JSON.stringify(await verify[library]()));
} catch (error) {
  console.error(error.code ?? error.message);
  process.exit(1);
}
