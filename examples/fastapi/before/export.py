"""Exports the users in `DATABASE` as CSV for `rolecall import users`."""

import csv
import os
import sqlite3
import sys

users = sqlite3.connect(os.environ.get("DATABASE", "users.db"))
rows = users.execute("SELECT username, hashed_password, role FROM users ORDER BY username")
out = csv.writer(sys.stdout)
out.writerow(column[0] for column in rows.description)
out.writerows(rows)
