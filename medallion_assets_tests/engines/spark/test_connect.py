"""Who answers at the URL of a Spark Connect server and is none: said within seconds, and not after ten minutes."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from medallion_assets.engines.spark.requirements import expect_connect
from medallion_assets.errors import TransientError
from medallion_assets_tests.services.spark import spark_package


def test_a_port_of_something_else() -> None:
    """It takes the connection, and says nothing: so does a server that is frozen."""
    grpc = spark_package("grpc")
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TransientError, match=f"no Spark Connect server answers at sc://{where}"):
            expect_connect(grpc.insecure_channel(where), f"sc://{where}", seconds=0.2)


COUNTED = """
from concurrent.futures import ThreadPoolExecutor
import grpc
from medallion_assets.engines.spark import session
from medallion_assets.settings.spark import SparkSettings

asked = []

class Unavailable(grpc.GenericRpcHandler):
    def service(self, details):
        asked.append(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(grpc.StatusCode.UNAVAILABLE, "no"))

server = grpc.server(ThreadPoolExecutor(1), handlers=[Unavailable()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
session.CONNECT_RETRIES = 1
try:
    session._connect(SparkSettings(remote=f"sc://127.0.0.1:{port}")).version
except Exception as error:
    print(type(error).__name__, len(asked))
server.stop(None)
"""


@pytest.mark.slow
def test_the_first_question_to_a_server_is_repeated_as_often_as_any_other() -> None:
    spark_package("pyspark.sql.connect.client")
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.endswith(" 2\n"), done.stdout + done.stderr
