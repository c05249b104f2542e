"""What goes wrong between this process and a disk or bucket, as errors of ours that say what to do.

Belongs here: which of a store's errors pass by themselves, which are about one object, and which about the whole place.
Does not: what a code of AWS means; reading or listing; the verdict on an export.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as botocore
from obstore.exceptions import BaseError, InvalidPathError, PermissionDeniedError, UnauthenticatedError

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.errors.aws import AWS_ERRORS, Advice, Repeat, advice
from medallion_assets.errors.long_texts import first_line
from medallion_assets.storage import aws_answers
from medallion_assets.storage.credentials import CORRECT_PROFILE, NO_KEYS

ARCHIVED = "InvalidObjectState"
GONE = frozenset({"NoSuchBucket", "InvalidBucketName", "NoSuchBucketException"})
OF_AN_OBJECT = frozenset({ARCHIVED, "AccessDenied", "403", "Forbidden"})
"""Codes that say something of the object that was asked for, where an object was asked for; so do all of KMS."""
ERRORS_OF_SETTINGS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.ParamValidationError,
    botocore.ProfileNotFound,
    botocore.InvalidRegionError,
)
AGAIN = "it is checked again automatically"
REFUSING_DISK = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EROFS})
_SSE_C = "Server Side Encryption"
_CODE = re.compile(r"<Code>([^<]+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_OS_ERROR = re.compile(r"\bos error (\d+)\b")
_OF_PROFILE = re.compile(r"External AWS credential provider: (\w+): .*?found: (.*?); what to do: ")
"""How obstore repeats what `ProfileCredentials` raises."""
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
        raise our_error(error, what or "this place", is_object=is_object) from error


def of_disk(error: BaseException) -> OSError | None:
    """What a disk said, as Python says it or in the words of Rust, which give its number alone; None of anything else.

    Raise it `from None`: it may be the error itself.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error
    number = _OS_ERROR.search(str(error))
    return OSError(int(number[1]), str(error)) if number else None


def our_error(error: Exception, what: str, *, is_object: bool = False) -> MedallionError:
    """The error of ours that stands for one of a disk's, of obstore's or of boto3's."""
    code, found, text = code_of(error), words(error), str(error)
    if said := _OF_PROFILE.search(text):
        kind = TransientError if said[1] == TransientError.__name__ else PermanentError
        return kind(NO_KEYS, found=f"{what}: {said[2]}", do=CORRECT_PROFILE)
    answer = advice(code, _status(error), text) if _is_answer(error) else None
    if is_object and _is_about_the_object(error, code, answer):
        return UnreadableObjectError(what, code, found, _remedy(code, text))
    found = f"{what}: {found}"  # no part of what is wrong: an outage that meets another file is the same one
    if code in GONE or isinstance(error, FileNotFoundError):
        return PermanentError("there is no place to look in", found=found, do=AWS_ERRORS["NoSuchBucket"].do)
    if isinstance(error, InvalidPathError):
        return PermanentError("the name of an object cannot be used", found=found, do="give it another name")
    if answer is not None and answer.repeat is Repeat.NEVER:
        return PermanentError("no access to the store", found=found, do=answer.do)
    if _is_refused(error):
        do = "check the AWS credentials of this process, or the permissions of the folder"
        return PermanentError("no access to the store", found=found, do=do)
    do = "it is retried; if it persists, " + (answer.do if answer else "check the network and the endpoint URL")
    return TransientError("the store did not answer", found=found, do=do)


def code_of(error: Exception) -> str:
    """S3's code of an error, else the status of its answer, else the type of what was raised."""
    text = str(error)
    if isinstance(error, BaseError | FileNotFoundError) and (match := _CODE.search(text) or _STATUS.search(text)):
        return match[1]
    if isinstance(error, PermissionDeniedError):
        return "403"
    return aws_answers.code_of(error)


def words(error: Exception) -> str:
    """An error in one line: S3's own message where there is one."""
    text = str(error)
    if code := _CODE.search(text):
        message = _MESSAGE.search(text)
        return f"{code[1]}: {message[1]}" if message else code[1]
    return first_line(error)


def _is_answer(error: Exception) -> bool:
    """Whether S3 itself said it, rather than a disk or something on the way."""
    return isinstance(error, botocore.ClientError | PermissionDeniedError | UnauthenticatedError) or _status(error) > 0


def _status(error: Exception) -> int:
    """The HTTP status of an answer; 0 of anything else."""
    if isinstance(error, botocore.ClientError):
        return aws_answers.status_of(error)
    match = _STATUS.search(str(error)) if isinstance(error, BaseError) else None
    return int(match[1]) if match else 0


def _is_refused(error: Exception) -> bool:
    """Whether repeating it cannot help, although S3 said nothing: a setting, or a disk that says no."""
    return isinstance(error, ERRORS_OF_SETTINGS) or (isinstance(error, OSError) and error.errno in REFUSING_DISK)


def _is_about_the_object(error: Exception, code: str, answer: Advice | None) -> bool:
    if isinstance(error, OSError) and error.errno in {*REFUSING_DISK, errno.EIO}:
        return True
    if answer is None or answer.repeat is not Repeat.NEVER:
        return False
    return code in OF_AN_OBJECT or code.lower().startswith("kms") or _SSE_C in str(error)


def _remedy(code: str, text: str) -> str:
    if code == ARCHIVED:
        return f"restore the object from its archive storage class, or copy it to another class; {AGAIN}"
    if code.lower().startswith("kms"):
        return f"{advice(code).do}; {AGAIN}"
    if "kms:" in text:
        return f"{AWS_ERRORS['KMS.AccessDeniedException'].do}; {AGAIN}"
    if _SSE_C in text:
        return "copy the object without a key of its writer (SSE-C): S3 returns its bytes to nobody else"
    if code in ("PermissionError", "OSError"):
        return f"let this account read the file, and see that the disk is sound; {AGAIN}"
    return f"allow this account s3:GetObject on it (its owner, the policies of bucket and access point); {AGAIN}"
