"""adbapi: a database whose driver blocks, used from the reactor by threads. Here SQLite.

The pool keeps connections, each in use by one thread at a time. All its methods give a Deferred.
"""

import os
import sqlite3
import tempfile

from twisted.enterprise import adbapi
from twisted.internet import task
from twisted.internet.defer import gatherResults


def fill(transaction, books):
    """Runs in a thread, inside a transaction: committed at its end, or undone if it raises."""
    transaction.executemany("INSERT INTO books (title, pages) VALUES (?, ?)", books)
    return transaction.rowcount


def sell(transaction, title):
    transaction.execute("UPDATE books SET sold = sold + 1 WHERE title = ?", (title,))
    if transaction.rowcount == 0:
        raise LookupError(title)


def sell_both(transaction, first, second):
    sell(transaction, first)
    sell(transaction, second)


async def main(reactor):
    with tempfile.TemporaryDirectory() as folder:
        # The driver's name, and what its connect() wants. SQLite has to be told that the thread
        # which closes a connection may be another.
        pool = adbapi.ConnectionPool(
            "sqlite3", os.path.join(folder, "books.db"), check_same_thread=False, cp_max=3
        )

        # runOperation: a statement without a result.
        await pool.runOperation(
            "CREATE TABLE books (title TEXT PRIMARY KEY, pages INTEGER, sold INTEGER DEFAULT 0)"
        )

        # runInteraction: a function in a transaction.
        books = [("Emma", 474), ("Ulysses", 730), ("Candide", 129)]
        print("rows:", await pool.runInteraction(fill, books))

        # runQuery: a statement with a result. Always pass values apart from the statement.
        print(await pool.runQuery("SELECT title, pages FROM books ORDER BY pages"))
        shorter = "SELECT count(*) FROM books WHERE pages < ?"
        print(await gatherResults([pool.runQuery(shorter, (end,)) for end in (100, 200, 500)]))

        # Errors are those of the driver; and a transaction that raises leaves nothing behind.
        try:
            await pool.runInteraction(fill, [("Walden", 300), ("Emma", 1)])
        except sqlite3.IntegrityError as error:
            print("not filled:", error)
        try:
            await pool.runInteraction(sell_both, "Emma", "Faust")
        except LookupError as error:
            print("not sold:", error)
        print(await pool.runQuery("SELECT title, sold FROM books ORDER BY title"))
        await pool.runInteraction(sell_both, "Emma", "Candide")
        print(await pool.runQuery("SELECT title, sold FROM books ORDER BY title"))
        pool.close()


if __name__ == "__main__":
    task.react(main)
