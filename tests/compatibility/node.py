# SPDX-License-Identifier: Apache-2.0
"""A palletd over a data directory, the pallet tool, and what its tables hold."""
import hashlib
import json
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import boto3


class Node:
    """Ports are the system's choice; nothing is signed."""

    def __init__(self, palletd, tool, data):
        self.tool = tool
        self.log = pathlib.Path(f"{data}.log")
        # Below the directory's parent, which is short enough for a socket.
        self.socket = f"unix:{data}.sock"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [palletd, "--data-dir", data, "--store-map-size", "1GiB",
                 "--stores", "2", "--grpc-address", self.socket,
                 "--json-address", "127.0.0.1:0", "--admin-address", "none"],
                stdout=log, stderr=subprocess.STDOUT)
        self.endpoint = self.wait_for_endpoint()
        self.client = boto3.client(
            "dynamodb", endpoint_url=self.endpoint, region_name="local",
            aws_access_key_id="any", aws_secret_access_key="thing")

    def wait_for_endpoint(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.search(r"^  JSON   (http:\S*)", self.log.read_text(), re.M)
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"palletd does not serve:\n{self.log.read_text()}")

    def pallet(self, *arguments):
        subprocess.run([self.tool, "--address", self.socket, *arguments], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)

    def kill(self):
        self.client.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise RuntimeError(f"palletd did not end well:\n{self.log.read_text()}")

    def await_indexes(self, table, paused=()):
        """Until the indexes of a table have all that was written."""
        about = self.client.describe_table(TableName=table)["Table"]
        for index in about.get("GlobalSecondaryIndexes", []):
            if index["IndexName"] in paused:
                continue
            request = urllib.request.Request(
                self.endpoint, json.dumps({"TableName": table, "Limit": 1,
                                           "IndexName": index["IndexName"]}).encode(),
                {"X-Amz-Target": "DynamoDB_20120810.Scan",
                 "Content-Type": "application/x-amz-json-1.0",
                 "X-Pallet-Consistency": "strong", "X-Pallet-Wait-Ms": "30000"})
            urllib.request.urlopen(request, timeout=60).close()

    def contents(self, table):
        """What reads of a table and of each of its indexes give, and what else
        is kept of it; as JSON, in an order that does not depend on placement."""
        about = self.client.describe_table(TableName=table)["Table"]
        held = {"keys": about["KeySchema"], "count": about["ItemCount"],
                "bytes": about["TableSizeBytes"], "table": self.scan(table)}
        for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
            for index in about.get(kind, []):
                name = index["IndexName"]
                held[name] = {"keys": index["KeySchema"],
                              "projection": index["Projection"],
                              "items": self.scan(table, IndexName=name)}
        tags = self.client.list_tags_of_resource(ResourceArn=about["TableArn"])
        held["tags"] = tags.get("Tags", [])
        held["stream"] = about.get("StreamSpecification")
        held["time_to_live"] = self.client.describe_time_to_live(
            TableName=table)["TimeToLiveDescription"]
        return held

    def scan(self, table, **more):
        pages = self.client.get_paginator("scan").paginate(
            TableName=table, PaginationConfig={"PageSize": 7}, **more)
        items = [plain(item) for page in pages for item in page.get("Items", [])]
        return sorted(items, key=repr)


def plain(value):
    """DynamoDB's JSON with bytes as text, attributes and sets sorted, and of what
    is long its digest."""
    if isinstance(value, bytes):
        return plain(value.hex())
    if isinstance(value, str):
        if len(value) <= 64:
            return value
        return f"{len(value)} {hashlib.sha256(value.encode()).hexdigest()}"
    if isinstance(value, dict):
        return {key: sorted(map(plain, held)) if key in ("SS", "NS", "BS")
                else plain(held) for key, held in sorted(value.items())}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value
