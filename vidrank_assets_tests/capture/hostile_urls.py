"""URLs that must not lead anywhere, by family. Each is written around a listed origin, http://127.0.0.1:PORT."""

_LOOPBACK = (
    "localhost", "LOCALHOST", "localhost.localdomain", "ip6-localhost", "127.1", "127.0.1", "127.0.0.2", "127.0.0.1.",
    "127.000.000.001", "2130706433", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "0X7F000001", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::1%25lo]",
    "0", "0.0.0.0", "[::]", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00", "127.0.0.1%20", "①②⑦.⓪.⓪.①",
    "127。0。0。1", "１２７.0.0.1", "loc\u0430lhost", "127.0.0.1.nip.io", "127-0-0-1.sslip.io", "localtest.me",
)  # fmt: skip
_PRIVATE = (
    "10.0.0.1", "10.1", "167772161", "0x0a000001", "012.0.0.1", "172.16.0.1", "2886729729", "192.168.0.1",
    "3232235521", "0xc0a80001", "0300.0250.0.1", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "[fe80::1]", "[fc00::1]",
    "[64:ff9b::a9fe:a9fe]",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "metadata.google.internal", "metadata",
)  # fmt: skip
_OTHER_HOSTS = (
    "example.com", "i.ytimg.com", "I.YTIMG.COM.", "i.ytimg.com.evil.example", "evil-i.ytimg.com", "iytimg.com",
    "127.0.0.1.evil.example", "xn--80ak6aa92e.com", "ⓔⓧⓐⓜⓟⓛⓔ.com", "ex\u00e4mple.com", "example\u3002com", "a" * 300,
)  # fmt: skip
#: With PORT for the port of the listed origin.
_WRITTEN_ODDLY = (
    # another scheme, or none
    "", " ", "file:///etc/passwd", "file://localhost/etc/passwd", "file://127.0.0.1:PORT/etc/passwd",
    "FILE:/etc/passwd",
    "data:image/png;base64,iVBORw0KGgo=", "data://127.0.0.1:PORT/", "javascript:alert(1)", "ftp://127.0.0.1:PORT/a.jpg",
    "gopher://127.0.0.1:PORT/_GET", "dict://127.0.0.1:PORT/", "ldap://127.0.0.1:PORT/", "ws://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "jar:http://127.0.0.1:PORT!/a",
    "https://127.0.0.1:PORT/", "127.0.0.1:PORT/a.jpg", "//127.0.0.1:PORT/a.jpg", "///127.0.0.1:PORT/", "/etc/passwd",
    "http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/", "http:///127.0.0.1:PORT/", "http:\\\\127.0.0.1:PORT\\",
    "view-source:http://127.0.0.1:PORT/", "url:http://127.0.0.1:PORT/", "hhttp://127.0.0.1:PORT/",
    # somebody before the host, or a host after it
    "http://user@127.0.0.1:PORT/", "http://user:secret@127.0.0.1:PORT/", "http://@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@evil.example/", "http://127.0.0.1:PORT%40evil.example/", "http://evil.example@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@evil.example/", "http://evil.example\\@127.0.0.1:PORT/", "http://127.0.0.1:PORT\\.evil.example/",
    "http://evil.example#@127.0.0.1:PORT/", "http://evil.example?@127.0.0.1:PORT/", "http://127.0.0.1:PORT?@evil.example/",
    "http://127.0.0.1:PORT#@evil.example/", "http://127.0.0.1:PORT/#@evil.example/", "http://127.0.0.1:PORT.evil.example/",
    "http://127.0.0.1:PORT,evil.example/", "http://127.0.0.1:PORT;evil.example/", "http://127.0.0.1:PORT|evil.example/",
    # another port
    "http://127.0.0.1/", "http://127.0.0.1:/", "http://127.0.0.1:0/", "http://127.0.0.1:22/", "http://127.0.0.1:80/",
    "http://127.0.0.1:6379/", "http://127.0.0.1:65536/", "http://127.0.0.1:PORT0/", "http://127.0.0.1:+PORT/",
    "http://127.0.0.1:-PORT/", "http://127.0.0.1: PORT/", "http://127.0.0.1:PORT:80/", "http://127.0.0.1:PORT.0/",
    "http://127.0.0.1:99999999999/", "http://127.0.0.1:0xPORT/", "http://127.0.0.1:８０/",
    # characters that no URL of a picture has
    " http://127.0.0.1:PORT/", "http://127.0.0.1:PORT/ ", "http://127.0.0.1:PORT/\n", "\nhttp://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/a b", "http://127.0.0.1:PORT/\t", "http://127.0.0.1\t:PORT/", "http://127.0.0.1:PORT/\x00",
    "http://127.0.0.1:PORT/\r\nHost: evil.example\r\n\r\nGET /", "http://127.0.0.1:PORT/a\\b", "ht\ntp://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/ä", "http://127.0.0.1:PORT/\u202e", "http://127.0.0.1:PORT/\x7f", "http://127.0.0.1:PORT／a",
    "http：//127.0.0.1:PORT/", "http://127.0.0.1\u200b:PORT/", "http://127.0.0.1:PORT/" + "a" * 5000,
    "http://[127.0.0.1]:PORT/", "http://[127.0.0.1:PORT/", "http://127.0.0.1]:PORT/", "http://[::1:PORT/",
)  # fmt: skip


def hostile_urls(port: int) -> list[str]:
    """All of them, for a listed origin on that port."""
    hosts = (*_LOOPBACK, *_PRIVATE, *_OTHER_HOSTS)
    plain = [f"http://{host}/vi/x/mqdefault.jpg" for host in hosts]
    on_the_port = [f"http://{host}:{port}/vi/x/mqdefault.jpg" for host in hosts]
    return [*plain, *on_the_port, *(url.replace("PORT", str(port)) for url in _WRITTEN_ODDLY)]
