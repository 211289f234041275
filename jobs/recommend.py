"""Item–item collaborative filtering, on generated ratings or on your own, planned and run on Spark.

Submit it, or start it as it is, and it makes its own executors on this machine::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/recommend.py
    python jobs/recommend.py --executors 4 --ratings ratings.csv --user 42
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from planner.cli.app import exit_code
from planner.cli.options import Reader, whole
from planner.cli.parser import Parser
from planner.recipes.ratings import TASTES, at_most, generate_ratings, hold_out, named_user, read_ratings
from planner.recipes.recommending import NEIGHBOURS, count_pairs, pairs_schema, recommend
from planner.recipes.views import hits_line
from planner.report import table
from planner.spark import balance
from planner.spark.session import session, submitted

NUMBERS = {
    "executors": (2, 1, "without spark-submit: executors on this machine"),
    "slots": (1, 1, "without spark-submit: slots of each"),
    "users": (6_000, 1, "without --ratings: users that are generated"),
    "items": (2_000, TASTES, "without --ratings: items that they rate"),
    "draws": (400_000, 1, "without --ratings: about so many ratings"),
    "neighbours": (20, 1, "most similar items of each item"),
    "shrink": (100, 0, "users in common that halve a similarity"),
    "held": (1_000, 0, "users of whom a liked item is kept back, to see whether it is found"),
    "seed": (0, 0, "for all that is left to chance"),
}
"""Of each option that is a number: what it is if left out, the least that it may be, and what it means."""


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="recommend.py", description="Find for each item what is liked by the same people, on Spark.")
    words.add_argument("--ratings", metavar="FILE", help="CSV or Parquet: user, item, rating (or as in MovieLens)")
    for name, (default, _, told) in NUMBERS.items():
        words.add_argument(f"--{name}", metavar="N", help=f"{told} ({default} if left out)")
    words.add_argument("--most", metavar="N", help="keep at most so many ratings of a user (all if left out)")
    words.add_argument("--user", metavar="ID", help="recommend to this user (the one who rated most if left out)")
    words.add_argument("--out", metavar="DIR", help="a new folder for the neighbours (runs/recommend-TIME if left out)")
    return words


def neighbours(argv: Sequence[str] | None = None) -> None:
    """Plan the users, show the plan, count their pairs of items, show and write the result."""
    words = parser().parse(argv)
    reader = Reader(words)
    number = {name: reader.number(name, default, least) for name, (default, least, _) in NUMBERS.items()}
    most = reader.option("most", None, lambda text: whole(text, least=2))
    out = reader.new_folder("out") or Path("runs", f"recommend-{datetime.now():%Y%m%d-%H%M%S}")
    if words.ratings is not None:
        reader.refuse("is for generated ratings, and --ratings names a file", "users", "items", "draws")
    reader.check()
    users, items, draws, seed = (number[name] for name in ("users", "items", "draws", "seed"))
    ratings = read_ratings(words.ratings) if words.ratings else generate_ratings(users, items, draws, seed)
    user = named_user(ratings, words.user)
    known, held = hold_out(at_most(ratings, most, seed), number["held"], seed)
    master = None if submitted() else f"local-cluster[{number['executors']},{number['slots']},1024]"
    with session(master, "planner: recommend") as spark:
        frame = spark.createDataFrame(known)
        groups = balance(frame, by="user", weight="n_rows**2")
        print(groups, flush=True)
        pairs = groups.map_in_arrow(count_pairs, pairs_schema(frame.schema["item"].dataType.simpleString()))
        near = spark.sql(NEIGHBOURS, {name: number[name] for name in ("neighbours", "shrink")}, pairs=pairs).toArrow()
        print("", groups.load(), "", sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(near, out / "neighbours.parquet")
    print(f"for user {user}:", table(recommend(near, known, [user])), "", hits_line(near, known, held), sep="\n")
    print(f"result  {out / 'neighbours.parquet'}: {near.num_rows} pairs of an item and one of its nearest")


if __name__ == "__main__":
    sys.exit(exit_code(neighbours))
