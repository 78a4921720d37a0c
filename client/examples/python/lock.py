# SPDX-License-Identifier: Apache-2.0
"""A lock with a lease and a fencing token; see recipes/lock.cc for why both."""
import time

from recipe import attempt, attributes, expect, keys, make_table


class Lock:
    def __init__(self, table, name, lease, now=time.time):
        self.table, self.key, self.lease, self.now = table, {"name": name}, lease, now

    def acquire(self, owner):
        """The fencing token; None if somebody else has the lock."""
        taken = attempt(
            self.table.update_item, Key=self.key, ReturnValues="ALL_NEW",
            UpdateExpression="SET #o = :me, lease_end = :until ADD fence :one",
            ConditionExpression="attribute_not_exists(#o) OR lease_end <= :now",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":me": owner, ":until": self.until(), ":one": 1,
                                       ":now": int(self.now() * 1000)})
        return taken and int(taken["Attributes"]["fence"])

    def renew(self, fence):
        """False: the lock is lost, and what it guards is somebody else's."""
        return self.if_held(fence, "SET lease_end = :until", {":until": self.until()})

    def release(self, fence):
        return self.if_held(fence, "REMOVE #o, lease_end", {})

    def if_held(self, fence, update, values):
        return attempt(
            self.table.update_item, Key=self.key, UpdateExpression=update,
            ConditionExpression="fence = :fence AND attribute_exists(#o)",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":fence": fence, **values}) is not None

    def until(self):
        return int((self.now() + self.lease) * 1000)


def write_guarded(table, fence, text):
    """What is guarded remembers the newest token it has seen."""
    return attempt(
        table.update_item, Key={"name": "the report"},
        UpdateExpression="SET body = :text, fence = :fence",
        ConditionExpression="attribute_not_exists(fence) OR fence <= :fence",
        ExpressionAttributeValues={":text": text, ":fence": fence}) is not None


def main():
    now = [1_800_000_000]
    table = make_table("py_locks", KeySchema=keys("name"),
                       AttributeDefinitions=attributes(name="S"))
    lock = Lock(table, "report", 10, lambda: now[0])
    first = lock.acquire("ann")
    expect(lock.acquire("bob") is None, "ann has it, bob waits")
    now[0] += 9
    expect(lock.renew(first), "ann keeps it for longer")
    now[0] += 11
    second = lock.acquire("bob")
    expect(second > first, "her lease is over: bob has it, with a larger token")
    expect(write_guarded(table, second, "by bob"), "and writes")
    expect(not write_guarded(table, first, "by ann, late"), "what ann sends late is refused")
    expect(not lock.renew(first), "ann learns that she lost it")
    expect(lock.release(second) and lock.acquire("cid") > second, "cid gets it next")


if __name__ == "__main__":
    main()
