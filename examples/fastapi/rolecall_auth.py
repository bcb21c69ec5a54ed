"""Verifies rolecall's access tokens (RFC 9068), and refuses those that have ended, within a second."""
import logging
import threading
import time
from datetime import datetime

import httpx
import jwt

ALGORITHMS = ["ES256", "EdDSA", "RS256"]
CLAIMS = {"subject": "sub", "client": "client_id", "sid": "sid", "jti": "jti", "role": "roles"}
log = logging.getLogger("rolecall")


class Refused(Exception):
    """What to answer with; 503 where nobody can tell at the moment."""
    def __init__(self, why=None):
        super().__init__(why)
        self.status, self.detail, self.headers = 503, "cannot decide at the moment; try again", {"Retry-After": "1"}
        if why:
            self.status, self.detail = 401, "Could not validate credentials"
            self.headers = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{why}"'}


class Guard:
    """Knows the issuer's keys, and, as a client that may read the feed, also what was taken away."""
    def __init__(self, issuer, audience=None, client_id=None, client_secret=None, max_staleness=30.0):
        self.issuer, self.audience, self.max_staleness = issuer, audience or issuer, max_staleness
        self.client = client_id and (client_id, client_secret)
        self.http = httpx.Client(base_url=issuer, timeout=5)  # which follows no redirect
        self.keys, self.keys_asked, self.loading = {}, float("-inf"), threading.Lock()
        self.keys_revision, self.cursor, self.coming = None, "", (None, {})
        self.state, self.fresh_at = (None, {}), float("-inf")  # era and floors, replaced as one
        if self.client:
            threading.Thread(target=self.follow, daemon=True).start()

    def verify(self, token):
        """The claims of `token`; raises `Refused` with the status, text and headers to answer with."""
        if self.client and time.monotonic() - self.fresh_at > self.max_staleness:
            raise Refused()
        try:
            header = jwt.get_unverified_header(token)
            if len(token) > 16384 or str(header.get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
                raise jwt.InvalidTokenError("not an access token")
            key = self.key(header.get("kid"))  # it verifies by its own algorithm, whatever the header says
            claims = {"roles": [], "scope": "", **jwt.decode(
                token, key, [key.algorithm_name], issuer=self.issuer, audience=self.audience,
                leeway=30, options={"require": ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"]})}
            if claims["exp"] - claims["iat"] > 86400:
                raise jwt.InvalidTokenError("lasts too long")
            if claims["exp"] <= time.time() or (self.client and self.has_ended(claims)):
                raise jwt.ExpiredSignatureError("has ended")
            return claims
        except jwt.ExpiredSignatureError:
            raise Refused("The access token has ended; refresh it") from None
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            log.debug("an access token is not valid: %s", error)
            raise Refused("The access token is not valid") from None

    def has_ended(self, claims):
        (era, floors), rev = self.state, claims.get("rev", -1)
        names = [(kind, claims.get(claim)) for kind, claim in CLAIMS.items() if kind != "role"]
        names += [("role", role) for role in claims["roles"]]
        return claims.get("era") != era or any(floors.get(name, (-1,))[0] > rev for name in names)

    def key(self, kid):
        if kid not in self.keys:
            self.load_keys(10 if self.keys else 1)
        elif time.monotonic() - self.keys_asked > 300:  # known keys never wait
            threading.Thread(target=self.load_keys, args=(300,), daemon=True).start()
        if not self.keys:
            raise Refused()
        return self.keys[kid]

    def load_keys(self, interval=0):
        with self.loading:  # one request at a time, and none that another has just made
            if time.monotonic() - self.keys_asked >= interval:
                self.keys_asked = time.monotonic()
                try:
                    found = self.ask("GET", "/.well-known/jwks.json")["keys"]
                    self.keys = {key["kid"]: jwt.PyJWK(key) for key in found if key.get("alg") in ALGORITHMS}
                    return True
                except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
                    log.warning("the keys cannot be loaded, the last good ones stay: %s", error)

    def follow(self):
        """Reads the feed for as long as the process lives, each time from where it was."""
        token, pause, form = None, 0.1, {"grant_type": "client_credentials", "audience": self.issuer}
        while True:
            try:
                token = token or self.ask("POST", "/token", data=form, auth=self.client)["access_token"]
                sent_at, longest = time.monotonic(), self.max_staleness / 6
                wait = max(1, min(10, int(longest))) if sent_at - self.fresh_at < 3 * longest else 1  # soon fresh again
                self.take(self.ask("GET", "/api/feed", headers={"Authorization": f"Bearer {token}"},
                                   params={"after": self.cursor, "wait": wait}, timeout=wait + 5), sent_at)
                pause = 0.1
            except Exception as error:  # whatever it is: a guard that stops listening refuses everybody
                log.warning("the feed cannot be read: %s", error)
                token, pause = None, min(pause * 2, 1)
                time.sleep(pause)

    def take(self, answer, sent_at):
        era, known = answer["era"], dict(self.coming[1]) if self.coming[0] == answer["era"] else {}
        for floor in answer["floors"]:
            CLAIMS[floor["kind"]]  # a kind that is not known: better an error than a loss unheard
            until, name = datetime.fromisoformat(floor["until"]).timestamp(), (floor["kind"], floor["key"])
            known[name] = max(known.get(name, (0, 0)), (floor["revision"], until))
        self.coming, self.cursor = (era, known), answer["cursor"]
        if not answer.get("more"):
            for name, floor in self.state[1].items() if self.state[0] == era else ():
                if floor[1] > time.time() - 60:  # no living token lies under the others
                    known[name] = max(known.get(name, floor), floor)
            self.state, self.coming = (era, known), (None, {})
            self.fresh_at = max(self.fresh_at, sent_at - answer["age_ms"] / 1000)
            if answer.get("keys_revision") != self.keys_revision and self.load_keys():
                self.keys_revision = answer.get("keys_revision")
                threading.Timer(0.4, self.load_keys).start()  # perhaps another node answered, which hears of it later

    def ask(self, method, path, **options):
        return self.http.request(method, path, **options).raise_for_status().json()
