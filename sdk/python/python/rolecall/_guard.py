"""The guard, which survives forks."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _rolecall
from ._rolecall import Answer, Core, Principal, Rule

_logger = logging.getLogger("rolecall")
_guards: weakref.WeakSet[Guard] = weakref.WeakSet()
# the process that the guards are of
_process = os.getpid()
_renewal = threading.Lock()


class Guard:
    """Verifies access tokens of an issuer and applies access rules.

    With `client`, the id and secret of a client with the role `rolecall.resource-server`, it follows the issuer's feed and
    refuses revoked tokens within a second. Without it, a token is accepted until it expires.

    The guard follows its issuer on a native thread, which needs neither an event loop nor the interpreter. After a fork
    (`gunicorn --preload`, uWSGI, Celery) the child gets a guard of its own.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str | Sequence[str] | None = None,
        client: tuple[str, str] | None = None,
        jwks: str | None = None,
        secret: tuple[str, bytes] | None = None,
        insecure_http: bool = False,
        foreign: bool = False,
        max_staleness: float | None = None,
        accept_stale: bool = False,
        cache_capacity: int | None = None,
    ) -> None:
        """Build a guard for the tokens of `issuer`.

        `audience` is what `aud` must contain, or several of which one is enough; the issuer by default. `jwks` or
        `secret` (algorithm and bytes) replace the keys of the issuer. `foreign` accepts an issuer that is not rolecall and
        leaves out `client_id` and `jti`. `insecure_http` allows an issuer by plain http on another machine.
        `max_staleness` is the age in seconds at which the state of the feed is too old (30): then every request is 503,
        unless `accept_stale` is set.
        """
        if audience is None:
            audiences = [issuer]
        elif isinstance(audience, str):
            audiences = [audience]
        else:
            audiences = list(audience)

        def build() -> Core:
            return Core(
                issuer,
                audiences,
                client=client,
                jwks=jwks,
                secret=secret,
                insecure_http=insecure_http,
                foreign=foreign,
                max_staleness=max_staleness,
                accept_stale=accept_stale,
                cache_capacity=cache_capacity,
            )

        self._set_up(build)

    def _set_up(self, build: Callable[[], Core]) -> None:
        _renew_after_fork()
        _start_logs()
        self._build = build
        self._core = build()
        # True while a test issuer stands in for the issuer
        self._is_test = False
        _guards.add(self)

    @classmethod
    def _of(cls, core: Core) -> Guard:
        """Return a guard around a core that no fork needs to survive, for tests."""
        guard = cls.__new__(cls)
        guard._set_up(lambda: core)
        guard._is_test = True
        return guard

    @property
    def _core(self) -> Core:
        _renew_after_fork()
        return self._held

    @_core.setter
    def _core(self, core: Core) -> None:
        self._held = core

    def check(
        self, rule: Rule, authorizations: list[bytes], tenant: str | None = None
    ) -> Principal | Answer | None:
        """Apply a rule to the values of all `Authorization` headers of a request.

        Returns the caller, `None` if there is none and the rule needs none, or the answer to a refused request. Waits, at
        most a second, where the guard must hear news first: in an event loop, use a thread.
        """
        core = self._core
        principal, answer, waits = core.check(rule, authorizations, tenant)
        if waits and principal is not None:
            core.wait(principal)
            principal, answer, _ = core.check(rule, authorizations, tenant)
        return principal if answer is None else answer

    def verify(self, token: str) -> Principal | Answer:
        """Verify an access token that came by another way than a header: a message, a job."""
        principal, answer = self._core.verify(token)
        if principal is not None:
            return principal
        assert answer is not None
        return answer

    def status(self) -> dict[str, Any]:
        """Return the number of keys and floors, the age of the state, and the last failure."""
        return self._core.status()

    def _after_fork(self) -> None:
        if not self._is_test:
            self._held.abandon()
            self._held = self._build()


_log_thread: threading.Thread | None = None


def _start_logs() -> None:
    """Pass the log lines of the guard on to `logging`, on a thread."""
    global _log_thread
    if _log_thread is None:
        _rolecall.start_logs()
        _log_thread = threading.Thread(target=_log_forever, name="rolecall-log", daemon=True)
        _log_thread.start()


def _log_forever() -> None:
    while True:
        line = _rolecall.next_log(1)
        if line is not None:
            level, target, text = line
            logging.getLogger(target.replace("::", ".")).log(level, "%s", text)


def _renew_after_fork() -> None:
    """Renew the guards after a fork that did not run Python's fork hooks, such as one by uWSGI."""
    if os.getpid() != _process:
        _renew()


def _renew() -> None:
    """Build a new core for each guard, once in each process."""
    global _log_thread, _process
    with _renewal:
        if _process == os.getpid():
            return
        _log_thread = None
        guards = list(_guards)
        if guards:
            _start_logs()
        for guard in guards:
            guard._after_fork()
        _process = os.getpid()


def _after_fork_in_child() -> None:
    global _renewal
    # another thread of the parent may have held it
    _renewal = threading.Lock()
    _renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def header_values(headers: Iterable[tuple[str, str]]) -> list[bytes]:
    """Return the values of `Authorization` among headers of WSGI, whose text has a byte in each character."""
    return [value.encode("latin-1", "replace") for name, value in headers if name.lower() == "authorization"]
