"""Reasons of failed requests in plain words, from the errors of obstore."""

from __future__ import annotations

import re
from typing import NamedTuple, final

ADVICE = "Check the address, the connection and the access"

_SETTINGS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL; or "
    "AWS_SKIP_SIGNATURE=true for public data",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS; or GOOGLE_SKIP_SIGNATURE=true for public data",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; or "
    "AZURE_SKIP_SIGNATURE=true for public data",
}
_STATUS = re.compile(r"status code: (\d{3}(?: [A-Z][A-Za-z ]+)?)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_EXPIRED = {"ExpiredToken", "TokenRefreshRequired", "RequestExpired"}
_INVALID = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "RequestTimeTooSkewed"}
_OTHER_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect"}
# Answers that say nothing about the file.
_OUTAGES = ("401", "407", "408", "429", "5")


@final
class Failure(NamedTuple):
    """A failed request.

    Attributes:
        reason: The reason, without the URL and the answer, which may hold credentials.
        is_outage: Whether the server failed or refused all requests, so that nothing is known about
            the file.
        is_cut: Whether the answer broke off, after which obstore does not ask again.
    """

    reason: str
    is_outage: bool
    is_cut: bool = False


def describe_failure(err: BaseException, scheme: str, action: str) -> Failure:
    """Describes an error of obstore.

    Args:
        err: The error.
        scheme: The scheme of the address.
        action: "read", "list" or "open".
    """
    text = str(err)
    settings = _SETTINGS.get(scheme)
    hint = f" (obstore reads {settings})" if settings else ""
    status = _STATUS.search(text)
    if status is not None:
        return _describe_answer(status[1].strip(), _CODE.search(text), hint, scheme, action)
    if isinstance(err, FileNotFoundError):
        return Failure("there is no such file", is_outage=False)
    first = text.partition("\n")[0]
    if action == "list" and "PROPFIND" in first:
        return Failure(_no_listing("something else than a listing"), is_outage=False)
    if "not supported" in first and "ange" in first:
        reason = "the server does not send parts of a file; unpack the archive, or copy it to disk"
        return Failure(reason, is_outage=False)
    if "Content-Length" in first:
        reason = "the server does not send the length of the file, which obstore needs"
        return Failure(reason, is_outage=False)
    if "Invalid last modified" in first or "non-ASCII data" in first:
        reason = "the server sends a header that obstore cannot read"
        return Failure(reason, is_outage=False)
    if "parsing" in first or "empty path segment" in first or "invalid path" in first:
        found = re.search(r'(?:Path|path) "([^"]*)"', text)
        name = f" {found[1]!r}" if found else ""
        reason = (
            "obstore does not read names with empty parts, '.', '..' or control characters; rename "
            f"the object{name}"
        )
        return Failure(reason, is_outage=False)
    is_late = "imed out" in text or "TimedOut" in text or "kind: Timeout" in text
    if is_late:
        return Failure("the server did not answer in time", is_outage=True)
    if "response body error" in first:
        return Failure("the connection was lost during the answer", is_outage=True, is_cut=True)
    if "Connection refused" in text or "ConnectionRefused" in text:
        return Failure("the connection was refused", is_outage=True)
    if "dns error" in text:
        return Failure("the name of the server is not known", is_outage=True)
    if "redirect without LOCATION" in text:
        return Failure("the bucket is in another region; set AWS_REGION", is_outage=True)
    if "credential" in text.lower() or "metadata" in text.lower():
        return Failure(f"there are no credentials{hint}", is_outage=True)
    if "must be specified" in first:
        return Failure(f"a setting is missing{hint}", is_outage=True)
    if "error sending request" in text:
        return Failure("the server cannot be reached", is_outage=True)
    return Failure(f"obstore raised {type(err).__name__}{hint}", is_outage=True)


def _describe_answer(
    status: str, found: re.Match[str] | None, hint: str, scheme: str, action: str
) -> Failure:
    code = found[1] if found else ""
    answer = f"the server answered {status}" + (f", {code}" if code else "")
    if code in _OTHER_REGION:
        return Failure(f"the bucket is in another region; set AWS_REGION: {answer}", True)
    if code in _EXPIRED:
        return Failure(f"the credentials have expired; renew them: {answer}", is_outage=True)
    if code in _INVALID:
        return Failure(f"the credentials are not accepted: {answer}{hint}", is_outage=True)
    if status.startswith(("401", "403")):
        return Failure(f"access is denied: {answer}{hint}", status.startswith("401"))
    if code == "NoSuchBucket":
        return Failure(f"there is no such bucket: {answer}", is_outage=True)
    if status.startswith("404"):
        return Failure(f"there is no such file: {answer}", is_outage=False)
    if action == "list" and scheme in ("http", "https"):
        return Failure(_no_listing(status), is_outage=False)
    return Failure(answer, status.startswith(_OUTAGES))


def _no_listing(answer: str) -> str:
    return (
        f"the server does not list files (it answered {answer}); pass a table of them, with this "
        "address as root="
    )
