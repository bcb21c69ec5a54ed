"""Verifies rolecall's access tokens (RFC 9068), and refuses revoked ones within a second."""
import base64, datetime, json, logging, math, os, threading, time, httpx, jwt

CLAIMS = {"subject": "sub", "client": "client_id", "sid": "sid", "jti": "jti", "role": "roles"}
TYPES = {"roles": (list,), "global": (dict,), "narrowed": (bool,), "rev": (int,),
         **dict.fromkeys("iat exp nbf auth_time".split(), (int, float)),
         **dict.fromkeys("iss sub subject_kind client_id jti sid username scope tenant era".split(), (str,))}
log = logging.getLogger("rolecall")
seconds = lambda text: datetime.datetime.fromisoformat(text).timestamp()
def unique(members):  # of two members with one name, another program may read the other one
    if len(dict(members)) < len(members):
        raise ValueError("a member appears twice")
    return dict(members)

class Refused(Exception):
    """The answer to send instead: 401 for a bad token, 503 while no decision is possible."""
    def __init__(self, reason=None):
        self.status, self.detail, self.headers = 503, "cannot decide at the moment; try again", {"Retry-After": "1"}
        if reason:
            self.status, self.detail = 401, "Could not validate credentials"
            self.headers = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{reason}"'}

class Guard:  # holds the issuer's keys and, with a client that may read the feed, the revocations
    def __init__(self, issuer, audience=None, client_id=None, client_secret=None, max_staleness=30.0):
        self.issuer, self.audience, self.max_staleness = issuer, audience or issuer, max_staleness
        self.client, self.keys, self.state, self.fresh_at = client_id and (client_id, client_secret), {}, (None, {}), -math.inf
        self.start()  # again in a forked process: threads do not survive a fork, and connections must not be shared
        getattr(os, "register_at_fork", lambda **_: None)(after_in_child=self.start)

    def start(self):
        self.http, self.loading = httpx.Client(base_url=self.issuer, timeout=5), threading.Lock()  # follows no redirects
        self.keys_requested_at, self.keys_revision, self.cursor, self.pending = -math.inf, None, "", (None, {})
        if self.client:
            threading.Thread(target=self.follow_feed, daemon=True).start()

    def verify(self, token):
        """Returns the claims of `token`, or raises `Refused` with the status, detail and headers of the answer."""
        if self.client and time.monotonic() - self.fresh_at > self.max_staleness:
            raise Refused()
        try:
            parts = [base64.urlsafe_b64decode(part + "==") for part in token[:16385].split(".")]
            exact = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
            header, _ = [json.loads(part, object_pairs_hook=unique) for part in parts[:2]]
            if exact != token or str(header.get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
                raise jwt.InvalidTokenError("not an access token")
            key = self.find_key(header.get("kid"))  # pins the algorithm, whatever the header claims
            claims = {"roles": [], "scope": "", "username": "", "subject_kind": "user", **jwt.decode(
                token, key, [key.algorithm_name], issuer=self.issuer, audience=self.audience, leeway=30)}
            if any(type(value) not in TYPES.get(name, (type(value),)) for name, value in claims.items()) or not (
                    claims["sub"] and claims["client_id"] and claims["jti"] and claims["exp"] - claims["iat"] <= 86400
                    and all(isinstance(role, str) for role in claims["roles"])):
                raise jwt.InvalidTokenError("a claim is empty or has a wrong type, or it is valid for more than 24 hours")
            claims["username"] *= ("client", "user").index(claims["subject_kind"])  # a client can be called like a user
            if int(claims["exp"]) <= time.time() or (self.client and self.is_revoked(claims)):
                raise jwt.ExpiredSignatureError("expired or revoked")
            return claims
        except jwt.ExpiredSignatureError:
            raise Refused("The access token has ended; refresh it") from None
        except (jwt.PyJWTError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            log.debug("invalid access token: %s", error)
            raise Refused("The access token is not valid") from None

    def is_revoked(self, claims):
        (era, floors), rev, tenants = self.state, claims.get("rev", -1), (None, claims.get("tenant"))
        names = [(key, name) for key in CLAIMS.values() for name in (claims[key] if key == "roles" else [claims.get(key)])]
        return claims.get("era") != era or any(floors.get((*name, of), (-1,))[0] > rev for name in names for of in tenants)

    def find_key(self, kid):
        if kid not in self.keys:
            self.load_keys(10 if self.keys else 1)
        elif time.monotonic() - self.keys_requested_at > 300:  # reload in the background: known keys never wait
            threading.Thread(target=self.load_keys, args=(300,), daemon=True).start()
        if not self.keys:
            raise Refused()
        return self.keys[kid]

    def load_keys(self, interval=0):
        with self.loading:  # one request at a time; skip it if another thread has just made it
            if time.monotonic() - self.keys_requested_at >= interval:
                self.keys_requested_at = time.monotonic()
                try:
                    found = self.request("GET", "/.well-known/jwks.json")["keys"]
                    self.keys = {key["kid"]: jwt.PyJWK(key) for key in found if key.get("alg") in ("ES256", "EdDSA", "RS256")}
                    return True
                except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
                    log.warning("cannot load the keys, keeping the last good ones: %s", error)

    def follow_feed(self):  # for as long as the process runs, continuing after the last cursor
        token, pause, form = None, 0.1, {"grant_type": "client_credentials", "audience": self.issuer}
        while True:
            try:
                token = token or self.request("POST", "/token", data=form, auth=self.client)["access_token"]
                sent_at, longest = time.monotonic(), self.max_staleness / 6
                wait = max(1, min(10, int(longest))) if sent_at - self.fresh_at < 3 * longest else 1  # old: answer soon
                self.apply(self.request("GET", "/api/feed", headers={"Authorization": f"Bearer {token}"},
                                        params={"after": self.cursor, "wait": wait}, timeout=wait + 5), sent_at)
                pause = 0.1
            except Exception as error:  # any error at all: a guard that stops polling would refuse everybody
                log.warning("cannot read the feed: %s", error)
                token, pause = None, min(pause * 2, 1)
                time.sleep(pause)

    def apply(self, answer, sent_at):
        era, floors = answer["era"], dict(self.pending[1]) if self.pending[0] == answer["era"] else {}
        for floor in answer["floors"]:
            name = (CLAIMS[floor["kind"]], floor["key"], floor.get("tenant") or None)  # fails on an unknown kind
            floors[name] = max(floors.get(name, (0, 0)), (floor["revision"], seconds(floor["until"])))
        self.pending, self.cursor = (era, floors), answer["cursor"]
        if not answer.get("more"):
            before = seconds(answer.get("forget_before") or "1970-01-01")  # the issuer's time: this clock may be wrong
            known = self.state[1] if self.state[0] == era else {}
            floors |= {name: max(floors.get(name, floor), floor) for name, floor in known.items() if floor[1] >= before}
            self.state, self.pending = (era, floors), (None, {})  # era and floors are always replaced together
            self.fresh_at = max(self.fresh_at, sent_at - answer["age_ms"] / 1000)
            if answer.get("keys_revision") != self.keys_revision and self.load_keys():
                self.keys_revision = answer.get("keys_revision")
                threading.Timer(0.4, self.load_keys).start()  # another node may have answered that lags behind

    def request(self, method, path, **options):
        return self.http.request(method, path, **options).raise_for_status().json()
