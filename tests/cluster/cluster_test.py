#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes under trouble: kill -9, SIGSTOP, wiped etcd
connections, restarts. Started and stopped by deploy/cluster; asked with boto3.

What is looked at:
  * No acknowledged write is lost: each key has one writer, who counts up. A
    strong read, through any node, sees at least what was acknowledged before it
    began and at most what was tried before it ended, and no reader sees a key
    go back.
  * The index has the items of the table, at the end.
  * Calls fail only where they may.

usage: cluster_test.py DEPLOY_CLUSTER PALLETD_CLUSTER PALLET
                       [SECONDS_OF_TROUBLE [ClusterTest.test_name ...]]
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

CLUSTER, PALLETD, PALLET = sys.argv[1:4]
TROUBLE = float(sys.argv[4]) if len(sys.argv) > 4 else 12.0
SEED = int(os.environ.get("PALLET_TEST_SEED", random.randrange(10**9)))
TABLE = "counters"
GROUPS = 4


def client_of(node, attempts=12):
    return boto3.client(
        "dynamodb", endpoint_url="http://" + node["json"], region_name="here",
        aws_access_key_id="a", aws_secret_access_key="b",
        config=botocore.config.Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=2, read_timeout=15))


# What may be asked again; boto3 would wait up to 20 s between attempts.
AGAIN = {"ThrottlingException", "ProvisionedThroughputExceededException",
         "InternalServerError", "ServiceUnavailable"}
PATIENCE = 25.0


def persist(call, **arguments):
    """Asks again, and soon, for as long as the answer may be another one."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call(**arguments)
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in AGAIN or time.monotonic() > end:
                raise
        except botocore.exceptions.BotoCoreError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


class Cluster:
    def __init__(self, nodes):
        self.directory = tempfile.mkdtemp(prefix="pallet-cluster-")
        self.count = nodes
        self.nodes = []
        self.up()

    def run(self, *arguments):
        ran = subprocess.run(
            [CLUSTER, *arguments], env={
                **os.environ, "PALLETD": PALLETD,
                "PALLETD_FLAGS": "--cluster-replace-after 3s"},
            capture_output=True, text=True, timeout=120)
        if ran.returncode != 0:
            raise AssertionError(f"deploy/cluster {arguments}: {ran.stderr}")
        return ran.stdout

    def up(self):
        self.nodes = json.loads(
            self.run("up", self.directory, "--nodes", str(self.count)))

    def state(self):
        with open(self.directory + "/cluster.json") as file:
            return json.load(file)

    def view(self, node):
        with urllib.request.urlopen(f"http://{node['admin']}/cluster",
                                    timeout=2) as answer:
            return json.load(answer)

    def leader(self, patience=30):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for node in self.nodes:
                try:
                    if self.view(node)["serves"]:
                        return node
                except OSError:
                    pass
            time.sleep(0.05)
        raise AssertionError("nobody leads")

    def followers(self):
        leader = self.leader()
        return [node for node in self.nodes if node is not leader]

    def close(self):
        # What hangs stopped would not hear of the end.
        for node in self.nodes:
            try:
                os.kill(node["pid"], signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.run("down", self.directory)
        shutil.rmtree(self.directory)

    def events(self, event, name):
        with open(f"{self.directory}/{name}.log") as log:
            return log.read().count(f'"event":"{event}"')

    def logs(self):
        for node in self.nodes:
            path = f"{self.directory}/{node['name']}.log"
            yield node["name"], open(path).read().splitlines()[-15:]


class Load:
    """Writers and readers, and what they saw. A write says that it goes up, so
    that one which hung somewhere takes nothing back when it comes at last."""

    loads = 0

    def __init__(self, cluster, writers=3, readers=2, keys=8):
        self.cluster = cluster
        Load.loads += 1
        self.name = f"l{Load.loads}"
        self.keys = [self.key(writer, key) for writer in range(writers)
                     for key in range(keys)]
        self.tried = {key: 0 for key in self.keys}
        self.acked = {key: 0 for key in self.keys}
        self.violations = []
        self.errors = []
        self.longest = 0.0
        self.writes = self.reads = 0
        self.ending = threading.Event()
        self.threads = [
            threading.Thread(target=self.write, args=(writer, keys))
            for writer in range(writers)
        ] + [threading.Thread(target=self.read, args=(reader,))
             for reader in range(readers)]
        for thread in self.threads:
            thread.start()

    def key(self, writer, number):
        return f"{self.name}-w{writer}-k{number}"

    def write(self, writer, keys):
        chance = random.Random(SEED + writer)
        clients = [client_of(node, attempts=1)
                   for node in self.cluster.nodes]
        while not self.ending.is_set():
            key = self.key(writer, chance.randrange(keys))
            value = self.tried[key] + 1
            self.tried[key] = value
            item = {"id": {"S": key}, "n": {"N": str(value)},
                    "g": {"S": f"g{chance.randrange(GROUPS)}"}}
            begun = time.monotonic()
            try:
                persist(
                    chance.choice(clients).put_item, TableName=TABLE, Item=item,
                    ConditionExpression="attribute_not_exists(id) OR n < :n",
                    ExpressionAttributeValues={":n": {"N": str(value)}})
                self.acked[key] = value
                self.writes += 1
            except clients[0].exceptions.ConditionalCheckFailedException:
                self.acked[key] = value  # the first attempt has done it
            except (botocore.exceptions.ClientError,
                    botocore.exceptions.BotoCoreError) as error:
                self.errors.append(str(error))
            self.longest = max(self.longest, time.monotonic() - begun)

    def read(self, reader):
        chance = random.Random(SEED + 100 + reader)
        clients = [client_of(node, attempts=1)
                   for node in self.cluster.nodes]
        seen = {key: 0 for key in self.keys}
        while not self.ending.is_set():
            key = chance.choice(self.keys)
            at_least = self.acked[key]
            try:
                answer = persist(
                    chance.choice(clients).get_item, TableName=TABLE,
                    Key={"id": {"S": key}}, ConsistentRead=True)
            except (botocore.exceptions.ClientError,
                    botocore.exceptions.BotoCoreError) as error:
                self.errors.append(str(error))
                continue
            found = int(answer.get("Item", {}).get("n", {"N": "0"})["N"])
            at_most = self.tried[key]
            self.reads += 1
            if not at_least <= found <= at_most or found < seen[key]:
                self.violations.append(
                    f"{key}: read {found}, acknowledged {at_least}, tried "
                    f"{at_most}, seen before {seen[key]}")
            seen[key] = max(seen[key], found)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def check(self, test, errors_allowed):
        self.stop()
        test.assertEqual(self.violations, [])
        seen = (f"{self.writes} writes, longest {self.longest:.2f} s, "
                f"{len(self.errors)} errors: {self.errors[:3]}")
        test.assertGreater(self.writes, 50, seen)
        test.assertGreater(self.reads, 50, seen)
        if not errors_allowed:
            test.assertEqual(self.errors, [])
        client = client_of(self.cluster.leader())
        rows = {}  # of all loads
        for page in client.get_paginator("scan").paginate(
                TableName=TABLE, ConsistentRead=True):
            for item in page["Items"]:
                rows[item["id"]["S"]] = item
        for key in self.keys:
            found = int(rows.get(key, {}).get("n", {"N": "0"})["N"])
            test.assertGreaterEqual(found, self.acked[key], key)
            test.assertLessEqual(found, self.tried[key], key)
        self.check_index(test, client, rows)
        print(f"  {self.writes} writes, {self.reads} reads, "
              f"{len(self.errors)} errors, longest write "
              f"{self.longest:.2f} s", flush=True)

    def check_index(self, test, client, rows):
        """It follows; it is waited for."""
        end = time.monotonic() + 30
        while True:
            entries = {}
            for group in range(GROUPS):
                for page in client.get_paginator("query").paginate(
                        TableName=TABLE, IndexName="by-g",
                        KeyConditionExpression="g = :g",
                        ExpressionAttributeValues={":g": {"S": f"g{group}"}}):
                    for item in page["Items"]:
                        entries.setdefault(item["id"]["S"], []).append(item)
            if entries == {key: [row] for key, row in rows.items()}:
                return
            if time.monotonic() > end:
                test.assertEqual(entries,
                                 {key: [row] for key, row in rows.items()})
            time.sleep(0.05)


class ClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        client = client_of(cls.cluster.nodes[1])
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "g", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[{
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"}}])

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def setUp(self):
        self.cluster.up()
        print(f"{self._testMethodName} (PALLET_TEST_SEED={SEED})", flush=True)

    def tearDown(self):
        for name, lines in ([] if self.ok() else self.cluster.logs()):
            print(f"-- {name}", *lines, sep="\n")

    def ok(self):
        outcome = self._outcome
        errors = getattr(outcome, "errors", None)
        if errors is None:
            return not (outcome.result.errors or outcome.result.failures)
        return all(error is None for _, error in errors)

    def sessions(self):
        return sum(self.cluster.events("session.opened", node["name"])
                   for node in self.cluster.nodes)

    def restart_all(self, pause):
        for name in [node["name"] for node in self.cluster.nodes]:
            time.sleep(pause)
            node = next(each for each in self.cluster.nodes
                        if each["name"] == name)
            stopped = self.cluster.events("node.stopped", name)
            os.kill(node["pid"], signal.SIGTERM)
            while os.path.exists(f"/proc/{node['pid']}/exe"):
                time.sleep(0.05)
            # It went by itself: the signal did not end it.
            self.assertEqual(self.cluster.events("node.stopped", name),
                             stopped + 1)
            self.cluster.up()

    def test_any_node_takes_any_request(self):
        clients = [client_of(node) for node in self.cluster.nodes]
        for i, client in enumerate(clients):
            client.put_item(TableName=TABLE, Item={"id": {"S": f"any{i}"}})
        for client in clients:
            for i in range(len(clients)):
                self.assertIn("Item", client.get_item(
                    TableName=TABLE, Key={"id": {"S": f"any{i}"}},
                    ConsistentRead=True))
            self.assertIn(TABLE, client.list_tables()["TableNames"])
            with self.assertRaises(
                    client.exceptions.ConditionalCheckFailedException):
                client.put_item(TableName=TABLE, Item={"id": {"S": "any0"}},
                                ConditionExpression="attribute_not_exists(id)")
        clients[0].transact_write_items(TransactItems=[
            {"Delete": {"TableName": TABLE, "Key": {"id": {"S": f"any{i}"}}}}
            for i in range(len(clients))])
        with self.assertRaises(
                clients[1].exceptions.TransactionCanceledException) as canceled:
            clients[1].transact_write_items(TransactItems=[
                {"Put": {"TableName": TABLE, "Item": {"id": {"S": "x"}}}},
                {"Update": {
                    "TableName": TABLE, "Key": {"id": {"S": "any0"}},
                    "UpdateExpression": "SET n = :n",
                    "ConditionExpression": "attribute_exists(id)",
                    "ExpressionAttributeValues": {":n": {"N": "1"}}}}])
        reasons = canceled.exception.response["CancellationReasons"]
        self.assertEqual([each["Code"] for each in reasons],
                         ["None", "ConditionalCheckFailed"])

    def test_a_killed_leader_is_replaced(self):
        load = Load(self.cluster)
        for _ in range(2):
            time.sleep(2)
            os.kill(self.cluster.leader()["pid"], signal.SIGKILL)
            time.sleep(3)
            self.cluster.up()
        time.sleep(1)
        load.check(self, errors_allowed=True)

    def test_a_rolling_restart_fails_no_call(self):
        load = Load(self.cluster)
        self.restart_all(pause=1)
        time.sleep(1)
        # Those whose node goes away ask it again until it is back.
        load.check(self, errors_allowed=False)

    def test_the_client_goes_on_through_a_rolling_restart(self):
        addresses = ",".join(node["grpc"] for node in self.cluster.nodes)
        # Pipelined, and to the leader: these are on their way when it goes.
        bench = subprocess.Popen(
            [PALLET, "-a", addresses, "bench", "put", "--items", "500",
             "--in-flight", "16", "--seconds", "16"],
            stdout=subprocess.PIPE, text=True)
        before = self.sessions()
        self.restart_all(pause=0.5)
        begun = self.sessions() - before
        self.assertIsNone(bench.poll(), "the restarts took longer than that")
        result = json.loads(bench.communicate(timeout=60)[0])
        print(f"  {result}")
        # More than the restarts bring: the machine stood still for a second,
        # and a leader was lost without a word.
        if begun <= len(self.cluster.nodes):
            self.assertEqual(result["failures"], 0)
        self.assertGreater(result["operations"], 100)

    def test_the_tool_shows_the_cluster(self):
        addresses = ",".join(node["grpc"] for node in self.cluster.nodes)
        shown = subprocess.run([PALLET, "-a", addresses, "cluster", "status"],
                               capture_output=True, text=True, check=True)
        rows = [json.loads(line) for line in shown.stdout.splitlines()]
        nodes = [row for row in rows if "node" in row]
        self.assertEqual(sorted(node["state"] for node in nodes),
                         ["leader", "up", "up"])
        self.assertEqual({node["address"] for node in nodes},
                         set(addresses.split(",")))
        tables = [row for row in rows if row.get("table") == TABLE]
        self.assertEqual(len(tables), 2)
        for row in tables:
            self.assertEqual(row["copies"], 3)
            self.assertEqual(row["led"], row["partitions"])
        self.assertIn("lag_changes", tables[1])

    def test_a_leader_that_hangs_answers_nothing_old(self):
        load = Load(self.cluster)
        time.sleep(1)
        leader = self.cluster.leader()
        os.kill(leader["pid"], signal.SIGSTOP)
        time.sleep(5)
        os.kill(leader["pid"], signal.SIGCONT)
        time.sleep(2)
        load.check(self, errors_allowed=True)

    def test_without_etcd_reads_and_writes_go_on(self):
        load = Load(self.cluster)
        etcd = self.cluster.state()["etcd"]
        os.kill(etcd["pid"], signal.SIGKILL)
        time.sleep(3)
        client = client_of(self.cluster.leader(), attempts=1)
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            client.create_table(
                TableName="not-now",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST")
        self.assertIn("etcd", str(refused.exception))
        # A node that starts meanwhile knows what it knew.
        follower = self.cluster.followers()[0]
        os.kill(follower["pid"], signal.SIGKILL)
        time.sleep(1)
        self.cluster.up()  # etcd too
        load.check(self, errors_allowed=True)
        client = client_of(self.cluster.leader())
        client.create_table(
            TableName="now",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST")
        client.delete_table(TableName="now")

    def test_a_node_that_lost_its_disk_is_replaced(self):
        load = Load(self.cluster)
        time.sleep(1)
        lost = self.cluster.followers()[0]
        os.kill(lost["pid"], signal.SIGKILL)
        shutil.rmtree(f"{self.cluster.directory}/{lost['name']}")
        self.cluster.up()  # under a new id
        end = time.monotonic() + 60
        while True:
            view = self.cluster.view(next(
                node for node in self.cluster.nodes
                if node["name"] == lost["name"]))
            whole = [each for each in view["replicas"] if each["serving"]]
            leader = self.cluster.view(self.cluster.leader())
            if len(whole) == len(leader["replicas"]):
                break
            self.assertLess(time.monotonic(), end, view)
            time.sleep(0.1)
        # It counts: with it, another one may go.
        other = next(node for node in self.cluster.followers()
                     if node["name"] != lost["name"])
        os.kill(other["pid"], signal.SIGKILL)
        time.sleep(2)
        self.cluster.up()
        load.check(self, errors_allowed=True)

    def test_all_killed_at_once_lose_nothing(self):
        load = Load(self.cluster)
        time.sleep(2)
        for node in self.cluster.nodes:
            os.kill(node["pid"], signal.SIGKILL)
        self.cluster.up()
        time.sleep(1)
        load.check(self, errors_allowed=True)

    def test_trouble_of_all_kinds(self):
        chance = random.Random(SEED)
        load = Load(self.cluster)
        end = time.monotonic() + TROUBLE
        while time.monotonic() < end:
            node = chance.choice(self.cluster.nodes)
            kind = chance.randrange(3)
            if kind == 0:
                os.kill(node["pid"], signal.SIGKILL)
            elif kind == 1:
                os.kill(node["pid"], signal.SIGSTOP)
            else:
                os.kill(self.cluster.state()["etcd"]["pid"], signal.SIGKILL)
            time.sleep(chance.uniform(0.5, 3))
            if kind == 1:
                os.kill(node["pid"], signal.SIGCONT)
            self.cluster.up()
        load.check(self, errors_allowed=True)


if __name__ == "__main__":
    # Clients are left to the collector, sockets and all.
    unittest.main(argv=sys.argv[:1] + sys.argv[5:], warnings="ignore")
