"""Alembic's environment: migrations run on the connection that the caller passes, in its transaction.

There is no alembic.ini and no URL here: `workloads.runtime.migrate` (a service at its start) and tests own the
connection, its credentials and the advisory lock that makes two migrators take turns.
"""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("sql/postgres is run by workloads.runtime.migrate, which passes the connection")

# One transaction for all pending migrations, begun and ended by the caller: a migrator killed half way leaves
# the schema as it was.
context.configure(connection=connection, transactional_ddl=True)
context.run_migrations()
