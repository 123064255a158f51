"""One cycle as a Python job: what a shop writes in an afternoon. Guarantees nothing.

Settings come from the environment, under ohip-poll's names.
"""

import json
import os

import requests
from confluent_kafka import Producer

setting = os.environ


def main() -> None:
    """Token, poll, publish."""
    kafka = Producer(
        {
            "bootstrap.servers": setting["KAFKA_BOOTSTRAP_SERVERS"],
            "partitioner": "murmur2_random",
            "linger.ms": 0,
        }
    )
    gateway = requests.Session()
    gateway.headers["x-app-key"] = setting["OHIP_APP_KEY"]
    gateway.verify = setting.get("OHIP_CA_FILE", True)
    token = gateway.post(
        setting["OHIP_GATEWAY_URL"] + "/oauth/v1/tokens",
        auth=(setting["OHIP_CLIENT_ID"], setting["OHIP_CLIENT_SECRET"]),
        headers={"enterpriseId": setting["OHIP_ENTERPRISE_ID"]},
        data={"grant_type": "client_credentials", "scope": setting["OHIP_SCOPE"]},
        timeout=60,
    )
    token.raise_for_status()
    hotel = setting["OHIP_HOTELS"]
    answer = gateway.get(
        f"{setting['OHIP_GATEWAY_URL']}/int/v1/externalSystem/{setting['OHIP_EXTERNAL_SYSTEM']}"
        f"/hotels/{hotel}/businessEvents",
        params={"limit": 20},
        headers={
            "Authorization": "Bearer " + token.json()["access_token"],
            "x-hotelid": hotel,
            "Accept": "application/json",
        },
        timeout=120,
    )
    answer.raise_for_status()
    for event in answer.json().get("businessEventData") or []:
        header = event["businessEvent"]["header"]
        key = f"{header['hotelId']}/{header['moduleName']}/{header['primaryKey']}"
        kafka.produce(setting["KAFKA_TOPIC"], json.dumps(event), key)
    kafka.flush()


main()
