"""Run calls of Python clients: `python python_runner.py < jobs.json`, in the environment of the clients.

A job has the fields `imports`, `line`, `call` and `rows`, the code of a client, and `names`, its variables.
Prints a JSON list: for each job `{"rows": [[index, score, text], ...]}` or `{"error": class, "message": text}`.
If the client returns an answer without results, `rows` is null.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor


def outcome(job):
    names = dict(job["names"])
    exec(job["imports"], names)  # the code is in real_clients.py
    try:
        names["made"] = eval(job["line"], names)
        names["answer"] = eval(job["call"], names)
    except Exception as raised:  # noqa: BLE001  # any exception is a result
        kind = type(raised)
        return {"error": f"{kind.__module__.partition('.')[0]}.{kind.__name__}", "message": str(raised)}
    if getattr(names["answer"], "results", ()) is None:
        return {"rows": None}
    return {"rows": [list(row) for row in eval(job["rows"], names)]}


def main():
    output, sys.stdout = sys.stdout, sys.stderr  # clients print, too
    jobs = json.load(sys.stdin)
    for imports in {job["imports"] for job in jobs}:
        exec(imports, {})  # once before the threads start
    with ThreadPoolExecutor(16) as pool:
        json.dump(list(pool.map(outcome, jobs)), output)


if __name__ == "__main__":
    main()
