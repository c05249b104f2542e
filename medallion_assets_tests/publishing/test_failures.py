"""What boto3 raises is told from what passes by itself, and says what to set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, WaiterError

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.publishing.failures import dynamodb_errors, failure
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.tables.serving_tables import ensure_table, item_table
from medallion_assets_tests.services.processes import free_port

TABLE = item_table("metrics", keys={"customer_id": "S"})
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
Answer = Callable[[int, bytes], str]


@pytest.fixture
def answering() -> Iterator[Answer]:
    """Servers that speak HTTP and are no DynamoDB: give the status and body of every answer, get the endpoint."""
    servers = []

    def serve(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "in DynamoDB's own words"}}, "DescribeTable")


def raised_at(endpoint: str) -> MedallionError:
    client = publishing_client(endpoint_url=endpoint, **KEYS)
    try:
        with pytest.raises(MedallionError) as error:
            ensure_table(client, TABLE, creates=True)
    finally:
        client.close()
    return error.value


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"<html>"), (405, b""), (403, b"<Error/>")])
def test_an_endpoint_that_is_no_dynamodb_says_what_to_set(answering: Answer, status: int, body: bytes) -> None:
    error = raised_at(answering(status, body))
    assert isinstance(error, PermanentError)
    assert "set AWS_ENDPOINT_URL_DYNAMODB" in str(error.do)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_fails_may_recover(answering: Answer, status: int) -> None:
    assert isinstance(raised_at(answering(status, b"<html>")), TransientError)


def test_an_endpoint_where_nobody_listens_may_be_back_soon() -> None:
    error = raised_at(f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, TransientError)
    assert "AWS_ENDPOINT_URL_DYNAMODB (unset: AWS) and AWS_DEFAULT_REGION" in str(error.do)


@pytest.mark.parametrize(("region", "kind"), [("us-wset-2", PermanentError), ("us-west-2", TransientError)])
def test_aws_is_out_of_reach_for_now_unless_nobody_knows_the_region(region: str, kind: type[MedallionError]) -> None:
    url = f"https://dynamodb.{region}.amazonaws.com/"
    error = failure("describe_table", "metrics", EndpointConnectionError(endpoint_url=url))
    assert type(error) is kind
    assert "AWS_DEFAULT_REGION" in str(error.do)


@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        ("ThrottlingException", TransientError, "compare the capacity of the table"),
        ("UnrecognizedClientException", PermanentError, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("InvalidSignatureException", PermanentError, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("ExpiredTokenException", PermanentError, "renew the AWS credentials"),
        ("AccessDeniedException", PermanentError, "grant the role this action"),
        ("LimitExceededException", TransientError, "wait until what is under way there has ended"),
        ("ValidationException", PermanentError, "correct what AWS names"),
        ("ReplicatedWriteConflictException", TransientError, "let one process write there at a time"),
        ("TransactionConflictException", TransientError, "let one process write there at a time"),
    ],
)
def test_what_dynamodb_says_decides_whether_to_try_again(code: str, kind: type[MedallionError], remedy: str) -> None:
    with (
        pytest.raises(kind, match=f"publishing on table metrics.*own words.*{remedy}"),
        dynamodb_errors("publishing", "metrics"),
    ):
        raise refusal(code)


def test_a_table_that_takes_long_to_make_may_be_ready_next_time() -> None:
    late = WaiterError(name="TableExists", reason="Max attempts exceeded", last_response={})
    assert isinstance(failure("create_table", "metrics", late), TransientError)
