"""adbapi with PostgreSQL, by the driver psycopg. Many connections work side by side.

python postgresql.py "host=localhost dbname=example user=me password=..."

The argument is a connection string of libpq. A table `example_stock` is made and removed again.
"""

import argparse

import psycopg
from twisted.enterprise import adbapi
from twisted.internet import task
from twisted.internet.defer import gatherResults


def take(transaction, what, how_many):
    """Runs in a thread, inside a transaction: committed at its end, or undone if it raises."""
    transaction.execute("SELECT amount FROM example_stock WHERE what = %s FOR UPDATE", (what,))
    [amount] = transaction.fetchone()
    if amount < how_many:
        raise ValueError(f"only {amount} {what}")
    transaction.execute(
        "UPDATE example_stock SET amount = amount - %s WHERE what = %s", (how_many, what)
    )
    return amount - how_many


def put(transaction, stock):
    transaction.executemany("INSERT INTO example_stock VALUES (%s, %s)", stock)


async def use(pool):
    await pool.runInteraction(put, [("apples", 10), ("pears", 3)])
    print(await pool.runQuery("SELECT what, amount FROM example_stock ORDER BY what"))

    # Ten customers at once. The row is locked, so each finds what the others left.
    left = await gatherResults([pool.runInteraction(take, "apples", 1) for _ in range(10)])
    print("left:", sorted(left))

    try:
        await pool.runInteraction(take, "pears", 5)
    except ValueError as error:
        print("not taken:", error)

    # Errors are those of the driver.
    try:
        await pool.runOperation("INSERT INTO example_stock VALUES (%s, %s)", ("pears", 1))
    except psycopg.errors.UniqueViolation as error:
        print("not inserted:", error.diag.constraint_name)
    try:
        await pool.runQuery("SELECT * FROM nowhere_to_be_found")
    except psycopg.errors.UndefinedTable as error:
        print("no such table:", error.sqlstate)

    # The connections are as good as new after it.
    print(await pool.runQuery("SELECT what, amount FROM example_stock ORDER BY what"))


async def main(reactor, options):
    # The driver's name, what its connect() wants, and how many connections there may be.
    pool = adbapi.ConnectionPool("psycopg", options.database, cp_min=1, cp_max=4)
    await pool.runOperation(
        "CREATE TABLE example_stock (what text CONSTRAINT one_of_each PRIMARY KEY, amount integer)"
    )
    try:
        await use(pool)
    finally:
        await pool.runOperation("DROP TABLE example_stock")
        pool.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Uses a PostgreSQL database.")
    parser.add_argument("database", help='connection string, such as "host=/tmp dbname=example"')
    task.react(main, [parser.parse_args()])
