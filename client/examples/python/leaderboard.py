# SPDX-License-Identifier: Apache-2.0
"""A leaderboard; see recipes/leaderboard.cc."""
from boto3.dynamodb.conditions import Attr, Key
from recipe import attempt, attributes, expect, keys, make_table
from sessions import strong


class Leaderboard:
    SCHEMA = {
        "KeySchema": keys("game", "player"),
        "AttributeDefinitions": attributes(game="S", player="S", score="N"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-score", "KeySchema": keys("game", "score"),
            "Projection": {"ProjectionType": "KEYS_ONLY"}}]}

    def __init__(self, table):
        self.table = table

    def submit(self, game, player, score):
        """True if it was the player's best."""
        return attempt(
            self.table.update_item, Key={"game": game, "player": player},
            UpdateExpression="SET score = :s",
            ConditionExpression=Attr("score").not_exists() | Attr("score").lt(score),
            ExpressionAttributeValues={":s": score}) is not None

    def top(self, game, n):
        page = self.table.query(IndexName="by-score", ScanIndexForward=False, Limit=n,
                                KeyConditionExpression=Key("game").eq(game))
        return [entry["player"] for entry in page["Items"]]

    def rank(self, game, player):
        """1 is the best; None: not in it."""
        own = self.table.get_item(Key={"game": game, "player": player},
                                  ConsistentRead=True).get("Item")
        if own is None:
            return None
        pages = self.table.meta.client.get_paginator("query").paginate(
            TableName=self.table.name, IndexName="by-score", Select="COUNT",
            KeyConditionExpression=Key("game").eq(game) & Key("score").gt(own["score"]))
        return 1 + sum(page["Count"] for page in pages)


def main():
    table = make_table("py_scores", **Leaderboard.SCHEMA)
    table.meta.client.meta.events.register("before-sign.dynamodb.Query", strong)
    board = Leaderboard(table)
    for player, score in (("ann", 50), ("bob", 70), ("cid", 60), ("dan", 50)):
        board.submit("chess", player, score)
    expect(board.top("chess", 2) == ["bob", "cid"], "the top two")
    expect(not board.submit("chess", "bob", 10), "a worse one is nothing")
    expect(board.submit("chess", "ann", 71), "a better one counts")
    expect(board.top("chess", 2) == ["ann", "bob"], "ann leads")
    expect(board.rank("chess", "dan") == 4, "dan is fourth")
    expect(board.rank("chess", "eve") is None, "eve is not in it")


if __name__ == "__main__":
    main()
