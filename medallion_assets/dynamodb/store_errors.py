"""What goes wrong between this process and a disk or bucket, as errors of ours that say what to do.

Belongs here: which of a store's errors pass by themselves, which are about one object, and which about the whole place.
Does not: reading or listing (dynamodb.storage, dynamodb.listing); the verdict on an export (dynamodb.verdicts).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as botocore
from obstore.exceptions import BaseError, InvalidPathError, PermissionDeniedError, UnauthenticatedError

from medallion_assets.errors import MedallionError, PermanentError, TransientError

ARCHIVED = "InvalidObjectState"
CLOCK = "RequestTimeTooSkewed"
GONE = frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed"})
LATER = frozenset(
    {
        "SlowDown",
        "InternalError",
        "ServiceUnavailable",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "KMS.ThrottlingException",
        "KMS.KMSInternalException",
        "KMS.DependencyTimeoutException",
        "KMS.KeyUnavailableException",
        "408",
        "429",
    }
)
"""S3's codes that pass by themselves; so does whatever is answered with a status of 500 and more."""
OF_AN_OBJECT = frozenset({ARCHIVED, "AccessDenied", "403", "Forbidden"})
"""Codes that say something of the object that was asked for, where an object was asked for; so do all of KMS."""
NOT_SETTLED_BY_TIME = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.ParamValidationError,
    botocore.ProfileNotFound,
    botocore.InvalidRegionError,
)
REFUSING_DISK = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EROFS})
_SSE_C = "Server Side Encryption"
_CODE = re.compile(r"<Code>([^<]+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_MESSAGE = re.compile(r"<Message>([^<]+)</Message>")


class UnreadableObjectError(PermanentError):
    """One object is there and cannot be read, which says nothing of the others.

    `code` is S3's, or `PermissionError` of a disk; `is_archived`: the bytes lie in an archive such as Glacier.
    """

    def __init__(self, key: str, code: str, found: str, do: str) -> None:
        super().__init__(
            f"{key} cannot be read", expected="an object whose bytes this account may read now", found=found, do=do
        )
        self.key = key
        self.code = code

    @property
    def is_archived(self) -> bool:
        """Whether S3 says that the object has to be restored first."""
        return self.code == ARCHIVED


@contextmanager
def store_errors(what: str, *, is_object: bool = False) -> Iterator[None]:
    """Turn what a store raises into errors of ours. `is_object`: the bytes of the object `what` are asked for.

    Raises:
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError: the whole place is refused, or not there.
        TransientError: the store did not answer.
    """
    try:
        yield
    except (OSError, BaseError, botocore.ClientError, botocore.BotoCoreError) as error:
        raise our_error(error, what or "the exports", is_object=is_object) from error


def our_error(error: Exception, what: str, *, is_object: bool = False) -> MedallionError:
    """The error of ours that stands for one of a disk's, of obstore's or of boto3's."""
    code, found = code_of(error), words(error)
    if is_object and _is_about_the_object(error, code):
        return UnreadableObjectError(what, code, found, _remedy(code, str(error)))
    if code in LATER or (code.isdigit() and int(code) >= 500):
        return _not_answered(what, found)
    if code == CLOCK:
        do = "set the clock of this machine: S3 takes no request that is 15 minutes early or late"
        return PermanentError(f"S3 refuses to look for {what}", found=found, do=do)
    if code in GONE or isinstance(error, FileNotFoundError):
        do = "check the bucket's name and region"
        return PermanentError(f"there is no place to look for {what}", found=found, do=do)
    if isinstance(error, InvalidPathError):
        return PermanentError(f"the name of {what} cannot be used", found=found, do="give it another name")
    if _is_refused(error, code):
        do = "check the AWS credentials and that they may list and read this bucket"
        return PermanentError(f"no access to {what}", found=found, do=do)
    return _not_answered(what, found)


def code_of(error: Exception) -> str:
    """S3's code of an error, else the status of its answer, else the type of what was raised."""
    if isinstance(error, botocore.ClientError):
        code = str(error.response.get("Error", {}).get("Code") or "")
        return code or str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    text = str(error)
    if isinstance(error, BaseError | FileNotFoundError) and (match := _CODE.search(text) or _STATUS.search(text)):
        return match[1]
    if isinstance(error, PermissionDeniedError):
        return "403"
    return type(error).__name__


def words(error: Exception) -> str:
    """An error in one line: S3's own message where there is one."""
    text = str(error)
    if code := _CODE.search(text):
        message = _MESSAGE.search(text)
        return f"{code[1]}: {message[1]}" if message else code[1]
    return (text.splitlines() or [type(error).__name__])[0]


def _is_refused(error: Exception, code: str) -> bool:
    """Whether repeating it cannot help: an answer of 400 to 499, a setting, or a disk that says no."""
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, *NOT_SETTLED_BY_TIME)):
        return True
    if isinstance(error, botocore.ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) < 500
    if isinstance(error, OSError):
        return error.errno in REFUSING_DISK
    status = _STATUS.search(str(error))
    return status is not None and int(status[1]) < 500 and code not in LATER


def _is_about_the_object(error: Exception, code: str) -> bool:
    if isinstance(error, OSError) and error.errno in {*REFUSING_DISK, errno.EIO}:
        return True
    of_its_key = (code.startswith("KMS.") and code not in LATER) or _SSE_C in str(error)
    return code in OF_AN_OBJECT or of_its_key


def _remedy(code: str, text: str) -> str:
    if code == ARCHIVED:
        return (
            "restore the export's objects from the archive (aws s3api restore-object), or copy them to another "
            "storage class; it is looked at again by itself"
        )
    if code.startswith("KMS.") or "kms:" in text:
        return "let this account use the KMS key of the object (kms:Decrypt), and see that the key is enabled"
    if _SSE_C in text:
        return "copy the object without a key of its writer (SSE-C): S3 gives its bytes to nobody else"
    if code in ("PermissionError", "OSError"):
        return "let this account read the file, and see that the disk is sound; it is looked at again by itself"
    return (
        "allow this account s3:GetObject on the object (bucket policy, object owner, access point), and kms:Decrypt if "
        "it is encrypted; it is looked at again by itself"
    )


def _not_answered(what: str, found: str) -> TransientError:
    do = "it is tried again; if it stays, check the network and the endpoint URL"
    return TransientError(f"the store did not answer for {what}", found=found, do=do)
