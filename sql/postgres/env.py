"""Alembic's environment: migrations run on the connection that the caller passes, each in a transaction of its own.

There is no alembic.ini and no URL here: `workloads.runtime.migrate` (a service at its start) and tests own the
connection, its credentials and the advisory lock that makes two migrators take turns.
"""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("sql/postgres is run by workloads.runtime.migrate, which passes the connection")

# A transaction for each migration: a migrator that is killed leaves whole ones behind, and the next goes on there.
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=True)
context.run_migrations()
