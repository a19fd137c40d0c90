"""Translate errors of curl into words and into whether a retry may help."""

import pycurl

from commonwheel.model import SafeUrl
from commonwheel.net.responses import status_hint, status_text
from commonwheel.net.transfers import Failure
from commonwheel.net.urls import origin

TYPE_CHECKING = False


def failure(number: int, text: str, url: str) -> Failure:
    """Return the failure that a curl error means: its text, and whether another attempt may help."""
    text = text.rstrip(".") or pycurl.easy_strerror(number)
    host = origin(url)[1]
    if number == pycurl.E_OPERATION_TIMEDOUT:
        return Failure("slow" if "too slow" in text.lower() else "fleeting", text)
    if number in (pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY):
        return Failure("lookup", text, f"check the name `{host}` and this machine's network, or use `--offline`")
    tunnel = text.partition("CONNECT tunnel failed, response ")[2]
    if tunnel.startswith("4"):  # the proxy has made up its mind
        text = f"the proxy answered {status_text(int(tunnel))}"
        return Failure("final", text, status_hint(int(tunnel), SafeUrl(url)))
    if number == pycurl.E_PEER_FAILED_VERIFICATION:
        return Failure(
            "final",
            text,
            "if your organisation's proxy or index has a certificate of its own, name its authority with `--cert` or "
            f"SSL_CERT_FILE; `--allow-insecure-host {host}` goes without any check",
        )
    if "wrong version number" in text:
        return Failure("final", text, f"`{host}` seems not to speak TLS on this port; check the scheme of the URL")
    if " alert " in text:
        return Failure(
            "final", text, "if the server wants to know who you are, name your certificate in SSL_CLIENT_CERT"
        )
    return Failure("fleeting" if number in _FLEETING else "final", text)


# Worth another attempt (curl's numbers are its ABI; pycurl names only some): no connection, a strange reply, HTTP/2
# framing, a truncated body, a broken handshake, nothing at all, send, receive, one HTTP/2 stream, the proxy's handshake.
_FLEETING = frozenset({7, 8, 16, 18, 35, 52, 55, 56, 92, 97})
