"""The only place with SQLAlchemy: tables, one file of queries a noun, migrations, files."""
