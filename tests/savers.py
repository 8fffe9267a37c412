"""Checkpointers by address: a file for SQLite, or a schema of its own on the PostgreSQL server."""

import os
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from psycopg import sql
from psycopg.conninfo import make_conninfo

SERVER = os.environ.get("TEST_POSTGRES", "")


@contextmanager
def address_of(kind: str, folder: Path):
    """A place for threads that nobody else uses, removed with what is in it."""
    if kind == "sqlite":
        yield str(folder / "threads.sqlite")
        return
    schema = sql.Identifier(f"test_{uuid4().hex}")
    address = make_conninfo(SERVER, options=f"-c search_path={schema.as_string()}")
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        try:
            with PostgresSaver.from_conn_string(address) as saver:
                saver.setup()
            yield address
        finally:
            server.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))


@contextmanager
def saver_at(address: str):
    """The checkpointer of an address."""
    kind = SqliteSaver if address.endswith(".sqlite") else PostgresSaver
    with kind.from_conn_string(address) as saver:
        yield saver


@asynccontextmanager
async def async_saver_at(address: str):
    """The same for the event loop."""
    kind = AsyncSqliteSaver if address.endswith(".sqlite") else AsyncPostgresSaver
    async with kind.from_conn_string(address) as saver:
        yield saver
