"""A worker that shares questions with others over one PostgreSQL; the docs show it as it is."""

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver


def work(address, create_graph):
    """Answer questions until none is free; run it in as many processes as you like."""
    with psycopg.connect(address) as jobs, PostgresSaver.from_conn_string(address) as saver:
        graph = create_graph(checkpointer=saver)
        free = "SELECT thread, question FROM jobs WHERE NOT done LIMIT 1 FOR UPDATE SKIP LOCKED"
        while True:
            with jobs.transaction():  # if this process dies, so do its transaction and its lock
                job = jobs.execute(free).fetchone()
                if job is None:
                    return
                thread = {"configurable": {"thread_id": job[0]}}
                begun = saver.get_tuple(thread) is not None
                question = None if begun else {"question": job[1]}  # None: go on where it stopped
                graph.invoke(question, thread, durability="sync")
                jobs.execute("UPDATE jobs SET done = true WHERE thread = %s", [job[0]])
