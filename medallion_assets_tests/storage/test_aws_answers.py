"""Of what boto3 itself raises, what passes by itself: the same to every client of AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.exceptions as botocore
import pytest

from medallion_assets.compute.emr_serverless import EmrServerlessService
from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.publishing.failures import failure
from medallion_assets_tests.compute.test_services import APPLICATION, JOB

ADDRESS = "https://dynamodb.us-west-2.amazonaws.com/"
PASSING = [
    botocore.ConnectTimeoutError(endpoint_url=ADDRESS),
    botocore.EndpointConnectionError(endpoint_url=ADDRESS),
    botocore.ReadTimeoutError(endpoint_url=ADDRESS),
    botocore.ConnectionClosedError(endpoint_url=ADDRESS),
    botocore.ResponseStreamingError(error="cut"),
    botocore.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    botocore.CredentialRetrievalError(provider="container-role", error_msg="no answer"),
    botocore.MetadataRetrievalError(error_msg="no answer"),
]
STAYING = [
    botocore.EndpointConnectionError(endpoint_url="https://emr-serverless.us-wset-2.amazonaws.com/"),
    botocore.ProfileNotFound(profile="does-not-exist"),
    botocore.ConfigParseError(path="~/.aws/config"),
    botocore.InvalidRegionError(region_name="us west"),
    botocore.NoRegionError(),
    botocore.NoCredentialsError(),
    botocore.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    botocore.SSOTokenLoadError(error_msg="expired"),
    botocore.UnauthorizedSSOTokenError(),
    botocore.ParamValidationError(report="a wrong name"),
]


class Client:
    """One that raises, whatever it is asked."""

    def __init__(self, error: botocore.BotoCoreError) -> None:
        self._error = error

    def __getattr__(self, _: str) -> Any:
        raise self._error


def both(error: botocore.BotoCoreError) -> Iterator[MedallionError]:
    """What EMR Serverless and publishing make of it."""
    service = EmrServerlessService(APPLICATION)
    vars(service)["client"] = Client(error)
    with pytest.raises(MedallionError) as raised:
        service.start(JOB)
    yield raised.value
    yield failure("put_item", "metrics", error)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_lapse_of_the_network_or_of_credentials_passes(error: botocore.BotoCoreError) -> None:
    assert {type(made) for made in both(error)} == {TransientError}


@pytest.mark.parametrize("error", STAYING, ids=lambda error: type(error).__name__)
def test_a_wrong_setting_does_not_pass(error: botocore.BotoCoreError) -> None:
    assert {type(made) for made in both(error)} == {PermanentError}


def test_whoever_hands_out_credentials_is_named_while_they_are_missing() -> None:
    for made in both(botocore.CredentialRetrievalError(provider="container-role", error_msg="no answer")):
        assert "AWS credentials of this process" in str(made.do)
