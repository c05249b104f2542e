"""Every documented error of DynamoDB, S3, STS and SQS: whether to ask again, and what a person does about it.

Belongs here: the codes, from the services' API references, their common errors and boto3's own models.
Does not: asking again, or taking a code from what a client raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from medallion_assets.errors.pages import page

REQUEST_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or a profile or role"


class Repeat(Enum):
    """Whether the same request may be answered later."""

    SLOWER = "nothing was done; retry less often"
    AGAIN = "nothing was done; retry"
    UNSURE = "it may have been done; retry only a request that may be repeated"
    NEVER = "it is refused for good"


@dataclass(frozen=True, slots=True)
class Advice:
    """What an error means for the next request, and what a person does when it stays."""

    repeat: Repeat
    do: str


CLOCK = Advice(
    Repeat.AGAIN,
    "set the clock of this machine (`timedatectl` shows whether it is synchronized): AWS refuses requests whose time "
    "is more than 5 minutes off (S3: 15); the credentials are not at fault",
)
"""Repeated, as each repetition is signed anew: a request that waited in a suspended machine passes then."""
CLOCK_WORDS = ("signature expired", "signature not yet current", "request has expired", "time too skewed")
"""What messages say when it is the clock, whatever their code is."""

_MISSING_RIGHT = f"grant the role this action ({page('production.md')} lists what AWS has to allow)"
_WRONG_KEYS = f"correct the AWS credentials of this process: {REQUEST_KEYS}"
_KMS_KEY = "enable the KMS key that encrypts it, and let the role use it (kms:Decrypt, kms:GenerateDataKey)"
_WRONG_REQUEST = "correct what AWS names; if no setting explains it, it is a bug in this project"
_OTHER_SERVICE = "correct AWS_ENDPOINT_URL (and AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3), or unset it to use AWS"

_TABLE: tuple[tuple[Repeat, str, str], ...] = (
    (
        Repeat.SLOWER,
        "compare the capacity of the table or queue with the load on it (target_wcu), or lower that",
        (
            "ProvisionedThroughputExceededException ProvisionedThroughputExceeded ThrottlingException "
            "ThrottlingError Throttling ThrottledException RequestLimitExceeded RequestThrottled "
            "RequestThrottledException TooManyRequestsException TooManyRequests BandwidthLimitExceeded "
            "PriorRequestNotComplete SlowDown OverLimit EC2ThrottledException"
        ),
    ),
    (
        Repeat.SLOWER,
        "raise the request quota of the KMS key that encrypts it",
        "KmsThrottled KMS.ThrottlingException KMSThrottlingException",
    ),
    (
        Repeat.UNSURE,
        "check the AWS health page; this is temporary",
        (
            "InternalServerError InternalServerException InternalFailure InternalError ServiceUnavailable "
            "ServiceUnavailableException ServiceUnavailableError RequestTimeout RequestTimeoutException "
            "RequestAbortedException ConnectionClosedByRequester TransactionInProgressException "
            "AWS.SimpleQueueService.InternalError KMS.KMSInternalException KMSInternalException "
            "KMS.DependencyTimeoutException"
        ),
    ),
    (
        Repeat.AGAIN,
        "let one process write there at a time; others were writing the same thing",
        (
            "TransactionConflictException TransactionConflict ReplicatedWriteConflictException OperationAborted "
            "ConditionalRequestConflict ConcurrentModification ConflictException"
        ),
    ),
    (
        Repeat.AGAIN,
        "wait until what is under way there has ended, or ask AWS for a higher quota",
        (
            "ResourceInUseException TableInUseException LimitExceededException BackupInUseException "
            "PurgeQueueInProgress AWS.SimpleQueueService.PurgeQueueInProgress QueueDeletedRecently "
            "AWS.SimpleQueueService.QueueDeletedRecently RestoreAlreadyInProgress"
        ),
    ),
    (
        Repeat.AGAIN,
        "look whether the identity provider of the role can be reached",
        "IDPCommunicationError IDPCommunicationErrorException",
    ),
    (CLOCK.repeat, CLOCK.do, "RequestTimeTooSkewed RequestExpired RequestInTheFuture"),
    (
        Repeat.NEVER,
        _MISSING_RIGHT,
        (
            "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized AuthorizationError "
            "AllAccessDisabled UnauthorizedAccess UnauthorizedAccessError AWS.SimpleQueueService.AccessDenied 403"
        ),
    ),
    (
        Repeat.NEVER,
        _WRONG_KEYS,
        (
            "UnrecognizedClientException InvalidSignatureException IncompleteSignatureException "
            "IncompleteSignature SignatureDoesNotMatch InvalidAccessKeyId InvalidClientTokenId InvalidSecurity "
            "AuthFailure Unauthorized MissingAuthenticationToken MissingAuthenticationTokenException InvalidToken "
            "InvalidSignature NotSignedUp AuthorizationHeaderMalformed AuthorizationQueryParametersError "
            "MissingSecurityHeader CredentialsNotSupported AccessFailure MissingCredentials MissingClientTokenId"
        ),
    ),
    (
        Repeat.NEVER,
        "renew the AWS credentials of this process",
        "ExpiredTokenException ExpiredToken ExpiredTradeInTokenException TokenRefreshRequired",
    ),
    (
        Repeat.NEVER,
        "sign the AWS account up for this service, or settle its account",
        "OptInRequired SubscriptionRequiredException AccountProblem InvalidPayer",
    ),
    (
        Repeat.NEVER,
        "activate the region (and STS in it) for the AWS account, or set AWS_DEFAULT_REGION to one that is",
        (
            "RegionDisabledException InvalidRegionError NoRegionError IllegalLocationConstraintException "
            "InvalidLocationConstraint PermanentRedirect PermanentRedirectControlError TemporaryRedirect Redirect "
            "301"
        ),
    ),
    (
        Repeat.NEVER,
        _KMS_KEY,
        (
            "KmsAccessDenied KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired "
            "KMS.DisabledException KMS.NotFoundException KMS.KMSInvalidStateException "
            "KMS.InvalidKeyUsageException KMS.AccessDeniedException KMS.OptInRequired KMS.KeyUnavailableException "
            "KMS.InvalidStateException KMSAccessDeniedException KMSDisabledException KMSInvalidStateException "
            "KMSNotFoundException EncryptionTypeMismatch InvalidEncryptionAlgorithmError"
        ),
    ),
    (
        Repeat.NEVER,
        "correct the role's trust policy and its web identity token (AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE)",
        (
            "IDPRejectedClaim IDPRejectedClaimException InvalidIdentityToken InvalidIdentityTokenException "
            "InvalidAuthorizationMessageException MalformedPolicyDocument MalformedPolicyDocumentException "
            "PackedPolicyTooLarge PackedPolicyTooLargeException JWTPayloadSizeExceededException "
            "OutboundWebIdentityFederationDisabledException SessionDurationEscalationException"
        ),
    ),
    (
        Repeat.NEVER,
        "create the table, or correct its name, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_DYNAMODB",
        "ResourceNotFoundException TableNotFoundException IndexNotFoundException",
    ),
    (
        Repeat.NEVER,
        "publish to a new table without local secondary indexes: they limit the items of a partition key to 10 GB",
        "ItemCollectionSizeLimitExceededException ItemCollectionSizeLimitExceeded",
    ),
    (
        Repeat.NEVER,
        "create the bucket, or correct its name, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_S3",
        "NoSuchBucket InvalidBucketName",
    ),
    (
        Repeat.NEVER,
        "restore the object from its archive storage class, or remove it",
        "InvalidObjectState ObjectNotInActiveTierError ObjectAlreadyInActiveTierError",
    ),
    (
        Repeat.NEVER,
        "create the queue, or correct its address",
        "QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue InvalidAddress QueueNameExists QueueAlreadyExists",
    ),
    (
        Repeat.NEVER,
        _OTHER_SERVICE,
        (
            "UnknownOperationException InvalidAction InvalidEndpointException EndpointNotFound MethodNotAllowed "
            "UnsupportedOperation NotImplemented AWS.SimpleQueueService.UnsupportedOperation InvalidURI 404 405"
        ),
    ),
    (
        Repeat.NEVER,
        "look at what is there; the condition of this request is not met",
        (
            "ConditionalCheckFailedException ConditionalCheckFailed PreconditionFailed 412 DuplicateItemException "
            "DuplicateItem TransactionCanceledException"
        ),
    ),
    (
        Repeat.NEVER,
        "look whether somebody removed or replaced it meanwhile",
        (
            "NoSuchKey NoSuchUpload NoSuchVersion NoSuchAnnotation NoSuchBucketPolicy "
            "NoSuchLifecycleConfiguration ReceiptHandleIsInvalid MessageNotInflight "
            "AWS.SimpleQueueService.MessageNotInflight BackupNotFoundException ExportNotFoundException "
            "ImportNotFoundException PolicyNotFoundException ReplicaNotFoundException "
            "GlobalTableNotFoundException"
        ),
    ),
    (
        Repeat.NEVER,
        "choose another name, or remove what has it",
        (
            "BucketAlreadyExists BucketAlreadyOwnedByYou TableAlreadyExistsException "
            "ReplicaAlreadyExistsException GlobalTableAlreadyExistsException BucketNotEmpty"
        ),
    ),
    (
        Repeat.NEVER,
        "switch on point-in-time recovery for the table, and choose a moment within its 35 days",
        (
            "PointInTimeRecoveryUnavailableException ContinuousBackupsUnavailableException "
            "InvalidExportTimeException InvalidRestoreTimeException ExportConflictException "
            "ImportConflictException"
        ),
    ),
    (
        Repeat.NEVER,
        _WRONG_REQUEST,
        (
            "ValidationException ValidationError SerializationException IdempotentParameterMismatchException "
            "IdempotencyParameterMismatch InvalidParameterValue InvalidParameterCombination InvalidQueryParameter "
            "MalformedQueryString MissingAction MissingParameter MalformedHttpRequestException "
            "RequestEntityTooLargeException InvalidRequest InvalidArgument InvalidRange InvalidDigest BadDigest "
            "IncompleteBody InvalidPart InvalidPartOrder EntityTooLarge EntityTooSmall KeyTooLongError "
            "MalformedXML MissingContentLength MissingRequestBodyError InvalidStorageClass "
            "MaxMessageLengthExceeded MetadataTooLarge UnexpectedContent UserKeyMustBeSpecified "
            "XAmzContentSHA256Mismatch InvalidTag NotModified TooManyBuckets InvalidWriteOffset TooManyParts "
            "UnsupportedMediaType InvalidPrefix AnnotationLimitExceeded AnnotationNameTooLong "
            "InvalidAnnotationName BatchEntryIdsNotDistinct BatchRequestTooLong EmptyBatchRequest "
            "InvalidAttributeName InvalidAttributeValue InvalidBatchEntryId InvalidIdFormat "
            "InvalidMessageContents TooManyEntriesInBatchRequest AWS.SimpleQueueService.BatchEntryIdsNotDistinct "
            "AWS.SimpleQueueService.BatchRequestTooLong AWS.SimpleQueueService.EmptyBatchRequest "
            "AWS.SimpleQueueService.InvalidBatchEntryId AWS.SimpleQueueService.TooManyEntriesInBatchRequest "
            "ItemSizeLimitExceeded 400"
        ),
    ),
)


def _advices() -> Iterator[tuple[str, Advice]]:
    for repeat, do, codes in _TABLE:
        for code in codes.split():
            yield code, Advice(repeat, do)


AWS_ERRORS = dict(_advices())
KMS_CODE = re.compile(r"\bK(?:MS|ms)[.\w]+")
"""What each code means; a number is an HTTP status of an answer without a code."""


def names_a_refusing_key(text: str) -> bool:
    """Whether a text names a code by which KMS refuses a key: disabled, not there, not permitted."""
    found = (AWS_ERRORS.get(code) for code in KMS_CODE.findall(text))
    return any(known is not None and known.repeat is Repeat.NEVER for known in found)


def advice(code: str, status: int = 0, message: str = "") -> Advice:
    """What an error means, by its code, else by its HTTP status: servers that fail recover, refusals stay."""
    if any(words in message.lower() for words in CLOCK_WORDS):
        return CLOCK
    if (known := AWS_ERRORS.get(code)) is not None:
        return known
    if "throttl" in code.lower() or status == 429 or code == "429":
        return Advice(Repeat.SLOWER, AWS_ERRORS["SlowDown"].do)
    if status >= 500 or (code.isdigit() and int(code) >= 500):
        return Advice(Repeat.UNSURE, AWS_ERRORS["InternalServerError"].do)
    if code.lower().startswith("kms"):
        return Advice(Repeat.NEVER, _KMS_KEY)
    return Advice(Repeat.NEVER, _WRONG_REQUEST)
