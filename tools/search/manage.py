"""A search from its start to its report: the study, the workers, and what was found."""

import contextlib
import json
import os
import shlex
import sys
import time
from typing import Any

from tqdm import tqdm

from app.command import print_lines
from app.errors import ModelError, OutputError, SourceError, UsageError, say
from app.files import check_writable, make_folder, write_file
from tools.search import results
from tools.search.crew import Crew
from tools.search.plan import check_weights, make_plan
from tools.search.plots import draw_plots
from tools.search.queue import DONE, Outcome, Queue
from tools.search.space import read_space
from tools.search.storage import CANNOT_USE, FAILURES, file_of, open_storage, patiently, reason, shown, sqlite_url
from tools.search.training import TRAINER
from tools.search.worker import Job

POLL = 0.3  # seconds between two looks at the workers
LOOK = 3  # of them between two looks at the database
DATABASE, RESULTS = "study.db", "results"


def prepare(args: Any) -> tuple[Queue, str]:
    """The study to work on, new or joined, and its database's address. Raises NanoyoloError."""
    plan = None if args.join else make_plan(read_space(args.space), args.model, args.extra, args)
    if plan is not None:
        check_weights(plan)  # before there is a study that nobody can do
    url = args.storage or sqlite_url(os.path.abspath(os.path.join(args.run, DATABASE)))
    path = file_of(url)
    if args.join and path and not os.path.exists(path):
        raise UsageError(f"--study {args.study}: there is no {path}; start the study without --join")
    make_folder(args.run)
    try:
        check_writable(os.path.join(args.run, RESULTS + ".json"))
        storage = open_storage(url)
        queue = Queue.join(storage, args.study) if plan is None else Queue.create(storage, args.study, plan)
        _keep_apart(args.run, queue.plan.id)
        queue.refill()
    except FAILURES as error:
        raise OutputError(f"{shown(url)}: {CANNOT_USE}: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # it is not empty, unless there is no such study, or no such database
            os.rmdir(args.run)
    return queue, url


def _keep_apart(folder: str, identity: str) -> None:
    """Raise UsageError if a folder has the trials of another study, which would be taken for this one's."""
    path = os.path.join(folder, "study.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)["id"]
    except (OSError, ValueError, KeyError, TypeError):
        found = ""
        if not any(name.startswith("trial-") for name in os.listdir(folder)):
            write_file(path, json.dumps({"id": identity}).encode())
            found = identity
    if found != identity:
        raise UsageError(f"{folder}: has the trials of another study; name another --run")


def search(queue: Queue, url: str, args: Any) -> None:
    """Have the workers do what is left of a study. Raises NanoyoloError or KeyboardInterrupt before its end."""
    folder = os.path.abspath(args.run)
    job = Job(url, queue.name, folder, queue.plan.grace, args.trainer or list(TRAINER))
    outcomes = patiently(url, 0, queue.outcomes)
    told = {number for number, found in enumerate(outcomes) if found.state in DONE}
    total = len(outcomes)
    if len(told) == total:
        return
    check_weights(queue.plan)  # of a study that another machine started; before a worker takes a trial
    workers = "one worker" if args.workers == 1 else f"{args.workers} workers"
    say(f"{args.study}: {total} trials, {len(told)} of them done; {workers}; folder {args.run}")
    shape = "{n_fmt}/{total_fmt} trials {percentage:3.0f}% {bar} {elapsed}, {remaining} left{postfix}"
    with Crew(job, args.workers) as crew:  # before the bar, which has a thread
        with tqdm(total=total, initial=len(told), bar_format=shape, disable=None, leave=False) as bar:
            while True:
                for _ in range(LOOK):
                    time.sleep(POLL)
                    for line in crew.poll():
                        tqdm.write(line, file=sys.stderr)
                    if not crew.working:
                        break
                outcomes = patiently(url, queue.plan.grace / 2, queue.outcomes)
                for number, found in enumerate(outcomes):
                    if found.state in DONE and number not in told:
                        told.add(number)
                        tqdm.write(_line(number, found), file=sys.stderr)
                        bar.update()
                values = [found.value for found in outcomes if found.state == "done" and found.value is not None]
                bar.set_postfix_str(f"best {max(values) * 100:.2f} %" if values else "", refresh=not bar.disable)
                if len(told) == total:
                    return
                if not crew.working:
                    break
    lost = crew.errors[-1] if crew.errors else "they were killed"
    kinds = {error.exit_code: error for error in (ModelError, SourceError, OutputError)}
    raise kinds.get(max(crew.codes.values()), ModelError)(
        f"no worker is left, and {total - len(told)} of {total} trials are not done: {lost}"
    )


def _line(number: int, found: Outcome) -> str:
    what = found.reason if found.value is None else f"{found.value * 100:.2f} %"
    return f"trial {number}: {found.state}, {what}"


def report(queue: Queue, url: str, args: Any) -> None:
    """Write and print what was found. Raises OutputError, and ModelError if no trial has a result."""
    plan = queue.plan
    rows = results.make_rows(plan, patiently(url, plan.grace / 2, queue.outcomes))
    settings, trials = results.settings_table(rows), results.trials_table(plan, rows)
    plots = patiently(url, plan.grace / 2, lambda: draw_plots(queue.study(), args.run))
    top, promise = results.best(rows), results.promise(plan, rows)
    best = "" if top is None else results.command(top.row)
    parts = [f"# {args.study}", *(table.as_markdown() for table in (settings, trials) if table), promise]
    if top is not None:
        parts.append(f"The best, with {_shown(top)}, is trial {top.row.number}:\n\n```\n{best}\n```")
    parts += [f"![{name}]({name})" for name in plots]
    write_file(os.path.join(args.run, RESULTS + ".md"), ("\n\n".join(part for part in parts if part) + "\n").encode())
    found = json.dumps(results.as_json(plan, args.study, rows), indent=1) + "\n"
    write_file(os.path.join(args.run, RESULTS + ".json"), found.encode())
    for table in (settings, trials):
        if table is not None:
            print_lines([table.as_text(), ""])
    if promise:
        print_lines([promise])
    if top is None:
        failed = next((row.reason for row in rows if row.reason), "none was trained to its end")
        raise ModelError(f"no trial has a result: {failed}; see {os.path.join(args.run, RESULTS)}.md")
    print_lines([f"the best, with {_shown(top)}: {best}"])
    say(f"tables and plots in {args.run}: {RESULTS}.md, {RESULTS}.json{''.join(', ' + name for name in plots)}")


def _shown(top: results.Best) -> str:
    return f"{top.value * 100:.2f} %" + (f" (mean of {top.runs} runs)" if top.runs > 1 else "")


def again(args: Any) -> str:
    """The command line that goes on with a study."""
    parts = ["python", "-m", "tools.search", "--join", "--study", args.study]
    parts += ["--storage", shown(args.storage)] if args.storage else []
    parts += ["--run", args.run] if args.run != os.path.join("runs", "search", args.study) else []
    parts += ["--workers", str(args.workers)] if args.workers != 1 else []
    return shlex.join(parts)
