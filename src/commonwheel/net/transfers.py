"""One request through all its attempts and redirects, without any I/O.

Laws of this file: no curl and no sockets: `client` feeds a transfer header lines and chunks, tells it how an attempt
ended, and is told when to try again. `Transfer` runs in the transfer thread; of `Download`, the methods below the line
run in the thread that waits for the result.
"""

from _thread import allocate_lock
from binascii import b2a_base64
from collections import deque
from time import time

from commonwheel.concurrency.future import Future
from commonwheel.model import SafeUrl
from commonwheel.net.encoding import ACCEPTED, TooLarge, Unreadable, is_packed, unpacked
from commonwheel.net.responses import (
    FLEETING,
    REDIRECTS,
    BodyTooLarge,
    BodyTooSlow,
    Cancelled,
    NetworkError,
    Response,
    TooManyRedirects,
    content_range,
    parse_head,
    status_hint,
    status_text,
    strong_validator,
)
from commonwheel.net.retries import backoff, retry_after
from commonwheel.net.urls import origin, redirected, shown, split, take_login, wire
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, Self

    from commonwheel.events import Reporter

    class Rules(Protocol):
        """What transfers obey; `client.ClientOptions` has all of it."""

        retries: int
        backoff: float
        patience: float
        redirects: int
        #: takes the URLs that were asked, and led where `verifies` says no
        unverified: set[str]

        def login(self, url: str) -> tuple[str, str] | None:
            """Return user and password for a URL, from what is known without asking anybody."""

        def tolerates(self, url: str) -> bool:
            """Return whether the user lets this host go without TLS checks."""

        def verifies(self, url: str) -> bool:
            """Return whether nobody but the host of a URL can answer."""

        def dice(self) -> float:
            """Return a number in [0, 1), another one each time."""

        def route(self, url: str) -> str:
            """Return the proxy that the URL is fetched through, without credentials, or ""."""


KEPT = 65_536  # bytes kept of the body of a download that is no success: enough for an explanation
_PORTION = 131_072  # bytes that a writer is woken for: each time costs as much as writing 20 KB
BUFFER = 524_288  # bytes of a download that may wait for their writer before the connection is paused
_TOLD = 4  # the last different troubles that an error tells
_ADVICE = "check the address, the connection and the proxy; `--offline` makes do with what the cache has"
PROGRESS = 1_048_576  # bytes after which a resumed download has earned its attempts again


class Failure:
    """How an attempt failed: the text of curl, and the kind of failure.

    `kind` is `fleeting` (worth another attempt), `lookup` (worth one), `slow`, or `final`; `hint` is what to do.
    """

    __slots__ = ("hint", "kind", "text")

    def __init__(self, kind: str, text: str, hint: str | None = None) -> None:
        self.kind = kind
        self.text = text
        self.hint = hint


class Packed(Response):
    """An answer whose body is as it came, compressed for the way: for whoever has it unpacked elsewhere."""

    __slots__ = ("_transfer",)

    def __init__(self, response: Response, transfer: "Transfer") -> None:
        super().__init__(response.status, response.headers, response.body, response.url)
        self._transfer = transfer

    def opened(self) -> Response:
        """Return it with its body as it was before it was compressed; raises NetworkError."""
        return self._transfer.open(self)


class Transfer(Future["Response"]):
    """A GET whose body is kept in memory.

    `lines` and `take` receive what arrives; `ended` and `broke` judge an attempt: None means that it is settled, a
    number that it wants another attempt after so many seconds.
    """

    __slots__ = (
        "asked", "attempts", "auth", "chain", "chunks", "demanded", "headers", "history", "limit", "lines", "origin", "own",
        "packed", "poke", "promote", "rules", "safe", "size", "started", "trouble", "unpacked", "url", "wanted",
    )  # fmt: skip

    large = False

    def __init__(
        self, url: SafeUrl, headers: "Mapping[str, str]", limit: int, rules: "Rules", *, packed: bool = False
    ) -> None:
        super().__init__()
        self.rules = rules
        self.packed = packed
        self.asked = url
        # pycurl ignores an empty list of headers, and an easy handle that is used again would send those of its last
        # request, credentials included: so there is always one.
        self.headers = {
            "accept": "*/*",
            "accept-encoding": ACCEPTED,
            **{name.lower(): value for name, value in headers.items()},
        }
        self.own = self.headers.pop("authorization", "")
        self.limit = limit
        self.chain: list[SafeUrl] = []
        self.attempts = 0
        self.history: list[str] = []
        self.lines: list[bytes] = []
        self.chunks: list[bytes] = []
        self.size = 0
        self.trouble: NetworkError | None = None
        self.unpacked: Response | None = None
        self.demanded: float | None = None  # seconds of the last Retry-After
        self.promote: Callable[[Transfer], None] | None = None  # asks the client to send this one next
        self.poke: Callable[[Transfer], None] | None = (
            None  # asks the client to look at this one: unpause it, or drop it
        )
        self.started = False
        self.wanted = False  # somebody waits for it: it goes before what was asked ahead of need
        self._aim(url)

    def _aim(self, url: SafeUrl) -> None:
        """Point the next attempt at `url`, with the credentials that belong there and no others."""
        bare, user, password = take_login(url.secret)
        self.safe = url
        self.url = wire(bare)
        self.origin = origin(self.url)
        if not self.rules.verifies(self.url):
            self.rules.unverified.add(self.asked.bare)
        login = None
        if user is None or password is None:
            login = self.rules.login(url.secret)
        if login is None and user is not None:
            login = (user, password or "")
        if self.own and self.origin == origin(self.asked.secret):
            self.auth = self.own
        elif login is not None:
            self.auth = "Basic " + b2a_base64(f"{login[0]}:{login[1]}".encode(), newline=False).decode()
        else:
            self.auth = ""

    def request_headers(self) -> list[str]:
        """Return the header lines of the next attempt, which begins with this call."""
        self.lines = []
        self.chunks = []
        self.size = 0
        self.demanded = None
        self.attempts += 1
        self.started = True
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        if self.auth:
            lines.append(f"authorization: {self.auth}")
        return lines

    def take(self, chunk: bytes) -> int | None:
        """Take a piece of the body; 0 ends the attempt."""
        self.size += len(chunk)
        if self.size > self.limit:
            self.trouble = self._too_large()
            return 0
        self.chunks.append(chunk)
        return None

    def ended(self) -> float | None:
        """Judge an attempt whose answer arrived whole."""
        status, headers = parse_head(self.lines)
        if status in REDIRECTS and "location" in headers:
            return self._follow(headers["location"])
        if status in FLEETING:
            return self._wait_for(status, headers)
        return self._finish(status, headers)

    def _finish(self, status: int, headers: "dict[str, str]") -> float | None:
        body = b"".join(self.chunks)
        self.chunks = []
        self.settle(Response(status, headers, body, self.safe))
        return None

    def result(self) -> Response:
        """Wait for the answer and return it; a body that was compressed for the way is unpacked here, by whoever asks first.

        Unless it was asked for as it comes: then by `opened`.
        """
        response = super().result()
        if response is self.unpacked or not is_packed(response.headers.get("content-encoding", "")):
            return response
        return Packed(response, self) if self.packed else self.open(response)

    def open(self, response: Response) -> Response:
        """Return an answer of this transfer with its body unpacked; raises what `result` would."""
        if self.unpacked is None:
            self._value = self.unpacked = self._unpacked(response)
        return self.unpacked

    def _unpacked(self, response: Response) -> Response:
        try:
            body = unpacked(response.body, response.headers.get("content-encoding", ""), self.limit)
        except TooLarge as error:
            raise self._too_large() from error
        except Unreadable as error:
            raise self._broken(Failure("final", f"the body cannot be read: {error}")) from error
        return Response(response.status, response.headers, body, response.url)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"`{shown(self.asked)}` sends more than {self.limit:,} bytes",
            hint="an index page or metadata file is never that large; check the URL of the index",
        )

    def broke(self, failure: Failure) -> float | None:
        """Judge an attempt that broke off."""
        if self.trouble is not None:
            self._fail(self.trouble)
            return None
        self.history.append(failure.text)
        allowed = {"final": 0, "lookup": min(1, self.rules.retries)}.get(failure.kind, self.rules.retries)
        if self.attempts > allowed:
            self._fail(self._broken(failure))
            return None
        return backoff(self.attempts, self.rules.backoff, self.rules.dice())

    def _broken(self, failure: Failure) -> NetworkError:
        return NetworkError(
            f"could not fetch `{shown(self.safe)}`: {failure.text}",
            context=self._context(),
            hint=failure.hint or _ADVICE,
        )

    def _fail(self, error: NetworkError) -> None:
        self.fail(error)

    @property
    def idle(self) -> bool:
        """Return whether it only holds a place, since its buffer is full and nobody waits for it yet."""
        return False

    def flush(self) -> None:
        """Wake a writer, if this kind of transfer has one."""

    def cancel(self) -> None:
        """Give up; the connection is dropped."""
        self.fail(Cancelled(f"the request for `{shown(self.asked)}` was given up"))
        if self.poke is not None:
            self.poke(self)

    def _wait(self) -> None:
        self.wanted = True
        if self.promote is not None:
            self.promote(self)
        super()._wait()

    def _context(self) -> tuple[str, ...]:
        lines = []
        if self.attempts > 1:
            different = list(dict.fromkeys(self.history))[-_TOLD:]
            what = f": {'; '.join(different)}" if len(different) > 1 else ""
            lines.append(f"tried {self.attempts} times{what}")
        if self.chain:
            lines.append(f"after {len(self.chain)} redirects from `{shown(self.asked)}`")
        proxy = self.rules.route(self.url)
        if proxy:
            lines.append(f"through the proxy `{proxy}`")
        return tuple(lines)

    def _wait_for(self, status: int, headers: "dict[str, str]") -> float | None:
        """Return how long to wait after a fleeting refusal, or fail when patience or attempts are used up."""
        text = f"answered {status_text(status)}"
        self.history.append(text)
        self.demanded = demanded = retry_after(headers, time())
        if demanded is not None and demanded > self.rules.patience:
            error = NetworkError(
                f"`{shown(self.safe)}` {text} and asks to come back in {demanded:,.0f} seconds",
                context=(
                    f"that is longer than the {self.rules.patience:,.0f} seconds that are waited",
                    *self._context(),
                ),
                hint="try again later, or ask whoever runs the index why it limits you",
            )
            self._fail(error)
            return None
        if self.attempts > self.rules.retries:
            error = NetworkError(
                f"`{shown(self.safe)}` {text}", context=self._context(), hint=status_hint(status, self.safe)
            )
            self._fail(error)
            return None
        return max(demanded or 0.0, backoff(self.attempts, self.rules.backoff, self.rules.dice()))

    def _follow(self, location: str) -> float | None:
        target = SafeUrl(redirected(self.safe.bare, location))
        here, there = origin(self.safe.secret), origin(target.secret)
        scheme = there[0]
        chain = (*(shown(url) for url in self.chain), shown(self.safe), shown(target))
        if scheme not in ("http", "https") or not there[1]:
            self._fail(
                NetworkError(f"`{shown(self.safe)}` redirects to `{shown(target)}`, which is no place for files")
            )
            return None
        if here[0] == "https" and scheme == "http" and not self.rules.tolerates(target.secret):
            self._fail(
                NetworkError(
                    f"`{shown(self.safe)}` redirects from https to the unprotected `{shown(target)}`",
                    context=(f"the way there: {' -> '.join(chain)}",),
                    hint=f"if you trust the network in between, `--allow-insecure-host {there[1]}`",
                )
            )
            return None
        self.chain.append(self.safe)
        circle = any(wire(url.bare) == wire(target.bare) for url in self.chain)
        if circle or len(self.chain) > self.rules.redirects:
            what = "in a circle" if circle else f"more than {self.rules.redirects} times"
            self._fail(
                TooManyRedirects(
                    f"`{shown(self.asked)}` is redirected {what}",
                    context=(f"the way: {' -> '.join(chain)}",),
                    hint="check the URL of the index; some servers do this to requests without credentials",
                )
            )
            return None
        if here == there and "@" not in split(target.secret)[1]:
            # Same server: the credentials of the URL that was asked still belong here.
            login = split(self.safe.secret)[1].rpartition("@")
            if login[1]:
                target = SafeUrl(target.secret.replace("://", f"://{login[0]}@", 1))
        self._aim(target)
        self.attempts = 0
        return 0.0


class Rewind:
    """Stand in the queue of a download where the body begins anew; `received` is the count of bytes up to here."""

    __slots__ = ("received",)

    def __init__(self, received: int) -> None:
        self.received = received


class Download(Transfer):
    """A GET whose body goes to `write`, in the thread that calls `result()`.

    At most BUFFER bytes wait in memory, then the connection is paused; so a slow disk slows its own download and no
    other, and several downloads may be under way before somebody waits for the first. A broken attempt goes on where it
    stopped (Range and If-Range) if the server can do that; otherwise `rewind(0)` tells the writer to start anew.
    `immutable`: the caller holds the whole against a hash, so that no validator is needed to go on.
    """

    __slots__ = (
        "claim", "consumed", "delivering", "dirty", "expected", "first", "gate", "immutable", "label", "mark", "outcome",
        "paused", "position", "queue", "received", "refused", "reporter", "resume", "rewind", "skip", "total", "validator",
        "waiting", "whole_only", "write",
    )  # fmt: skip

    large = True

    def __init__(  # noqa: PLR0913 - what a download is told
        self,
        url: SafeUrl,
        headers: "Mapping[str, str]",
        rules: "Rules",
        write: "Callable[[bytes], object] | None",
        rewind: "Callable[[int], object] | None",
        *,
        size: int | None,
        label: str,
        immutable: bool,
        reporter: "Reporter",
    ) -> None:
        super().__init__(url, headers, KEPT, rules)
        if "accept-encoding" not in headers:
            self.headers["accept-encoding"] = "identity"
        self.write = write
        self.rewind = rewind
        self.expected = size
        self.label = label
        self.immutable = immutable
        self.reporter = reporter
        self.queue: deque[bytes | Rewind] = deque()
        self.received = 0  # bytes put into the queue, ever; only the transfer thread counts here
        self.dirty = False  # something has been written
        self.consumed = 0  # bytes taken from the queue, ever; only the waiting thread counts here
        self.position = 0  # bytes of the body that are in the queue or written
        self.mark = 0  # where the last attempt broke off
        self.first = True
        self.delivering = False
        self.skip = 0
        self.total: int | None = None
        self.validator = ""
        self.resume = False
        self.whole_only = False
        self.refused: Failure | None = None  # why `take` ended an attempt itself
        self.paused = False
        self.outcome: Response | NetworkError | None = None
        self.waiting = False
        self.claim = allocate_lock()
        self.gate = allocate_lock()
        self.gate.acquire()

    @property
    def idle(self) -> bool:
        """Return whether it only holds a place, since its buffer is full and nobody waits for it yet."""
        return self.paused and not self.wanted

    def request_headers(self) -> list[str]:
        """Return the header lines of the next attempt: the rest of the body only, when that can be had."""
        lines = super().request_headers()
        self.first = True
        self.delivering = False
        self.skip = 0
        self.paused = False
        self.resume = self.position > 0 and self._builds
        if self.resume:
            lines.append(f"range: bytes={self.position}-")
            if self.validator:
                lines.append(f"if-range: {self.validator}")
        return lines

    @property
    def _builds(self) -> bool:
        """Return whether another attempt could build on what has arrived."""
        return not self.whole_only and bool(self.validator or self.immutable)

    def take(self, chunk: bytes) -> int | None:
        """Take a piece of the body; a number ends the attempt (0) or pauses it (the client's PAUSE)."""
        if self.first and not self._begin():
            return 0
        if not self.delivering:
            if self.size < self.limit:
                self.chunks.append(chunk)
            self.size += len(chunk)
            return None
        if self.received - self.consumed >= BUFFER:  # before anything else: curl brings the whole chunk once more
            self.paused = True
            if self.received - self.consumed >= BUFFER // 2:  # asked again: the writer may have caught up just now
                return PAUSE
            self.paused = False
        if self.skip:
            skipped = min(self.skip, len(chunk))
            self.skip -= skipped
            chunk = chunk[skipped:]
            if not chunk:
                return None
        self.queue.append(chunk)
        self.received += len(chunk)
        self.position += len(chunk)
        return None

    def _begin(self) -> bool:
        """Look at the head of an answer before its first byte; False ends the attempt."""
        self.first = False
        status, headers = parse_head(self.lines)
        if status == 206 and self.resume:  # noqa: PLR2004 - Partial Content
            span = content_range(headers)
            if span is None or span[0] != self.position or (self.total and span[2] not in (None, self.total)):
                self.whole_only = True
                self.refused = Failure("fleeting", "the server sent another part than the rest")
                return False
            self.delivering = True
        elif status == 200:  # noqa: PLR2004 - OK
            self._whole(headers)
            self.delivering = True
        return True

    def _whole(self, headers: "dict[str, str]") -> None:
        """Begin a body from its first byte, though some of it may be there from an earlier attempt."""
        total = whole(headers.get("content-length", ""))
        validator = strong_validator(headers)
        if self.position:
            same = self.immutable or (validator.startswith('"') and validator == self.validator)
            if same and total is not None and total == self.total:
                self.skip = self.position
            else:
                self.queue.clear()
                self.queue.append(Rewind(self.received))
                self.position = 0
        self.total = total
        self.validator = validator
        self.whole_only = self.whole_only or headers.get("accept-ranges", "").lower() == "none"

    def ended(self) -> float | None:
        """Judge an attempt whose answer arrived whole."""
        if self.first:
            self._begin()  # an answer without a body
        if self.delivering and self.expected is not None and self.position < self.expected:
            text = f"the body ended after {self.position:,} of {self.expected:,} bytes"
            return self.broke(Failure("fleeting", text))
        if not self.delivering and self.resume and parse_head(self.lines)[0] == 416:  # noqa: PLR2004
            self.whole_only = True
            return self.broke(Failure("fleeting", "the rest of the body could not be had"))
        return super().ended()

    def _finish(self, status: int, headers: "dict[str, str]") -> float | None:
        body = b"" if self.delivering else b"".join(self.chunks)
        # A resumed answer is the whole to whoever asked.
        self._conclude(Response(200 if self.delivering else status, headers, body, self.safe))
        return None

    def broke(self, failure: Failure) -> float | None:
        """Judge an attempt that broke off; progress that can be built on buys new attempts."""
        if self.trouble is not None:
            return super().broke(failure)
        if self.refused is not None:
            failure, self.refused = self.refused, None
        builds = self._builds
        if builds and self.position - self.mark >= PROGRESS:
            self.attempts = 1
        self.mark = self.position
        if self.position and self.write is not None and self.rewind is None and not builds:
            self._fail(self._broken(failure))
            return None
        return super().broke(failure)

    def _broken(self, failure: Failure) -> NetworkError:
        plain = super()._broken(failure)
        had = f"{self.position:,} of {self.total or self.expected or 0:,} bytes had arrived".replace(
            " of 0 bytes", " bytes"
        )
        if failure.kind == "slow" and self.delivering:
            return BodyTooSlow(plain.message, context=(had, *plain.context), hint=failure.hint)
        return NetworkError(
            plain.message, context=(had, *plain.context) if self.position else plain.context, hint=plain.hint
        )

    def _fail(self, error: NetworkError) -> None:
        self._conclude(error)

    def _conclude(self, outcome: "Response | NetworkError") -> None:
        if self.outcome is None:
            self.outcome = outcome
        self.flush(final=True)

    def flush(self, *, final: bool = False) -> None:
        """Wake the writer if there is enough for it, or nothing more to come."""
        if self.waiting and (final or self._enough()):
            self.waiting = False
            try:
                self.gate.release()
            except RuntimeError:  # it was open already, which is as good
                pass

    # ------------------------------------------------------------------ the waiting thread

    def into(self, write: "Callable[[bytes], object]", rewind: "Callable[[int], object] | None" = None) -> "Self":
        """Name the writer, if it was not known when the download was started."""
        self.write = write
        self.rewind = rewind
        return self

    def cancel(self) -> None:
        """Give up; the connection is dropped."""
        error = Cancelled(f"the download of `{shown(self.asked)}` was given up")
        self.outcome = error
        self.fail(error)
        if self.poke is not None:
            self.poke(self)

    def _wait(self) -> None:
        if self.write is None:
            raise TypeError("a download without a writer has no result: call into() first")
        self.wanted = True
        if self.promote is not None:
            self.promote(self)
        with self.claim:
            if self.done:
                return
            try:
                outcome = self._pump()
            except BaseException:  # of the writer, or Ctrl-C: in both cases nobody wants the rest
                self.cancel()
                raise
            if isinstance(outcome, Response):
                self.settle(outcome)
            else:
                self.fail(outcome)

    def _pump(self) -> "Response | NetworkError":
        task = None
        moved = 0
        queue = self.queue
        while True:
            while queue and self._enough():
                if task is None and self.label:
                    task = self.reporter.begin("download", self.label, self.total or self.expected)
                moved += self._move(queue)
                if task is not None and moved >= 262_144:  # noqa: PLR2004 - a report per quarter MiB is often enough
                    self.reporter.advance(task, moved)
                    moved = 0
            outcome = self.outcome
            if outcome is not None and not queue:
                if task is not None:
                    self.reporter.advance(task, moved)
                    self.reporter.end(task)
                return outcome
            self.waiting = True
            if self.outcome is not None or self._enough():
                continue
            self.gate.acquire()

    def _enough(self) -> bool:
        """Return whether there is enough to write, or nothing more to wait for."""
        return self.outcome is not None or self.paused or self.received - self.consumed >= _PORTION

    def _move(self, queue: "deque[bytes | Rewind]") -> int:
        """Write what is there, up to where the body begins anew, and return its size."""
        pieces: list[bytes] = []
        try:
            while queue:
                piece = queue.popleft()
                if isinstance(piece, Rewind):
                    if pieces:
                        queue.appendleft(piece)
                        break
                    self.consumed = piece.received
                    self._begin_anew()
                    self._catch_up()
                    return 0
                pieces.append(piece)
        except IndexError:  # cleared meanwhile for a new beginning
            pass
        if not pieces:
            return 0
        assert self.write is not None
        self.dirty = True
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.write(data)
        self.consumed += len(data)
        self._catch_up()
        return len(data)

    def _catch_up(self) -> None:
        """Have a paused transfer go on when half of its buffer is free."""
        if self.paused and self.received - self.consumed < BUFFER // 2 and self.poke is not None:
            self.paused = False
            self.poke(self)

    def _begin_anew(self) -> None:
        if not self.dirty:
            return
        if self.rewind is None:
            raise NetworkError(
                f"the download of `{shown(self.asked)}` broke off and would begin anew, but what is written already stays",
                context=self._context(),
            )
        self.rewind(0)
        self.dirty = False


PAUSE = 0x10000001  # CURL_WRITEFUNC_PAUSE
