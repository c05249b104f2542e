"""A bucket that answers as AWS does where the other servers cannot: any key, and objects that are refused.

Belongs here: the few requests that stores make, counted, with the errors that S3 documents.
Does not: anything that versitygw does (services.s3): conditional puts, many parts, real disks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

NAME = "lake"
PAGE = 1000


@dataclass(frozen=True)
class Refusal:
    """How an object, or the whole listing, is refused."""

    code: str
    message: str = "refused"
    status: int = 403


@dataclass
class OddBucket:
    """One bucket. `refused` holds refusals by key (`""`: the listing); `requests` are `LIST`, `GET <key>` and so on.

    `deleted` are keys that fill pages of the listing and are not shown; `token` is what pages say instead of where the
    next one begins.
    """

    endpoint: str
    objects: dict[str, bytes] = field(default_factory=dict)
    storage: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    token: str | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The AWS variables under which any client talks to this bucket."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def counted(self, what: str) -> int:
        return sum(request.startswith(what) for request in self.requests)

    def archive(self, key: str) -> None:
        """Move an object to Glacier: nothing but its storage class shows in the listing."""
        self.storage[key] = "GLACIER"
        message = "The operation is not valid for the object's storage class"
        self.refused[key] = Refusal("InvalidObjectState", message)

    def page(self, query: Mapping[str, str]) -> bytes:
        """An answer of ListObjectsV2."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        contents, folders, last = [], [], after
        truncated, hidden = False, 0
        for key in sorted({*self.objects, *self.deleted}):
            if not key.startswith(prefix) or key <= after:
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            folder = key[: cut + 1] if cut >= 0 else None
            if folder is not None and (folder in folders or after.startswith(folder)):
                last = key
                continue
            if len(contents) + len(folders) + hidden == PAGE:
                truncated = True
                break
            last = key
            if key in self.deleted:
                hidden += 1
            elif folder is not None:
                folders.append(folder)
            else:
                contents.append(self._entry(key))
        groups = [f"<CommonPrefixes><Prefix>{quote(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        said = quote(last) if self.token is None else self.token
        token = f"<NextContinuationToken>{said}</NextContinuationToken>" if truncated and said else ""
        return (
            f"<ListBucketResult><Name>{NAME}</Name><Prefix>{quote(prefix)}</Prefix><EncodingType>url</EncodingType>"
            f"<KeyCount>{len(contents) + len(folders)}</KeyCount><MaxKeys>{PAGE}</MaxKeys>{token}"
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{''.join(contents)}{''.join(groups)}</ListBucketResult>"
        ).encode()

    def _entry(self, key: str) -> str:
        data, storage = self.objects[key], self.storage.get(key, "STANDARD")
        return (
            f"<Contents><Key>{quote(key)}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{tag(data)}</ETag><Size>{len(data)}</Size><StorageClass>{storage}</StorageClass></Contents>"
        )


def tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    bucket: OddBucket
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet: a client acknowledges the first of two only after 40 ms

    def do_GET(self) -> None:
        key = self._key()
        if not key:
            self.bucket.requests.append("LIST")
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            self._answer("", self.bucket.page({name: values[0] for name, values in query.items()}))
        else:
            self._object("GET", key)

    def do_HEAD(self) -> None:
        self._object("HEAD", self._key())

    def do_PUT(self) -> None:
        key = self._key()
        self.bucket.requests.append(f"PUT {key}")
        self.bucket.objects[key] = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(200, b"", {"ETag": tag(self.bucket.objects[key])})

    def do_POST(self) -> None:
        """DeleteObjects."""
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        for key in re.findall("<Key>(.*?)</Key>", asked):
            self.bucket.objects.pop(unescape(key))
        self._send(200, b"<DeleteResult></DeleteResult>")

    def do_DELETE(self) -> None:
        self.bucket.objects.pop(self._key(), None)
        self._send(204, b"")

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read the logs."""

    def _key(self) -> str:
        path = unquote(self.path.partition("?")[0])
        return path.removeprefix(f"/{NAME}").removeprefix("/")

    def _object(self, method: str, key: str) -> None:
        self.bucket.requests.append(f"{method} {key}")
        data = self.bucket.objects.get(key)
        if data is None:
            self._error(Refusal("NoSuchKey", "The specified key does not exist.", 404))
            return
        wanted, total = self.headers.get("Range"), len(data)
        if wanted and not data:
            self._error(Refusal("InvalidRange", "The requested range is not satisfiable", 416))
            return
        status, headers = 200, {"ETag": tag(data), "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1 if last else total, total)
            status, headers["Content-Range"] = 206, f"bytes {first}-{end - 1}/{total}"
            data = data[int(first) : end]
        self._answer(key, data, status, headers)

    def _answer(self, key: str, data: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        if (refusal := self.bucket.refused.get(key)) is not None:
            self._error(refusal)
        else:
            self._send(status, data, headers)

    def _error(self, refusal: Refusal) -> None:
        text = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
        self._send(refusal.status, text.encode())

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def odd_bucket() -> Iterator[OddBucket]:
    """A server with one bucket, `lake`, while the block runs."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    bucket = handler.bucket = OddBucket(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
