# SPDX-License-Identifier: Apache-2.0
"""Sessions of signed-in users; see recipes/sessions.cc."""
import secrets
import time

from boto3.dynamodb.conditions import Attr, Key
from recipe import attempt, attributes, expect, keys, let_expire, make_table

IDLE = 30 * 60


class Sessions:
    SCHEMA = {
        "KeySchema": keys("id"), "AttributeDefinitions": attributes(id="S", user="S"),
        "GlobalSecondaryIndexes": [{"IndexName": "by-user", "KeySchema": keys("user"),
                                    "Projection": {"ProjectionType": "KEYS_ONLY"}}]}

    def __init__(self, table, now=time.time):
        self.table, self.now = table, now

    def begin(self, user):
        session = secrets.token_urlsafe(24)
        self.table.put_item(Item={"id": session, "user": user, "expires": self.until()},
                            ConditionExpression=Attr("id").not_exists())
        return session

    def touch(self, session):
        """Whose it is, and it lives on; None: it is over, and stays so."""
        answer = attempt(
            self.table.update_item, Key={"id": session}, ReturnValues="ALL_NEW",
            UpdateExpression="SET expires = :until", ConditionExpression="expires > :now",
            ExpressionAttributeValues={":until": self.until(), ":now": int(self.now())})
        return answer and answer["Attributes"]["user"]

    def end(self, session):
        self.table.delete_item(Key={"id": session})

    def end_all(self, user):
        """An index follows a moment later: a session begun just now may be missed,
        unless the read asks to be strong (header x-pallet-consistency)."""
        pages = self.table.meta.client.get_paginator("query").paginate(
            TableName=self.table.name, IndexName="by-user",
            KeyConditionExpression=Key("user").eq(user))
        for page in pages:
            for entry in page["Items"]:
                self.end(entry["id"])

    def until(self):
        return int(self.now() + IDLE)


def strong(request, **_):
    """Reads of indexes see every write that was answered before."""
    request.headers["x-pallet-consistency"] = "strong"


def main():
    now = [1_800_000_000]
    table = let_expire(make_table("py_sessions", **Sessions.SCHEMA))
    table.meta.client.meta.events.register("before-sign.dynamodb.Query", strong)
    sessions = Sessions(table, lambda: now[0])
    first, second = sessions.begin("ann"), sessions.begin("ann")
    now[0] += 29 * 60
    expect(sessions.touch(first) == "ann", "the first is used, and is ann's")
    now[0] += 2 * 60
    expect(sessions.touch(first) == "ann", "so it lives on")
    expect(sessions.touch(second) is None, "the second is over, unused")
    third = sessions.begin("ann")
    sessions.end_all("ann")
    expect(sessions.touch(first) is None and sessions.touch(third) is None,
           "ann signs out everywhere")


if __name__ == "__main__":
    main()
