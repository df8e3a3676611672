"""
curl, wrk, and nginx between them and the site, get the same answers from both sides.

Status lines, headers, their order, bodies and their chunks are compared as they came, but for dates
and what is drawn at random; and what the sites wrote into their access logs.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.serving import Program, Starter, client, wait_for
from tests.support import PROGRAMS, TIMEOUT

HOST = "http://site.example"
PLAIN = ("-H", "Content-Type: x/y", "-H", "Expect:")
CONTINUE = ("-H", "Expect: 100-continue", "--expect100-timeout", "60")

Case = tuple[tuple[str, ...], str]

# What is asked with these arguments of curl, {folder} being where its files are, and what is in the
# answers.
CASES: dict[str, Case] = {
    "page": (("/",), "<p>hello</p>"),
    "head": (("-I", "/"), "200 OK"),
    "head of a file": (("-I", "/files/large"), "300000"),
    "head of what is made": (("-I", "/show"), "200 OK"),
    "file": (("/files/a.txt",), "text/plain"),
    "file with a type": (("/files/page.html.gz",), "gzip"),
    "large file": (("/files/large",), "Content-Length: 300000"),
    "empty file": (("/files/empty",), "Content-Length: 0"),
    "range": (("-r", "2-4", "/files/a.txt"), "206 Partial"),
    "range from the end": (("-r", "-3", "/files/a.txt"), "789"),
    "range to the end": (("-r", "100000-", "/files/large"), "206 Partial"),
    "ranges": (("-r", "0-1,4-5,100000-200000", "/files/large"), "multipart/byteranges"),
    "range that is not there": (("-r", "50-60", "/files/a.txt"), "416"),
    "range of no sense": (("-H", "Range: bytes=x-y", "/files/a.txt"), "200 OK"),
    "folder": (("/files/below/",), "<table>"),
    "folder without slash": (("/files/below",), "Location"),
    "folder, followed": (("-L", "/files/below?x=1"), "<table>"),
    "names to quote": (("/files/below/%C3%A9%20%3C.txt",), "quoted"),
    "no such file": (("/files/nothing",), "404"),
    "out of the folder": (("--path-as-is", "/files/../../etc/passwd"), " 40"),
    "quoted out of the folder": (("/files/..%2f..%2fetc/passwd",), " 40"),
    "file unmodified": (("-z", "1 Jan 2100 00:00:00 GMT", "/files/a.txt"), "304"),
    "file modified": (("-z", "1 Jan 1990 00:00:00 GMT", "/files/a.txt"), "200 OK"),
    "date unmodified": (("-z", "1 Jan 2010 00:00:00 GMT", "/cached"), "304"),
    "tag known": (("-H", 'If-None-Match: "other", "tag"', "/cached"), "304"),
    "tag unknown": (("-H", 'If-None-Match: "other"', "/cached"), "not in your cache"),
    "date of no sense": (("-H", "If-Modified-Since: today", "/cached"), "not in your cache"),
    "dynamic": (("/show/x/%2F/y?a=1&a=2&b=%20%zz&c",), "a=1"),
    "repeated headers": (("-H", "X-A: 1", "-H", "x-a: 2", "-H", "X-B;", "/show"), "[b'1', b'2']"),
    "cookies": (("-b", "a=b; c=d", "/show"), "b'a': b'b'"),
    "password": (("-u", "me:pass", "/show"), "b'me' b'pass'"),
    "form": (("-d", "a=1&b=%20x", "--data-urlencode", "c=&=", "/show"), "b'c'"),
    "multipart": (("-F", "a=1", "-F", "f=@{folder}/a.txt;type=text/x-a", "/show"), "0123456789"),
    "multipart, large": (("-F", "f=@{folder}/large", "-F", "b=2", "/show"), "(b'b', [b'2'])"),
    "body": (("--data-binary", "@{folder}/a.txt", "-H", "Content-Type: x/y", "/show"), "POST"),
    "large body": (("--data-binary", "@{folder}/upload", *PLAIN, "/show"), "3000000"),
    "put": (("-T", "{folder}/upload", *PLAIN, "/show"), "PUT"),
    "chunked body": (
        ("-T", "{folder}/upload", "-H", "Transfer-Encoding: chunked", *PLAIN, "/show"),
        "3000000",
    ),
    "delete": (("-X", "DELETE", "/show"), "DELETE"),
    "options": (("-X", "OPTIONS", "/files/a.txt"), "501"),
    "unknown method": (("-X", "DELETE", "/cached"), "501"),
    "method not allowed": (("-d", "a=1", "/cached"), "405"),
    "parts": (("/parts",), "data: 3"),
    "events": (("-N", "/events"), "text/event-stream"),
    "produced": (("/produced",), "200 OK"),
    "gzip": (("-H", "Accept-Encoding: gzip", "/gzip"), "Content-Encoding: gzip"),
    "gzip, decoded": (("--compressed", "/gzip?a=1"), "a=1"),
    "gzip, not asked for": (("/gzip",), "text/plain"),
    "gzip, parts": (("--compressed", "/gzipped-parts"), "data: 3"),
    **{f"status {n}": ((f"/status/{n}",), f"{n} So It Is") for n in (200, 204, 299, 418, 503)},
    "redirect": (("/redirects",), "302"),
    "redirect, followed": (("-L", "/redirects"), "from=there"),
    "moved": (("-L", "/moved"), "302"),
    "post, moved": (("-L", "-d", "a=1", "/moved"), "b'GET' b'/show'"),
    "parent": (("/below/",), "Location"),
    "session": (("-c", "{folder}/../jar", "/visits", "/visits"), "visit 2"),
    "deferred": (("/deferred/x",), "/deferred/x"),
    "template": (("/template",), "a &lt; b &amp; <b>é</b>"),
    "wsgi": (("-d", "a=1", "/wsgi/x?y=z"), "QUERY_STRING=y=z"),
    "cgi": (("-d", "a=1", "/cgi?y=z"), "a=1 of y=z"),
    "proxied": (("/proxy/large",), "Content-Length: 300000"),
    "fails": (("/fails",), "500"),
    "not found": (("/nothing",), "404"),
    "forbidden": (("/forbidden",), "403"),
    "no password": (("/basic",), "401"),
    "wrong password": (("-u", "jane:wrong", "/basic"), "401"),
    "right password": (("-u", "jane:secret", "/basic"), "b'jane' b'secret'"),
    "digest": (("--digest", "-u", "jane:secret", "/digest"), "Digest username="),
}
# Where HTTP/1.0 has nothing like it: connections that are kept, the word to go on with a body.
WITH_1_1: dict[str, Case] = {
    "kept": (("/", "/show", "/files/a.txt", "-w", "[%{num_connects}]"), "[0]"),
    "closed": (("/", "/show", "-H", "Connection: close", "-w", "[%{num_connects}]"), "[1]"),
    "expects": (("-d", "a=1", *CONTINUE, "/show"), "100 Continue"),
    "large body, expects": (("-T", "{folder}/upload", *CONTINUE, "/show"), "3000000"),
}

# Dates, and what is drawn at random or is the time.
VOLATILE = [
    (rb"(?m)^(Date|Last-Modified|Expires): [^\r]*", rb"\1: DATE"),
    (rb"boundary=\"?[-0-9a-zA-Z]+\"?", b"boundary=B"),
    (rb"(?m)^--[-0-9a-zA-Z]{12,}", b"--B"),
    (rb"TWISTED_SESSION=\w+", b"TWISTED_SESSION=S"),
    (rb"(nonce|opaque|cnonce|response)=\"[^\"]*\"", rb"\1=R"),
]


def tool(name: str) -> str:
    """The path of a program; without it the test has nothing to ask with."""
    if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"{name} is missing: .ci/prepare.sh test installs it")
    return client(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files to show and to send."""
    made = tmp_path / "files"
    (made / "below").mkdir(parents=True)
    (made / "a.txt").write_bytes(b"0123456789")
    (made / "page.html.gz").write_bytes(b"\x1f\x8b not really")
    (made / "large").write_bytes(bytes(range(250)) * 1200)
    (made / "upload").write_bytes(bytes(range(250)) * 12000)
    (made / "empty").write_bytes(b"")
    (made / "below" / "é <.txt").write_bytes(b"quoted")
    script = made / "script"
    # All of it in one write, so that it comes at once.
    script.write_text(
        '#!/bin/sh\nprintf \'Content-Type: text/plain\\n\\n%s of %s\\n\' "$(cat)" "$QUERY_STRING"\n'
    )
    script.chmod(0o755)
    return made


class Site:
    """The program on one side, how to reach it, and what it wrote into its log."""

    def __init__(self, start: Starter, side: str, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / f"{side}.log"
        self.program: Program = start(side, PROGRAMS / "web_of_all_kinds.py", folder, self.log)
        self.port, self.telling = self.program.find(r"ports: (\d+ \d+)").split()

    def command(self, arguments: Sequence[str], way: Sequence[str] = ()) -> list[str]:
        """curl with these arguments, over another way than straight to the site."""
        shown = [HOST + each if each.startswith("/") else each for each in arguments]
        shown = [each.replace("{folder}", str(self.folder)) for each in shown]
        outputs = ["-o", "-"] * sum(each.startswith(HOST) for each in shown)
        straight = ("--connect-to", f"::127.0.0.1:{self.port}")
        if "--compressed" not in shown:
            straight = ("--raw", *straight)  # with the chunks as they came
        limits = ("--max-time", "100")
        return [client("curl"), "-q", "-sS", "-i", *limits, *outputs, *(way or straight), *shown]

    def ask(self, arguments: Sequence[str], way: Sequence[str] = ()) -> bytes:
        """What curl shows of the answers, without what differs from run to run."""
        done = subprocess.run(
            self.command(arguments, way), capture_output=True, timeout=TIMEOUT, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), (arguments, done)
        return plain(done.stdout).replace(f":{self.port}".encode(), b":PORT")

    def leave(self, way: Sequence[str] = ()) -> None:
        """A client goes while an answer that has no end comes."""
        process = subprocess.Popen(self.command(("-N", "/endless"), way), stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            assert process.stdout.read(300).startswith(b"HTTP/1.1 200 OK")
            process.kill()
        self.program.find("the client has gone from (/endless)")

    def end(self) -> list[str]:
        """Stop the site; the lines of its access log, without dates."""
        self.program.check_side()
        assert self.program.stop() == 0
        text = plain(self.log.read_bytes()).decode()
        text = re.sub(r'" 206 \d+ "', '" 206 N "', text)  # as in plain()
        return re.sub(r"\[[^]]*\]", "[DATE]", text).splitlines()


def plain(answer: bytes) -> bytes:
    """An answer without what differs from run to run."""
    if b"multipart/byteranges" in answer:
        # The boundary has the time and the process in it, and with them a length.
        answer = re.sub(rb"Content-Length: \d+", b"Content-Length: N", answer)
    for pattern, instead in VOLATILE:
        answer = re.sub(pattern, instead, answer)
    return answer


@pytest.fixture
def sites(start: Starter, folder: Path) -> tuple[Site, Site]:
    """Both sides, stock first."""
    return Site(start, "stock", folder), Site(start, "pyreactor", folder)


def ask_both(
    sites: tuple[Site, Site], cases: Mapping[str, Case], ways: Sequence[Sequence[str]]
) -> None:
    """Ask both sides for all of it, over these ways, and have answers and logs compared."""
    for name, (arguments, point) in cases.items():
        stock, ours = map(Site.ask, sites, (arguments, arguments), ways)
        assert ours == stock, name
        assert point.encode() in ours, (name, ours)
    stock_log, our_log = (site.end() for site in sites)
    assert our_log == stock_log
    assert len(our_log) >= len(cases)


def test_curl(sites: tuple[Site, Site]) -> None:
    """Straight to the site."""
    ask_both(sites, {**CASES, **WITH_1_1}, ((), ()))


def test_curl_with_http_1_0(sites: tuple[Site, Site]) -> None:
    """A version that knows no chunks, and connections that end with the answer."""
    old = {name: (("-0", *arguments), point) for name, (arguments, point) in CASES.items()}
    ask_both(sites, old, ((), ()))


def test_curl_goes_away(sites: tuple[Site, Site]) -> None:
    """The site learns that a client has gone, and stops writing to it."""
    for site in sites:
        site.leave()
        site.end()


def frames_taken_out(page: bytes) -> bytes:
    """A page with a traceback, without the frames, and without the length that they have."""
    page = re.sub(rb"Content-Length: \d+", b"Content-Length: N", page)
    return re.sub(rb'(?s)<div class="frame">.*<div class="error">', b"", page)


def test_tracebacks(sites: tuple[Site, Site]) -> None:
    """Pages of errors, of a site that shows where they come from."""
    for arguments in (("/fails",), ("/fails?written=1",), ("-I", "/fails")):
        pages = []
        for site in sites:
            pages.append(site.ask((*arguments,), ("--connect-to", f"::127.0.0.1:{site.telling}")))
        assert frames_taken_out(pages[1]) == frames_taken_out(pages[0])
        assert all(b"500" in page or b"begun" in page for page in pages)
        if "-I" not in arguments:
            assert all(b"it &lt;went&gt; wrong" in page for page in pages), pages
            assert all(b"render_GET" in page for page in pages)


# One server for each side and way: what nginx does of itself, and with kept connections, over which
# bodies are passed on as they come.
NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    {servers}
}}
"""
SERVER = """
    upstream {side}-kept {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen unix:{folder}/{side}.plain;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location / {{ proxy_pass http://127.0.0.1:{port}; }}
    }}
    server {{
        listen unix:{folder}/{side}.kept;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection "";
        proxy_request_buffering off;
        proxy_buffering off;
        location / {{ proxy_pass http://{side}-kept; }}
    }}
"""


@pytest.fixture
def nginx(start: Starter, sites: tuple[Site, Site]) -> Iterator[Path]:
    """nginx before both sites; the folder of its sockets, whose names must be short."""
    program = tool("nginx")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        servers = "".join(
            SERVER.format(side=site.program.side, port=site.port, folder=folder) for site in sites
        )
        user = "user root;" if os.geteuid() == 0 else ""
        settings = folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, servers=servers, user=user))
        errors = folder / "nginx-errors.log"
        running = start.command("", [program, "-c", str(settings), "-e", str(errors)])
        wait_for((folder / "nginx.pid").exists, "nginx")
        yield folder
        assert running.process.poll() is None, running.text()
        running.stop()
        assert not errors.exists() or errors.read_text() == "", errors.read_text()


@pytest.mark.parametrize("way", ["plain", "kept"])
def test_nginx(sites: tuple[Site, Site], nginx: Path, way: str) -> None:
    """nginx between."""
    ways = [("--unix-socket", str(nginx / f"{site.program.side}.{way}")) for site in sites]
    for site, through in zip(sites, ways, strict=True):
        site.leave(through)
    ask_both(sites, {**CASES, **WITH_1_1}, ways)


# Sends some paths in turn, two at once down each connection, and tells each answer that was unlike
# those before, without its date.
WRK = """
local paths, requests, seen, count = {"/", "/show?a=1", "/files/a.txt", "/nothing"}, {}, {}, 0
function init(args)
    for n, path in ipairs(paths) do requests[n] = wrk.format("GET", path) end
end
local turn = 0
function request()
    turn = turn % 4 + 1
    return requests[turn] .. requests[turn % 4 + 1]
end
function response(status, headers, body)
    local names = {}
    for name, value in pairs(headers) do
        if name ~= "Date" then names[#names + 1] = name .. ": " .. value end
    end
    table.sort(names)
    local answer = status .. "|" .. table.concat(names, "|") .. "|" .. body
    if count < 2000 and not seen[answer] then
        seen[answer] = true
        io.write(string.format("%q", answer) .. "\\0")
    end
    count = count + 1
    if count == 2000 then
        io.write("whole\\n")
        io.flush()
    end
end
function done(summary)
    local errors = summary.errors
    print("ended", errors.connect, errors.read, errors.write, errors.timeout)
end
"""


def test_wrk(start: Starter, sites: tuple[Site, Site], tmp_path: Path) -> None:
    """Many connections at once, two requests at a time down each, until 2000 are answered."""
    lua = tmp_path / "wrk.lua"
    lua.write_text(WRK)
    command = [tool("wrk"), "-t1", "-c16", "-d100", "--timeout", "100", "-s", str(lua)]
    shown = []
    for site in sites:
        wrk = start.command("", [*command, f"http://127.0.0.1:{site.port}/"])
        # On a busy machine the first of them come before what wrk says when it begins.
        answers = wrk.find(r"(?s)\A(.*)whole\n")
        wrk.stop(signal.SIGINT)
        assert "ended\t0\t0\t0\t0" in wrk.text()
        answers = answers.replace(f":{site.port}", ":PORT")
        shown.append(sorted(re.findall(r'"\d{3}\|[^\0]*"\0', answers)))
        site.end()
    assert shown[1] == shown[0]
    assert len(shown[0]) == 4
