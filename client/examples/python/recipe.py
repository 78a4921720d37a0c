# SPDX-License-Identifier: Apache-2.0
"""What the programs here share: DYNAMODB_ENDPOINT, or a node on this machine; a
fresh table; a look at whether all came out as it should."""
import os

import boto3
from botocore.exceptions import ClientError

DYNAMODB = boto3.resource(
    "dynamodb", endpoint_url=os.environ.get("DYNAMODB_ENDPOINT", "http://localhost:8000"),
    region_name=os.environ.get("AWS_REGION", "local"))


def make_table(name, **more):
    """A new, empty table. `more` is what create_table takes."""
    try:
        DYNAMODB.Table(name).delete()
    except DYNAMODB.meta.client.exceptions.ResourceNotFoundException:
        pass
    table = DYNAMODB.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **more)
    table.wait_until_exists()
    return table


def let_expire(table):
    """Items go when the time in `expires` is past."""
    table.meta.client.update_time_to_live(TableName=table.name, TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "expires"})
    return table


def keys(hash_key, range_key=None):
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    if range_key:
        schema.append({"AttributeName": range_key, "KeyType": "RANGE"})
    return schema


def attributes(**types):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def condition_failed(error):
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def attempt(call, **request):
    """The answer, or None if the condition of the request fails."""
    try:
        return call(**request)
    except ClientError as error:
        if condition_failed(error):
            return None
        raise


def expect(holds, what):
    print("  " if holds else "NOT", what)
    if not holds:
        raise SystemExit(1)
