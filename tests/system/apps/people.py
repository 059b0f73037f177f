# SPDX-License-Identifier: Apache-2.0
"""A small application as people write them: FastAPI, psycopg2, one table. Knows nothing of Lethe."""
import os

import psycopg2
import psycopg2.extras
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()
db = psycopg2.connect(os.environ["DSN"], cursor_factory=psycopg2.extras.RealDictCursor)
db.autocommit = True
with db.cursor() as setup:
    setup.execute("create table if not exists people (id text primary key, email text unique,"
                  " phones text[] not null, note text)")


class Person(BaseModel):
    id: str
    email: str
    phones: list[str] = []
    note: str | None = None


def query(sql, *args):
    with db.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall()


@app.post("/people", status_code=201)
def create(p: Person):
    return query("insert into people values (%s, %s, %s, %s) returning *",
                 p.id, p.email, p.phones, p.note)[0]


@app.get("/people")
def search(email: str | None = None):
    return query("select * from people where %s is null or email = %s order by id", email, email)


@app.get("/people/{key}")
def read(key: str):
    rows = query("select * from people where id = %s", key)
    if not rows:
        raise HTTPException(404)
    return rows[0]


@app.put("/people/{key}")
def update(key: str, p: Person):
    rows = query("update people set email = %s, phones = %s, note = %s where id = %s returning *",
                 p.email, p.phones, p.note, key)
    if not rows:
        raise HTTPException(404)
    return rows[0]


@app.delete("/people/{key}", status_code=204)
def delete(key: str):
    query("delete from people where id = %s returning id", key)
