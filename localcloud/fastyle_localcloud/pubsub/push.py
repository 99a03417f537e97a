"""Push: deliveries by HTTP with an OIDC token, in a window that grows while they succeed."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import aiohttp

from fastyle_localcloud.identity import TOKEN_SECONDS, id_token, load_key
from fastyle_localcloud.pubsub.access import Access, Missing, Refusal
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery

ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})  # the guide "Push subscriptions"
_FIRST_WINDOW, _MAX_WINDOW = 10, 100
_MAX_BYTES = 10 * 2**20
_REASON_CHARACTERS = 300


class Tokens:
    """OIDC tokens of push service accounts, signed as the local issuer signs; each used for half its life."""

    def __init__(self, key_path: Path | None, issuer: str) -> None:
        self._issuer = issuer
        self._key = load_key(key_path) if key_path else None
        self._made: dict[tuple[str, str], tuple[float, str]] = {}

    def get(self, email: str, audience: str) -> str:
        made, token = self._made.get((email, audience), (0.0, ""))
        if time.time() - made > TOKEN_SECONDS / 2:
            assert self._key is not None, "LOCALCLOUD_OIDC_KEY is not set"
            made, token = time.time(), id_token(self._key, self._issuer, email, audience)
            self._made[email, audience] = made, token
        return token


class Pusher:
    """Delivers one push subscription until it is closed, changed or stopped."""

    def __init__(self, backlog: Backlog, session: aiohttp.ClientSession, access: Access, tokens: Tokens) -> None:
        self._backlog = backlog
        self._session = session
        self._access = access
        self._tokens = tokens
        self._window = float(_FIRST_WINDOW)
        self._under_way: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._failures = 0  # in a row, of the subscription as a whole
        self._resume_at = 0.0

    async def run(self) -> None:
        """Deliver for ever; cancel to stop. What is under way then is handed back, uncounted."""
        loop = asyncio.get_running_loop()
        try:
            while not self._backlog.closed:
                await self._backlog.wait()
                await asyncio.sleep(max(0.0, self._resume_at - loop.time()))
                while len(self._under_way) >= int(self._window):
                    self._free.clear()
                    await self._free.wait()
                room = max(1, int(self._window) - len(self._under_way))
                for delivery in self._backlog.take(room, _MAX_BYTES, None):
                    task = asyncio.create_task(self._deliver(delivery))
                    self._under_way.add(task)
                    task.add_done_callback(self._ended)
        finally:
            for task in list(self._under_way):
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.set()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            status, reason, missing = await self._send(delivery)
        except BaseException:
            self._backlog.release([delivery], 0.0)
            raise
        if status in ACKNOWLEDGING:
            self._backlog.settle([delivery])
            self._backlog.last_refusal = None
            self._failures = 0
            self._window = min(_MAX_WINDOW, self._window + 1)
            return
        self._backlog.last_refusal = Refusal(status, reason, missing)
        self._backlog.refuse(delivery, f"HTTP {status}: {reason}" if status else reason)
        # The endpoint as a whole is in trouble: fewer at once, and later, or every message would use up its attempts.
        self._window = max(1.0, self._window / 2)
        self._resume_at = asyncio.get_running_loop().time() + min(5.0, 0.1 * 2 ** min(self._failures, 6))
        self._failures += 1

    async def _send(self, delivery: Delivery) -> tuple[int, str, Missing | None]:
        """HTTP status (0: no answer), a reason, and the grant for want of which it was refused."""
        config = self._backlog.config.push_config
        url = config.push_endpoint
        headers = {"Content-Type": "application/json", "User-Agent": "APIs-Google"}
        token = config.oidc_token
        member = f"serviceAccount:{token.service_account_email}" if token.service_account_email else "allUsers"
        if missing := self._access.missing_invoker(url, member):
            return 403, f"{member} may not invoke {missing.resource}", missing
        if token.service_account_email:
            headers["Authorization"] = f"Bearer {self._tokens.get(token.service_account_email, token.audience or url)}"
        timeout = aiohttp.ClientTimeout(total=self._backlog.config.ack_deadline_seconds)
        try:
            async with self._session.post(url, data=self._body(delivery), headers=headers, timeout=timeout) as answer:
                if answer.status in ACKNOWLEDGING:
                    await answer.read()
                    return answer.status, "", None
                text = (await answer.text(errors="replace"))[:_REASON_CHARACTERS]
                return answer.status, text or (answer.reason or ""), None
        except TimeoutError:
            return 0, f"no answer within the acknowledgement deadline ({timeout.total:g} s)", None
        except aiohttp.ClientError as error:
            return 0, f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS], None

    def _body(self, delivery: Delivery) -> bytes:
        message = delivery.message()
        self._backlog.traffic.count([message])
        published = message.publish_time.ToJsonString()
        wrapped: dict[str, Any] = {
            "data": base64.b64encode(message.data).decode(),
            "messageId": message.message_id,
            "message_id": message.message_id,
            "publishTime": published,
            "publish_time": published,
        }
        if message.attributes:
            wrapped["attributes"] = dict(message.attributes)
        if message.ordering_key:
            wrapped["orderingKey"] = message.ordering_key
        body: dict[str, Any] = {"message": wrapped, "subscription": self._backlog.config.name}
        if attempt := self._backlog.attempt(delivery):
            body["deliveryAttempt"] = attempt
        return json.dumps(body).encode()
