"""Over HTTP, to a server on this machine that answers as it is told to."""

import datetime
import ipaddress
import ssl
import sys
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import count
from random import Random
from threading import Barrier, BrokenBarrierError, Event, Lock, Thread
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from PIL import Image

from vidrank_assets.capture import image_host
from vidrank_assets.capture.image_host import PASSING, Answer, Wanted, fetched
from vidrank_assets.capture.picture_rules import MAX_BYTES, Picture
from vidrank_assets.errors import InvalidInput
from vidrank_assets_tests.capture.hostile_urls import hostile_urls


def drawn(form="JPEG"):
    file = BytesIO()
    Image.radial_gradient("L").resize((64, 36)).convert("RGB").save(file, form)
    return file.getvalue()


PICTURE = drawn()
#: What this process asked its sockets for, while a test listens: an audit hook is told of all of it, from C as well.
_heard = None
_SOCKETS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


def _hear(event, args):
    if _heard is not None and event in _SOCKETS:
        _heard.append((event, args[1] if event == "socket.connect" else args[:2]))


sys.addaudithook(_hear)


@pytest.fixture
def sockets(monkeypatch):
    """Every connection and every name that is looked up: (event, where)."""
    heard = []
    monkeypatch.setattr(sys.modules[__name__], "_heard", heard)
    return heard


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """How long was waited between attempts; nobody really waits."""
    waited = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    return waited


class Host:
    """An image host: `answers[path]` takes the handler of a request; any other path has the picture."""

    def __init__(self):
        self.answers, self.asked, self.lock = {}, [], Lock()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with host.lock:
                    host.asked.append((self.path, dict(self.headers)))
                host.answers.get(self.path.partition("?")[0], lambda request: request.answer())(self)

            def answer(self, status=200, content=PICTURE, **headers):
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # whoever asked has gone, as these tests want it

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def with_tls(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.origin = f"https://127.0.0.1:{self.port}"

    def wanted(self, *paths, etag=None):
        return [Wanted(path, f"{self.origin}/{path}", etag) for path in paths]

    def fetched(self, *paths, etag=None, **options):
        """The answers to some paths; one at a time unless the test wants it otherwise."""
        return list(fetched(self.wanted(*paths, etag=etag), origins=[self.origin], **({"connections": 1} | options)))

    def paths(self):
        return [path for path, _ in self.asked]


@pytest.fixture
def host():
    running = Host()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def certificate(tmp_path):
    """A file with a key and a certificate for 127.0.0.1 that nobody but itself vouches for."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, today = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(today - datetime.timedelta(1)).not_valid_after(today + datetime.timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "stand_in.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return file


def always(*args, **headers):
    return lambda request: request.answer(*args, **headers)


def in_turn(*answers):
    turn = count()

    def answer(request):
        answers[min(next(turn), len(answers) - 1)](request)

    return answer


def reasons(answers):
    return [answer.reason for answer in answers]


# ── what an answer says ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_comes_with_its_hash_its_size_and_the_hosts_mark(host, form):
    image = drawn(form)
    host.answers["/a"] = always(200, image, ETag='"1700000000"', Content_Type="text/html")
    (answer,) = host.fetched("a")
    picture = Picture(image, sha256(image).hexdigest(), 64, 36)
    assert answer == Answer(host.wanted("a")[0], picture, '"1700000000"', False, None)


def test_a_picture_that_is_known_is_asked_for_only_if_it_changed(host):
    host.answers["/same"] = always(304, b"", ETag='"1"')
    host.answers["/other"] = always(ETag='"2"')
    same, other = host.fetched("same", "other", etag='"1"')
    assert [headers["If-None-Match"] for _, headers in host.asked] == ['"1"', '"1"']
    assert same == Answer(same.wanted, None, '"1"', True, None)
    assert (other.picture.image, other.etag, other.unchanged) == (PICTURE, '"2"', False)


@pytest.mark.parametrize("etag", ["unquoted", '"a"b"', '"\xe4"', '"' + "a" * 300 + '"', "", '"a', '"a\tb"'])
def test_a_mark_that_is_written_unlike_marks_is_not_kept(host, etag):
    host.answers["/a"] = always(ETag=etag)
    (answer,) = host.fetched("a")
    assert (answer.picture is not None, answer.etag) == (True, None)


@pytest.mark.parametrize("etag", ["unquoted", '"a"\r\nX-Evil: 1', '"a\r\nX-Evil: 1"', '"\xe4"', '"ⓔ"', ""])
def test_a_mark_that_is_written_unlike_marks_is_not_sent(host, etag):
    assert reasons(host.fetched("a", etag=etag)) == [None]
    assert not {"If-None-Match", "X-Evil"} & set(host.asked[0][1])


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "not_found"), (410, "not_found"), (401, "refused"), (403, "refused"), (451, "refused"), (418, "refused"),
     (204, "unexpected"), (206, "unexpected"), (299, "unexpected"), (304, "unexpected"), (300, "redirected")],
)  # fmt: skip
def test_a_status_without_a_picture_is_its_reason_and_is_not_asked_for_again(host, status, reason):
    host.answers["/a"] = always(status, b"" if status in (204, 304) else PICTURE)
    assert reasons(host.fetched("a", "b")) == [reason, None]
    assert host.paths() == ["/a", "/b"]


def test_a_picture_that_is_none_has_its_reason(host):
    host.answers["/page"] = always(200, b"<html>no such picture</html>", Content_Type="image/jpeg")
    host.answers["/cut"] = always(200, PICTURE[: len(PICTURE) // 2])
    host.answers["/packed"] = always(200, PICTURE[::-1], Content_Encoding="gzip")
    host.answers["/empty"] = always(200, b"")
    found = reasons(host.fetched("page", "cut", "packed", "empty"))
    assert found == ["not_a_picture", "truncated", "not_a_picture", "not_a_picture"]


def test_damaged_pictures_are_pictures_or_have_a_reason_and_nothing_crashes(host):
    chance, whole = Random(7), [drawn(form) for form in ("JPEG", "PNG", "WEBP")]
    for i in range(200):
        image = bytearray(whole[i % 3])
        for _ in range(chance.randint(1, 10)):
            image[chance.randrange(40 if i % 2 else len(image))] = chance.randrange(256)
        host.answers[f"/{i}"] = always(200, bytes(image[: chance.randint(0, len(image))] if i % 5 == 0 else image))
    answers = host.fetched(*map(str, range(200)), connections=4)
    assert len(answers) == 200
    assert all((answer.picture is None) == (answer.reason is not None) for answer in answers)
    assert set(reasons(answers)) <= {None, "not_a_picture", "truncated", "too_many_pixels"}
    assert {"not_a_picture", "truncated"} <= set(reasons(answers))


# ── where it goes ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hostile_url_leads_to_no_connection_and_to_no_name_being_looked_up(host, sockets):
    urls = hostile_urls(host.port)
    assert len(set(urls)) >= 200
    answers = list(fetched([Wanted("v", url, None) for url in urls], origins=[host.origin]))
    assert [answer.wanted.url for answer in answers if answer.reason != "not_allowed"] == []
    assert sockets == []
    assert host.asked == []


def test_a_redirect_is_not_followed_wherever_it_leads(host, sockets):
    urls = hostile_urls(host.port)
    for i, url in enumerate(urls):
        location = quote(url, safe=":/@#?[]%\\")
        host.answers[f"/{i}"] = always((301, 302, 303, 307, 308)[i % 5], b"moved", Location=location)
    answers = host.fetched(*map(str, range(len(urls))), connections=4)
    assert set(reasons(answers)) == {"redirected"}
    assert len(host.asked) == len(urls)
    assert {where for event, where in sockets if event == "socket.connect"} == {("127.0.0.1", host.port)}
    assert {where[0] for event, where in sockets if event != "socket.connect"} <= {"127.0.0.1"}


@pytest.mark.parametrize(
    "path", ["/evil.example/x", "/@evil.example/", "http://evil.example/", "../../etc/passwd", "%0d%0aX"]
)
def test_an_odd_path_is_asked_of_the_listed_host(host, sockets, path):
    assert reasons(host.fetched(path)) == [None]
    assert {where for event, where in sockets if event == "socket.connect"} == {("127.0.0.1", host.port)}
    assert "evil" not in host.asked[0][1]["Host"]


def test_a_proxy_of_the_environment_is_not_used(host, sockets, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert reasons(host.fetched("a")) == [None]
    assert {where for event, where in sockets if event == "socket.connect"} == {("127.0.0.1", host.port)}


def test_a_host_that_cannot_show_who_it_is_is_told_nothing(host, certificate, monkeypatch):
    host.with_tls(certificate)
    assert reasons(host.fetched("a")) == ["unreachable"]
    assert host.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert reasons(host.fetched("a")) == [None]
    assert host.paths() == ["/a"]


def test_an_allow_list_that_is_none_is_refused_at_once():
    with pytest.raises(InvalidInput):
        fetched([], origins=["http://i.ytimg.com"])


def test_without_an_allow_list_nothing_is_allowed(host):
    assert reasons(fetched(host.wanted("a"), origins=[])) == ["not_allowed"]


# ── how much is read ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_that_says_it_is_too_large_is_not_read(host):
    sent, ended = [], Event()

    def says_so(request):
        request.send_response(200)
        request.send_header("Content-Length", str(MAX_BYTES + 1))
        request.end_headers()
        sent.append(request.connection.recv(1))  # empty: the other side has hung up
        request.close_connection = True
        ended.set()

    host.answers["/a"] = says_so
    assert reasons(host.fetched("a")) == ["too_large"]
    assert ended.wait(10)
    assert sent == [b""]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_picture_that_does_not_say_how_large_it_is_is_read_up_to_the_limit(host, chunked):
    sent, ended = [0], Event()

    def endless(request):
        request.send_response(200)
        request.send_header("Transfer-Encoding" if chunked else "Connection", "chunked" if chunked else "close")
        request.end_headers()
        part = PICTURE + bytes(2**16 - len(PICTURE))
        try:
            while sent[0] < 20 * MAX_BYTES:
                request.wfile.write(b"10000\r\n" + part + b"\r\n" if chunked else part)
                sent[0] += len(part)
        finally:
            ended.set()

    host.answers["/a"] = endless
    assert reasons(host.fetched("a")) == ["too_large"]
    assert ended.wait(10)
    # What it sent beyond the limit lay in the buffers of the two sockets.
    assert MAX_BYTES < sent[0] < 3 * MAX_BYTES


def test_eight_megabytes_are_read(host):
    host.answers["/a"] = always(200, PICTURE + bytes(MAX_BYTES - len(PICTURE)))
    host.answers["/b"] = always(200, PICTURE + bytes(MAX_BYTES - len(PICTURE) + 1))
    assert reasons(host.fetched("a", "b")) == [None, "too_large"]


# ── a host that cannot answer ─────────────────────────────────────────────────────────────────────────────────────


def test_a_host_that_stumbles_is_asked_again(host, waits):
    host.answers["/a"] = in_turn(always(503, b""), always(429, b""), always())
    assert reasons(host.fetched("a")) == [None]
    assert host.paths() == ["/a"] * 3
    assert 0 <= waits[0] <= 1
    assert 0 <= waits[1] <= 2


def test_how_long_is_waited_is_drawn_anew_each_time(host, waits):
    host.answers = {f"/{i}": always(503, b"") for i in range(10)}
    host.fetched(*map(str, range(10)))
    assert len(waits) == len(set(waits)) == 20


@pytest.mark.parametrize(("status", "reason"), [(429, "host_busy"), (500, "unreachable"), (503, "unreachable")])
def test_it_is_asked_three_times_and_then_left_for_the_next_time(host, status, reason):
    host.answers["/a"] = always(status, b"")
    assert reasons(host.fetched("a", "b")) == [reason, None]
    assert host.paths() == ["/a"] * 3 + ["/b"]
    assert reason in PASSING


@pytest.mark.parametrize("status", [429, 503])
def test_it_is_left_alone_for_as_long_as_it_asks_for(host, waits, status):
    host.answers["/a"] = in_turn(always(status, b"", Retry_After="7"), always())
    assert reasons(host.fetched("a")) == [None]
    assert waits == [7]


@pytest.mark.parametrize("asked", ["31", "Fri, 31 Dec 2999 23:59:59 GMT", "9" * 400])
def test_a_host_that_asks_for_more_than_30_seconds_is_left_for_the_next_time(host, waits, asked):
    host.answers["/a"] = always(429, b"", Retry_After=asked)
    assert reasons(host.fetched("a", "b")) == ["host_busy", None]
    assert (host.paths(), waits) == (["/a", "/b"], [])


@pytest.mark.parametrize("asked", ["soon", "-5", "Mon, 05 Jan 2026 05:00:00 GMT", "Mon, 99 Jan 2026", "1e9", "nan"])
def test_a_wait_that_is_none_is_not_waited_for(host, waits, asked):
    host.answers["/a"] = in_turn(always(503, b"", Retry_After=asked), always())
    assert reasons(host.fetched("a")) == [None]
    assert waits[0] <= 1


def test_a_host_that_is_busy_for_five_pictures_in_a_row_is_asked_for_no_other(host):
    host.answers = {f"/{i}": always(429, b"") for i in range(4, 30)}
    found = reasons(host.fetched(*map(str, range(30))))
    assert found == [None] * 4 + ["host_busy"] * 26
    assert Counter(host.paths()) == {**{f"/{i}": 1 for i in range(4)}, **{f"/{i}": 3 for i in range(4, 9)}}


def test_pictures_that_it_answers_in_between_break_the_row(host):
    host.answers = {f"/{i}": always(429, b"") for i in range(30) if i % 5}
    host.fetched(*map(str, range(30)))
    assert len(set(host.paths())) == 30


def test_a_busy_host_does_not_keep_others_from_being_asked(host):
    other = Host()
    host.answers = {f"/{i}": always(429, b"") for i in range(10)}
    wanted = [*host.wanted(*map(str, range(10))), *other.wanted("x")]
    assert reasons(fetched(wanted, origins=[host.origin, other.origin], connections=1))[-1] is None
    other.server.shutdown()
    other.server.server_close()


def test_a_host_that_is_not_there_is_left_after_twenty_pictures(host, sockets):
    host.server.shutdown()
    host.server.server_close()
    assert reasons(host.fetched(*map(str, range(30)))) == ["unreachable"] * 30
    assert sum(event == "socket.connect" for event, _ in sockets) == 20 * 3


def test_a_host_that_breaks_off_or_talks_nonsense_is_unreachable(host):
    def broken(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + PICTURE[:50])
        request.close_connection = True

    def nonsense(request):
        request.wfile.write(b"\x00\x01 no such protocol \xff\r\n\r\n")
        request.close_connection = True

    def lengths(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg")
        request.close_connection = True

    def hung_up(request):
        request.close_connection = True

    host.answers = {"/a": broken, "/b": nonsense, "/c": lengths, "/d": hung_up}
    assert reasons(host.fetched("a", "b", "c", "d", "e")) == ["unreachable"] * 4 + [None]


def test_a_host_that_says_nothing_or_drips_is_unreachable(host, monkeypatch):
    over = Event()

    def silent(request):
        over.wait(10)

    def drips(request):
        request.send_response(200)
        request.send_header("Content-Length", "5000")
        request.end_headers()
        while not over.wait(0.02):
            request.wfile.write(b"\xff")

    monkeypatch.setattr(image_host, "_SLOWEST", 2)
    host.answers = {"/a": silent, "/b": drips}
    assert reasons(host.fetched("a", "b", "c", timeout_sec=0.1)) == ["unreachable", "unreachable", None]
    over.set()


def test_what_goes_wrong_unforeseen_is_one_pictures_answer(host, monkeypatch):
    read = image_host._read

    def fails(wanted, *args, **named):
        if wanted.video_id == "a":
            raise MemoryError
        return read(wanted, *args, **named)

    monkeypatch.setattr(image_host, "_read", fails)
    assert reasons(host.fetched("a", "b")) == ["unreachable", None]


# ── many at a time ────────────────────────────────────────────────────────────────────────────────────────────────


def test_answers_come_in_the_order_in_which_they_are_wanted(host):
    last = Event()

    def waits_for_the_last(request):
        last.wait(10)
        request.answer()

    def is_the_last(request):
        request.answer()
        last.set()

    host.answers = {"/0": waits_for_the_last, "/3": is_the_last}
    answers = host.fetched(*"0123", connections=2)
    assert [answer.wanted.video_id for answer in answers] == [*"0123"]
    assert host.paths()[-1] == "/3"
    assert last.is_set()


def test_a_host_has_as_many_connections_as_it_may_and_no_more(host, sockets):
    together, now, most, lock = Barrier(4), set(), [0], Lock()

    def together_with_others(request):
        with lock:
            now.add(request.path)
            most[0] = max(most[0], len(now))
        with suppress(BrokenBarrierError):
            together.wait(10 if len(host.asked) <= 4 else 0)
        with lock:
            now.discard(request.path)
        request.answer()

    host.answers = {f"/{i}": together_with_others for i in range(40)}
    assert set(reasons(host.fetched(*map(str, range(40)), connections=4))) == {None}
    assert most == [4]
    assert sum(event == "socket.connect" for event, _ in sockets) == 4


def test_one_connection_serves_pictures_and_what_is_unchanged(host, sockets):
    host.answers = {f"/{i}": always(304, b"") for i in range(0, 40, 2)}
    assert set(reasons(host.fetched(*map(str, range(40)), etag='"1"'))) == {None}
    assert [event for event, _ in sockets].count("socket.connect") == 1


def test_pictures_are_fetched_a_little_ahead_and_no_more_once_nobody_wants_them(host):
    answers = fetched(host.wanted(*map(str, range(200))), origins=[host.origin], connections=2)
    assert host.asked == []
    next(answers)
    answers.close()
    assert 1 <= len(host.asked) <= 2 * image_host._AHEAD + 1


def test_the_log_says_how_far_it_is_every_500_and_at_the_end(host):
    host.answers = {"/same": always(304, b""), "/gone": always(404, b"")}
    said, none = [], Wanted("v", "file:///etc/passwd", None)
    wanted = [*host.wanted("a"), *host.wanted("same", etag='"1"'), *host.wanted("gone"), *[none] * 998]
    assert len(list(fetched(wanted, origins=[host.origin], log=said.append))) == 1001
    assert said == [
        "500 of 1001 thumbnails: 1 new (0.0 MB), 1 unchanged, 498 without a picture",
        "1000 of 1001 thumbnails: 1 new (0.0 MB), 1 unchanged, 998 without a picture",
        "1001 of 1001 thumbnails: 1 new (0.0 MB), 1 unchanged, 999 without a picture",
    ]


def test_nothing_wanted_is_nothing_answered(host):
    assert host.fetched() == []
