#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3, unchanged: endpoint_url is the only difference from DynamoDB."""
import gzip
import hashlib
import json
import os
import time
import unittest
import urllib.error
import urllib.request
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = os.environ["DYNAMODB_ENDPOINT"]
RESOURCE = boto3.resource("dynamodb", endpoint_url=ENDPOINT)
CLIENT = RESOURCE.meta.client
CREDENTIALS = Credentials(os.environ["AWS_ACCESS_KEY_ID"],
                          os.environ["AWS_SECRET_ACCESS_KEY"])


def raw(target, body, credentials=CREDENTIALS, **headers):
    """A request of our own making, signed as botocore signs."""
    request = AWSRequest("POST", ENDPOINT + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810." + target, **headers})
    SigV4Auth(credentials, "dynamodb", "eu-central-1").add_auth(request)
    return send(ENDPOINT + "/", body, dict(request.headers))


def send(url, body, headers):
    request = urllib.request.Request(url, data=body, headers=headers,
                                     method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class PresigningAuth(SigV4QueryAuth):
    """For a request whose body will be {}."""

    def payload(self, request):
        return hashlib.sha256(b"{}").hexdigest()


class Boto3Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.table = RESOURCE.create_table(
            TableName="Things", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"},
                       {"AttributeName": "n", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "kind", "AttributeType": "S"},
                {"AttributeName": "n", "AttributeType": "N"}])
        cls.table.wait_until_exists()

    def refusal(self, call, *arguments, **named):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **named)
        return caught.exception

    def test_every_type_comes_back_as_it_went(self):
        item = {
            "kind": "types", "n": Decimal("-0.5"), "text": "é\u2028\"\\\n\x00",
            "empty": "", "big": Decimal("9" * 38), "small": Decimal("1E-130"),
            "binary": Binary(bytes(range(256))), "yes": True, "nothing": None,
            "strings": {"a", "b"}, "numbers": {Decimal(1), Decimal("2.5")},
            "binaries": {Binary(b"x"), Binary(b"")},
            "list": [1, "two", [None, {"deep": [{}]}]], "map": {"k": {}},
        }
        self.table.put_item(Item=item)
        got = self.table.get_item(Key={"kind": "types", "n": Decimal("-0.50")},
                                  ConsistentRead=True)["Item"]
        self.assertEqual(got, item)

    def test_headers_ask_how_fresh_an_index_is(self):
        table = RESOURCE.create_table(
            TableName="Fresh", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "who", "AttributeType": "S"}],
            GlobalSecondaryIndexes=[{
                "IndexName": "by-who",
                "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"}}])
        table.wait_until_exists()
        headers = {}
        # A client of its own: its hook is nobody else's.
        fresh = boto3.session.Session().resource(
            "dynamodb", endpoint_url=ENDPOINT).Table("Fresh")
        fresh.meta.client.meta.events.register(
            "before-call.dynamodb",
            lambda params, **_: params["headers"].update(headers))
        for n in range(50):
            put = fresh.put_item(Item={"id": str(n), "who": "ann"})
            position = put["ResponseMetadata"]["HTTPHeaders"][
                "x-pallet-position"]
            headers = {"x-pallet-positions": position} if n % 2 else {
                "x-pallet-consistency": "strong"}
            found = fresh.query(IndexName="by-who",
                                KeyConditionExpression=Key("who").eq("ann"))
            self.assertEqual(found["Count"], n + 1)
        headers = {"x-pallet-wait-ms": "soon"}
        refused = self.refusal(fresh.scan, IndexName="by-who")
        self.assertEqual(refused.response["Error"]["Code"],
                         "ValidationException")
        self.assertIn("x-pallet-wait-ms", str(refused))
        table.delete()

    def test_what_is_not_there_has_no_item(self):
        answer = self.table.get_item(Key={"kind": "no", "n": 1},
                                     ReturnConsumedCapacity="TOTAL")
        self.assertNotIn("Item", answer)
        self.assertEqual(answer["ConsumedCapacity"],
                         {"TableName": "Things", "CapacityUnits": 0.5})

    def test_pages(self):
        with self.table.batch_writer() as batch:
            for n in range(130):
                batch.put_item(Item={"kind": "page", "n": n, "pad": "x" * 100})
        pages = CLIENT.get_paginator("query").paginate(
            TableName="Things", KeyConditionExpression=Key("kind").eq("page"),
            PaginationConfig={"PageSize": 40})
        counts = [page["Count"] for page in pages]
        self.assertEqual(sum(counts), 130)
        self.assertEqual(counts[:3], [40, 40, 40])
        backwards = self.table.query(
            KeyConditionExpression=Key("kind").eq("page") & Key("n").gt(99),
            ScanIndexForward=False, Limit=2)
        self.assertEqual([item["n"] for item in backwards["Items"]], [129, 128])
        self.assertEqual(backwards["LastEvaluatedKey"],
                         {"kind": "page", "n": 128})
        count = self.table.query(KeyConditionExpression=Key("kind").eq("page"),
                                 Select="COUNT")
        self.assertNotIn("Items", count)
        segments = [self.table.scan(TotalSegments=3, Segment=s,
                                    FilterExpression=Attr("kind").eq("page"))
                    for s in range(3)]
        self.assertEqual(sum(s["Count"] for s in segments), 130)

    def test_conditions_say_what_they_failed_on(self):
        key = {"kind": "condition", "n": 1}
        self.table.put_item(Item={**key, "v": 1},
                            ConditionExpression=Attr("kind").not_exists())
        error = self.refusal(
            self.table.put_item, Item={**key, "v": 2},
            ConditionExpression=Attr("v").gt(5))
        self.assertEqual(error.response["Error"]["Code"],
                         "ConditionalCheckFailedException")
        self.assertEqual(error.response["Error"]["Message"],
                         "The conditional request failed")
        status, _, body = raw("PutItem", json.dumps({
            "TableName": "Things",
            "Item": {"kind": {"S": "condition"}, "n": {"N": "1"}},
            "ConditionExpression": "attribute_not_exists(kind)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}).encode())
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(body)["Item"],
                         {"kind": {"S": "condition"}, "n": {"N": "1"},
                          "v": {"N": "1"}})

    def move(self, amount, **more):
        return CLIENT.transact_write_items(TransactItems=[
            {"Update": {"TableName": "Things", "Key": {"kind": kind, "n": 1},
                        "UpdateExpression": "SET held = held + :x",
                        "ConditionExpression": "held >= :least",
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                        "ExpressionAttributeValues": {
                            ":x": x, ":least": -min(x, 0)}}}
            for kind, x in (("giver", -amount), ("taker", amount))], **more)

    def test_transactions(self):
        for kind in ("giver", "taker"):
            self.table.put_item(Item={"kind": kind, "n": 1, "held": 10})
        # SDKs make a token for each call; a repeat by hand under one of ours.
        for _ in range(2):
            self.move(4, ClientRequestToken="the only move")
        with self.assertRaises(CLIENT.exceptions.TransactionCanceledException) as caught:
            self.move(7)
        reasons = caught.exception.response["CancellationReasons"]
        self.assertEqual([r["Code"] for r in reasons],
                         ["ConditionalCheckFailed", "None"])
        self.assertEqual(reasons[0]["Item"]["held"], {"N": "6"})
        with self.assertRaises(CLIENT.exceptions.IdempotentParameterMismatchException):
            self.move(5, ClientRequestToken="the only move")
        got = CLIENT.transact_get_items(
            ReturnConsumedCapacity="TOTAL", TransactItems=[
                {"Get": {"TableName": "Things", "Key": {"kind": kind, "n": n}}}
                for kind, n in (("giver", 1), ("nobody", 1), ("taker", 1))])
        self.assertEqual([r.get("Item", {}).get("held") for r in got["Responses"]],
                         [6, None, 14])
        self.assertEqual(got["ConsumedCapacity"][0]["ReadCapacityUnits"], 6)

    def run_statement(self, statement, *parameters, **more):
        if parameters:
            more["Parameters"] = list(parameters)
        return CLIENT.execute_statement(Statement=statement, **more)

    def test_statements(self):
        for n in range(5):
            answer = self.run_statement(
                "INSERT INTO Things VALUE {'kind': ?, 'n': ?, 'm': {'l': [?, 'x']}}",
                "sql", n, Decimal(n) / 4)
            self.assertEqual(answer["Items"], [])
        with self.assertRaises(CLIENT.exceptions.DuplicateItemException) as caught:
            self.run_statement("INSERT INTO Things VALUE {'kind': 'sql', 'n': 1}")
        self.assertEqual(caught.exception.response["Error"]["Message"],
                         "Duplicate primary key exists in table")

        pages, token = [], {}
        while True:
            page = self.run_statement(
                'SELECT n, m.l[0] FROM "Things" WHERE kind = ? AND n > ? '
                "ORDER BY n DESC", "sql", 0, Limit=3, ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL", **token)
            pages.append(page["Items"])
            self.assertEqual(page["ConsumedCapacity"]["CapacityUnits"], 1)
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual(pages, [[{"n": n, "l[0]": Decimal(n) / 4} for n in (4, 3, 2)],
                                 [{"n": 1, "l[0]": Decimal("0.25")}]])
        with self.assertRaises(ClientError) as caught:
            self.run_statement("SELECT * FROM Things", **token)
        self.assertEqual(caught.exception.response["Error"]["Message"],
                         "NextToken does not match request")

        self.assertEqual(self.run_statement(
            "UPDATE Things SET tags = set_add(tags, <<'a', 'b'>>) REMOVE m "
            "WHERE kind = 'sql' AND n = 1 RETURNING ALL NEW *")["Items"],
            [{"kind": "sql", "n": 1, "tags": {"a", "b"}}])
        with self.assertRaises(CLIENT.exceptions.ConditionalCheckFailedException):
            self.run_statement("DELETE FROM Things WHERE kind = 'sql' AND n = 1 "
                               "AND contains(tags, 'z')")
        with self.assertRaises(ClientError) as caught:
            self.run_statement("SELECT * FROM Things WHERE")
        self.assertEqual(caught.exception.response["Error"], {
            "Code": "ValidationException",
            "Message": "Statement wasn't well formed, can't be processed: "
                       "Unexpected term"})

        status, _, body = raw("ExecuteStatement", json.dumps(
            {"Statement": "SELECT * FROM Things", "Parameters": []}).encode())
        self.assertEqual(status, 400)
        self.assertIn("'parameters' failed to satisfy constraint: Member must have "
                      "length greater than or equal to 1", body.decode())

    def test_batches_of_statements(self):
        answer = CLIENT.batch_execute_statement(Statements=[
            {"Statement": "INSERT INTO Things VALUE {'kind': 'several', 'n': ?}",
             "Parameters": [n]} for n in (1, 2, 1)])
        codes = [r.get("Error", {}).get("Code") for r in answer["Responses"]]
        self.assertEqual(sorted(codes, key=str), ["DuplicateItem", None, None])
        answer = CLIENT.batch_execute_statement(Statements=[
            {"Statement": "SELECT * FROM Things WHERE kind = 'several' AND n = ?",
             "Parameters": [n]} for n in (1, 3)] + [
            {"Statement": "SELECT * FROM Things WHERE kind = 'several'"}])
        self.assertEqual(answer["Responses"][0],
                         {"TableName": "Things", "Item": {"kind": "several", "n": 1}})
        self.assertEqual(answer["Responses"][1], {"TableName": "Things"})
        self.assertEqual(answer["Responses"][2]["Error"]["Code"], "ValidationError")

    def test_transactions_of_statements(self):
        def transact(*statements, **more):
            return CLIENT.execute_transaction(TransactStatements=[
                {"Statement": s} for s in statements], **more)
        one = "INSERT INTO Things VALUE {'kind': 'both', 'n': 1}"
        for _ in range(2):
            self.assertEqual(transact(one, "INSERT INTO Things VALUE {'kind': 'both', "
                                      "'n': 2}", ClientRequestToken="both")["Responses"],
                             [])
        with self.assertRaises(CLIENT.exceptions.TransactionCanceledException) as caught:
            transact("UPDATE Things SET a = 1 WHERE kind = 'both' AND n = 2", one,
                     "EXISTS(SELECT * FROM Things WHERE kind = 'both' AND n = 3 "
                     "AND attribute_not_exists(a))")
        self.assertEqual(
            [r["Code"] for r in caught.exception.response["CancellationReasons"]],
            ["None", "DuplicateItem", "ConditionalCheckFailed"])
        got = transact(*(f"SELECT * FROM Things WHERE kind = 'both' AND n = {n}"
                         for n in (2, 3)))
        self.assertEqual(got["Responses"], [{"Item": {"kind": "both", "n": 2}}, {}])

    def test_time_to_live(self):
        table = RESOURCE.create_table(
            TableName="Fleeting", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        table.put_item(Item={"id": "before", "until": int(time.time()) - 1})
        table.put_item(Item={"id": "text", "until": str(int(time.time()) - 1)})
        specification = {"Enabled": True, "AttributeName": "until"}
        answer = CLIENT.update_time_to_live(TableName="Fleeting",
                                            TimeToLiveSpecification=specification)
        self.assertEqual(answer["TimeToLiveSpecification"], specification)
        table.put_item(Item={"id": "after", "until": int(time.time())})
        table.put_item(Item={"id": "later", "until": int(time.time()) + 3600})
        deadline = time.monotonic() + 20
        while table.scan()["Count"] > 2 and time.monotonic() < deadline:
            pass
        self.assertEqual({item["id"] for item in table.scan()["Items"]},
                         {"text", "later"})
        self.assertEqual(
            CLIENT.describe_time_to_live(TableName="Fleeting")["TimeToLiveDescription"],
            {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"})
        refused = self.refusal(CLIENT.update_time_to_live, TableName="Fleeting",
                               TimeToLiveSpecification=specification)
        self.assertEqual(str(refused).rsplit(": ", 1)[1],
                         "TimeToLive is already enabled")
        table.delete()

    def test_updates(self):
        key = {"kind": "update", "n": 1}
        answer = self.table.update_item(
            Key=key, UpdateExpression="SET a = :a ADD hits :one, tags :tags",
            ExpressionAttributeValues={":a": {"b": [1]}, ":one": 1,
                                       ":tags": {"x", "y"}},
            ReturnValues="ALL_NEW")
        self.assertEqual(answer["Attributes"], {
            **key, "a": {"b": [1]}, "hits": 1, "tags": {"x", "y"}})
        answer = self.table.update_item(
            Key=key, UpdateExpression="SET a.b[0] = a.b[0] + :n REMOVE tags",
            ExpressionAttributeValues={":n": 41}, ReturnValues="UPDATED_NEW")
        self.assertEqual(answer["Attributes"], {"a": {"b": [42]}})

    def test_errors_are_exceptions_by_name(self):
        with self.assertRaises(CLIENT.exceptions.ResourceNotFoundException):
            RESOURCE.Table("Nothing").get_item(Key={"a": 1})
        error = self.refusal(self.table.get_item, Key={"kind": "x"})
        self.assertEqual(error.response["Error"]["Code"], "ValidationException")
        self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"],
                         400)
        self.assertEqual(len(error.response["ResponseMetadata"]["RequestId"]),
                         52)
        error = self.refusal(self.table.put_item, Item={"kind": "x", "n": 1},
                             ReturnValues="SOME")
        self.assertIn("Value 'SOME' at 'returnValues' failed to satisfy "
                      "constraint: Member must satisfy enum value set: [",
                      str(error))

    def test_signatures(self):
        self.assertEqual(raw("ListTables", b"{}")[0], 200)
        status, _, body = raw("ListTables", b"{}", Credentials(
            CREDENTIALS.access_key, "guess"))
        self.assertEqual((status, json.loads(body)["__type"]),
                         (400, "com.amazon.coral.service#"
                               "InvalidSignatureException"))
        self.assertIn(b"UnrecognizedClientException",
                      raw("ListTables", b"{}", Credentials("NOBODY", "x"))[2])
        self.assertIn(b"MissingAuthenticationTokenException",
                      send(ENDPOINT, b"{}", {
                          "Content-Type": "application/x-amz-json-1.0",
                          "X-Amz-Target": "DynamoDB_20120810.ListTables"})[2])

    def test_presigned_requests(self):
        headers = {"Content-Type": "application/x-amz-json-1.0",
                   "X-Amz-Target": "DynamoDB_20120810.ListTables"}
        request = AWSRequest("POST", ENDPOINT + "/", headers=headers)
        PresigningAuth(CREDENTIALS, "dynamodb", "eu-central-1",
                       expires=60).add_auth(request)
        url = request.url
        status, _, body = send(url, b"{}", headers)
        self.assertEqual(status, 200, body)
        self.assertIn("Things", json.loads(body)["TableNames"])
        headers["X-Amz-Target"] = "DynamoDB_20120810.DescribeLimits"
        self.assertEqual(send(url, b"{}", headers)[0], 400)
        headers["X-Amz-Target"] = "DynamoDB_20120810.ListTables"
        self.assertEqual(send(url, b"{ }", headers)[0], 400)

    def test_packed_both_ways(self):
        body = gzip.compress(json.dumps({
            "TableName": "Things", "Item": {
                "kind": {"S": "packed"}, "n": {"N": "1"},
                "pad": {"S": "x" * 10000}}}).encode())
        self.assertEqual(raw("PutItem", body, **{"Content-Encoding": "gzip"})[0],
                         200)
        get = json.dumps({"TableName": "Things", "Key": {
            "kind": {"S": "packed"}, "n": {"N": "1"}}}).encode()
        status, headers, packed = raw("GetItem", get,
                                      **{"Accept-Encoding": "gzip"})
        self.assertEqual((status, headers["Content-Encoding"]), (200, "gzip"))
        self.assertEqual(json.loads(gzip.decompress(packed))
                         ["Item"]["pad"]["S"], "x" * 10000)

    def test_large_items(self):
        item = {"kind": "large", "n": 1, "pad": "x" * (409600 - 4 - 5 - 1 - 2 - 3)}
        self.table.put_item(Item=item)
        self.assertEqual(self.table.get_item(
            Key={"kind": "large", "n": 1})["Item"], item)
        item["pad"] += "x"
        error = self.refusal(self.table.put_item, Item=item)
        self.assertIn("Item size has exceeded", str(error))


if __name__ == "__main__":
    unittest.main()
