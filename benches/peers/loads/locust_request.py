"""One request, under the model that the suite asks for."""

import os

from locust import FastHttpUser, constant, constant_throughput, task

MODEL = os.environ["PEER_MODEL"]
PATH = os.environ["PEER_PATH"]
BODY = os.environ.get("PEER_BODY")
JSON = {"content-type": "application/json"}


class Requests(FastHttpUser):
    """Sends the request again and again."""

    if MODEL == "open":
        wait_time = constant_throughput(float(os.environ["PEER_RATE_PER_USER"]))
    elif MODEL == "users":
        wait_time = constant(10)

    @task
    def request(self) -> None:
        if BODY is None:
            self.client.get(PATH)
        else:
            self.client.post(PATH, data=BODY, headers=JSON)
